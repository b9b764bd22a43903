// A checkpoint's manifest. Its own checksum is made right first, or the fuzzer would never get past it.
#include "checkpoints/manifest.h"
#include "core/checksum.h"
#include "tests/fuzz/fuzz.h"

using namespace broadsheet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const FuzzFolder folder;
  constexpr std::string_view kKey = "\"manifest_sha256\": \"";
  constexpr size_t kDigits = 64;
  std::string text(text_of(data, size));
  const size_t at = text.find(kKey);
  if (at != std::string::npos && at + kKey.size() + kDigits <= text.size()) {
    text.replace(at + kKey.size(), kDigits, std::string(kDigits, '0'));
    text.replace(at + kKey.size(), kDigits, sha256_hex(text));
  }
  folder.put("manifest.json", text);
  refused_or_read([&] { manifest_parts(read_manifest(folder / "manifest.json")); });
  return 0;
}

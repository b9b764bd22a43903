// corpus.json, the manifest of a corpus.
#include "data/manifest.h"
#include "tests/fuzz/fuzz.h"

using namespace broadsheet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const FuzzFolder folder;
  folder.put("corpus.json", text_of(data, size));
  refused_or_read([&] {
    if (Manifest::load(folder.path()).dump().empty()) std::abort();
  });
  return 0;
}

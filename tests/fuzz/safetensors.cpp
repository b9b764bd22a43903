// The whole way of a safetensors file: opened, its header read, every tensor copied out.
#include "checkpoints/safetensors.h"

#include "tests/fuzz/fuzz.h"

using namespace broadsheet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const FuzzFolder folder;
  folder.put("x", text_of(data, size));
  refused_or_read([&] {
    const SafetensorsFile file = SafetensorsFile::open(folder / "x");
    size_t sum = 0;
    for (const TensorView& tensor : file.tensors()) {
      std::vector<std::byte> copy(tensor.bytes.size());
      copy_bytes(tensor, copy.data());
      sum += copy.size();
      if (file.find(tensor.name) != &tensor) std::abort();
    }
    if (sum > size) std::abort();
  });
  return 0;
}

// A configuration file's YAML, and one value of --set.
#include "experiments/yaml.h"

#include "tests/fuzz/fuzz.h"

using namespace broadsheet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(text_of(data, size));
  refused_or_read([&] {
    Faults faults;
    ConfigNode root = parse_yaml(text, "file.yaml", faults);
    faults.throw_if_any();
    set_value(root, "a.b", text);
  });
  return 0;
}

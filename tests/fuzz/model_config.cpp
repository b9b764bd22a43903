// config.json of a model folder, as BERT's numbers are read from it.
#include "checkpoints/huggingface.h"
#include "tests/fuzz/fuzz.h"
#include "trainer/models/bert_config.h"

using namespace broadsheet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const FuzzFolder folder;
  folder.put("config.json", text_of(data, size));
  refused_or_read([&] {
    const nlohmann::json json = read_model_config(folder.path());
    to_json(read_bert_config(json, "config.json", /*require_model_type=*/false));
  });
  return 0;
}

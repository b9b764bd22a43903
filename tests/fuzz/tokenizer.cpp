// The files of a tokenizer. The first byte says which of them the rest is.
#include "data/tokenizers/tokenizer.h"

#include "tests/fuzz/fuzz.h"

using namespace broadsheet;

namespace {

constexpr const char* kText =
    "The mayor's council (it \xE2\x80\x94 they?) wins\xC2\xA0"
    "again \xE6\x96\xB0\xE9\x97\xBB [SEP] aaaaaaaaaaaaaaaaaaaa";
constexpr const char* kVocabularyJson =
    "{\"<s>\": 0, \"a\": 1, \"t\": 2, \"h\": 3, \"th\": 4, \"\u0120\": 5, \"\u0120th\": 6}";
constexpr const char* kMerges = "#version: 0.2\nt h\n\u0120 th\n";
constexpr const char* kVocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\na\n##a\nmayor\n'\ns\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const FuzzFolder folder;
  if (size == 0) return 0;
  const std::string_view rest = text_of(data + 1, size - 1);
  folder.remove("tokenizer.json");
  const bool bpe = data[0] == 'b' || data[0] == 'm';
  folder.put("vocab.json", data[0] == 'b' ? rest : kVocabularyJson);
  folder.put("merges.txt", data[0] == 'm' ? rest : kMerges);
  folder.remove("vocab.txt");
  if (!bpe) folder.put("vocab.txt", data[0] == 'v' ? rest : kVocabulary);
  folder.put("tokenizer_config.json", data[0] == 'c' ? rest : "{}");
  folder.put("special_tokens_map.json", data[0] == 's' ? rest : "{}");
  if (!bpe && data[0] != 'v' && data[0] != 'c' && data[0] != 's') folder.put("tokenizer.json", rest);
  refused_or_read([&] {
    const auto tokenizer = load_tokenizer(folder.path());
    for (const int32_t id : tokenizer->encode(kText)) {
      if (id < 0 || id >= tokenizer->vocab_size()) std::abort();
    }
    tokenizer->decode(tokenizer->encode(kText));
  });
  return 0;
}

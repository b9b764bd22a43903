// Readers of the files that describe a byte-level BPE tokenizer. All throw UserError ("tokenizer.*") naming file and
// key.
#pragma once

#include <algorithm>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tokenizers/bpe.h"

namespace broadsheet {

// tokenizer.json with a BPE model and GPT-2's pre-tokenizer (ByteLevel). Truncation and padding are ignored.
BpeSpec read_bpe_json(const std::string& path, const nlohmann::json& json);

// vocab.json and merges.txt, with the options of GPT2Tokenizer and RobertaTokenizer in tokenizer_config.json (where
// there is one).
BpeSpec read_bpe_folder(const std::string& folder);

// The ranks of tiktoken's files, one `base64 rank` a line, whose tokens are merged by rank. Special tokens are those of
// added_tokens.json in `folder` (token to id); without that, <|endoftext|> with the id after the last rank. Words are
// GPT-2's: the file does not say. A rank that is no token's, a byte that has no token, or two lines that contradict
// each other are errors.
BpeSpec read_bpe_ranks(const std::string& folder, const std::string& file);

// Calls action(line, number) with each line of a file, from 1 and without its end. Private to the readers.
template <class Action>
void each_line(std::string_view text, Action action) {
  int number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    action(line, ++number);
  }
}

// Turns the text of a merge ("a b") into ids. Private to the readers.
class MergeReader {
 public:
  // The vocabulary must outlive the object.
  explicit MergeReader(const std::vector<std::string>& vocabulary);
  // Why a merge cannot be: empty where it can, and was added to `merges`.
  std::string add(std::string_view left, std::string_view right, std::vector<BpeMerge>& merges) const;
  std::string add(std::string_view line, std::vector<BpeMerge>& merges) const;

 private:
  int32_t find(std::string_view token) const;

  std::unordered_map<std::string_view, int32_t> ids_;
};

}  // namespace broadsheet

// Readers of the files that describe a WordPiece tokenizer. All throw UserError ("tokenizer.*") naming file and key.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/tokenizers/wordpiece.h"

namespace broadsheet {

constexpr uint64_t kMaxTokenizerBytes = uint64_t{64} << 20;
constexpr int32_t kMaxVocabulary = 4'000'000;

// A JSON object from a file of at most kMaxTokenizerBytes, nested at most 32 deep, no key twice in one object.
nlohmann::json read_tokenizer_json_file(const std::string& path);

// tokenizer.json with a WordPiece model, a BertNormalizer and a BertPreTokenizer. Truncation and padding are ignored.
WordPieceSpec read_tokenizer_json(const std::string& path);

// vocab.txt, one token a line, with the options of BertTokenizer in tokenizer_config.json (where there is one).
WordPieceSpec read_vocab_txt(const std::string& folder);

// Contents of the special tokens from tokenizer_config.json and special_tokens_map.json, where they name them.
void read_special_names(const std::string& folder, WordPieceSpec& spec);

}  // namespace broadsheet

// Readers of the files that describe a WordPiece tokenizer. All throw UserError ("tokenizer.*") naming file and key.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/tokenizers/wordpiece.h"

namespace broadsheet {

// tokenizer.json with a WordPiece model, a BertNormalizer and a BertPreTokenizer. Truncation and padding are ignored.
WordPieceSpec read_wordpiece_json(const std::string& path, const nlohmann::json& json);

// vocab.txt, one token a line, with the options of BertTokenizer in tokenizer_config.json (where there is one).
WordPieceSpec read_vocab_txt(const std::string& folder);

}  // namespace broadsheet

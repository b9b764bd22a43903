// The files of a trained tokenizer.
#include <nlohmann/json.hpp>

#include "core/durable.h"
#include "core/text.h"
#include "data/tokenizers/tokenizer_trainer.h"

namespace broadsheet {
namespace {

using FileJson = nlohmann::ordered_json;

// Token to id, in the order of ids. Not by key: that would look each one up among all before it.
FileJson vocabulary_json(const std::vector<std::string>& vocabulary) {
  FileJson::object_t tokens;
  tokens.reserve(vocabulary.size());
  for (size_t id = 0; id < vocabulary.size(); ++id) tokens.emplace_back(vocabulary[id], id);
  return tokens;
}

size_t special_count(const TrainedTokenizer& tokenizer) {
  return own_special_tokens(tokenizer.options.kind).size() + tokenizer.options.special_tokens.size();
}

FileJson added_tokens_json(const TrainedTokenizer& tokenizer) {
  FileJson list = FileJson::array();
  for (size_t id = 0; id < special_count(tokenizer); ++id)
    list.push_back({{"id", id},
                    {"content", tokenizer.vocabulary[id]},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", true}});
  return list;
}

FileJson merges_json(const TrainedTokenizer& tokenizer) {
  FileJson list = FileJson::array();
  for (const LearnedMerge& merge : tokenizer.merges)
    list.push_back({tokenizer.vocabulary[static_cast<size_t>(merge.left)],
                    tokenizer.vocabulary[static_cast<size_t>(merge.right)]});
  return list;
}

FileJson frame_part(const char* kind, const char* id, int type) {
  return {{kind, {{"id", id}, {"type_id", type}}}};
}

// [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with the second text's token type 1.
FileJson bert_frame(const TrainedTokenizer& tokenizer) {
  FileJson special = FileJson::object();
  for (const size_t id : {size_t{2}, size_t{3}}) {
    const std::string& token = tokenizer.vocabulary[id];
    special[token] = {{"id", token}, {"ids", FileJson::array({id})}, {"tokens", FileJson::array({token})}};
  }
  const FileJson cls = frame_part("SpecialToken", "[CLS]", 0), sep = frame_part("SpecialToken", "[SEP]", 0);
  const FileJson first = frame_part("Sequence", "A", 0);
  return {{"type", "TemplateProcessing"},
          {"single", {cls, first, sep}},
          {"pair", {cls, first, sep, frame_part("Sequence", "B", 1), frame_part("SpecialToken", "[SEP]", 1)}},
          {"special_tokens", special}};
}

FileJson byte_level(bool trim_offsets) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", trim_offsets}, {"use_regex", true}};
}

FileJson tokenizer_json(const TrainedTokenizer& tokenizer) {
  FileJson json = {{"version", "1.0"},
                   {"truncation", nullptr},
                   {"padding", nullptr},
                   {"added_tokens", added_tokens_json(tokenizer)}};
  if (tokenizer.options.kind == TokenizerKind::kBpe) {
    json["normalizer"] = nullptr;
    json["pre_tokenizer"] = byte_level(true);
    json["post_processor"] = byte_level(false);
    json["decoder"] = byte_level(true);
    json["model"] = {{"type", "BPE"},
                     {"dropout", nullptr},
                     {"unk_token", nullptr},
                     {"continuing_subword_prefix", nullptr},
                     {"end_of_word_suffix", nullptr},
                     {"fuse_unk", false},
                     {"byte_fallback", false},
                     {"ignore_merges", false},
                     {"vocab", vocabulary_json(tokenizer.vocabulary)},
                     {"merges", merges_json(tokenizer)}};
    return json;
  }
  json["normalizer"] = {{"type", "BertNormalizer"},
                        {"clean_text", true},
                        {"handle_chinese_chars", true},
                        {"strip_accents", nullptr},
                        {"lowercase", tokenizer.options.lowercase}};
  json["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  json["post_processor"] = bert_frame(tokenizer);
  json["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  json["model"] = {{"type", "WordPiece"},
                   {"unk_token", "[UNK]"},
                   {"continuing_subword_prefix", "##"},
                   {"max_input_chars_per_word", kLongestWordPieceWord},
                   {"vocab", vocabulary_json(tokenizer.vocabulary)}};
  return json;
}

FileJson tokenizer_config(const TrainedTokenizer& tokenizer) {
  FileJson config;
  if (tokenizer.options.kind == TokenizerKind::kBpe) {
    config = {{"tokenizer_class", "GPT2Tokenizer"}, {"add_prefix_space", false}};
    for (const char* role : {"bos_token", "eos_token", "unk_token"}) config[role] = tokenizer.vocabulary[0];
  } else {
    config = {{"tokenizer_class", "BertTokenizer"},
              {"do_lower_case", tokenizer.options.lowercase},
              {"strip_accents", nullptr},
              {"tokenize_chinese_chars", true}};
    constexpr const char* kRoles[] = {"pad_token", "unk_token", "cls_token", "sep_token", "mask_token"};
    for (size_t id = 0; id < std::size(kRoles); ++id) config[kRoles[id]] = tokenizer.vocabulary[id];
  }
  return config;
}

std::string merges_txt(const TrainedTokenizer& tokenizer) {
  std::string text = "#version: 0.2\n";
  for (const LearnedMerge& merge : tokenizer.merges)
    text += cat(tokenizer.vocabulary[static_cast<size_t>(merge.left)], " ",
                tokenizer.vocabulary[static_cast<size_t>(merge.right)], "\n");
  return text;
}

}  // namespace

std::vector<std::string> trained_file_names() {
  return {"tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt"};
}

void write_tokenizer(const TrainedTokenizer& tokenizer, const std::string& folder) {
  const auto write = [&](const char* name, const std::string& text) {
    write_file_durably(cat(folder, "/", name), text);
  };
  write("tokenizer.json", tokenizer_json(tokenizer).dump(2) + "\n");
  write("tokenizer_config.json", tokenizer_config(tokenizer).dump(2) + "\n");
  if (tokenizer.options.kind == TokenizerKind::kBpe) {
    write("vocab.json", vocabulary_json(tokenizer.vocabulary).dump() + "\n");
    write("merges.txt", merges_txt(tokenizer));
    return;
  }
  std::string lines;
  for (const std::string& token : tokenizer.vocabulary) lines += token + "\n";
  write("vocab.txt", lines);
}

}  // namespace broadsheet

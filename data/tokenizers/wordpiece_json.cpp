#include <nlohmann/json.hpp>

#include "core/text.h"
#include "data/tokenizers/json_section.h"
#include "data/tokenizers/wordpiece_files.h"

namespace broadsheet {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxCharsPerWord = 10'000;

void read_wordpiece_model(const JsonSection& model, WordPieceSpec& spec) {
  model.only({"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  spec.unk_token = model.text("unk_token", "[UNK]");
  spec.continuing_prefix = model.text("continuing_subword_prefix", "##");
  spec.max_input_chars_per_word =
      static_cast<size_t>(model.integer("max_input_chars_per_word", 100, 1, kMaxCharsPerWord));
  const JsonSection vocabulary = model.section("vocab");
  spec.vocabulary = read_vocabulary(vocabulary);
  if (!vocabulary.value().contains(spec.unk_token))
    model.fail("vocabulary", "unk_token", cat("'", spec.unk_token, "' is not in the vocabulary"),
               "add it to model.vocab");
}

// Special tokens are put around texts by Broadsheet itself: only the usual frame is right.
void check_post_processor(const JsonSection& root) {
  const Json* found = root.find("post_processor");
  if (found == nullptr || found->is_null()) return;
  const JsonSection post = root.section("post_processor");
  if (post.type({"TemplateProcessing", "BertProcessing"}) == "BertProcessing") return;
  const Json* single = post.find("single");
  const bool usual = single != nullptr && single->is_array() && single->size() == 3 &&
                     (*single)[0].contains("SpecialToken") && (*single)[1].contains("Sequence") &&
                     (*single)[2].contains("SpecialToken");
  if (!usual)
    post.fail("unsupported", "single", "another frame than '[CLS] text [SEP]' is not in this version",
              "use a model with BERT's frame");
}

void read_decoder(const JsonSection& root, WordPieceSpec& spec) {
  const Json* found = root.find("decoder");
  spec.has_decoder = found != nullptr && !found->is_null();
  if (!spec.has_decoder) return;
  const JsonSection decoder = root.section("decoder");
  decoder.type({"WordPiece"});
  decoder.only({"type", "prefix", "cleanup"});
  spec.decoder_prefix = decoder.text("prefix", "##");
  spec.decoder_cleanup = decoder.flag("cleanup", true);
}

}  // namespace

WordPieceSpec read_wordpiece_json(const std::string& path, const Json& json) {
  const JsonSection root(path, "", json);
  WordPieceSpec spec;
  read_wordpiece_model(root.section("model"), spec);
  check_tokenizer_json(root);
  const JsonSection normalizer = root.section("normalizer");
  normalizer.type({"BertNormalizer"});
  normalizer.only({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  spec.normalizer.clean_text = normalizer.flag("clean_text", true);
  spec.normalizer.handle_chinese_chars = normalizer.flag("handle_chinese_chars", true);
  spec.normalizer.lowercase = normalizer.flag("lowercase", true);
  spec.normalizer.strip_accents = normalizer.flag("strip_accents", spec.normalizer.lowercase);
  const JsonSection words = root.section("pre_tokenizer");
  words.type({"BertPreTokenizer"});
  words.only({"type"});
  check_post_processor(root);
  read_decoder(root, spec);
  spec.added = read_added_tokens(root, spec.vocabulary);
  return spec;
}

}  // namespace broadsheet

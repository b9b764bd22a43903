#include <nlohmann/json.hpp>

#include "core/text.h"
#include "data/tokenizers/bpe_files.h"
#include "data/tokenizers/byte_alphabet.h"
#include "data/tokenizers/json_section.h"

namespace broadsheet {
namespace {

using Json = nlohmann::json;

constexpr const char* kOther = "use a model with GPT-2's byte-level BPE";

// An option that byte-level BPE leaves empty.
void only_empty(const JsonSection& model, const char* key) {
  const std::string found = model.has(key) ? model.text(key, "") : "";
  if (!found.empty()) model.fail("unsupported", key, cat("'", found, "' is not in this version, wanted none"), kOther);
}

void read_merges(const JsonSection& model, BpeSpec& spec) {
  const Json* merges = model.find("merges");
  if (merges == nullptr || !merges->is_array() || merges->size() > kMaxMerges)
    model.fail("merges", "merges", cat("wanted a list of at most ", kMaxMerges, " merges"),
               "download the model's files again");
  const MergeReader reader(spec.vocabulary);
  spec.merges.reserve(merges->size());
  for (size_t i = 0; i < merges->size(); ++i) {
    const Json& merge = (*merges)[i];
    std::string wrong = "is neither \"a b\" nor [\"a\", \"b\"]";
    if (merge.is_string()) {
      if (i == 0 && starts_with(merge.get_ref<const std::string&>(), "#version")) continue;
      wrong = reader.add(merge.get_ref<const std::string&>(), spec.merges);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      wrong = reader.add(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>(), spec.merges);
    }
    if (!wrong.empty()) model.fail("merges", cat("merges[", i, "]"), wrong, "download the model's files again");
  }
}

void read_bpe_model(const JsonSection& model, BpeSpec& spec) {
  model.only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
              "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (model.has("dropout") && *model.find("dropout") != 0)
    model.fail("unsupported", "dropout", "merges that are left out by chance are not in this version",
               "set it to null");
  only_empty(model, "continuing_subword_prefix");
  only_empty(model, "end_of_word_suffix");
  if (model.flag("byte_fallback", false))
    model.fail("unsupported", "byte_fallback", "is not in this version, which reads byte-level vocabularies", kOther);
  spec.fuse_unk = model.flag("fuse_unk", false);
  spec.ignore_merges = model.flag("ignore_merges", false);
  const JsonSection vocabulary = model.section("vocab");
  spec.vocabulary = read_vocabulary(vocabulary);
  read_merges(model, spec);
  const std::string unknown = model.has("unk_token") ? model.text("unk_token", "") : "";
  if (vocabulary.value().contains(unknown)) {
    spec.unk_token = unknown;
    return;
  }
  if (unknown.empty()) return;
  for (int byte = 0; byte < 256; ++byte)
    if (!vocabulary.value().contains(token_of_bytes(std::string(1, static_cast<char>(byte)))))
      model.fail("vocabulary", "unk_token", cat("'", unknown, "' is not in the vocabulary, which lacks byte ", byte),
                 "add it to model.vocab, or a token for every byte");
}

void read_pre_tokenizer(const JsonSection& root, BpeSpec& spec) {
  const JsonSection words = root.section("pre_tokenizer");
  words.type({"ByteLevel"});
  words.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (!words.has("add_prefix_space")) words.fail("missing", "add_prefix_space", "is missing", "write true or false");
  spec.add_prefix_space = words.flag("add_prefix_space", false);
  if (!words.flag("use_regex", true))
    words.fail("unsupported", "use_regex", "found false, wanted true: texts without words are not in this version",
               kOther);
}

// A name in a list like ["</s>", 2].
void read_framed(const JsonSection& post, const char* key, std::string& name) {
  const Json* found = post.find(key);
  if (found == nullptr || !found->is_array() || found->empty() || !(*found)[0].is_string())
    post.fail("type", key, "wanted a token and its id", "download the model's files again");
  name = (*found)[0].get<std::string>();
}

void read_template(const JsonSection& post, const Json& part, std::string& name) {
  const Json* id = nullptr;
  if (part.is_object() && part.contains("SpecialToken") && part["SpecialToken"].is_object() &&
      part["SpecialToken"].contains("id"))
    id = &part["SpecialToken"]["id"];
  if (id == nullptr || !id->is_string())
    post.fail("unsupported", "single", "another frame than '<s> text </s>' is not in this version", kOther);
  name = id->get<std::string>();
}

// Special tokens are put around texts by Broadsheet itself: BERT's frame, with the tokens that are named here.
void read_post_processor(const JsonSection& root, SpecialNames& names) {
  if (!root.has("post_processor")) return;
  const JsonSection post = root.section("post_processor");
  const std::string type = post.type({"ByteLevel", "RobertaProcessing", "BertProcessing", "TemplateProcessing"});
  if (type == "ByteLevel") return;
  if (type != "TemplateProcessing") {
    read_framed(post, "cls", names.cls);
    read_framed(post, "sep", names.sep);
    return;
  }
  const Json* single = post.find("single");
  if (single == nullptr || !single->is_array() || (single->size() != 1 && single->size() != 3))
    post.fail("unsupported", "single", "another frame than '<s> text </s>' is not in this version", kOther);
  if (single->size() == 1) return;
  read_template(post, (*single)[0], names.cls);
  read_template(post, (*single)[2], names.sep);
}

}  // namespace

BpeSpec read_bpe_json(const std::string& path, const Json& json) {
  const JsonSection root(path, "", json);
  BpeSpec spec;
  read_bpe_model(root.section("model"), spec);
  check_tokenizer_json(root);
  if (root.has("normalizer")) {
    const JsonSection normalizer = root.section("normalizer");
    normalizer.fail("unsupported", "type",
                    cat("'", normalizer.text("type", ""), "' is not in this version, wanted no normalizer"), kOther);
  }
  read_pre_tokenizer(root, spec);
  read_post_processor(root, spec.names);
  spec.has_decoder = root.has("decoder");
  if (spec.has_decoder) root.section("decoder").type({"ByteLevel"});
  spec.added = read_added_tokens(root, spec.vocabulary);
  return spec;
}

}  // namespace broadsheet

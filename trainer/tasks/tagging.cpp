// Token tagging: one tag for each word of a text, of which names are made ("B-PER", "I-PER", "O"). A word's first token
// carries its tag, as in transformers' examples; the others are not looked at.
#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/unicode.h"
#include "data/word_alignment.h"
#include "trainer/metrics/entities.h"
#include "trainer/tasks/tagging_metrics.h"
#include "trainer/tasks/text_task.h"

namespace broadsheet {
namespace {

// A folder's classifier is taken when its tags are ours in our order; else the head is new.
ModelHeads tagging_heads(const TaskSetup& setup) {
  const std::vector<std::string> found = class_names(setup.source_config, "config.json");
  const bool same = found == setup.classes || (are_generic(found) && found.size() == setup.classes.size());
  return {.tags = static_cast<int64_t>(setup.classes.size()), .keep_classifier = same};
}

void check_tagging(const TaskSetup& setup) {
  Faults faults;
  for (const auto& [key, value] :
       {std::pair<const char*, const std::string*>{"task.words", &setup.task.words}, {"task.tags", &setup.task.tags}}) {
    if (value->empty()) faults.add({key, {}, key, "no field is named", "name the fields of the words and their tags"});
  }
  if (setup.classes.size() < 2) {
    faults.add({"task.classes",
                {},
                "task.tags",
                cat("field ", setup.task.tags, " has ", setup.classes.size(), " tags, wanted at least 2"),
                "choose another field of tags"});
  }
  for (const std::string& tag : setup.classes) {
    const bool named =
        tag.size() > 2 && std::string_view("BIES").find(tag[0]) != std::string_view::npos && tag[1] == '-';
    if (named || tag == "O") continue;
    faults.add({"task.tags",
                {},
                "task.tags",
                cat("field ", setup.task.tags, " has the tag \"", printable(tag), "\", wanted O, B-TYPE or I-TYPE"),
                "write tags of names in corpus.yaml's data; one class for a whole text is kind: classification"});
    break;
  }
  if (std::find(setup.classes.begin(), setup.classes.end(), "O") == setup.classes.end() && setup.classes.size() > 1)
    faults.add({"task.tags", {}, "task.tags", cat("field ", setup.task.tags, " has no tag O"), "add O: no name"});
  if (setup.long_documents != LongDocuments::kTruncate) {
    faults.add({"data.long_documents",
                {},
                "data.long_documents",
                cat("found ", long_documents_name(setup.long_documents), ", but tagging reads from the beginning"),
                "remove it, or make shorter documents of the long ones"});
  }
  faults.throw_if_any();
}

// What the model says of the words of one text.
struct Answers {
  std::vector<int64_t> tags;          // by word; -1: its tokens were cut away
  std::vector<double> probabilities;  // of these tags
};

class Tagging : public TextTask {
 public:
  explicit Tagging(TaskSetup setup) : TextTask(std::move(setup), tagging_heads(setup)) {}

  const std::string& default_metric() const override { return metric_; }

  Batch make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                   uint64_t) const override {
    Batch batch = pack_documents(corpus, split, documents);
    const std::vector<int64_t> ids = tag_ids(corpus);
    const std::vector<std::string>& names = corpus.field(setup_.task.tags).classes;
    for (size_t s = 0; s < documents.size(); ++s) {
      const int64_t document = documents[s];
      const std::vector<std::string> words = corpus.list(split, setup_.task.words, document);
      const std::vector<int32_t> tags = corpus.labels(split, setup_.task.tags, document);
      if (words.size() != tags.size()) {
        throw UserError(
            "corpus.tags",
            cat(corpus.folder(), ": document ", document, " of split ", split_name(split), " has ", words.size(),
                " words in ", setup_.task.words, " and ", tags.size(), " tags in ", setup_.task.tags),
            "prepare the corpus again with one tag for each word");
      }
      add_words(batch, static_cast<int64_t>(s), words, *setup_.tokenizer);
      for (const int32_t tag : tags) {
        const std::string& name = names.at(static_cast<size_t>(tag));
        batch.labels.push_back(known(ids[static_cast<size_t>(tag)], name, corpus, split, document));
      }
    }
    return batch;
  }

  int64_t label_count(const Batch& batch) const override {
    return std::count_if(batch.loss_rows.begin(), batch.loss_rows.end(), [](int64_t row) { return row >= 0; });
  }

  std::unique_ptr<Metrics> make_metrics() const override { return std::make_unique<TaggingMetrics>(setup_.classes); }

  nlohmann::json model_config() const override {
    nlohmann::json config = TextTask::model_config();
    config["architectures"] = {class_with_head(setup_.model, HeadKind::kTokenClassification)};
    config.erase("problem_type");
    name_classes(setup_.classes, config);
    return config;
  }

 protected:
  bool reads_one_row() const override { return false; }

  at::Tensor labelled_loss(const Batch& batch, const PackedInput& input, const PassContext& pass) override {
    return nll(batch, logits_of(batch, input, pass)).sum();
  }

  void measure(const Batch& batch, const PackedInput& input, Metrics& metrics) override {
    auto& sums = static_cast<TaggingMetrics&>(metrics);
    const at::Tensor logits = logits_of(batch, input, {});
    sums.add_loss(nll(batch, logits));
    const std::vector<Answers> answers = answers_of(batch, logits);
    auto wanted = batch.labels.begin();
    for (const Answers& one : answers) {
      const auto end = wanted + static_cast<ptrdiff_t>(one.tags.size());
      sums.add({wanted, end}, one.tags);
      wanted = end;
    }
  }

  nlohmann::json truth(const Batch& batch, int64_t sequence) const override {
    const auto first = std::accumulate(batch.word_counts.begin(), batch.word_counts.begin() + sequence, int64_t{0});
    nlohmann::json tags = nlohmann::json::array();
    for (int64_t word = first; word < first + batch.word_counts[static_cast<size_t>(sequence)]; ++word)
      tags.push_back(name_of(batch.labels[static_cast<size_t>(word)]));
    return tags;
  }

  // Of documents of a corpus, whose words are in the batch.
  std::vector<Prediction> answer(const Tokenizer&, const Batch& batch, const PackedInput& input) override {
    std::vector<Prediction> predictions;
    for (const Answers& one : answers_of(batch, logits_of(batch, input, {})))
      predictions.push_back({{"tags", names_of_tags(one.tags)}});
    return predictions;
  }

  std::vector<Prediction> answer_texts(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                                       Batch batch) override {
    std::vector<std::vector<TextPiece>> pieces;
    for (size_t t = 0; t < texts.size(); ++t) {
      pieces.push_back(cut_into_words(texts[t]));
      std::vector<std::string> words;
      for (const TextPiece& piece : pieces[t]) words.push_back(texts[t].substr(piece.begin, piece.end - piece.begin));
      add_words(batch, static_cast<int64_t>(t), words, tokenizer);
    }
    const std::vector<Answers> answers = answers_of(batch, logits_of(batch, to_input(batch, at::kCPU), {}));
    std::vector<Prediction> predictions;
    for (size_t t = 0; t < texts.size(); ++t) predictions.push_back(describe_names(texts[t], pieces[t], answers[t]));
    return predictions;
  }

 private:
  // Of the words that the model sees: [rows, tags].
  at::Tensor logits_of(const Batch& batch, const PackedInput& input, const PassContext& pass) const {
    return model_->tag(model_->encode(input, pass), seen_rows(batch), input, pass);
  }

  std::string name_of(int64_t tag) const { return tag < 0 ? "O" : setup_.classes[static_cast<size_t>(tag)]; }
  std::vector<std::string> names_of_tags(const std::vector<int64_t>& tags) const {
    std::vector<std::string> names;
    for (const int64_t tag : tags) names.push_back(name_of(tag));
    return names;
  }

  static void add_words(Batch& batch, int64_t sequence, const std::vector<std::string>& words,
                        const Tokenizer& tokenizer) {
    const std::vector<WordTokens> places = align_words(batch, sequence, words, tokenizer);
    for (size_t word = 0; word < words.size(); ++word) {
      if (word >= places.size()) {
        batch.loss_rows.push_back(kLeftOut);
      } else if (places[word].inside) {
        batch.loss_rows.push_back(kPartOfBefore);
      } else {
        batch.loss_rows.push_back(places[word].begin < places[word].end ? places[word].begin : kWithoutTokens);
      }
    }
    batch.word_counts.push_back(static_cast<int64_t>(words.size()));
  }

  static std::vector<int64_t> seen_rows(const Batch& batch) {
    std::vector<int64_t> rows;
    std::copy_if(batch.loss_rows.begin(), batch.loss_rows.end(), std::back_inserter(rows),
                 [](int64_t row) { return row >= 0; });
    return rows;
  }

  // Of the words that the model sees: [rows] from logits [rows, tags].
  static at::Tensor nll(const Batch& batch, const at::Tensor& logits) {
    std::vector<int64_t> wanted;
    for (size_t word = 0; word < batch.loss_rows.size(); ++word)
      if (batch.loss_rows[word] >= 0) wanted.push_back(batch.labels[word]);
    return at::cross_entropy_loss(logits, index_tensor(wanted), {}, at::Reduction::None);
  }

  // The tag of a word that is part of the one before goes on with it.
  int64_t continued(int64_t tag) const {
    const std::string name = name_of(tag);
    if (!starts_with(name, "B-")) return tag;
    const auto found = std::find(setup_.classes.begin(), setup_.classes.end(), "I-" + name.substr(2));
    return found == setup_.classes.end() ? tag : found - setup_.classes.begin();
  }

  // Words without tokens, as white space is, belong to the name around them, or to none.
  void settle_between(Answers& answers) const {
    int64_t next = -1;
    for (size_t word = answers.tags.size(); word-- > 0;) {
      int64_t& tag = answers.tags[word];
      if (tag != kBetween) {
        next = tag;
        continue;
      }
      tag = starts_with(name_of(next), "I-") ? next : outside_;
    }
  }

  std::vector<Answers> answers_of(const Batch& batch, const at::Tensor& logits) const {
    const auto [probabilities, tags] = at::softmax(logits.to(at::kDouble), 1).max(1);
    const at::Tensor likely = probabilities.contiguous(), chosen = tags.contiguous();
    const double* next_probability = likely.const_data_ptr<double>();
    const int64_t* next_tag = chosen.const_data_ptr<int64_t>();
    std::vector<Answers> all;
    size_t word = 0;
    for (const int64_t count : batch.word_counts) {
      Answers answers;
      for (int64_t i = 0; i < count; ++i, ++word) {
        const int64_t row = batch.loss_rows[word];
        if (row >= 0) {
          answers.tags.push_back(*next_tag++);
          answers.probabilities.push_back(*next_probability++);
        } else if (row == kPartOfBefore && i > 0 && answers.tags.back() >= 0) {
          answers.tags.push_back(continued(answers.tags.back()));
          answers.probabilities.push_back(answers.probabilities.back());
        } else {
          answers.tags.push_back(row == kWithoutTokens ? kBetween : -1);
          answers.probabilities.push_back(1);
        }
      }
      settle_between(answers);
      all.push_back(std::move(answers));
    }
    return all;
  }

  Prediction describe_names(const std::string& text, const std::vector<TextPiece>& words,
                            const Answers& answers) const {
    nlohmann::json entities = nlohmann::json::array();
    size_t bytes = 0, characters = 0;  // of the text up to here
    const auto characters_to = [&](size_t end) {
      characters += count_code_points(std::string_view(text).substr(bytes, end - bytes));
      bytes = end;
      return characters;
    };
    for (const Entity& entity : entities_of(names_of_tags(answers.tags))) {
      const auto first = static_cast<size_t>(entity.first), last = static_cast<size_t>(entity.last);
      const size_t begin = words[first].begin, end = words[last].end;
      const auto least = std::min_element(answers.probabilities.begin() + entity.first,
                                          answers.probabilities.begin() + entity.last + 1);
      const size_t from = characters_to(begin), to = characters_to(end);
      entities.push_back({{"type", entity.type},
                          {"text", text.substr(begin, end - begin)},
                          {"begin", from},
                          {"end", to},
                          {"probability", *least}});
    }
    return {{"entities", entities}};
  }

  // Our id of each tag of the corpus, by name: another corpus may number them in another order, and have others.
  std::vector<int64_t> tag_ids(const ShardSet& corpus) const {
    const FieldInfo& field = corpus.field(setup_.task.tags);
    if (field.kind != FieldKind::kTags) {
      throw UserError({"corpus.field_kind",
                       {},
                       "task.tags",
                       cat(corpus.folder(), ": field ", field.name, " is not of kind tags"),
                       "name a field of kind tags of this corpus"});
    }
    std::vector<int64_t> ids;
    for (const std::string& name : field.classes) {
      const auto found = std::find(setup_.classes.begin(), setup_.classes.end(), name);
      ids.push_back(found == setup_.classes.end() ? kUnknown : found - setup_.classes.begin());
    }
    return ids;
  }

  int64_t known(int64_t id, const std::string& name, const ShardSet& corpus, Split split, int64_t document) const {
    if (id != kUnknown) return id;
    throw UserError(
        {"corpus.unknown_label",
         {},
         "task.tags",
         cat(corpus.folder(), ": document ", document, " of split ", split_name(split), " has the tag \"",
             printable(name), "\", which the model has not learned; it knows ", printable(join(setup_.classes, ", "))),
         "leave such documents out of the corpus, or train on one that has it"});
  }

  static constexpr int64_t kLeftOut = -1, kPartOfBefore = -2;  // in the place of a word's row
  static constexpr int64_t kWithoutTokens = -3;
  static constexpr int64_t kBetween = -2;  // in the place of the tag of a word without tokens
  static constexpr int64_t kUnknown = -1;  // in the place of a tag's id
  const int64_t outside_ = std::find(setup_.classes.begin(), setup_.classes.end(), "O") - setup_.classes.begin();
  const std::string metric_ = "f1";
};

}  // namespace

std::unique_ptr<Task> make_tagging(TaskSetup setup) {
  check_tagging(setup);
  return std::make_unique<Tagging>(std::move(setup));
}

}  // namespace broadsheet

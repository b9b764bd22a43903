// Generation: a prompt made of a document's fields, and behind it the text to write, on whose tokens and end the loss
// is.
#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "data/field_template.h"
#include "trainer/tasks/generation_metrics.h"
#include "trainer/tasks/writing_task.h"

namespace broadsheet {
namespace {

// Shortens the longest of `lengths`, the first among equals, until they sum up to `room` at the most.
void cut_longest(std::vector<int64_t>& lengths, int64_t room) {
  for (int64_t& length : lengths) length = std::min(length, room);
  int64_t sum = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  for (; sum > room; --sum) --*std::max_element(lengths.begin(), lengths.end());
}

class Generation : public WritingTask {
 public:
  explicit Generation(TaskSetup setup, const FieldTemplate& form)
      : WritingTask(std::move(setup), "target_tokens"), fields_(form.columns()) {
    for (const std::string& text : form.between()) between_.push_back(setup_.tokenizer->encode(text));
    fixed_ = static_cast<int64_t>(beginning().size());
    for (const std::vector<int32_t>& ids : between_) fixed_ += static_cast<int64_t>(ids.size());
    if (fixed_ + setup_.task.max_new_tokens >= setup_.max_length) {
      throw UserError(
          {"task.max_new_tokens",
           {},
           "task.max_new_tokens",
           cat("found ", setup_.task.max_new_tokens, ", which with the ", fixed_,
               " tokens of the template itself leaves no room for a field in data.max_length: ", setup_.max_length),
           "write fewer, or a larger max_length"});
    }
  }

  std::vector<std::string> text_fields() const override { return fields_; }
  std::vector<std::string> prompt_fields() const override { return fields_; }
  int64_t usual_length() const override { return setup_.task.max_new_tokens; }
  std::vector<int32_t> prompt_of_fields(const std::vector<std::string>& texts) const override {
    std::vector<std::vector<int32_t>> ids;
    for (const std::string& text : texts) ids.push_back(setup_.tokenizer->encode(text));
    return join_prompt({ids.begin(), ids.end()}, 0);
  }

  int64_t length(const ShardSet& corpus, Split split, int64_t document) const override {
    std::vector<int64_t> lengths;
    for (const std::string& field : fields_) lengths.push_back(corpus.token_count(split, field, document));
    const int64_t target = corpus.token_count(split, setup_.task.target, document);
    cut_longest(lengths, room_for_fields(target));
    const int64_t prompt = std::max<int64_t>(1, std::accumulate(lengths.begin(), lengths.end(), fixed_));
    return prompt + std::min(target + 1, setup_.max_length - prompt);
  }

  void read_ahead(const ShardSet& corpus, Split split, const ExampleRange& documents) const override {
    for (const std::string& field : fields_) corpus.read_ahead(split, field, documents);
    corpus.read_ahead(split, setup_.task.target, documents);
  }

  Batch make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                   uint64_t) const override {
    Batch batch;
    batch.boundaries = {0};
    for (const int64_t document : documents) {
      std::vector<TokenIds> texts;
      for (const std::string& field : fields_) texts.push_back(corpus.tokens(split, field, document));
      add_example(batch, texts, corpus.tokens(split, setup_.task.target, document));
      batch.examples.push_back(document);
      batch.documents.push_back(document);
    }
    check_tokens(batch, corpus, split);
    return batch;
  }

  std::unique_ptr<Metrics> make_metrics() const override {
    return std::make_unique<GenerationMetrics>(
        counted_, setup_.task.pieces == "characters" ? RougePieces::kCharacters : RougePieces::kWords, counts_bytes());
  }
  void measure_texts(bool on) override { measures_texts_ = on; }

  std::vector<Prediction> predict(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                                  const std::vector<std::string>&) override {
    std::vector<std::vector<std::string>> rows;
    for (const std::string& text : texts) rows.push_back({text});
    return predict_rows(tokenizer, rows);
  }
  std::vector<Prediction> predict_rows(const Tokenizer&, const std::vector<std::vector<std::string>>& rows) override {
    std::vector<Prompt> prompts;
    for (const std::vector<std::string>& row : rows) prompts.push_back({prompt_of_fields(row), 0});
    std::vector<Prediction> predictions;
    for (Generated& text : write(prompts, greedy())) predictions.push_back({{"text", std::move(text.text)}});
    return predictions;
  }

  nlohmann::json broadsheet_config() const override {
    nlohmann::json config = WritingTask::broadsheet_config();
    config["task"] = {{"kind", setup_.task.kind},
                      {"prompt", setup_.task.prompt},
                      {"target", setup_.task.target},
                      {"max_new_tokens", setup_.task.max_new_tokens},
                      {"pieces", setup_.task.pieces}};
    return config;
  }

 protected:
  void measure(const Batch& batch, const PackedInput& input, Metrics& metrics) override {
    auto& sums = static_cast<GenerationMetrics&>(metrics);
    sums.add(nll(batch, input), batch.sequences(), bytes_of(batch.labels));
    if (!measures_texts_) return;
    const std::vector<Generated> texts = write(prompts_in(batch), greedy());
    for (size_t s = 0; s < texts.size(); ++s) sums.add_text(texts[s].text, target_in(batch, s));
  }

  nlohmann::json truth(const Batch& batch, int64_t sequence) const override {
    return target_in(batch, static_cast<size_t>(sequence));
  }
  std::vector<Prediction> answer(const Tokenizer&, const Batch& batch, const PackedInput&) override {
    std::vector<Prediction> predictions;
    for (const Generated& text : write(prompts_in(batch), greedy())) predictions.push_back({{"text", text.text}});
    return predictions;
  }

 private:
  GenerationOptions greedy() const {
    GenerationOptions options;
    options.max_new_tokens = setup_.task.max_new_tokens;
    return options;
  }

  // A prompt leaves room for max_new_tokens wherever it is read, so that the model is asked as it was taught; for a
  // longer target for that.
  int64_t room_for_fields(int64_t target) const {
    return std::max<int64_t>(0, setup_.max_length - fixed_ - std::max(setup_.task.max_new_tokens, target + 1));
  }

  std::vector<int32_t> join_prompt(const std::vector<TokenIds>& texts, int64_t target) const {
    std::vector<int64_t> lengths;
    for (const TokenIds& text : texts) lengths.push_back(static_cast<int64_t>(text.size()));
    cut_longest(lengths, room_for_fields(target));
    std::vector<int32_t> prompt = beginning();
    prompt.insert(prompt.end(), between_[0].begin(), between_[0].end());
    for (size_t i = 0; i < texts.size(); ++i) {
      for (const int32_t id : texts[i].first(static_cast<size_t>(lengths[i]))) prompt.push_back(id);
      prompt.insert(prompt.end(), between_[i + 1].begin(), between_[i + 1].end());
    }
    if (prompt.empty()) prompt.push_back(end_token());
    return prompt;
  }

  void add_example(Batch& batch, const std::vector<TokenIds>& texts, const TokenIds& target) const {
    std::vector<int32_t> ids = join_prompt(texts, static_cast<int64_t>(target.size()));
    const size_t prompt = ids.size();
    for (const int32_t id : target) ids.push_back(id);
    ids.push_back(end_token());
    ids.resize(std::min(ids.size(), static_cast<size_t>(setup_.max_length)));
    const int64_t begin = batch.total();
    for (size_t i = 0; i < ids.size(); ++i) {
      batch.tokens.push_back(ids[i]);
      batch.positions.push_back(static_cast<int64_t>(i));
      if (i < prompt) continue;
      batch.loss_rows.push_back(begin + static_cast<int64_t>(i) - 1);
      batch.labels.push_back(ids[i]);
    }
    batch.token_types.resize(batch.tokens.size(), 0);
    batch.boundaries.push_back(batch.total());
  }

  // Which of the batch's labels are those of a sequence.
  std::pair<size_t, size_t> labels_of(const Batch& batch, size_t sequence) const {
    const auto place = [&](int64_t row) {
      return static_cast<size_t>(std::lower_bound(batch.loss_rows.begin(), batch.loss_rows.end(), row) -
                                 batch.loss_rows.begin());
    };
    return {place(batch.boundaries[sequence]), place(batch.boundaries[sequence + 1])};
  }
  std::vector<Prompt> prompts_in(const Batch& batch) const {
    std::vector<Prompt> prompts;
    for (size_t s = 0; s < batch.examples.size(); ++s) {
      const auto begin = batch.tokens.begin() + batch.boundaries[s];
      const auto end = batch.tokens.begin() + batch.loss_rows[labels_of(batch, s).first] + 1;
      prompts.push_back({{begin, end}, 0});
    }
    return prompts;
  }
  std::string target_in(const Batch& batch, size_t sequence) const {
    const auto [begin, end] = labels_of(batch, sequence);
    std::vector<int32_t> ids(batch.labels.begin() + static_cast<ptrdiff_t>(begin),
                             batch.labels.begin() + static_cast<ptrdiff_t>(end));
    if (ids.back() == end_token()) ids.pop_back();
    return setup_.tokenizer->decode(ids);
  }

  std::vector<std::string> fields_;            // of the prompt, in its order
  std::vector<std::vector<int32_t>> between_;  // [fields + 1] ids of what stands around them
  int64_t fixed_ = 0;                          // tokens of a prompt whose fields are all empty
  bool measures_texts_ = true;
};

}  // namespace

std::unique_ptr<Task> make_generation(TaskSetup setup) {
  Faults faults;
  std::optional<FieldTemplate> form;
  try {
    form.emplace(setup.task.prompt);
  } catch (const std::invalid_argument& error) {
    faults.add({"task.prompt",
                {},
                "task.prompt",
                cat("found a template that cannot be read: ", error.what()),
                "write fields in braces, such as \"{brief}\\n\", and {{ for a brace itself"});
  }
  if (setup.task.target.empty())
    faults.add({"task.target", {}, "task.target", "no field is named", "name the text field to write"});
  if (setup.task.max_new_tokens < 1 || setup.task.max_new_tokens > setup.max_length)
    faults.add(
        {"task.max_new_tokens",
         {},
         "task.max_new_tokens",
         cat("found ", setup.task.max_new_tokens, ", wanted 1 to fewer than data.max_length: ", setup.max_length),
         "choose a number in this range"});
  if (setup.task.pieces != "words" && setup.task.pieces != "characters")
    faults.add({"task.pieces",
                {},
                "task.pieces",
                cat("found \"", setup.task.pieces, "\", wanted words or characters"),
                "choose one of them"});
  if (setup.long_documents != LongDocuments::kTruncate)
    faults.add({"data.long_documents",
                {},
                "data.long_documents",
                cat("found ", long_documents_name(setup.long_documents), " for a task that writes one text"),
                "remove it: of a prompt that is too long the longest field is cut at its end"});
  faults.throw_if_any();
  return std::make_unique<Generation>(std::move(setup), *form);
}

}  // namespace broadsheet

// What the tasks share whose model writes texts: prompts, and what comes behind them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "trainer/generation/decoder.h"
#include "trainer/tasks/language_model_task.h"

namespace broadsheet {

class WritingTask : public LanguageModelTask {
 public:
  // The fields that a prompt is made of; empty: it is a text of its own.
  virtual std::vector<std::string> prompt_fields() const { return {}; }
  // Of one text for each of these fields, and of a text of its own: with the token that texts of this model begin with,
  // where they do; of nothing else the token that ends a text, which is what a text begins after.
  virtual std::vector<int32_t> prompt_of_fields(const std::vector<std::string>& texts) const {
    return prompt_of(texts.at(0));
  }
  std::vector<int32_t> prompt_of(const std::string& text) const;

  // Tokens that are written at the most where nobody says how many.
  virtual int64_t usual_length() const { return GenerationOptions{}.max_new_tokens; }
  // Positions that a prompt and what comes behind it may have together.
  int64_t positions() const { return traits_.max_length; }
  // As write_texts(), as many prompts together as memory is meant for.
  std::vector<Generated> write(const std::vector<Prompt>& prompts, const GenerationOptions& options) const;

 protected:
  WritingTask(TaskSetup setup, std::string counted)
      : LanguageModelTask(std::move(setup), {.causal_lm = true}, std::move(counted)) {}

  int32_t end_token() const;
  // What a prompt begins with: one token or none.
  std::vector<int32_t> beginning() const;

  at::Tensor labelled_loss(const Batch& batch, const PackedInput& input, const PassContext& pass) override;
  // Of each of the batch's labels, in nats [labels], float32.
  at::Tensor nll(const Batch& batch, const PackedInput& input) const;
};

}  // namespace broadsheet

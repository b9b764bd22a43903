// generate: text from a model, behind one prompt or behind those of a stream of lines.
#include <ATen/Parallel.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "launcher/answer.h"
#include "launcher/answer_stream.h"
#include "launcher/engine/models.h"
#include "launcher/engine/predictor.h"
#include "launcher/program.h"
#include "trainer/tasks/writing_task.h"

namespace broadsheet {
namespace {

// The key of a line that is a prompt as it stands.
constexpr const char* kPrompt = "prompt";

class Generator : public LineAnswerer {
 public:
  explicit Generator(const Command& command)
      : task_(load_task(locate_model(absolute_path(command.positionals[0])), nullptr)),
        writer_(dynamic_cast<WritingTask*>(task_.get())) {
    if (writer_ == nullptr)
      throw UserError("generate.model",
                      cat(command.positionals[0], ": a ", task_->kind(), " model, which writes no text"),
                      "name a run of kind causal_lm or generation, or a folder of GPT-2");
    options_.max_new_tokens = writer_->usual_length();
    read_options(command);
    check_generation(options_);
    fields_ = writer_->prompt_fields();
    raw_ = std::find(fields_.begin(), fields_.end(), kPrompt) == fields_.end();
  }

  // Behind one prompt as it stands.
  Prediction behind(const std::string& prompt) {
    if (!is_utf8(prompt))
      throw UserError("generate.prompt", "--prompt: not valid UTF-8", "check the terminal's encoding");
    prompts_.push_back({writer_->prompt_of(prompt), 1});
    return answer().at(0);
  }

  std::string take(const nlohmann::json& object, int64_t line) override {
    std::vector<int32_t> ids;
    if (raw_ && (fields_.empty() || object.contains(kPrompt))) {
      if (const std::string reason = why_not_text(object, kPrompt); !reason.empty()) return reason;
      ids = writer_->prompt_of(object[kPrompt]);
    } else {
      std::vector<std::string> texts;
      for (const std::string& field : fields_) {
        if (const std::string reason = why_not_text(object, field); !reason.empty()) return reason;
        texts.push_back(object[field]);
      }
      ids = writer_->prompt_of_fields(texts);
    }
    if (static_cast<int64_t>(ids.size()) >= writer_->positions())
      return cat("the prompt has ", ids.size(), " tokens, the model ", writer_->positions(), " positions");
    prompts_.push_back({std::move(ids), static_cast<uint64_t>(line)});
    return "";
  }

  std::vector<Prediction> answer() override {
    std::vector<Prediction> answers;
    for (Generated& text : writer_->write(std::exchange(prompts_, {}), options_))
      answers.push_back(
          {{"text", std::move(text.text)}, {"tokens", text.tokens.size()}, {"finished", finish_name(text.finish)}});
    return answers;
  }

  std::string wanted() const override {
    if (fields_.empty()) return cat("the field ", kPrompt);
    return cat("the field(s) ", join(fields_, " and "), raw_ ? cat(", or the field ", kPrompt) : "");
  }

 private:
  void read_options(const Command& command) {
    const auto whole = [&](const char* option, int64_t least, int64_t& value) {
      value = command.number(option, least, 1'000'000'000).value_or(value);
    };
    const auto real = [&](const char* option, double& value) { value = command.real(option).value_or(value); };
    whole("max-new-tokens", 1, options_.max_new_tokens);
    whole("min-new-tokens", 0, options_.min_new_tokens);
    whole("num-beams", 1, options_.num_beams);
    whole("top-k", 0, options_.top_k);
    real("length-penalty", options_.length_penalty);
    real("repetition-penalty", options_.repetition_penalty);
    real("temperature", options_.temperature);
    real("top-p", options_.top_p);
    options_.do_sample = command.has("temperature") || command.has("top-k") || command.has("top-p");
    options_.seed = static_cast<uint64_t>(command.number("seed", 0, INT64_MAX).value_or(1));
    options_.stop_strings = command.values("stop");
  }

  std::unique_ptr<Task> task_;
  WritingTask* writer_;  // the same
  GenerationOptions options_;
  std::vector<std::string> fields_;
  bool raw_ = true;  // `prompt` is no field of the template
  std::vector<Prompt> prompts_;
};

}  // namespace

int generate(const Command& command) {
  check_lines_options(command, "prompt");
  at::set_num_threads(static_cast<int>(command.number("threads", 1, 4096).value_or(available_cores())));
  Generator generator(command);
  if (command.has("prompt")) {
    const Prediction answer = generator.behind(command.value("prompt"));
    if (command.json) {
      print_json(answer);
    } else {
      print_text(answer["text"].get<std::string>() + "\n");
    }
    return 0;
  }
  const std::string input = command.value("input");
  std::ifstream file;
  std::istream& from = open_lines(input, file);
  const PredictCounts counts =
      answer_stream(generator, input, from, output_place(command.value("output"), "output"), "writing");
  tell_of_rejects(counts, input);
  if (command.json) print_json({{"predicted", counts.predicted}, {"rejected", counts.rejected}});
  return 0;
}

}  // namespace broadsheet

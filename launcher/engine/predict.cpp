// predict: streams JSONL through the model. Memory is bounded by the chunk and the longest line that is read.
#include <ATen/Parallel.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>

#include "checkpoints/huggingface.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/progress.h"
#include "core/text.h"
#include "data/tokenizers/tokenizer.h"
#include "launcher/answer.h"
#include "launcher/engine/models.h"
#include "launcher/program.h"
#include "trainer/tasks/task.h"

namespace broadsheet {
namespace {

constexpr size_t kChunk = 32;                      // lines that go through the model together
constexpr size_t kLongestLine = size_t{16} << 20;  // bytes; a longer one is rejected unread

// One line without its newline; `too_long` when it exceeds kLongestLine (the rest of it is passed over).
bool read_line(std::istream& input, std::string& line, bool& too_long) {
  line.clear();
  too_long = false;
  std::streambuf* buffer = input.rdbuf();
  for (int next = buffer->sbumpc();; next = buffer->sbumpc()) {
    if (next == std::char_traits<char>::eof()) return !line.empty() || too_long;
    if (next == '\n') return true;
    if (line.size() == kLongestLine) {
      too_long = true;
    } else {
      line += static_cast<char>(next);
    }
  }
}

// A file that appears whole at the end, or standard output.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path) {
    if (path_.empty()) return;
    unlink((path_ + ".writing").c_str());
    file_ = std::make_unique<DurableFile>(path_ + ".writing");
  }
  void write(const nlohmann::json& value) {
    const std::string line = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (file_) {
      file_->write(line);
    } else {
      print_text(line);
    }
  }
  void finish() {
    if (!file_) return;
    file_->close();
    file_.reset();
    rename_durably(path_ + ".writing", path_);
  }

 private:
  std::string path_;
  std::unique_ptr<DurableFile> file_;
};

class Predictor {
 public:
  explicit Predictor(const std::string& model)
      : location_(locate_model(model)),
        task_(load_task(location_, nullptr)),
        tokenizer_(load_tokenizer(location_.tokenizer_folder)) {
    const nlohmann::json& ours = location_.broadsheet;
    if (ours.is_object() && ours.contains("task") && ours["task"].is_object()) {
      text_ = ours["task"].value("text", text_);
      pair_ = ours["task"].value("text_pair", pair_);
    }
  }
  const std::string& text_field() const { return text_; }
  const std::string& pair_field() const { return pair_; }
  std::vector<Prediction> predict(const std::vector<std::string>& texts, const std::vector<std::string>& pairs) {
    return task_->predict(*tokenizer_, texts, pair_.empty() ? std::vector<std::string>{} : pairs);
  }

 private:
  ModelLocation location_;
  std::unique_ptr<Task> task_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string text_ = "text", pair_;
};

// The reason why `text` cannot be read as a text; empty when it can.
std::string why_not_text(const nlohmann::json& object, const std::string& field) {
  if (!object.contains(field)) return "no field " + field;
  if (!object[field].is_string()) return cat("field ", field, " is ", object[field].type_name(), ", wanted a string");
  if (object[field].get_ref<const std::string&>().find('\0') != std::string::npos)
    return cat("field ", field, " holds NUL");
  return "";
}

class Stream {
 public:
  Stream(Predictor& predictor, const std::string& input, const std::string& output)
      : predictor_(predictor),
        input_(input),
        rejected_path_(input == "-" ? "stdin.rejected.jsonl" : input + ".rejected.jsonl"),
        output_(output) {}

  void run(std::istream& lines) {
    unlink(rejected_path_.c_str());
    Progress progress("predicting", "lines", 0);
    std::string line;
    bool too_long = false;
    while (read_line(lines, line, too_long)) {
      ++line_;
      take(line, too_long);
      if (texts_.size() == kChunk) flush();
      progress.add();
    }
    flush();
    output_.finish();
    if (rejected_ > 0) log_warning(cat(with_thousands(rejected_), " bad line(s) are in ", rejected_path_));
    if (predicted_ == 0 && rejected_ > 0) {
      throw UserError("predict.no_good_line", cat(input_, ": no line could be read; ", first_reason_),
                      cat("each line is a JSON object with the field ", predictor_.text_field()));
    }
  }
  int64_t predicted() const { return predicted_; }
  int64_t rejected() const { return rejected_; }

 private:
  void take(const std::string& line, bool too_long) {
    if (too_long) return reject(cat("longer than ", human_bytes(kLongestLine)));
    if (!is_utf8(line)) return reject("not valid UTF-8");
    const nlohmann::json object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (object.is_discarded()) return reject(trim(line).empty() ? "empty line" : "not valid JSON");
    if (!object.is_object()) return reject(cat("found ", object.type_name(), ", wanted an object"));
    for (const std::string& field : {predictor_.text_field(), predictor_.pair_field()}) {
      const std::string reason = field.empty() ? "" : why_not_text(object, field);
      if (!reason.empty()) return reject(reason);
    }
    texts_.push_back(object[predictor_.text_field()]);
    pairs_.push_back(predictor_.pair_field().empty() ? "" : object[predictor_.pair_field()].get<std::string>());
    const bool named = object.contains("id") && !object["id"].is_structured() && !object["id"].is_null();
    names_.push_back(named ? nlohmann::json{{"id", object["id"]}} : nlohmann::json{{"line", line_}});
  }

  void reject(const std::string& reason) {
    if (rejected_++ == 0) first_reason_ = cat("line ", line_, ": ", reason);
    std::ofstream file(rejected_path_, std::ios::app);
    file << nlohmann::json{{"file", input_}, {"line", line_}, {"reason", reason}}.dump() << '\n';
    if (!file.flush())
      throw RunError("io.write", cat(rejected_path_, ": cannot be written"), "is the folder writable?");
  }

  void flush() {
    if (texts_.empty()) return;
    const std::vector<Prediction> predictions = predictor_.predict(texts_, pairs_);
    for (size_t i = 0; i < predictions.size(); ++i) {
      nlohmann::json answer = names_[i];
      answer.update(predictions[i]);
      output_.write(answer);
    }
    predicted_ += static_cast<int64_t>(predictions.size());
    texts_.clear();
    pairs_.clear();
    names_.clear();
  }

  Predictor& predictor_;
  std::string input_, rejected_path_, first_reason_;
  Output output_;
  std::vector<std::string> texts_, pairs_;
  std::vector<nlohmann::json> names_;
  int64_t line_ = 0, predicted_ = 0, rejected_ = 0;
};

void print_prediction(const Prediction& prediction) {
  std::string text;
  if (prediction.contains("label")) {
    text = prediction["label"].get<std::string>();
    const nlohmann::json probabilities = prediction.value("probabilities", nlohmann::json::object());
    for (const auto& [name, value] : probabilities.items()) {
      char line[32];
      std::snprintf(line, sizeof line, "%.4f", value.get<double>());
      text += cat("\n  ", name, ": ", line);
    }
  } else {
    text = prediction.dump(2);
  }
  print_text(text + "\n");
}

int predict_one(const Command& command, Predictor& predictor) {
  const std::string text = command.value("text"), pair = command.value("text-pair");
  for (const std::string& one : {text, pair}) {
    if (!is_utf8(one)) throw UserError("predict.utf8", "--text: not valid UTF-8", "check the terminal's encoding");
  }
  if (command.has("text-pair") == predictor.pair_field().empty()) {
    throw UserError("predict.pair",
                    predictor.pair_field().empty() ? "--text-pair: this model takes one text"
                                                   : "--text-pair is missing: this model takes two texts",
                    predictor.pair_field().empty() ? "leave it out" : "give the second text");
  }
  const Prediction prediction = predictor.predict({text}, {pair}).at(0);
  if (command.json) {
    print_json(prediction);
  } else {
    print_prediction(prediction);
  }
  return 0;
}

}  // namespace

int predict(const Command& command) {
  if (command.has("text") == command.has("input")) {
    throw UserError("usage.predict", "broadsheet predict: wanted one of --text and --input",
                    "give exactly one of them");
  }
  if (command.json && command.has("input") && !command.has("output")) {
    throw UserError("usage.predict", "broadsheet predict: --json with --input needs --output",
                    "leave --json out: the predictions are JSONL already");
  }
  const std::string input = command.value("input");
  std::ifstream file;
  if (command.has("input") && input != "-") {
    file.open(input, std::ios::binary);
    if (!file) throw UserError("predict.input", cat(input, ": cannot be read"), "check the path and its permissions");
  }
  at::set_num_threads(static_cast<int>(command.number("threads", 1, 4096).value_or(available_cores())));
  Predictor predictor(absolute_path(command.positionals[0]));
  if (command.has("text")) return predict_one(command, predictor);
  Stream stream(predictor, input, command.has("output") ? absolute_path(command.value("output")) : "");
  stream.run(input == "-" ? std::cin : file);
  if (command.json) print_json({{"predicted", stream.predicted()}, {"rejected", stream.rejected()}});
  return 0;
}

}  // namespace broadsheet

// predict: one text, a stream of lines, or a file that several processes share.
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/progress.h"
#include "core/text.h"
#include "launcher/answer.h"
#include "launcher/engine/models.h"
#include "launcher/engine/predict_file.h"
#include "launcher/engine/predictor.h"
#include "launcher/program.h"
#include "launcher/shared_work.h"

namespace broadsheet {
namespace {

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

// From standard input, or to standard output: by this process alone, from the beginning.
class Stream {
 public:
  Stream(Predictor& predictor, const std::string& input, const std::string& output)
      : predictor_(predictor), input_(input), output_(output) {
    counts_.rejected_file = input == "-" ? "stdin.rejected.jsonl" : input + ".rejected.jsonl";
  }

  PredictCounts run(std::istream& input) {
    unlink(counts_.rejected_file.c_str());
    Progress progress("predicting", "lines", 0);
    LineStream lines(input, 1);
    answer_lines(predictor_, lines,
                 {[&](const nlohmann::json& answer) {
                    ++counts_.predicted;
                    output_.write(answer);
                    progress.add();
                  },
                  [&](int64_t line, const std::string& reason) {
                    reject(line, reason);
                    progress.add();
                  }});
    output_.finish();
    if (counts_.predicted == 0 && counts_.rejected > 0)
      throw UserError("predict.no_good_line", cat(input_, ": no line could be read; ", counts_.first_reason),
                      cat("each line is a JSON object with the field ", predictor_.text_field()));
    return counts_;
  }

 private:
  void reject(int64_t line, const std::string& reason) {
    if (counts_.rejected++ == 0) counts_.first_reason = cat("line ", line, ": ", reason);
    std::ofstream file(counts_.rejected_file, std::ios::app);
    file << nlohmann::json{{"file", input_}, {"line", line}, {"reason", reason}}.dump() << '\n';
    if (!file.flush())
      throw RunError("io.write", cat(counts_.rejected_file, ": cannot be written"), "is the folder writable?");
  }

  Predictor& predictor_;
  std::string input_;
  Output output_;
  PredictCounts counts_;
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

// Of a file into another one: the work that ranks share.
PredictCounts predict_to_file(const Command& command, const std::string& input) {
  PredictFileRequest request;
  request.model = absolute_path(command.positionals[0]);
  request.input = absolute_path(input);
  request.output = absolute_path(command.value("output"));
  request.task = workers_of_job();
  request.incarnation = job_incarnation();
  request.ranks = command.number("ranks", 1, 1024).value_or(1);
  const int64_t here = request.task ? 1 : request.ranks;
  request.threads =
      static_cast<int>(command.number("threads", 1, 4096).value_or(std::max<int64_t>(1, available_cores() / here)));
  leave_when_told();
  return predict_file(request);
}

// One process, from beginning to end.
PredictCounts predict_stream(const Command& command, const std::string& input, std::istream& lines) {
  at::set_num_threads(static_cast<int>(command.number("threads", 1, 4096).value_or(available_cores())));
  Predictor predictor(absolute_path(command.positionals[0]));
  Stream stream(predictor, input, command.has("output") ? absolute_path(command.value("output")) : "");
  return stream.run(lines);
}

// What comes out of a pipe can only be read once.
bool from_file_to_file(const Command& command) {
  return command.has("output") && std::filesystem::is_regular_file(command.value("input"));
}

void check_options(const Command& command) {
  if (command.has("text") == command.has("input"))
    throw UserError("usage.predict", "broadsheet predict: wanted one of --text and --input",
                    "give exactly one of them");
  if (command.json && command.has("input") && !command.has("output"))
    throw UserError("usage.predict", "broadsheet predict: --json with --input needs --output",
                    "leave --json out: the predictions are JSONL already");
  if (command.has("ranks") && !from_file_to_file(command))
    throw UserError("usage.predict", "broadsheet predict: --ranks needs --input FILE and --output FILE",
                    "standard input and single texts are for one process");
  if (command.has("ranks") && workers_of_job())
    throw UserError("usage.conflict", "--ranks was given to one of several tasks that share the work already",
                    "leave it out inside srun or mpirun");
}

}  // namespace

int predict(const Command& command) {
  check_options(command);
  if (command.has("text")) {
    at::set_num_threads(static_cast<int>(command.number("threads", 1, 4096).value_or(available_cores())));
    Predictor predictor(absolute_path(command.positionals[0]));
    return predict_one(command, predictor);
  }
  const std::string input = command.value("input");
  std::ifstream file;
  if (input != "-") {
    file.open(input, std::ios::binary);
    if (!file) throw UserError("predict.input", cat(input, ": cannot be read"), "check the path and its permissions");
    if (std::filesystem::is_directory(input))
      throw UserError("predict.input", cat(input, ": is a folder"), "name a file of JSON lines");
  }
  const bool shared = from_file_to_file(command);
  std::error_code absent;
  if (shared && std::filesystem::equivalent(input, command.value("output"), absent))
    throw UserError("predict.output", cat(input, ": is the input and the output"), "write to another file");
  const PredictCounts counts = shared         ? predict_to_file(command, input)
                               : input == "-" ? predict_stream(command, input, std::cin)
                                              : predict_stream(command, input, file);
  if (const auto workers = workers_of_job(); shared && workers && workers->rank > 0) return 0;
  if (counts.rejected > 0)
    log_warning(cat(with_thousands(counts.rejected), " bad line(s) are in ", counts.rejected_file));
  if (command.json) print_json({{"predicted", counts.predicted}, {"rejected", counts.rejected}});
  return 0;
}

}  // namespace broadsheet

// predict: one text, a stream of lines, or a file that several processes share.
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/progress.h"
#include "core/text.h"
#include "launcher/answer.h"
#include "launcher/answer_stream.h"
#include "launcher/engine/models.h"
#include "launcher/engine/predict_file.h"
#include "launcher/engine/predictor.h"
#include "launcher/output.h"
#include "launcher/program.h"
#include "launcher/shared_work.h"

namespace broadsheet {
namespace {

OutputPlace output_of(const Command& command) {
  return output_place(command.value("output"), "output");
}

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

Predictor open_predictor(const Command& command) {
  at::set_num_threads(static_cast<int>(command.number("threads", 1, 4096).value_or(available_cores())));
  return Predictor(absolute_path(command.positionals[0]));
}

int predict_one(const Command& command) {
  Predictor predictor = open_predictor(command);
  std::vector<std::string> texts = {command.value("text")};
  if (command.has("text-pair")) texts.push_back(command.value("text-pair"));
  for (const std::string& one : texts) {
    if (!is_utf8(one)) throw UserError("predict.utf8", "--text: not valid UTF-8", "check the terminal's encoding");
  }
  const size_t wanted = predictor.fields().size();
  if (wanted > 2)
    throw UserError("predict.fields",
                    cat("--text: this model takes ", wanted, " texts: ", join(predictor.fields(), ", ")),
                    "give them as a line of JSON: --input -");
  if (texts.size() != wanted) {
    throw UserError(
        "predict.pair",
        wanted == 1 ? "--text-pair: this model takes one text" : "--text-pair is missing: this model takes two texts",
        wanted == 1 ? "leave it out" : "give the second text");
  }
  const Prediction prediction = predictor.predict(texts);
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
  request.output = output_of(command).path;
  request.task = workers_of_job();
  request.incarnation = job_incarnation();
  request.ranks = command.number("ranks", 1, 1024).value_or(1);
  const int64_t here = request.task ? 1 : request.ranks;
  request.threads =
      static_cast<int>(command.number("threads", 1, 4096).value_or(std::max<int64_t>(1, available_cores() / here)));
  leave_when_told();
  return predict_file(request);
}

// From standard input, or to standard output: by this process alone, from beginning to end.
PredictCounts predict_stream(const Command& command, const std::string& input, std::istream& from) {
  Predictor predictor = open_predictor(command);
  return answer_stream(predictor, input, from, output_of(command), "predicting");
}

// What comes out of a pipe can only be read once, and what goes into one only written in order.
bool from_file_to_file(const Command& command) {
  return command.has("output") && !output_of(command).is_stream &&
         std::filesystem::is_regular_file(command.value("input"));
}

void check_options(const Command& command) {
  check_lines_options(command, "text");
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
  if (command.has("text")) return predict_one(command);
  const std::string input = command.value("input");
  std::ifstream file;
  std::istream& from = open_lines(input, file);
  const bool shared = from_file_to_file(command);
  std::error_code absent;
  if (shared && std::filesystem::equivalent(input, command.value("output"), absent))
    throw UserError("predict.output", cat(input, ": is the input and the output"), "write to another file");
  const PredictCounts counts = shared ? predict_to_file(command, input) : predict_stream(command, input, from);
  if (const auto workers = workers_of_job(); shared && workers && workers->rank > 0) return 0;
  tell_of_rejects(counts, shared ? absolute_path(input) : input);
  if (command.json) print_json({{"predicted", counts.predicted}, {"rejected", counts.rejected}});
  return 0;
}

}  // namespace broadsheet

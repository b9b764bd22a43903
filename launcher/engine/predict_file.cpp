#include "launcher/engine/predict_file.h"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/forked_processes.h"
#include "core/path.h"
#include "core/text.h"
#include "data/preparation/scratch.h"
#include "launcher/engine/predictor.h"
#include "launcher/line_pieces.h"
#include "launcher/program.h"

namespace broadsheet {
namespace {

constexpr double kPatienceWithFirst = 600;  // seconds: it may have to read a large input first
constexpr double kPatienceWithOthers = 60;

// The bytes of a model's folder, whatever they are.
nlohmann::json checksums_of(const std::string& folder) {
  nlohmann::json sums = nlohmann::json::object();
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_regular_file()) sums[entry.path().filename().string()] = xxh3_file(entry.path().string());
  return sums;
}

// What must be equal for the answers of another start to be this one's.
nlohmann::json identity_of(const PredictFileRequest& request) {
  const ModelLocation location = locate_model(request.model);
  const auto written = std::filesystem::last_write_time(request.input).time_since_epoch().count();
  return {{"build", program_build_id()},
          {"input", {request.input, std::filesystem::file_size(request.input), written}},
          {"model", checksums_of(location.weights_folder)},
          {"tokenizer", checksums_of(location.tokenizer_folder)}};
}

class FilePrediction {
 public:
  FilePrediction(const PredictFileRequest& request, int64_t rank)
      : request_(request), folder_(folder_of(request)), tag_(cat(".", rank, "-", ::getpid())) {}

  static std::string folder_of(const PredictFileRequest& request) { return request.output + ".predicting"; }

  // First rank, before any other begins.
  void take_over() {
    const nlohmann::json identity = identity_of(request_);
    const std::string plan = path("plan.json");
    const auto before =
        exists(plan) ? nlohmann::json::parse(read_file(plan), nullptr, /*allow_exceptions=*/false) : nlohmann::json();
    if (before != identity) {
      remove_folder_durably(folder_);
      make_folders(folder_);
      write_scratch(plan, tag_, identity.dump());
    }
    cut();
    std::set<std::string> good = {"plan.json"};
    for (size_t i = 0; i < pieces_.size(); ++i)
      if (is_whole(i))
        for (const std::string& file : {answers(i), rejects(i), record(i)}) good.insert(file_name(file));
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      if (good.count(entry.path().filename().string()) == 0) std::filesystem::remove_all(entry.path());
  }
  void cut() {
    pieces_ =
        cut_lines(request_.input, line_piece_size(static_cast<int64_t>(std::filesystem::file_size(request_.input))));
  }
  int64_t pieces() const { return static_cast<int64_t>(pieces_.size()); }

  void work(WorkBoard& board) {
    at::set_num_threads(request_.threads);
    Predictor predictor(request_.model);
    text_field_ = predictor.text_field();
    WorkBoard::Stage stage;
    stage.name = "predict";
    stage.tasks = pieces();
    stage.doing = "predicting";
    stage.unit = "bytes";
    stage.is_done = [&](int64_t piece) { return exists(record(static_cast<size_t>(piece))); };
    stage.size = [&](int64_t piece) {
      const LinePiece& one = pieces_[static_cast<size_t>(piece)];
      return one.end - one.begin;
    };
    stage.work = [&](int64_t piece) { answer_piece(predictor, static_cast<size_t>(piece)); };
    try {
      board.share(stage);
    } catch (const Error& error) {
      board.fail(error);
      throw;
    }
    board.leave();
  }

  const std::string& text_field() const { return text_field_; }
  // The output and the list of rejects; before, nothing of either is touched.
  PredictCounts join() const {
    PredictCounts counts;
    counts.rejected_file = request_.input + ".rejected.jsonl";
    for (size_t i = 0; i < pieces_.size(); ++i) {
      const nlohmann::json done = read_json(record(i));
      counts.predicted += done.at("predicted").get<int64_t>();
      counts.rejected += done.at("rejected").get<int64_t>();
      if (counts.first_reason.empty()) counts.first_reason = done.at("first_reason").get<std::string>();
    }
    join_files(counts.rejected > 0, &FilePrediction::rejects, counts.rejected_file);
    join_files(true, &FilePrediction::answers, request_.output);
    return counts;
  }

 private:
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string answers(size_t piece) const { return path(cat("piece-", piece, ".jsonl")); }
  std::string rejects(size_t piece) const { return path(cat("piece-", piece, ".rejected.jsonl")); }
  std::string record(size_t piece) const { return path(cat("piece-", piece, ".json")); }

  bool is_whole(size_t piece) const {
    try {
      const nlohmann::json done = read_json(record(piece));
      return xxh3_file(answers(piece)) == done.at("answers") && xxh3_file(rejects(piece)) == done.at("rejects");
    } catch (const std::exception&) {
      return false;
    }
  }

  void answer_piece(Predictor& predictor, size_t number) {
    const LinePiece& piece = pieces_[number];
    std::ifstream input(request_.input, std::ios::binary);
    input.seekg(piece.begin);
    if (!input) throw RunError("io.read", cat(request_.input, ": cannot be read"), "see the system's log");
    std::string answered, rejected, first_reason;
    int64_t predicted = 0, refused = 0;
    LineStream lines(input, piece.first_line, piece.end - piece.begin);
    answer_lines(
        predictor, lines,
        {[&](const nlohmann::json& answer) {
           ++predicted;
           answered += answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
         },
         [&](int64_t line, const std::string& reason) {
           if (refused++ == 0) first_reason = cat("line ", line, ": ", reason);
           rejected += nlohmann::json{{"file", request_.input}, {"line", line}, {"reason", reason}}.dump() + "\n";
         }});
    write_scratch(answers(number), tag_, answered);
    write_scratch(rejects(number), tag_, rejected);
    const nlohmann::json done = {{"predicted", predicted},
                                 {"rejected", refused},
                                 {"first_reason", first_reason},
                                 {"answers", xxh3_file(answers(number))},
                                 {"rejects", xxh3_file(rejects(number))}};
    write_scratch(record(number), tag_, done.dump());
  }

  // Whole or absent.
  void join_files(bool any, std::string (FilePrediction::*part)(size_t) const, const std::string& to) const {
    const std::string writing = to + ".writing";
    ::unlink(writing.c_str());
    if (!any) {
      ::unlink(to.c_str());
      return;
    }
    DurableFile file(writing);
    for (size_t i = 0; i < pieces_.size(); ++i) file.write(read_file((this->*part)(i), uint64_t{1} << 40));
    file.close();
    rename_durably(writing, to);
  }

  const PredictFileRequest& request_;
  std::string folder_, tag_, text_field_;
  std::vector<LinePiece> pieces_;
};

void help(const PredictFileRequest& request, const Workers& workers) {
  FilePrediction prediction(request, workers.rank);
  WorkBoard board(FilePrediction::folder_of(request), workers, kPatienceWithFirst);
  prediction.cut();
  prediction.work(board);
}

std::string new_start() {
  return cat(::getpid(), "-", std::chrono::system_clock::now().time_since_epoch().count());
}

}  // namespace

PredictCounts predict_file(const PredictFileRequest& request) {
  Workers workers = request.task.value_or(Workers{0, request.ranks, new_start()});
  if (workers.rank > 0) {
    help(request, workers);
    return {};
  }
  make_folders(parent_folder(request.output));
  const FolderLock lock = FolderLock::acquire(request.output + ".lock", request.incarnation);
  FilePrediction prediction(request, 0);
  prediction.take_over();
  std::optional<ForkedProcesses> copies;
  WorkBoard board(FilePrediction::folder_of(request), workers, 0, [&] {
    if (copies) copies->check();
  });
  const int64_t helpers = std::min(workers.count, prediction.pieces()) - 1;
  if (!request.task && helpers > 0)
    copies.emplace(helpers, [&](int64_t rank) {
      try {
        help(request, {rank, workers.count, workers.start});
        return 0;
      } catch (const std::exception&) {
        return 1;  // told through the board
      }
    });
  prediction.work(board);
  if (copies) copies->wait();
  if (request.task) board.wait_for_others(kPatienceWithOthers);
  const PredictCounts counts = prediction.join();
  remove_folder_durably(FilePrediction::folder_of(request));
  if (counts.predicted == 0 && counts.rejected > 0)
    throw UserError("predict.no_good_line", cat(request.input, ": no line could be read; ", counts.first_reason),
                    cat("each line is a JSON object with the field ", prediction.text_field()));
  return counts;
}

}  // namespace broadsheet

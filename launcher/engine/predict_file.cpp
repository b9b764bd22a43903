#include "launcher/engine/predict_file.h"

#include <ATen/Parallel.h>
#include <unistd.h>

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
#include "launcher/line_pieces.h"
#include "launcher/program.h"

namespace broadsheet {
namespace {

constexpr double kPatienceWithFirst = 600;  // seconds: it may have to read a large input first
constexpr double kPatienceWithOthers = 60;

constexpr const char* kPlan = "plan.json";

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
    if (!read_plan(identity)) {
      remove_folder_durably(folder_);
      make_folders(folder_);
      const auto size = static_cast<int64_t>(std::filesystem::file_size(request_.input));
      pieces_ = cut_lines(request_.input, line_piece_size(size));
      write_plan(identity);
    }
    std::set<std::string> good = {kPlan};
    for (size_t i = 0; i < pieces_.size(); ++i)
      if (is_whole(i))
        for (const std::string& file : {answers(i), rejects(i), record(i)}) good.insert(file_name(file));
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      if (good.count(entry.path().filename().string()) == 0) std::filesystem::remove_all(entry.path());
  }
  // Another, when the first has.
  void join_in() { read_pieces(read_json(path(kPlan))); }
  int64_t pieces() const { return static_cast<int64_t>(pieces_.size()); }

  void work(WorkBoard& board) {
    at::set_num_threads(request_.threads);
    Predictor predictor(request_.model);
    wanted_ = predictor.wanted();
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

  const std::string& wanted() const { return wanted_; }
  // The output and the list of rejects; before, nothing of either is touched.
  PredictCounts join() const {
    PredictCounts counts;
    for (size_t i = 0; i < pieces_.size(); ++i) {
      const nlohmann::json done = read_json(record(i));
      counts.predicted += done.at("predicted").get<int64_t>();
      counts.rejected += done.at("rejected").get<int64_t>();
      if (counts.first_reason.empty()) counts.first_reason = done.at("first_reason").get<std::string>();
    }
    join_files(counts.rejected > 0, &FilePrediction::rejects, rejects_of(request_.input));
    join_files(true, &FilePrediction::answers, request_.output);
    return counts;
  }

 private:
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string answers(size_t piece) const { return path(cat("piece-", piece, ".jsonl")); }
  std::string rejects(size_t piece) const { return path(cat("piece-", piece, ".rejected.jsonl")); }
  std::string record(size_t piece) const { return path(cat("piece-", piece, ".json")); }

  // False: there is none of this identity.
  bool read_plan(const nlohmann::json& identity) {
    if (!exists(path(kPlan))) return false;
    const auto plan = nlohmann::json::parse(read_file(path(kPlan)), nullptr, /*allow_exceptions=*/false);
    if (!plan.is_object() || plan.value("identity", nlohmann::json()) != identity) return false;
    read_pieces(plan);
    return true;
  }
  void read_pieces(const nlohmann::json& plan) {
    for (const nlohmann::json& piece : plan.at("pieces"))
      pieces_.push_back({piece.at(0).get<int64_t>(), piece.at(1).get<int64_t>(), piece.at(2).get<int64_t>()});
  }
  void write_plan(const nlohmann::json& identity) const {
    nlohmann::json pieces = nlohmann::json::array();
    for (const LinePiece& piece : pieces_) pieces.push_back({piece.begin, piece.end, piece.first_line});
    write_scratch(path(kPlan), tag_, nlohmann::json{{"identity", identity}, {"pieces", pieces}}.dump());
  }

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
    std::string answered, rejected;
    LineStream lines(input, piece.first_line, piece.end - piece.begin);
    const PredictCounts counts = answer_lines(
        predictor, lines, request_.input,
        {[&](const std::string& line) { answered += line; }, [&](const std::string& line) { rejected += line; }});
    write_scratch(answers(number), tag_, answered);
    write_scratch(rejects(number), tag_, rejected);
    const nlohmann::json done = {{"predicted", counts.predicted},
                                 {"rejected", counts.rejected},
                                 {"first_reason", counts.first_reason},
                                 {"answers", xxh3_hex(answered)},
                                 {"rejects", xxh3_hex(rejected)}};
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
  std::string folder_, tag_, wanted_;
  std::vector<LinePiece> pieces_;
};

void help(const PredictFileRequest& request, const Workers& workers) {
  FilePrediction prediction(request, workers.rank);
  WorkBoard board(FilePrediction::folder_of(request), workers, kPatienceWithFirst);
  prediction.join_in();
  prediction.work(board);
}

}  // namespace

PredictCounts predict_file(const PredictFileRequest& request) {
  const Workers workers = request.task.value_or(Workers::with_copies(request.ranks));
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
  counts.check(request.input, prediction.wanted());
  return counts;
}

}  // namespace broadsheet

#include "data/train_tokenizer.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>

#include "core/errors.h"
#include "core/forked_processes.h"
#include "core/path.h"
#include "core/progress.h"
#include "core/text.h"
#include "data/preparation/columns.h"
#include "data/preparation/piece_words.h"
#include "data/preparation/scratch.h"
#include "data/preparation/work_board.h"
#include "data/sources.h"
#include "data/standard_input.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {
namespace {

// Counting: a task a piece of the sources, then a task a group of pieces, whose words are put together.
class WordCounting {
 public:
  WordCounting(const CorpusConfig& config, const TokenizerOrder& order, const std::string& folder)
      : config_(config),
        fields_(config),
        files_(list_sources(config)),
        options_(order.training),
        folder_(folder),
        pieces_(cut_sources(files_, order.piece_bytes > 0 ? order.piece_bytes : piece_size(files_))),
        group_(static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(pieces_.size()))))) {
    if (config.deidentify) deidentifier_.emplace(*config.deidentify, config.output);
  }

  int64_t pieces() const { return static_cast<int64_t>(pieces_.size()); }

  void run(WorkBoard& board, int64_t rank) {
    const std::string tag = cat(".", rank, ".part");
    WordReader reader(config_, fields_, deidentifier_ ? &*deidentifier_ : nullptr, files_, options_);
    WorkBoard::Stage count;
    count.name = "count";
    count.tasks = pieces();
    count.doing = "counting words";
    count.unit = "bytes";
    count.is_done = [&](int64_t piece) { return exists(piece_files(piece, tag).record()); };
    count.size = [&](int64_t piece) { return pieces_[static_cast<size_t>(piece)].bytes; };
    count.work = [&](int64_t piece) {
      const PieceFiles files = piece_files(piece, tag);
      write_scratch(files.record(), tag, reader.read(pieces_[static_cast<size_t>(piece)], files).json().dump());
    };
    board.share(count);

    WorkBoard::Stage merge;
    merge.name = "merge";
    merge.tasks = (pieces() + group_ - 1) / group_;
    merge.doing = "putting words together";
    merge.unit = "parts";
    merge.is_done = [&](int64_t group) { return exists(group_run(group)); };
    merge.size = [](int64_t) { return 1; };
    merge.work = [&](int64_t group) { merge_word_runs(runs_of(group, tag), group_run(group), tag); };
    board.share(merge);
  }

  // After run(). UserError when the sources are not what the configuration says.
  FrequentWords result(size_t limit, TokenizerReport& report) const {
    std::map<const SourceConfig*, std::set<std::string>> columns;
    for (int64_t piece = 0; piece < pieces(); ++piece) {
      const WordRecord record = record_of(piece, "");
      report.read += record.read;
      report.documents += record.documents;
      for (const auto& [reason, count] : record.rejected_by_reason) {
        report.rejected += count;
        report.rejected_by_reason[reason] += count;
      }
      for (const auto& [reason, count] : record.filtered_by_reason) report.filtered_by_reason[reason] += count;
      report.words_too_long += record.words_too_long;
      const SourceFile& file = files_[static_cast<size_t>(pieces_[static_cast<size_t>(piece)].file)];
      columns[file.source].insert(record.columns.begin(), record.columns.end());
    }
    Faults faults;
    for (const SourceConfig& source : config_.sources) check_filter(config_, files_, source, columns[&source], faults);
    faults.throw_if_any();
    check_unchanged(files_);
    check_records(report);
    std::vector<std::string> runs;
    for (int64_t group = 0; group * group_ < pieces(); ++group) runs.push_back(group_run(group));
    return most_frequent_words(runs, limit);
  }

 private:
  void check_records(const TokenizerReport& report) const {
    if (report.read == 0)
      throw UserError("corpus.empty", cat(name_files(files_), ": no documents"), "check sources: files: and format:");
    const double share = static_cast<double>(report.rejected) / static_cast<double>(report.read);
    if (share <= config_.max_rejected_share) return;
    std::string what = cat(with_thousands(report.rejected), " of ", with_thousands(report.read),
                           " records are unusable (allowed are ", shortest(config_.max_rejected_share * 100), " %):");
    for (const auto& [reason, count] : report.rejected_by_reason) what += cat(" ", with_thousands(count), " ", reason);
    throw UserError(Fault{"corpus.rejected_share",
                          {},
                          "max_rejected_share",
                          what,
                          "correct the sources or the fields, or raise max_rejected_share"});
  }

  std::vector<std::string> runs_of(int64_t group, const std::string& tag) const {
    std::vector<std::string> runs;
    for (int64_t piece = group * group_; piece < std::min((group + 1) * group_, pieces()); ++piece)
      for (int64_t run = 0; run < record_of(piece, tag).runs; ++run)
        runs.push_back(word_run(piece_files(piece, tag), run));
    return runs;
  }
  WordRecord record_of(int64_t piece, const std::string& tag) const {
    return WordRecord::from(read_json(piece_files(piece, tag).record()));
  }
  PieceFiles piece_files(int64_t piece, const std::string& tag) const { return {cat(folder_, "/piece-", piece), tag}; }
  std::string group_run(int64_t group) const { return cat(folder_, "/group-", group, ".words"); }

  const CorpusConfig& config_;
  FieldReader fields_;
  std::vector<SourceFile> files_;
  const TrainingOptions& options_;
  std::string folder_;
  std::vector<Piece> pieces_;
  int64_t group_;  // pieces in one
  std::optional<Deidentifier> deidentifier_;
};

// Counts with the help of copies of this process. What a copy throws is thrown here.
void count_together(WordCounting& counting, const std::string& folder, int64_t ranks) {
  const Workers workers{0, std::min(ranks, counting.pieces()), "words"};
  std::optional<ForkedProcesses> copies;
  WorkBoard board(folder, workers, 0, [&] {
    if (copies) copies->check();
  });
  if (workers.count > 1)
    copies.emplace(workers.count - 1, [&](int64_t rank) {
      WorkBoard own(folder, {rank, workers.count, workers.start}, 0);
      try {
        counting.run(own, rank);
        return 0;
      } catch (const Error& error) {
        own.fail(error);
      } catch (const std::exception&) {
        // Told by the exit alone.
      }
      return 1;
    });
  counting.run(board, 0);
  if (copies) copies->wait();
}

bool may_be_replaced(const std::string& folder) {
  const std::vector<std::string> ours = trained_file_names();
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (std::find(ours.begin(), ours.end(), entry.path().filename().string()) == ours.end()) return false;
  return true;
}

void describe(const TrainedTokenizer& trained, TokenizerReport& report) {
  report.vocab_size = static_cast<int64_t>(trained.vocabulary.size());
  report.special_tokens =
      static_cast<int64_t>(own_special_tokens(trained.options.kind).size() + trained.options.special_tokens.size());
  std::set<int32_t> merged;
  for (const LearnedMerge& merge : trained.merges) merged.insert(merge.merged);
  report.merged = static_cast<int64_t>(merged.size());
  report.alphabet = report.vocab_size - report.special_tokens - report.merged;
}

}  // namespace

nlohmann::json TokenizerReport::json() const {
  return {{"folder", folder},
          {"read", read},
          {"documents", documents},
          {"rejected", rejected},
          {"rejected_by_reason", rejected_by_reason},
          {"filtered_by_reason", filtered_by_reason},
          {"words", words},
          {"different_words", different_words},
          {"words_too_long", words_too_long},
          {"rare_words_left_out", rare_words_left_out},
          {"vocab_size", vocab_size},
          {"special_tokens", special_tokens},
          {"alphabet", alphabet},
          {"merged", merged},
          {"fingerprint", fingerprint}};
}

std::string tokenizer_output(const CorpusConfig& config, const TokenizerOrder& order) {
  const std::string folder = absolute_path(order.output.empty() ? config.tokenizer : order.output);
  if (!exists(folder)) return folder;
  if (!std::filesystem::is_directory(folder))
    throw UserError("tokenizer.exists", cat(folder, ": is a file"), "name another folder with --output");
  if (std::filesystem::is_empty(folder)) return folder;
  if (!order.replace)
    throw UserError("tokenizer.exists", cat(folder, ": is there already"),
                    "name another folder with --output, or replace this one with --replace");
  if (!may_be_replaced(folder))
    throw UserError("tokenizer.exists", cat(folder, ": holds other files than those of a tokenizer"),
                    "name another folder with --output, or move what is in it away");
  return folder;
}

TokenizerReport make_tokenizer(const CorpusConfig& config, const TokenizerOrder& order) {
  check_special_tokens(order.training);
  TokenizerReport report;
  report.folder = tokenizer_output(config, order);
  const std::string beside = cat(parent_folder(report.folder), "/.", file_name(report.folder));
  const std::string scratch = beside + ".training", made = scratch + "/tokenizer";
  CorpusConfig spooled = config;
  if (!reads_standard_input(config)) list_sources(config);  // what is wrong with them is said before anything is made
  make_folders(parent_folder(report.folder));
  const FolderLock lock = FolderLock::acquire(beside + ".lock", order.incarnation);
  if (exists(scratch)) remove_folder_durably(scratch);
  make_folders(made);
  try {
    std::optional<SpooledInput> input;
    if (reads_standard_input(config)) input.emplace(spooled, cat(scratch, "/input", kSpoolEnding));
    WordCounting counting(spooled, order, scratch);
    count_together(counting, scratch, order.ranks);
    const FrequentWords frequent = counting.result(order.word_limit, report);
    report.rare_words_left_out = frequent.left_out;
    report.different_words = static_cast<int64_t>(frequent.words.size());
    for (size_t i = 0; i < frequent.words.size(); ++i) report.words += frequent.words.count(i);
    Progress progress("learning", "tokens", order.training.vocab_size);
    const TrainedTokenizer trained =
        train_tokenizer(frequent.words, order.training, [&](int64_t tokens) { progress.set(tokens); });
    write_tokenizer(trained, made);
    describe(trained, report);
  } catch (const UserError&) {
    remove_folder_durably(scratch);
    throw;
  }
  const auto loaded = load_tokenizer(made);
  BROADSHEET_ASSERT(loaded->vocab_size() == report.vocab_size);
  report.fingerprint = loaded->fingerprint();
  if (exists(report.folder)) remove_folder_durably(report.folder);
  rename_durably(made, report.folder);
  remove_folder_durably(scratch);
  return report;
}

}  // namespace broadsheet

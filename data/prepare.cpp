#include "data/prepare.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include "core/durable.h"
#include "core/errors.h"
#include "core/forked_processes.h"
#include "core/path.h"
#include "core/text.h"
#include "data/manifest.h"
#include "data/preparation/preparation.h"
#include "data/standard_input.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {
namespace {

constexpr double kPatienceWithFirst = 600;  // seconds: the first rank may have to compare checksums first
constexpr double kPatienceWithOthers = 60;

PrepareReport report_from(const Manifest& manifest, const std::string& folder) {
  PrepareReport report;
  try {
    report = PrepareReport::from(manifest.counts);
  } catch (const nlohmann::json::exception& error) {
    throw UserError("corpus.manifest", cat(folder, "/", kManifestName, ": counts are damaged (", error.what(), ")"),
                    "prepare the corpus again with --replace");
  }
  report.folder = folder;
  report.already_prepared = true;
  return report;
}

// The report of the corpus that is there already, if it is the one that is asked for.
std::optional<PrepareReport> existing_corpus(const std::string& folder, const nlohmann::json& configuration,
                                             const nlohmann::json& sources, const std::string& tokenizer,
                                             bool replace) {
  if (!exists(folder)) return std::nullopt;
  if (!std::filesystem::is_directory(folder))
    throw UserError("corpus.exists", cat(folder, ": is a file"), "name another output:");
  if (std::filesystem::is_empty(folder)) return std::nullopt;
  if (!exists(folder + "/" + kManifestName))
    throw UserError("corpus.exists", cat(folder, ": is there already and is not a corpus"),
                    "name another output:, or move it away");
  if (replace) return std::nullopt;
  const Manifest manifest = Manifest::load(folder);
  std::string changed;
  if (manifest.configuration != configuration) changed = "another configuration";
  if (manifest.sources != sources) changed = "other source files";
  if (manifest.tokenizer_fingerprint != tokenizer) changed = "another tokenizer";
  if (!changed.empty())
    throw UserError("corpus.exists", cat(folder, ": is a corpus made from ", changed),
                    "name another output:, or pass --replace to make it anew");
  return report_from(manifest, folder);
}

// The places beside the corpus's own.
struct Places {
  explicit Places(const CorpusConfig& config)
      : output(absolute_path(config.output)), beside(cat(parent_folder(output), "/.", file_name(output))) {}
  std::string output, beside;
  std::string standard_input() const { return beside + kSpoolEnding; }
  std::string lock() const { return beside + ".lock"; }
  std::string scratch() const { return beside + ".preparing"; }
};

// What is prepared, read once for all processes.
struct Order {
  explicit Order(const CorpusConfig& config_in)
      : config(config_in), fields(config), files(list_sources(config)), tokenizer(load_tokenizer(config.tokenizer)) {
    manifest.name = config.name;
    manifest.tokenizer_fingerprint = tokenizer->fingerprint();
    manifest.vocab_size = tokenizer->vocab_size();
    manifest.configuration = corpus_configuration(config);
    if (config.deidentify) {
      deidentifier.emplace(*config.deidentify, config.output);
      manifest.configuration["deidentify"] = deidentifier->configuration();
    }
  }
  const CorpusConfig& config;
  FieldReader fields;
  std::vector<SourceFile> files;
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<Deidentifier> deidentifier;
  Manifest manifest;
};

Preparation preparation_of(const Order& order, const Places& places, const PrepareOptions& options, int64_t rank) {
  return {order.config, order.fields,   *order.tokenizer, order.deidentifier ? &*order.deidentifier : nullptr,
          order.files,  order.manifest, places.scratch(), options.piece_bytes,
          rank};
}

// All stages, in this process. What it throws the others learn, too.
PrepareReport work(Preparation& preparation, WorkBoard& board) {
  try {
    PrepareReport report = preparation.run(board);
    board.leave();
    return report;
  } catch (const Error& error) {
    board.fail(error);
    throw;
  }
}

// A process that only helps. What is wrong the first rank says.
void help(const Order& order, const Places& places, const PrepareOptions& options, const Workers& workers) {
  WorkBoard board(places.scratch(), workers, kPatienceWithFirst);
  if (board.dismissed()) return board.leave();
  Preparation preparation = preparation_of(order, places, options, workers.rank);
  work(preparation, board);
}

PrepareReport lead(const Order& order, const Places& places, const PrepareOptions& options, const Workers& workers) {
  Preparation preparation = preparation_of(order, places, options, 0);
  preparation.take_over();
  std::optional<ForkedProcesses> copies;
  WorkBoard board(places.scratch(), workers, 0, [&] {
    if (copies) copies->check();
  });
  const int64_t helpers = std::min(workers.count, preparation.pieces()) - 1;
  if (!options.task && helpers > 0)
    copies.emplace(helpers, [&](int64_t rank) {
      try {
        help(order, places, options, {rank, workers.count, workers.start});
        return 0;
      } catch (const std::exception&) {
        return 1;  // told through the board; who ends for another reason is missed by its exit
      }
    });
  PrepareReport report;
  try {
    report = work(preparation, board);
  } catch (const UserError&) {
    copies.reset();
    remove_folder_durably(places.scratch());
    throw;
  }
  if (copies) copies->wait();
  if (options.task) board.wait_for_others(kPatienceWithOthers);
  if (exists(places.output)) remove_folder_durably(places.output);
  rename_durably(preparation.corpus(), places.output);
  remove_folder_durably(places.scratch());
  std::filesystem::remove(places.output + "." + kRejectedName);
  report.folder = places.output;
  return report;
}

// The lock lies beside the corpus, in a folder that others use for theirs: it is the corpus that is in use.
FolderLock lock_output(const Places& places, const Incarnation& incarnation) {
  try {
    return FolderLock::acquire(places.lock(), incarnation);
  } catch (const UserError& error) {
    const std::optional<LockHolder> holder = look_at_lock(places.lock());
    if (!holder) throw;
    throw UserError("lock.held",
                    cat(places.output, ": is being prepared by process ", holder->process, " on ", holder->host, " (",
                        holder->command, ")"),
                    error.faults().front().remedy);
  }
}

std::string new_start() {
  return cat(::getpid(), "-", std::chrono::system_clock::now().time_since_epoch().count());
}

}  // namespace

nlohmann::json PrepareReport::counts() const {
  nlohmann::json json = {{"read", read},
                         {"kept", kept},
                         {"rejected", rejected},
                         {"duplicates", duplicates},
                         {"rejected_by_reason", rejected_by_reason},
                         {"documents_by_split", documents_by_split},
                         {"tokens", tokens}};
  for (const auto& [field, summary] : lengths) json["lengths"][field] = summary.json();
  // Only where something was asked for: corpora without it keep their bytes.
  if (near_duplicates > 0) json["near_duplicates"] = near_duplicates;
  if (leakage > 0) json["leakage"] = leakage;
  if (!filtered_by_reason.empty()) json["filtered_by_reason"] = filtered_by_reason;
  if (!cleaned_by_step.empty()) json["cleaned_by_step"] = cleaned_by_step;
  if (!deidentified.empty()) json["deidentified"] = deidentified;
  if (!split_points.is_null()) json["split_points"] = split_points;
  return json;
}

nlohmann::json PrepareReport::json() const {
  nlohmann::json json = counts();
  json["folder"] = folder;
  json["already_prepared"] = already_prepared;
  return json;
}

PrepareReport PrepareReport::from(const nlohmann::json& counts) {
  PrepareReport report;
  report.read = counts.at("read").get<int64_t>();
  report.kept = counts.at("kept").get<int64_t>();
  report.rejected = counts.at("rejected").get<int64_t>();
  report.duplicates = counts.at("duplicates").get<int64_t>();
  report.tokens = counts.at("tokens").get<int64_t>();
  report.rejected_by_reason = counts.at("rejected_by_reason").get<std::map<std::string, int64_t>>();
  report.documents_by_split = counts.at("documents_by_split").get<std::map<std::string, int64_t>>();
  if (counts.contains("lengths"))  // not of a corpus that an earlier version made
    for (const auto& [field, summary] : counts.at("lengths").items())
      report.lengths[field] = LengthSummary::from(summary);
  report.split_points = counts.value("split_points", nlohmann::json());
  report.near_duplicates = counts.value("near_duplicates", int64_t{0});
  report.leakage = counts.value("leakage", int64_t{0});
  for (const auto& [name, map] :
       {std::pair("filtered_by_reason", &report.filtered_by_reason),
        std::pair("cleaned_by_step", &report.cleaned_by_step), std::pair("deidentified", &report.deidentified)})
    if (counts.contains(name)) *map = counts.at(name).get<std::map<std::string, int64_t>>();
  return report;
}

std::vector<std::string> corpus_sources(const CorpusConfig& config) {
  const FieldReader fields(config);
  if (config.deidentify) const Deidentifier readable(*config.deidentify, config.output);
  std::vector<std::string> paths;
  for (const SourceFile& file : list_sources(config)) paths.push_back(file.path);
  return paths;
}

PrepareReport prepare_corpus(const CorpusConfig& config, const PrepareOptions& options) {
  if (config.output.empty()) throw UserError("corpus.output", "output: is not set", "name the corpus's folder");
  if (options.task && reads_standard_input(config))
    throw UserError("corpus.no_file", "the tasks of a job step cannot share standard input",
                    "prepare with --ranks in one process, or name files");
  const Places places(config);
  Workers workers{0, options.ranks, new_start()};
  if (options.task) workers = {options.task->rank, options.task->count, options.task->start};
  if (workers.rank > 0) {
    help(Order(config), places, options, workers);
    return {};
  }
  std::optional<Order> order(std::in_place, config);  // what is wrong with it is said before anything is made
  make_folders(parent_folder(places.output));
  const FolderLock lock = lock_output(places, options.incarnation);
  CorpusConfig spooled = config;
  std::optional<SpooledInput> input;
  if (reads_standard_input(config)) {
    input.emplace(spooled, places.standard_input());
    order.emplace(spooled);
  }
  if (exists(places.output)) {
    auto report = existing_corpus(places.output, order->manifest.configuration, describe_sources(order->files),
                                  order->manifest.tokenizer_fingerprint, options.replace);
    if (report && options.task) WorkBoard::dismiss(places.scratch(), workers).wait_for_others(kPatienceWithOthers);
    if (report) return *report;
  }
  return lead(*order, places, options, workers);
}

}  // namespace broadsheet

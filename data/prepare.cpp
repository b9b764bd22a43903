#include "data/prepare.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include "core/durable.h"
#include "core/errors.h"
#include "core/forked_processes.h"
#include "core/path.h"
#include "core/text.h"
#include "data/manifest.h"
#include "data/preparation/corpus_switch.h"
#include "data/preparation/places.h"
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

// False: it is absent or empty. UserError when there is something else.
bool holds_corpus(const std::string& folder) {
  if (!exists(folder)) return false;
  if (!std::filesystem::is_directory(folder))
    throw UserError("corpus.exists", cat(folder, ": is a file"), "name another output:");
  if (std::filesystem::is_empty(folder)) return false;
  if (!exists(folder + "/" + kManifestName))
    throw UserError("corpus.exists", cat(folder, ": is there already and is not a corpus"),
                    "name another output:, or move it away");
  return true;
}

// The report of the corpus that is there already, if it is the one that is asked for.
std::optional<PrepareReport> existing_corpus(const std::string& folder, const nlohmann::json& configuration,
                                             const nlohmann::json& sources, const std::string& tokenizer,
                                             bool replace) {
  if (!holds_corpus(folder) || replace) return std::nullopt;
  const Manifest manifest = Manifest::load(folder);
  std::string changed;
  if (manifest.configuration != configuration) changed = "another configuration";
  if (manifest.sources != sources) changed = "other source files";
  if (manifest.tokenizer_fingerprint != tokenizer) changed = "another tokenizer";
  if (!changed.empty())
    throw UserError("corpus.exists", cat(folder, ": is a corpus made from ", changed),
                    "name another output:, pass --append to add the files that are new, or --replace to make it anew");
  return report_from(manifest, folder);
}

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
  // What is in `folder` is added to. Of several ranks the others do it when the first has found that it can be done.
  void append_to(const std::string& folder) {
    earlier.emplace(EarlierCorpus::open(folder, files));
    earlier->check_configuration(manifest);
  }
  const CorpusConfig& config;
  FieldReader fields;
  std::vector<SourceFile> files;
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<Deidentifier> deidentifier;
  Manifest manifest;
  std::optional<EarlierCorpus> earlier;  // that is added to
};

Preparation preparation_of(const Order& order, const Places& places, const PrepareOptions& options, int64_t rank) {
  const PreparationInput input{order.config,
                               order.fields,
                               *order.tokenizer,
                               order.deidentifier ? &*order.deidentifier : nullptr,
                               order.files,
                               order.manifest,
                               order.earlier ? &*order.earlier : nullptr};
  return {input, places.scratch(), options.piece_bytes, rank};
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
void help(Order& order, const Places& places, const PrepareOptions& options, const Workers& workers) {
  WorkBoard board(places.scratch(), workers, kPatienceWithFirst);
  if (board.dismissed()) return board.leave();
  if (options.append && !order.earlier && holds_corpus(places.output)) order.append_to(places.output);
  Preparation preparation = preparation_of(order, places, options, workers.rank);
  work(preparation, board);
}

PrepareReport lead(Order& order, const Places& places, const PrepareOptions& options, const Workers& workers) {
  Preparation preparation = preparation_of(order, places, options, 0);
  preparation.take_over();
  // Until the manifest of both is there, nothing has been moved into the corpus that is worth going on with.
  if (order.earlier && !exists(preparation.corpus() + "/" + kManifestName))
    remove_leftovers(places.output, order.earlier->manifest);
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
  if (order.earlier) {
    switch_corpus(preparation.corpus(), places.output);
  } else {
    if (exists(places.output)) remove_folder_durably(places.output);
    rename_durably(preparation.corpus(), places.output);
  }
  remove_folder_durably(places.scratch());
  std::filesystem::remove(places.output + "." + kRejectedName);
  report.folder = places.output;
  return report;
}

// Nothing is new: what is known must be what it was, and what killed ones have left goes.
PrepareReport add_nothing(const Order& order, const Places& places) {
  for (const EarlierCorpus::Known& known : order.earlier->known) known.check();
  remove_leftovers(places.output, order.earlier->manifest);
  if (exists(places.scratch())) remove_folder_durably(places.scratch());
  PrepareReport report = order.earlier->report;
  report.folder = places.output;
  report.already_prepared = true;
  report.added = PrepareReport().counts();
  report.added["files"] = nlohmann::json::array();
  return report;
}

}  // namespace

std::vector<std::string> corpus_sources(const CorpusConfig& config) {
  const FieldReader fields(config);
  if (config.deidentify) const Deidentifier readable(*config.deidentify, config.output);
  std::vector<std::string> paths;
  for (const SourceFile& file : list_sources(config)) paths.push_back(file.path);
  return paths;
}

AppendPlan plan_append(const CorpusConfig& config) {
  Order order(config);
  if (holds_corpus(Places(config).output)) order.append_to(Places(config).output);
  AppendPlan plan;
  for (const SourceFile& file : order.files) plan.files.push_back(file.path);
  if (order.earlier) plan.known = static_cast<int64_t>(order.earlier->known.size());
  return plan;
}

PrepareReport prepare_corpus(const CorpusConfig& config, const PrepareOptions& options) {
  if (config.output.empty()) throw UserError("corpus.output", "output: is not set", "name the corpus's folder");
  if (options.task && reads_standard_input(config))
    throw UserError("corpus.no_file", "the tasks of a job step cannot share standard input",
                    "prepare with --ranks in one process, or name files");
  const Places places(config);
  Workers workers = Workers::with_copies(options.ranks);
  if (options.task) workers = {options.task->rank, options.task->count, options.task->start};
  if (workers.rank > 0) {
    Order order(config);
    help(order, places, options, workers);
    return {};
  }
  std::optional<Order> order(std::in_place, config);  // what is wrong with it is said before anything is made
  make_folders(parent_folder(places.output));
  const FolderLock lock = places.hold(options.incarnation);
  CorpusConfig spooled = config;
  std::optional<SpooledInput> input;
  if (reads_standard_input(config)) {
    input.emplace(spooled, places.standard_input());
    order.emplace(spooled);
  }
  std::optional<PrepareReport> report;
  if (options.append && holds_corpus(places.output)) {
    order->append_to(places.output);
    if (order->files.empty()) report = add_nothing(*order, places);
  } else if (exists(places.output)) {
    report = existing_corpus(places.output, order->manifest.configuration, describe_sources(order->files),
                             order->manifest.tokenizer_fingerprint, options.replace);
  }
  if (report && options.task) WorkBoard::dismiss(places.scratch(), workers).wait_for_others(kPatienceWithOthers);
  if (report) return *report;
  return lead(*order, places, options, workers);
}

}  // namespace broadsheet

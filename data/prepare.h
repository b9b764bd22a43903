// prepare: corpus.yaml -> documents -> cleaned, split, tokenised HDF5 shards. Also verify and inspect.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/durable.h"
#include "data/corpus_config.h"
#include "data/lengths.h"

namespace broadsheet {

struct PrepareReport {
  int64_t read = 0, kept = 0, rejected = 0, duplicates = 0;
  std::map<std::string, int64_t> rejected_by_reason;
  std::map<std::string, int64_t> documents_by_split;
  int64_t near_duplicates = 0;  // dropped, beside `duplicates`
  int64_t leakage = 0;          // of both: those that went because their like is in the test or validation split
  std::map<std::string, int64_t> filtered_by_reason;  // dropped for what they are: too_short, ...
  std::map<std::string, int64_t> cleaned_by_step;     // documents that a cleaning step has changed
  nlohmann::json split_points;  // of a split by time, or a stratified one (preparation/split_points.h); else null
  int64_t tokens = 0;
  std::map<std::string, LengthSummary> lengths;  // by text field, over all splits
  // By kind, what identified persons and was replaced, in all documents that were not set aside.
  std::map<std::string, int64_t> deidentified;
  int64_t removed = 0;   // from the corpus later, by --remove
  nlohmann::json added;  // of --append: the counts of what it has added, and "files"; else null
  std::string folder;
  bool already_prepared = false;       // the corpus was there already, made from the same configuration and sources
  void add(const PrepareReport& day);  // the counts of what was added to a corpus
  nlohmann::json json() const;
  nlohmann::json counts() const;                            // what of it a manifest keeps
  static PrepareReport from(const nlohmann::json& counts);  // throws nlohmann's exceptions
};

struct PrepareOptions {
  bool replace = false;  // another corpus in the place of this one goes
  bool append = false;   // to the corpus that is there, what its manifest does not know of the sources
  // Processes on this machine that share the work.
  int64_t ranks = 1;
  // This process as one of several that somebody else has started, perhaps on several machines: `start` names that
  // start of all of them (the batch system's job and its restart), and `ranks` is not looked at.
  struct Task {
    int64_t rank = 0, count = 1;
    std::string start;
  };
  std::optional<Task> task = {};
  Incarnation incarnation = {};  // of the job this runs in
  // What is read as one piece of work; 0: as piece_size() finds. Decides nothing about the corpus.
  int64_t piece_bytes = 0;
};

// Builds the corpus under a temporary name beside config.output and renames it into place: whole or absent.
// An existing corpus with the same configuration and sources is left as it is (the report says so); another one in its
// place is UserError("corpus.exists") unless `replace`. Bad lines go to rejected.jsonl {file, line, byte, reason};
// above max_rejected_share it is UserError("corpus.rejected_share") that shows the first of them, and nothing is left
// but <output>.rejected.jsonl. The bytes of the corpus do not depend on the number of processes, nor on how often it
// was killed on the way: the same call goes on from what is done. The report is the first rank's.
//
// With `append` and a corpus that is there, the source files that its manifest does not know are added to it, under the
// same promises: until one rename it is the old corpus, and no file of a shard is touched. UserError
// ("corpus.changed_source") when a known file has other bytes, ("corpus.changed") that names what else of the
// configuration is another, ("corpus.seen") when the corpus does not remember its documents.
PrepareReport prepare_corpus(const CorpusConfig& config, const PrepareOptions& options = {});

// What prepare would do, without writing: the files it would read. UserError as prepare_corpus. For --dry-run.
std::vector<std::string> corpus_sources(const CorpusConfig& config);

// What prepare would add with --append: every file when there is no corpus yet. Compares sizes, not bytes.
struct AppendPlan {
  std::vector<std::string> files;  // that are new
  int64_t known = 0;
};
AppendPlan plan_append(const CorpusConfig& config);

// Sizes, SHA-256 of every file, structure of every shard. Returns the faults found; empty: whole.
std::vector<std::string> verify_corpus(const std::string& folder);

// Counts, lengths, labels, samples, leakage between splits (equal texts, groups in two splits).
nlohmann::json inspect_corpus(const std::string& folder, int samples);

}  // namespace broadsheet

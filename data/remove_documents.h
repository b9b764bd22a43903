// prepare --remove: documents leave a corpus, and nothing of them stays in its folder.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/durable.h"
#include "data/corpus_config.h"

namespace broadsheet {

struct RemoveReport {
  int64_t documents = 0;  // that have left; several may have one id
  std::map<std::string, int64_t> documents_by_split;
  std::vector<std::string> unknown;  // ids that no document has
  int64_t shards = 0;                // that were written anew, or went
  std::string folder;
  nlohmann::json json() const;
  static RemoveReport from(const nlohmann::json& json);  // throws nlohmann's exceptions
};

struct RemoveOptions {
  bool dry_run = false;  // only the report
  Incarnation incarnation = {};
};

// "a,b,c", or "@FILE": one id a line. UserError("usage.ids") when there is none.
std::vector<std::string> read_ids(const std::string& argument);

// Takes the documents whose field of kind id has one of these values out of the corpus of config.output. Their shards,
// and what is remembered of them, are written anew under other names; all other documents keep their order. The corpus
// is the old one or the new one, whole, wherever it is killed, and the same call then finishes what is left. Cached
// features are removed. UserError("corpus.no_id") when the corpus has no field of kind id, ("corpus.unknown_id") when
// no document has any of the ids, ("corpus.empty_split") when nothing would be left to train on.
RemoveReport remove_documents(const CorpusConfig& config, const std::vector<std::string>& ids,
                              const RemoveOptions& options = {});

}  // namespace broadsheet

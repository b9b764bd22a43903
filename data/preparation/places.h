// Where a preparation works: beside the corpus, on the same file system.
#pragma once

#include <string>

#include "core/durable.h"
#include "core/path.h"
#include "core/text.h"
#include "data/corpus_config.h"
#include "data/standard_input.h"

namespace broadsheet {

struct Places {
  explicit Places(const CorpusConfig& config)
      : output(absolute_path(config.output)), beside(cat(parent_folder(output), "/.", file_name(output))) {}
  std::string output, beside;
  std::string standard_input() const { return beside + kSpoolEnding; }
  std::string lock() const { return beside + ".lock"; }
  std::string scratch() const { return beside + ".preparing"; }
  // The lock, held. It lies in a folder that others use for theirs, so UserError("lock.held") names the corpus.
  FolderLock hold(const Incarnation& incarnation) const;
};

}  // namespace broadsheet

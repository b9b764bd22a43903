// The corpus that a preparation adds to (--append). Its documents keep their places, numbers, splits and classes; only
// source files that it does not know are read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/durable.h"
#include "data/manifest.h"
#include "data/preparation/duplicate_search.h"
#include "data/prepare.h"
#include "data/sources.h"

namespace broadsheet {

inline constexpr const char* kRejectedName = "rejected.jsonl";

struct EarlierCorpus {
  // A source file that the corpus was made from and that is listed again.
  struct Known {
    SourceFile file;
    std::string sha256;
    void check() const;  // UserError("corpus.changed_source") when its bytes are others now
  };

  std::string folder;
  Manifest manifest;  // its sources named as the new ones are: below the folder that all of them share
  PrepareReport report;
  std::vector<Known> known;
  std::string prefix;  // what the names of its sources got

  // Loads it, and takes the files that it knows out of `files`; those that stay are named anew. A source is known by
  // its name, below whichever folder now holds most of what the manifest lists. UserError("corpus.changed_source") when
  // one has another size now.
  static EarlierCorpus open(const std::string& folder, std::vector<SourceFile>& files);
  // UserError("corpus.changed") that names every key with another value; the sources' own may differ.
  void check_configuration(const Manifest& now) const;

  // Where to look for what new documents equal, in the order of the shards; nothing when nobody looks. UserError
  // ("corpus.seen") when the corpus does not remember.
  std::vector<ChunkPlace> seen(const CleanConfig& clean) const;
  void check_seen(const ChunkPlace& place) const;  // UserError("corpus.seen") when its bytes are not the manifest's
  std::string rejected() const;                    // name of its list of rejects
  void copy_rejects(DurableFile& out) const;
};

// By split: one more than the number of the last shard.
std::array<int64_t, 3> next_shard_numbers(const Manifest& manifest);

}  // namespace broadsheet

// Which documents lie in which shard. Decided from what is known of all documents, so that each shard can then be
// written by itself, by any process.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/manifest.h"
#include "data/preparation/duplicate_search.h"
#include "data/shards.h"

namespace broadsheet {

// A document's place in `keep` files: its split, or kDropped.
inline constexpr uint8_t kDropped = 0xFF;

struct PlannedShard {
  std::string file;  // "train-00000.h5"
  Split split = Split::kTrain;
  // Its documents are those of its split from document `first_document` of chunk `first_chunk` on, `documents` many.
  int64_t first_chunk = 0, first_document = 0, documents = 0;
  std::vector<SourceRun> sources;  // only where the sources have weights

  nlohmann::json json() const;
  static PlannedShard from(const nlohmann::json& json);
};

// Documents come in the order of the chunks, and a shard is closed when it holds `shard_tokens`.
class ShardPlanner {
 public:
  // `first`: the number of each split's first shard.
  explicit ShardPlanner(int64_t shard_tokens, const std::array<int64_t, 3>& first = {});
  // `source`: of corpus.yaml; -1 when nobody needs to know.
  void add(Split split, int64_t chunk, int64_t document, int64_t size, int64_t source = -1);
  // Closes the open ones. Shards by split, in order.
  std::vector<PlannedShard> finish();

 private:
  struct Open {
    PlannedShard shard;
    int64_t size = 0, closed = 0;
  };
  void close(Open& open, Split split);

  int64_t shard_tokens_;
  std::array<Open, 3> open_;
  std::array<std::vector<PlannedShard>, 3> shards_;
};

}  // namespace broadsheet

// One shard, gathered from the chunks that hold its documents.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/field_reader.h"
#include "data/preparation/chunk.h"
#include "data/preparation/seen_file.h"
#include "data/preparation/shard_plan.h"
#include "data/shard_file.h"

namespace broadsheet {

// What of a chunk a shard needs to know beside its bytes.
struct PlacedChunk {
  std::string path;
  std::string keep;          // file of one byte for each document: its split, or kDropped
  int32_t file = 0;          // number of its source file
  int64_t lines_before = 0;  // in that file, before the chunk's piece
};

// `classes`: by field, the final names of a label whose classes were found in the data.
ShardData gather_shard(const PlannedShard& shard, const std::vector<PlacedChunk>& chunks, const FieldReader& fields,
                       const std::vector<std::vector<std::string>>& classes, int64_t vocab_size);
// What is to be remembered of the same documents.
SeenDocuments gather_seen(const PlannedShard& shard, const std::vector<PlacedChunk>& chunks, size_t fields);

}  // namespace broadsheet

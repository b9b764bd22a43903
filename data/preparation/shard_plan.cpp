#include "data/preparation/shard_plan.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr int64_t kMaxShardTokens = int64_t{1} << 29;

}  // namespace

nlohmann::json PlannedShard::json() const {
  nlohmann::json json = {{"file", file},
                         {"split", split_name(split)},
                         {"first_chunk", first_chunk},
                         {"first_document", first_document},
                         {"documents", documents}};
  for (const SourceRun& run : sources) json["sources"].push_back({run.source, run.documents});
  return json;
}

PlannedShard PlannedShard::from(const nlohmann::json& json) {
  PlannedShard shard{json.at("file").get<std::string>(),    split_from_name(json.at("split").get<std::string>()),
                     json.at("first_chunk").get<int64_t>(), json.at("first_document").get<int64_t>(),
                     json.at("documents").get<int64_t>(),   {}};
  for (const nlohmann::json& run : json.value("sources", nlohmann::json::array()))
    shard.sources.push_back({run.at(0).get<int64_t>(), run.at(1).get<int64_t>()});
  return shard;
}

ShardPlanner::ShardPlanner(int64_t shard_tokens, const std::array<int64_t, 3>& first)
    : shard_tokens_(std::min(shard_tokens, kMaxShardTokens)) {
  for (size_t i = 0; i < open_.size(); ++i) open_[i].closed = first[i];
}

void ShardPlanner::add(Split split, int64_t chunk, int64_t document, int64_t size, int64_t source) {
  Open& open = open_[static_cast<size_t>(split)];
  if (open.shard.documents == 0) {
    open.shard.first_chunk = chunk;
    open.shard.first_document = document;
  }
  ++open.shard.documents;
  if (source >= 0) {
    std::vector<SourceRun>& runs = open.shard.sources;
    if (runs.empty() || runs.back().source != source) runs.push_back({source, 0});
    ++runs.back().documents;
  }
  open.size += size;
  if (open.size >= shard_tokens_) close(open, split);
}

void ShardPlanner::close(Open& open, Split split) {
  if (open.shard.documents == 0) return;
  char number[16];
  std::snprintf(number, sizeof number, "-%05lld.h5", static_cast<long long>(open.closed));
  open.shard.file = cat(split_name(split), number);
  open.shard.split = split;
  shards_[static_cast<size_t>(split)].push_back(open.shard);
  open = {{}, 0, open.closed + 1};
}

std::vector<PlannedShard> ShardPlanner::finish() {
  std::vector<PlannedShard> all;
  for (const Split split : kAllSplits) {
    close(open_[static_cast<size_t>(split)], split);
    std::vector<PlannedShard>& shards = shards_[static_cast<size_t>(split)];
    all.insert(all.end(), std::make_move_iterator(shards.begin()), std::make_move_iterator(shards.end()));
  }
  return all;
}

}  // namespace broadsheet

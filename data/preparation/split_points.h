// Splits that one document alone does not decide: by time (train before, validation and test after), and stratified
// (each class has its share of every split).
//
// Both give each document a place, its time or a number in [0, 1) drawn from its id, and both put points on the places:
// what lies at or after the second point is the test split's, what lies at or after the first the validation split's.
// The points are in the manifest: with them a document that comes later has its split without the others.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/corpus_config.h"
#include "data/preparation/chunk.h"
#include "data/shard_file.h"

namespace broadsheet {

class SplitPoints {
 public:
  // Whether `config` asks for them.
  static bool needed(const SplitConfig& config) { return config.by == "time" || config.by == "stratified"; }

  // `field`: number of the field that is split by; `classes`: of a label whose classes are declared. `frozen`: points
  // of an earlier preparation, which stay what they are (json(), or null; throws nlohmann's exceptions).
  SplitPoints(const SplitConfig& config, size_t field, std::vector<std::string> classes,
              const nlohmann::json& frozen = {});

  // Of every document that is kept; then settle(), once: points for the classes that have none yet (of times, when
  // there are none at all). Memory: 8 bytes a document.
  void count(const ChunkView& chunk, size_t document);
  // Shares are met to one document of each class; documents of one time stay together.
  void settle();
  // A document without a time is trained on.
  Split split_of(const ChunkView& chunk, size_t document) const;

  // {"<class>": [validation from, test from]}, or of times the same under ""; null: none lies there.
  nlohmann::json json() const;

 private:
  struct Points {
    double validation, test;
  };
  std::string stratum(const ChunkView& chunk, size_t document) const;
  double place(const ChunkView& chunk, size_t document) const;

  const SplitConfig& config_;
  size_t field_;
  std::vector<std::string> classes_;
  std::map<std::string, std::vector<double>> places_;  // by stratum
  std::map<std::string, Points> points_;
};

}  // namespace broadsheet

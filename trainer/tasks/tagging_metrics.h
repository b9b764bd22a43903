// Metrics of token tagging: sums that add up exactly over any number of ranks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "trainer/metrics/entities.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

// Of whole entities, as `seqeval` counts them: "precision", "recall", "f1" over all of them, "macro_f1" the mean over
// the types. Of words: "loss" (the mean over those whose tokens the model saw), "accuracy", "tagged_words", and
// "left_out_words", which were cut away: there the answer is "O".
class TaggingMetrics : public Metrics {
 public:
  explicit TaggingMetrics(std::vector<std::string> tags);

  // nll: [words that the model saw], float32, in nats.
  void add_loss(const at::Tensor& nll);
  // One document. wanted, found: ids of tags by word; found -1: left out.
  void add(const std::vector<int64_t>& wanted, const std::vector<int64_t>& found);

  std::vector<double> state() const override;
  void merge(const std::vector<double>& state) override;
  std::map<std::string, double> compute() const override;
  nlohmann::json details() const override;  // {"entities": {TYPE: {"precision", "recall", "f1", "support"}}}

 private:
  std::string name_of(int64_t tag) const { return tag < 0 ? "O" : tags_[static_cast<size_t>(tag)]; }

  const std::vector<std::string> tags_;
  std::vector<std::string> types_;  // sorted
  EntityCounts entities_;
  double nll_ = 0, seen_ = 0, words_ = 0, right_ = 0, left_out_ = 0, examples_ = 0;
};

}  // namespace broadsheet

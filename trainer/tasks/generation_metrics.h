// Metrics of a generation task: how well the model foresees the targets, and how near to them what it writes is.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "trainer/metrics/bleu.h"
#include "trainer/metrics/rouge.h"
#include "trainer/tasks/metrics.h"

namespace broadsheet {

// Those of LanguageModelMetrics, of the targets and their ends; and where texts were written:
//   "rouge1", "rouge2", "rougeL": the mean F1 (trainer/metrics/rouge.h), 0 to 1
//   "bleu", "chrf": of all texts together (trainer/metrics/bleu.h), 0 to 100; BLEU's tokens are 13a for words, zh for
//     characters
//   "generated_length": the mean number of pieces; pieces are what lies between blanks, or characters
//   "repetition": the mean share of runs of four pieces that were there before (trainer/metrics/repetition.h)
class GenerationMetrics : public LanguageModelMetrics {
 public:
  GenerationMetrics(std::string counted, RougePieces pieces, bool counts_bytes = false)
      : LanguageModelMetrics(std::move(counted), counts_bytes), pieces_(pieces) {}
  void add_text(const std::string& written, const std::string& target);
  std::vector<double> state() const override;
  void merge(const std::vector<double>& state) override;
  std::map<std::string, double> compute() const override;

 private:
  RougePieces pieces_;
  double texts_ = 0, rouge1_ = 0, rouge2_ = 0, rouge_l_ = 0, length_ = 0, repetition_ = 0;
  BleuCounts bleu_;
  ChrfCounts chrf_;
};

}  // namespace broadsheet

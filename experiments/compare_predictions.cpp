#include "experiments/compare_predictions.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "core/errors.h"
#include "core/random.h"
#include "core/text.h"
#include "trainer/config.h"

namespace broadsheet {
namespace {

using nlohmann::json;

struct PredictedRow {
  json key, truth, answer;
};

UserError malformed_row(const std::string& file, size_t line, const std::string& what) {
  return UserError({"compare.malformed",
                    {file, static_cast<int>(line), 0},
                    "",
                    what,
                    "make the file with `broadsheet evaluate MODEL --predictions FILE`"});
}

std::vector<PredictedRow> read_predictions(const std::string& file) {
  std::ifstream stream(file);
  if (!stream)
    throw UserError("compare.not_found", cat(file, ": cannot be read"), "name a file that evaluate --predictions made");
  std::vector<PredictedRow> rows;
  std::string line;
  for (size_t number = 1; std::getline(stream, line); ++number) {
    json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!object.is_object()) throw malformed_row(file, number, "found no JSON object");
    const char* key = object.contains("id") ? "id" : "row";
    if (!object.contains(key)) throw malformed_row(file, number, "found neither id nor row");
    if (!object.contains("truth")) throw malformed_row(file, number, "found no truth");
    rows.push_back({object[key], object["truth"], std::move(object)});
  }
  if (rows.empty()) throw UserError("compare.empty", cat(file, ": no line"), "name a file with predictions");
  return rows;
}

// `rows` in the order of `wanted`.
std::vector<PredictedRow> in_order_of(const std::vector<PredictedRow>& wanted, std::vector<PredictedRow> rows,
                                      const ComparisonRequest& request) {
  const auto fail = [&](const std::string& what) {
    return UserError("compare.other_texts", cat(request.a, " and ", request.b, ": ", what),
                     "compare predictions for the same split of the same corpus");
  };
  std::map<json, size_t> places;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!places.emplace(rows[i].key, i).second) throw fail(cat("text ", rows[i].key.dump(), " is there twice"));
  }
  if (rows.size() != wanted.size()) throw fail(cat("found ", wanted.size(), " and ", rows.size(), " texts"));
  std::vector<PredictedRow> ordered;
  for (const PredictedRow& row : wanted) {
    const auto found = places.find(row.key);
    if (found == places.end()) throw fail(cat("text ", row.key.dump(), " is only in the first"));
    if (rows[found->second].truth != row.truth) throw fail(cat("text ", row.key.dump(), " has different truths"));
    ordered.push_back(std::move(rows[found->second]));
    places.erase(found);
  }
  return ordered;
}

std::string default_metric_of(const json& answer) {
  return answer.contains("score") ? "mse" : "macro_f1";
}

double log_loss_of(const json& answer, const json& truth) {
  const json& probabilities = answer.at("probabilities");
  if (!truth.is_array()) return -std::log(probabilities.at(truth.get<std::string>()).get<double>());
  double sum = 0;
  for (const auto& [name, p] : probabilities.items()) {
    const bool is = std::find(truth.begin(), truth.end(), name) != truth.end();
    sum -= std::log(is ? p.get<double>() : 1 - p.get<double>());
  }
  return sum / static_cast<double>(probabilities.size());
}

// What one text contributes to a metric that is a mean.
double part_of_mean(const std::string& metric, const PredictedRow& row) {
  const json& answer = row.answer;
  if (metric == "loss" && answer.contains("probabilities")) return log_loss_of(answer, row.truth);
  if (metric == "accuracy" && answer.contains("label")) return answer["label"] == row.truth ? 1 : 0;
  if (metric == "accuracy" && answer.contains("labels")) return answer["labels"] == row.truth ? 1 : 0;
  const bool squared = metric == "mse" || metric == "loss";
  if (!answer.contains("score") || (!squared && metric != "mae")) {
    throw UserError("compare.metric", cat("the predictions have no ", metric),
                    "of classes and labels compare macro_f1, micro_f1, accuracy or loss; of scores mae or mse");
  }
  const double error = answer.at("score").get<double>() - row.truth.get<double>();
  return squared ? error * error : std::abs(error);
}

bool is_f1(const std::string& metric) {
  return metric == "macro_f1" || metric == "micro_f1";
}

// A model's predictions, made ready for one metric.
class Measured {
 public:
  Measured(const std::string& metric, const std::vector<PredictedRow>& rows)
      : f1_(is_f1(metric)), macro_(metric == "macro_f1") {
    for (const PredictedRow& row : rows) {
      if (!f1_) {
        parts_.push_back(part_of_mean(metric, row));
        continue;
      }
      const bool several = row.answer.contains("labels");
      if (!several && !row.answer.contains("label")) part_of_mean(metric, row);  // says what there is instead
      for (const auto& [name, p] : row.answer.at("probabilities").items()) number_of(name);
      truths_.push_back(numbers_of(row.truth));
      labels_.push_back(numbers_of(row.answer.at(several ? "labels" : "label")));
    }
  }

  double on(const std::vector<uint32_t>& texts) const {
    if (f1_) return f1(texts);
    double sum = 0;
    for (const uint32_t text : texts) sum += parts_[text];
    return sum / static_cast<double>(texts.size());
  }

 private:
  size_t number_of(const std::string& name) { return classes_.emplace(name, classes_.size()).first->second; }
  // Of one class, or of a list of them; ascending.
  std::vector<size_t> numbers_of(const json& said) {
    std::vector<size_t> numbers;
    if (!said.is_array()) return {number_of(said.get<std::string>())};
    for (const json& name : said) numbers.push_back(number_of(name.get<std::string>()));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }

  double f1(const std::vector<uint32_t>& texts) const {
    std::vector<double> right(classes_.size()), either(classes_.size());
    for (const uint32_t text : texts) {
      for (const size_t c : truths_[text]) {
        ++either[c];
        if (std::binary_search(labels_[text].begin(), labels_[text].end(), c)) ++right[c];
      }
      for (const size_t c : labels_[text]) ++either[c];
    }
    const auto ratio = [](double hits, double all) { return all > 0 ? 2 * hits / all : 0; };
    if (!macro_) {
      return ratio(std::accumulate(right.begin(), right.end(), 0.0),
                   std::accumulate(either.begin(), either.end(), 0.0));
    }
    double sum = 0;
    for (size_t c = 0; c < right.size(); ++c) sum += ratio(right[c], either[c]);
    return sum / static_cast<double>(right.size());
  }

  bool f1_, macro_;
  std::vector<double> parts_;
  std::map<std::string, size_t> classes_;
  std::vector<std::vector<size_t>> truths_, labels_;
};

// numpy's: linear between the two nearest.
double percentile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

void resample(const ComparisonRequest& request, const Measured& a, const Measured& b, uint32_t texts,
              Comparison& comparison) {
  std::vector<uint32_t> drawn(texts);
  std::vector<double> differences;
  const bool more_is_better = higher_is_better(comparison.metric);
  double better = 0;
  for (int64_t sample = 0; sample < request.samples; ++sample) {
    const RandomStream stream(mix(request.seed, static_cast<uint64_t>(sample)));
    for (uint32_t i = 0; i < texts; ++i) drawn[i] = stream.below(i, texts);
    const double difference = b.on(drawn) - a.on(drawn);
    better += difference == 0 ? 0.5 : (difference > 0) == more_is_better ? 1 : 0;
    differences.push_back(difference);
  }
  std::sort(differences.begin(), differences.end());
  comparison.low = percentile(differences, 0.025);
  comparison.high = percentile(differences, 0.975);
  comparison.share_b_better = better / static_cast<double>(request.samples);
}

}  // namespace

Comparison compare_predictions(const ComparisonRequest& request) {
  BROADSHEET_ASSERT(request.samples > 0);
  const std::vector<PredictedRow> rows_a = read_predictions(request.a);
  const std::vector<PredictedRow> rows_b = in_order_of(rows_a, read_predictions(request.b), request);
  if (rows_a.size() > std::numeric_limits<uint32_t>::max())
    throw UserError("compare.too_many", cat(request.a, ": more than 2^32 texts"), "compare a part of them");
  Comparison comparison;
  comparison.metric = request.metric.empty() ? default_metric_of(rows_a.front().answer) : request.metric;
  comparison.examples = static_cast<int64_t>(rows_a.size());
  try {
    const Measured a(comparison.metric, rows_a), b(comparison.metric, rows_b);
    std::vector<uint32_t> all(rows_a.size());
    std::iota(all.begin(), all.end(), 0U);
    comparison.a = a.on(all);
    comparison.b = b.on(all);
    resample(request, a, b, static_cast<uint32_t>(all.size()), comparison);
  } catch (const json::exception& error) {
    throw UserError("compare.malformed", cat(request.a, " or ", request.b, ": ", error.what()),
                    "make the files with `broadsheet evaluate MODEL --predictions FILE`");
  }
  return comparison;
}

json to_json(const ComparisonRequest& request, const Comparison& comparison) {
  return {{"schema", 1},
          {"a", {{"predictions", request.a}, {"value", comparison.a}}},
          {"b", {{"predictions", request.b}, {"value", comparison.b}}},
          {"metric", comparison.metric},
          {"examples", comparison.examples},
          {"difference", comparison.b - comparison.a},
          {"interval", {comparison.low, comparison.high}},
          {"confidence", 0.95},
          {"share_b_better", comparison.share_b_better},
          {"samples", request.samples},
          {"seed", request.seed}};
}

std::string comparison_text(const ComparisonRequest& request, const Comparison& comparison) {
  char text[400];
  std::snprintf(
      text, sizeof text,
      "%s on %lld texts\n  A           %.6g\n  B           %.6g\n  B - A       %+.6g, 95 %% of %lld samples in "
      "[%+.6g, %+.6g]\n  B better in %.1f %% of the samples\n",
      comparison.metric.c_str(), static_cast<long long>(comparison.examples), comparison.a, comparison.b,
      comparison.b - comparison.a, static_cast<long long>(request.samples), comparison.low, comparison.high,
      100 * comparison.share_b_better);
  return text;
}

}  // namespace broadsheet

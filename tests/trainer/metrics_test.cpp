// Metrics against scikit-learn and scipy: tests/golden/make_metrics_golden.py.
#include "trainer/tasks/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/errors.h"
#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

nlohmann::json metrics_golden() {
  return fixtures::read_json(cat(BROADSHEET_SOURCE_DIR, "/tests/golden/metrics.json"));
}

// Adds the first `cut` examples to one object and the rest to another, and merges their states.
template <class M, class Add>
std::map<std::string, double> in_two_parts(M first, M second, int64_t cut, int64_t count, const Add& add) {
  add(first, 0, cut);
  add(second, cut, count);
  first.merge(second.state());
  return first.compute();
}

void expect_values(const std::map<std::string, double>& found, const nlohmann::json& wanted, double tolerance) {
  EXPECT_GE(wanted.size(), 2u);
  for (const auto& [name, value] : wanted.items()) EXPECT_NEAR(found.at(name), value.get<double>(), tolerance) << name;
}

TEST(Metrics, RegressionEqualsScikitLearnAndScipy) {
  for (const auto& sample : metrics_golden()["regression"]) {
    const auto values = sample["predictions"].get<std::vector<float>>(),
               targets = sample["targets"].get<std::vector<float>>();
    const at::Tensor predictions = at::tensor(at::ArrayRef<float>(values));
    const auto add = [&](RegressionMetrics& metrics, int64_t begin, int64_t end) {
      metrics.add(predictions.slice(0, begin, end), {targets.begin() + begin, targets.begin() + end});
    };
    const auto count = static_cast<int64_t>(targets.size());
    for (const int64_t cut : {int64_t{0}, count / 3, count}) {
      expect_values(in_two_parts(RegressionMetrics(), RegressionMetrics(), cut, count, add), sample["values"], 1e-6);
    }
  }
}

TEST(Metrics, PerplexityIsTheExponentialOfTheMeanOverMaskedTokens) {
  LanguageModelMetrics metrics("masked_tokens"), other("masked_tokens");
  metrics.add(at::tensor(at::ArrayRef<float>({1.0F, 2.0F, 6.0F})), 2);
  other.add(at::tensor(at::ArrayRef<float>({3.0F})), 5);
  metrics.merge(other.state());
  const auto values = metrics.compute();
  EXPECT_DOUBLE_EQ(values.at("loss"), 3);
  EXPECT_DOUBLE_EQ(values.at("perplexity"), std::exp(3.0));
  EXPECT_EQ(values.at("masked_tokens"), 4);
  EXPECT_EQ(values.at("examples"), 7);
}

TEST(Metrics, BitsPerByteAreOfTheWholeText) {
  LanguageModelMetrics metrics("predicted_tokens", true), other("predicted_tokens", true);
  metrics.add(at::tensor(at::ArrayRef<float>({1.0F, 2.0F})), 1, 9);
  other.add(at::tensor(at::ArrayRef<float>({3.0F})), 1, 3);
  metrics.merge(other.state());
  EXPECT_DOUBLE_EQ(metrics.compute().at("bits_per_byte"), 6 / std::log(2.0) / 12);
  EXPECT_FALSE(LanguageModelMetrics("masked_tokens").compute().contains("bits_per_byte"));
}

TEST(Metrics, WithoutExamplesNothingIsClaimed) {
  EXPECT_TRUE(std::isnan(RegressionMetrics().compute().at("mse")));
  EXPECT_TRUE(std::isnan(LanguageModelMetrics("masked_tokens").compute().at("perplexity")));
  EXPECT_TRUE(std::isnan(LanguageModelMetrics("predicted_tokens", true).compute().at("bits_per_byte")));
  EXPECT_EQ(RegressionMetrics().compute().at("examples"), 0);
}

TEST(Metrics, KnowWhichWayIsBetter) {
  EXPECT_TRUE(Task::higher_is_better("macro_f1"));
  EXPECT_TRUE(Task::higher_is_better("pearson"));
  EXPECT_TRUE(Task::higher_is_better("auc"));
  EXPECT_TRUE(Task::higher_is_better("micro_f1"));
  EXPECT_EQ(direction_of("bits_per_byte"), std::optional<bool>(false));
  EXPECT_EQ(direction_of("rougeL"), std::optional<bool>(true));
  for (const char* neither : {"generated_length", "target_tokens", "external.f1"})
    EXPECT_EQ(direction_of(neither), std::nullopt) << neither;
  EXPECT_FALSE(Task::higher_is_better("calibration_error"));
  EXPECT_FALSE(Task::higher_is_better("loss"));
  EXPECT_FALSE(Task::higher_is_better("mse"));
  EXPECT_THROW(Task::higher_is_better("macro-f1"), UserError);
}

}  // namespace
}  // namespace broadsheet

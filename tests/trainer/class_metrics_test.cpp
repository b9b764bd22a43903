// Metrics of classifications against scikit-learn: tests/golden/make_class_metrics_golden.py and
// make_metrics_golden.py.
#include "trainer/tasks/class_metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/text.h"
#include "tests/trainer/bert_fixture.h"

namespace broadsheet {
namespace {

using Decision = ClassificationMetrics::Decision;

nlohmann::json class_golden() {
  return fixtures::read_json(cat(BROADSHEET_SOURCE_DIR, "/tests/golden/metrics/classes.json"));
}

at::Tensor logits_of(const nlohmann::json& rows) {
  std::vector<at::Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(at::tensor(at::ArrayRef<float>(row.get<std::vector<float>>())));
  return at::stack(tensors);
}

std::vector<std::string> numbered_classes(int64_t count) {
  std::vector<std::string> names;
  for (int64_t c = 0; c < count; ++c) names.push_back(cat("c", c));
  return names;
}

// Three parts, merged as a tree does: (first + (second + third)).
template <class M, class Add>
M in_three_parts(const M& empty, int64_t count, const Add& add) {
  M parts[3] = {empty, empty, empty};
  const int64_t cuts[4] = {0, count / 4, count / 2, count};
  for (int part = 0; part < 3; ++part) add(parts[part], cuts[part], cuts[part + 1]);
  parts[1].merge(parts[2].state());
  parts[0].merge(parts[1].state());
  return parts[0];
}

void expect_numbers(const std::map<std::string, double>& found, const nlohmann::json& wanted) {
  EXPECT_EQ(found.size(), wanted.size());
  for (const auto& [name, value] : wanted.items()) {
    if (value.is_null()) {
      EXPECT_TRUE(std::isnan(found.at(name))) << name;
    } else {
      EXPECT_NEAR(found.at(name), value.get<double>(), 1e-9) << name;
    }
  }
}

ClassificationMetrics measured(const nlohmann::json& sample, Decision decision) {
  const at::Tensor logits = logits_of(sample["logits"]);
  const auto labels = sample["labels"].get<std::vector<int64_t>>();
  return in_three_parts(ClassificationMetrics(numbered_classes(logits.size(1)), decision),
                        static_cast<int64_t>(labels.size()),
                        [&](ClassificationMetrics& metrics, int64_t begin, int64_t end) {
                          metrics.add(logits.slice(0, begin, end), {labels.begin() + begin, labels.begin() + end});
                        });
}

TEST(ClassMetrics, OfOneClassEachEqualScikitLearnWithTiesAndUnusedClasses) {
  const nlohmann::json golden = class_golden();
  ASSERT_GE(golden["single"].size(), 6u);
  for (const auto& sample : golden["single"]) {
    const ClassificationMetrics metrics = measured(sample, Decision::kMostLikely);
    expect_numbers(metrics.compute(), sample["values"]);
    EXPECT_EQ(metrics.details()["confusion_matrix"]["counts"], sample["confusion"]);
  }
}

TEST(ClassMetrics, OfClassesInOrderTakeTheMedianAndGiveItsDistance) {
  for (const auto& sample : class_golden()["single"]) {
    const auto values = measured(sample, Decision::kMedian).compute();
    EXPECT_NEAR(values.at("mae"), sample["mae_of_median"].get<double>(), 1e-9);
    EXPECT_EQ(measured(sample, Decision::kMostLikely).compute().count("mae"), 0u);
  }
}

TEST(ClassMetrics, OfSeveralLabelsEqualScikitLearn) {
  for (const auto& sample : class_golden()["multi_label"]) {
    const at::Tensor logits = logits_of(sample["logits"]);
    const int64_t width = logits.size(1);
    std::vector<int64_t> truths;
    for (const auto& row : sample["truths"])
      for (const auto& truth : row) truths.push_back(truth);
    const MultiLabelMetrics metrics = in_three_parts(
        MultiLabelMetrics(static_cast<size_t>(width)), logits.size(0),
        [&](MultiLabelMetrics& part, int64_t begin, int64_t end) {
          part.add(logits.slice(0, begin, end), {truths.begin() + begin * width, truths.begin() + end * width});
        });
    expect_numbers(metrics.compute(), sample["values"]);
  }
}

TEST(ClassMetrics, AgreeWithTheOlderGoldenFile) {
  const auto golden = fixtures::read_json(cat(BROADSHEET_SOURCE_DIR, "/tests/golden/metrics.json"));
  for (const auto& sample : golden["classification"]) {
    const auto values = measured(sample, Decision::kMostLikely).compute();
    EXPECT_GE(sample["values"].size(), 4u);
    for (const auto& [name, value] : sample["values"].items())
      EXPECT_NEAR(values.at(name), value.get<double>(), 1e-9) << name;
  }
}

TEST(ClassMetrics, WithoutExamplesClaimNothing) {
  const auto one = ClassificationMetrics(numbered_classes(3)).compute();
  const auto several = MultiLabelMetrics(3).compute();
  for (const char* name : {"loss", "accuracy", "macro_f1", "micro_f1", "auc"}) {
    EXPECT_TRUE(std::isnan(one.at(name))) << name;
    EXPECT_TRUE(std::isnan(several.at(name))) << name;
  }
  EXPECT_TRUE(std::isnan(one.at("calibration_error")));
  EXPECT_EQ(one.at("examples"), 0);
}

TEST(ClassMetrics, LeaveTheAreaOutWhenTheScoresWouldNotFitWhoeverHoldsThem) {
  const std::vector<double> half(KeptScores::kMost / 2, 0.5);
  KeptScores first(1), second(1), third(1);
  std::vector<double> state = {1};
  state.insert(state.end(), half.begin(), half.end());
  first.merge(state.data(), state.data() + state.size());
  second.merge(state.data(), state.data() + state.size());
  third.add({0.25});
  EXPECT_TRUE(first.complete());
  const auto merge = [](KeptScores& into, const KeptScores& from) {
    std::vector<double> all;
    from.append_to(all);
    into.merge(all.data(), all.data() + all.size());
  };
  merge(first, second);
  EXPECT_TRUE(first.complete());
  EXPECT_EQ(first.rows(), KeptScores::kMost);
  merge(first, third);
  EXPECT_FALSE(first.complete());
  merge(third, first);
  EXPECT_FALSE(third.complete());
  EXPECT_EQ(third.rows(), 0u);
}

}  // namespace
}  // namespace broadsheet

// Temperature calibration against scipy on torch's derivative (tests/golden/make_calibration_golden.py), and what it
// leaves of a task.
#include "trainer/temperature.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "checkpoints/huggingface.h"
#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/parallel/mpi_communicator.h"
#include "trainer/tasks/task.h"
#include "trainer/validation.h"

namespace broadsheet {
namespace {

LogitRows rows_of_sample(const nlohmann::json& sample) {
  std::vector<at::Tensor> rows;
  for (const auto& row : sample["logits"])
    rows.push_back(at::tensor(at::ArrayRef<float>(row.get<std::vector<float>>()), at::kFloat));
  return {at::stack(rows), sample["labels"].get<std::vector<int64_t>>(), sample["each_label"].get<bool>()};
}

TemperatureFit fit_of(const LogitRows& rows) {
  return fit_temperature([&](double factor) { return likelihood_at(rows, factor); });
}

TEST(Temperature, IsThatOfScipyOnTorchsDerivative) {
  const auto samples = fixtures::read_json(cat(BROADSHEET_SOURCE_DIR, "/tests/golden/metrics/calibration.json"));
  ASSERT_EQ(samples.size(), 6u);
  for (const auto& sample : samples) {
    const TemperatureFit fit = fit_of(rows_of_sample(sample));
    const double wanted = sample["temperature"];
    EXPECT_TRUE(fit.found) << sample["name"];
    EXPECT_NEAR(fit.temperature, wanted, 1e-9 * wanted) << sample["name"];
    EXPECT_NEAR(fit.nll_before, sample["nll_before"].get<double>(), 1e-12) << sample["name"];
    EXPECT_NEAR(fit.nll_after, sample["nll_after"].get<double>(), 1e-12) << sample["name"];
  }
}

TEST(Temperature, OfLogitsTimesAFactorIsThatManyTimesAsLarge) {
  const auto samples = fixtures::read_json(cat(BROADSHEET_SOURCE_DIR, "/tests/golden/metrics/calibration.json"));
  LogitRows rows = rows_of_sample(samples[0]);
  const double before = fit_of(rows).temperature;
  rows.logits = rows.logits.mul(8);
  EXPECT_NEAR(fit_of(rows).temperature, 8 * before, 1e-9 * before);
}

TEST(Temperature, StaysOneWhereTheSplitTellsNone) {
  const at::Tensor logits = at::arange(12, at::kFloat).view({4, 3}).sub(at::full({4, 1}, 6.0F));
  const TemperatureFit all_right = fit_of({logits, {2, 2, 2, 2}, false});
  EXPECT_FALSE(all_right.found);
  EXPECT_EQ(all_right.temperature, 1);
  const TemperatureFit all_wrong = fit_of({logits, {0, 0, 0, 0}, false});
  EXPECT_FALSE(all_wrong.found);
  EXPECT_EQ(all_wrong.temperature, 1);
  const TemperatureFit nothing_said = fit_of({at::zeros({4, 3}), {0, 1, 2, 0}, false});
  EXPECT_FALSE(nothing_said.found);
  const TemperatureFit no_numbers = fit_of({logits.mul(std::nanf("")), {0, 1, 2, 0}, false});
  EXPECT_FALSE(no_numbers.found);
  EXPECT_EQ(no_numbers.temperature, 1);
}

// Untrained models of each architecture's head.
class CalibratedTask : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kinds, CalibratedTask, ::testing::Values("single", "multi_label", "gpt2"),
                         [](const auto& kind) { return std::string(kind.param); });

std::unique_ptr<Task> random_task(const std::string& kind) {
  TaskRequest request = fixtures::request_for(kind == "gpt2" ? "gpt2 classification" : "classification");
  request.task.calibration = "temperature";
  if (kind == "multi_label") {
    request.task.problem = kind;
    request.task.label = "topics";
  }
  std::unique_ptr<Task> task = make_task(request);
  // It so happens that these weights say less than nothing of the labels; turned round they say something.
  const at::NoGradGuard no_grad;
  for (Parameter& parameter : task->parameters())
    if (parameter.name == "score.weight") parameter.tensor.mul_(-3);
  return task;
}

std::vector<double> all_probabilities(Task& task, const ShardSet& corpus) {
  std::vector<double> values;
  std::vector<int64_t> documents(static_cast<size_t>(corpus.size(Split::kValidation)));
  std::iota(documents.begin(), documents.end(), 0);
  for (const Prediction& one : task.predict_batch(task.make_batch(corpus, Split::kValidation, documents, 0)))
    for (const auto& [name, value] : one.at("probabilities").items()) values.push_back(value.get<double>());
  return values;
}

TEST_P(CalibratedTask, MakesTheLikelihoodLeastAndKeepsEveryDecision) {
  const auto corpus = fixtures::random_corpus(30, 3);
  const auto ranks = make_world_of_one();
  const auto task = random_task(GetParam());
  const Evaluation before = run_evaluation(*task, *corpus, Split::kValidation, *ranks);
  const std::vector<double> p_before = all_probabilities(*task, *corpus);
  EXPECT_FALSE(task->broadsheet_config().contains("temperature"));
  const std::optional<double> temperature = calibrate(*task, *corpus, *ranks);
  ASSERT_TRUE(temperature);
  EXPECT_NE(*temperature, 1);
  EXPECT_EQ(task->broadsheet_config().at("temperature"), *temperature);
  const Evaluation after = run_evaluation(*task, *corpus, Split::kValidation, *ranks);
  EXPECT_LT(after.metrics.at("loss"), before.metrics.at("loss"));
  EXPECT_EQ(after.metrics.at("accuracy"), before.metrics.at("accuracy"));
  EXPECT_EQ(after.metrics.at("macro_f1"), before.metrics.at("macro_f1"));
  // A logit that was log(p / (1 - p)) is that over T now.
  const std::vector<double> p_after = all_probabilities(*task, *corpus);
  if (std::string(GetParam()) != "multi_label") return;
  ASSERT_EQ(p_after.size(), p_before.size());
  for (size_t i = 0; i < p_after.size(); ++i) {
    const auto logit = [](double p) { return std::log(p / (1 - p)); };
    EXPECT_NEAR(logit(p_after[i]), logit(p_before[i]) / *temperature, 1e-4);
  }
}

TEST(Temperature, IsNotAskedForWhereTheTaskDoesNot) {
  const auto corpus = fixtures::random_corpus(10, 3);
  const auto task = make_task(fixtures::request_for("classification"));
  const std::vector<double> before = all_probabilities(*task, *corpus);
  EXPECT_EQ(calibrate(*task, *corpus, *make_world_of_one()), std::nullopt);
  EXPECT_EQ(all_probabilities(*task, *corpus), before);
}

}  // namespace
}  // namespace broadsheet

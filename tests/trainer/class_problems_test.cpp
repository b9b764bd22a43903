// What a classification may be (single, multi_label, ordinal) and how its classes are weighed: losses against plain
// forms, the same for every split, folders written and read.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "checkpoints/huggingface.h"
#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/tasks/class_losses.h"
#include "trainer/tasks/class_weights.h"
#include "trainer/tasks/task.h"

namespace broadsheet {
namespace {

using fixtures::error_of;
using fixtures::MemoryCorpus;
using fixtures::random_corpus;
using fixtures::request_for;
using fixtures::TemporaryFolder;
using fixtures::WordTokenizer;

at::Tensor fixed_logits(int64_t rows, int64_t columns) {
  return at::arange(rows * columns, at::kFloat).mul(1.7F).sin().mul(2).view({rows, columns});
}

at::Tensor of_floats(const std::vector<float>& values) {
  return at::tensor(at::ArrayRef<float>(values), at::kFloat);
}

at::Tensor of_ids(const std::vector<int64_t>& ids) {
  return at::tensor(at::ArrayRef<int64_t>(ids), at::kLong);
}

TEST(ClassLosses, DividedByTheLabelsWeightsAreAtensWeightedMeanWithSmoothing) {
  const at::Tensor logits = fixed_logits(6, 3), labels = of_ids({0, 2, 1, 1, 0, 2}), weights = of_floats({0.5F, 1, 4});
  const double sum_of_weights = 0.5 + 4 + 1 + 1 + 0.5 + 4;
  for (const double smoothing : {0.0, 0.1}) {
    const double ours = single_label_loss(logits, labels, {weights, smoothing, 0}).item<double>() / sum_of_weights;
    const double plain =
        at::cross_entropy_loss(logits, labels, weights, at::Reduction::Mean, -100, smoothing).item<double>();
    EXPECT_NEAR(ours, plain, 1e-6);
  }
  const double unweighted = single_label_loss(logits, labels, {}).item<double>() / 6;
  EXPECT_NEAR(unweighted, at::cross_entropy_loss(logits, labels).item<double>(), 1e-6);
}

TEST(ClassLosses, FocalLossCountsWhatIsMissed) {
  const at::Tensor logits = fixed_logits(5, 4), weights = of_floats({1, 2, 3, 0.5F});
  const std::vector<int64_t> labels = {3, 0, 1, 2, 3};
  const double gamma = 1.5;
  const at::Tensor p = at::softmax(logits.to(at::kDouble), 1);
  double plain = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const double hit = p[static_cast<int64_t>(i)][labels[i]].item<double>();
    plain -= weights[labels[i]].item<double>() * std::pow(1 - hit, gamma) * std::log(hit);
  }
  EXPECT_NEAR(single_label_loss(logits, of_ids(labels), {weights, 0, gamma}).item<double>(), plain, 1e-5);
}

TEST(ClassLosses, OfSeveralLabelsAreBinaryCrossEntropies) {
  const at::Tensor logits = fixed_logits(4, 3), weights = of_floats({1, 3, 0.25F});
  const at::Tensor targets = of_floats({1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1}).view({4, 3});
  const double mean = multi_label_loss(logits, targets, {weights, 0, 0}).item<double>() / 12;
  EXPECT_NEAR(mean, at::binary_cross_entropy_with_logits(logits, targets, {}, weights).item<double>(), 1e-6);
  const at::Tensor p = at::sigmoid(logits.to(at::kDouble));
  double smoothed = 0, focal = 0;
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t c = 0; c < 3; ++c) {
      const double yes = p[i][c].item<double>();
      const bool is = targets[i][c].item<float>() == 1;
      const double wanted = is ? 0.95 : 0.05;
      smoothed -= wanted * std::log(yes) + (1 - wanted) * std::log(1 - yes);
      const double hit = is ? yes : 1 - yes;
      focal -= (1 - hit) * (1 - hit) * std::log(hit);
    }
  }
  EXPECT_NEAR(multi_label_loss(logits, targets, {{}, 0.1, 0}).item<double>(), smoothed, 1e-5);
  EXPECT_NEAR(multi_label_loss(logits, targets, {{}, 0, 2}).item<double>(), focal, 1e-5);
}

TEST(ClassLosses, OfClassesInOrderAreSquaredDistancesOfCumulativeShares) {
  const at::Tensor logits = fixed_logits(3, 4), weights = of_floats({1, 2, 1, 5});
  const std::vector<int64_t> labels = {0, 3, 1};
  const at::Tensor p = at::softmax(logits.to(at::kDouble), 1);
  double plain = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    double below = 0;
    for (int64_t c = 0; c < 3; ++c) {
      below += p[static_cast<int64_t>(i)][c].item<double>();
      plain += weights[labels[i]].item<double>() * std::pow(below - (labels[i] <= c ? 1 : 0), 2);
    }
  }
  EXPECT_NEAR(ordinal_loss(logits, of_ids(labels), {weights, 0, 0}).item<double>(), plain, 1e-5);
  // A near miss costs less than a far one, which the cross-entropy does not know.
  const at::Tensor sure_of_third = of_floats({0, 0, 9, 0}).view({1, 4});
  EXPECT_LT(ordinal_loss(sure_of_third, of_ids({1}), {}).item<double>(),
            ordinal_loss(sure_of_third, of_ids({0}), {}).item<double>());
}

TEST(ClassLosses, HaveFiniteGradientsWhereAPredictionIsCertain) {
  const at::Tensor logits = of_floats({200, -200, 0}).view({1, 3}).requires_grad_();
  const std::vector<at::Tensor> losses = {
      single_label_loss(logits, of_ids({0}), {{}, 0, 0.5}), single_label_loss(logits, of_ids({1}), {{}, 0, 0.5}),
      multi_label_loss(logits, of_floats({1, 0, 1}).view({1, 3}), {{}, 0, 0.5}), ordinal_loss(logits, of_ids({2}), {})};
  for (const at::Tensor& loss : losses) {
    logits.mutable_grad() = at::Tensor();
    loss.backward();
    EXPECT_TRUE(at::isfinite(logits.grad()).all().item<bool>());
    EXPECT_TRUE(std::isfinite(loss.item<double>()));
  }
}

struct Variant {
  const char* name;
  const char* problem;
  ClassWeightsConfig weights;
  double smoothing = 0, gamma = 0;
};

TaskRequest request_of(const Variant& variant, const ShardSet& corpus) {
  TaskRequest request = request_for("classification");
  request.task.problem = variant.problem;
  request.task.label = request.task.problem == "multi_label" ? "topics" : "mood";
  request.task.class_weights = variant.weights;
  request.task.label_smoothing = variant.smoothing;
  request.task.focal_gamma = variant.gamma;
  request.class_weights = class_weights(request.task, corpus);
  return request;
}

class EveryVariant : public ::testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(
    Of, EveryVariant,
    ::testing::Values(Variant{"weighed", "single", {false, {{"bad", 3}, {"fair", 0.3}}}},
                      Variant{"balanced", "single", {true, {}}}, Variant{"smoothed", "single", {}, 0.1},
                      Variant{"focal", "single", {true, {}}, 0, 2}, Variant{"several", "multi_label", {}},
                      Variant{"several_weighed", "multi_label", {true, {}}, 0, 2}, Variant{"ordered", "ordinal", {}},
                      Variant{"ordered_weighed", "ordinal", {true, {}}}),
    [](const auto& variant) { return std::string(variant.param.name); });

TEST_P(EveryVariant, GivesTheSameMeanLossAndGradientForEverySplit) {
  const auto corpus = random_corpus(8, 1);
  const auto task = make_task(request_of(GetParam(), *corpus));
  struct Mean {
    double loss = 0, weight = 0;
    std::map<std::string, at::Tensor> gradients;
  };
  const auto mean_over = [&](const std::vector<std::vector<int64_t>>& micro_batches) {
    Mean mean;
    for (const std::vector<int64_t>& documents : micro_batches) {
      const Batch batch = task->make_batch(*corpus, Split::kTrain, documents, 5);
      const at::Tensor loss = task->loss_sum(batch, {.training = true, .seed = 3, .step = 5});
      mean.loss += loss.item<double>();
      mean.weight += task->loss_weight(batch);
      for (auto& [name, gradient] : fixtures::gradients(loss, task->parameters())) {
        at::Tensor& sum = mean.gradients[name];
        sum = sum.defined() ? sum + gradient : gradient;
      }
    }
    return mean;
  };
  const Mean whole = mean_over({{0, 1, 2, 3, 4, 5, 6, 7}});
  EXPECT_GT(whole.weight, 0);
  EXPECT_GT(whole.loss, 0);
  for (const Mean& parts : {mean_over({{0, 1, 2, 3}, {4, 5, 6, 7}}), mean_over({{7, 2, 5}, {}, {0, 6, 1, 4}, {3}})}) {
    EXPECT_EQ(parts.weight, whole.weight);
    EXPECT_NEAR(parts.loss, whole.loss, 1e-4 * whole.loss);
    ASSERT_EQ(parts.gradients.size(), whole.gradients.size());
    for (const auto& [name, gradient] : whole.gradients) {
      const double size = std::max(1e-2, gradient.abs().max().item<double>());
      EXPECT_LT(fixtures::max_difference(gradient, parts.gradients.at(name)), 1e-4 * size) << name;
    }
  }
}

TEST_P(EveryVariant, IsReadFromItsFolderAgainAndPredictsTheSame) {
  const auto corpus = random_corpus(8, 1);
  const auto task = make_task(request_of(GetParam(), *corpus));
  const TemporaryFolder temporary;
  const std::string folder = temporary.path() + "/model";
  write_model_folder(folder, task->model_config(), tensor_views(task->parameters()), {}, task->broadsheet_config());
  std::ofstream vocabulary(folder + "/vocab.txt");
  for (int32_t id = 0; id < 50; ++id) vocabulary << WordTokenizer().token(id) << "\n";
  vocabulary.close();
  const auto loaded = load_task(locate_model(folder), nullptr);
  EXPECT_EQ(loaded->default_metric(), task->default_metric());
  EXPECT_EQ(loaded->model_config()["problem_type"], task->model_config()["problem_type"]);
  const auto before = task->predict(WordTokenizer(), {"w7 w8 w9", "w30"}, {});
  const auto after = loaded->predict(WordTokenizer(), {"w7 w8 w9", "w30"}, {});
  EXPECT_EQ(before, after);
  for (const Prediction& prediction : after) {
    double sum = 0;
    for (const auto& [name, p] : prediction["probabilities"].items()) sum += p.get<double>();
    const bool several = std::string(GetParam().problem) == "multi_label";
    EXPECT_EQ(prediction.contains("labels"), several);
    EXPECT_EQ(prediction.contains("label"), !several);
    if (!several) {
      EXPECT_NEAR(sum, 1, 1e-9);
      continue;
    }
    for (const auto& [name, p] : prediction["probabilities"].items()) {
      const auto& labels = prediction["labels"];
      EXPECT_EQ(std::find(labels.begin(), labels.end(), name) != labels.end(), p.get<double>() >= 0.5);
    }
  }
}

TEST(ClassWeights, BalancedEqualScikitLearns) {
  const auto golden = fixtures::read_json(cat(BROADSHEET_SOURCE_DIR, "/tests/golden/metrics/classes.json"));
  ASSERT_EQ(golden["balanced"].size(), 2u);
  for (const auto& sample : golden["balanced"]) {
    std::vector<MemoryCorpus::Document> documents;
    for (const auto& label : sample["labels"]) documents.push_back({{5}, {}, label, 0, {}});
    const MemoryCorpus corpus(documents, {"bad", "fair", "good"});
    TaskConfig task;
    task.label = "mood";
    EXPECT_TRUE(class_weights(task, corpus).empty());
    task.class_weights.balanced = true;
    const std::vector<double> weights = class_weights(task, corpus);
    for (size_t id = 0; id < 3; ++id) EXPECT_NEAR(weights[id], sample["weights"][id].get<double>(), 1e-7);
  }
}

TEST(ClassWeights, OfSeveralLabelsAreDocumentsWithoutOverDocumentsWith) {
  std::vector<MemoryCorpus::Document> documents(5, MemoryCorpus::Document{{5}, {}, 0, 0, {0}});
  documents[0].labels = {0, 1};
  documents[1].labels = {};
  const MemoryCorpus corpus(documents, {"bad", "fair", "good"});
  TaskConfig task;
  task.label = "topics";
  task.problem = "multi_label";
  task.class_weights.balanced = true;
  EXPECT_EQ(class_weights(task, corpus), (std::vector<double>{0.25, 4, 1}));
}

TEST(Classification, SaysWhatKindOfFieldItNeeds) {
  const auto corpus = random_corpus(4, 1);
  TaskRequest request = request_for("classification");
  request.task.problem = "multi_label";
  const auto several = make_task(request);
  EXPECT_NE(error_of([&] { several->make_batch(*corpus, Split::kTrain, {0}, 0); }).find("kind labels"),
            std::string::npos);
  request.task.problem = "single";
  request.task.label = "topics";
  const auto single = make_task(request);
  EXPECT_NE(error_of([&] { single->make_batch(*corpus, Split::kTrain, {0}, 0); }).find("not of kind label"),
            std::string::npos);
}

}  // namespace
}  // namespace broadsheet

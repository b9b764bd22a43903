// A frozen trunk: no dropout, no graph, and rows that stand for it.
#include "trainer/features.h"

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/trainer/bert_fixture.h"
#include "trainer/parallel/mpi_communicator.h"

namespace broadsheet {
namespace {

using fixtures::gradients;
using fixtures::random_corpus;
using fixtures::request_for;
using fixtures::TemporaryFolder;
using Change = std::function<void(TaskRequest&)>;

std::unique_ptr<Task> frozen(const TaskRequest& request) {
  std::unique_ptr<Task> task = make_task(request);
  apply_freeze(task->parameters(), {.all_but_head = true});
  return task;
}

double loss_of(Task& task, const ShardSet& corpus, const std::vector<int64_t>& documents, const PassContext& pass) {
  return task.loss_sum(task.make_batch(corpus, Split::kTrain, documents, 5), pass).item<double>();
}

class FrozenTrunk : public ::testing::TestWithParam<const char*> {
 protected:
  const std::unique_ptr<Communicator> alone_ = make_world_of_one();
  const std::shared_ptr<const ShardSet> corpus_ = random_corpus(12, 1);
};
INSTANTIATE_TEST_SUITE_P(Kinds, FrozenTrunk, ::testing::Values("classification", "regression"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_P(FrozenTrunk, HasNoDropoutInTrainingButItsHeadHas) {
  TaskRequest request = request_for(GetParam());
  request.model.config["classifier_dropout"] = 0.0;
  const auto task = frozen(request);
  const auto loss = [&](Task& of, const PassContext& pass) { return loss_of(of, *corpus_, {0, 1, 2, 3}, pass); };
  EXPECT_EQ(loss(*task, {true, 3, 5}), loss(*task, {true, 3, 6}));
  EXPECT_EQ(loss(*task, {true, 3, 5}), loss(*task, {false, 3, 5}));
  request.model.config["classifier_dropout"] = 0.3;
  const auto dropping = frozen(request);
  EXPECT_NE(loss(*dropping, {true, 3, 5}), loss(*dropping, {true, 3, 6}));
  EXPECT_EQ(loss(*dropping, {true, 3, 5}), loss(*dropping, {true, 3, 5}));
}

TEST_P(FrozenTrunk, IsTheSameTrunkWhenItsPartsAreNamedOneByOne) {
  const auto task = make_task(request_for(GetParam()));
  EXPECT_EQ(task->feature_width(), 0);
  apply_freeze(task->parameters(), {.all_but_head = false, .embeddings = true, .layers = 1});
  EXPECT_EQ(task->feature_width(), 0);
  apply_freeze(task->parameters(), {.all_but_head = false, .embeddings = true, .layers = 2});
  EXPECT_EQ(task->feature_width(), 32);
}

TEST_P(FrozenTrunk, RunsInFloat32UnderAutocast) {
  const auto task = frozen(request_for(GetParam()));
  const Batch batch = task->make_batch(*corpus_, Split::kTrain, {0, 1, 2, 3}, 5);
  const at::Tensor plain = task->compute_features(batch);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::Tensor rows = task->compute_features(batch);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  EXPECT_TRUE(at::equal(plain, rows));
  EXPECT_FALSE(rows.requires_grad());
}

TEST_P(FrozenTrunk, KeptRowsGiveTheSameLossAndGradients) {
  const TemporaryFolder folder;
  const auto plain = frozen(request_for(GetParam())), kept = frozen(request_for(GetParam()));
  EXPECT_EQ(take_features(*kept, *corpus_, folder.path(), *alone_).computed, 36);
  for (const std::vector<int64_t>& documents : {std::vector<int64_t>{0}, {3, 1}, {11, 0, 5, 6, 7, 2, 9}}) {
    const PassContext pass = {true, 3, 5};
    const Batch batch = kept->make_batch(*corpus_, Split::kTrain, documents, 5);
    EXPECT_EQ(batch.features.size(), documents.size() * 32);
    EXPECT_EQ(batch.tokens, plain->make_batch(*corpus_, Split::kTrain, documents, 5).tokens);
    const at::Tensor loss = kept->loss_sum(batch, pass);
    EXPECT_NEAR(loss.item<double>(), loss_of(*plain, *corpus_, documents, pass), 1e-5);
    const Batch as_ever = plain->make_batch(*corpus_, Split::kTrain, documents, 5);
    const auto expected = gradients(plain->loss_sum(as_ever, pass), plain->parameters());
    for (const auto& [name, gradient] : gradients(loss, kept->parameters()))
      EXPECT_LT(fixtures::max_difference(gradient, expected.at(name)), 1e-5) << name;
  }
}

TEST_P(FrozenTrunk, KeptRowsAreNotThoseOfAnotherCorpus) {
  class Other : public fixtures::MemoryCorpus {
   public:
    Other() : MemoryCorpus({{{5, 6}, {}, 1, 0.5}}, {"bad", "fair", "good"}) {}
    const std::string& fingerprint() const override { return fingerprint_; }

   private:
    std::string fingerprint_ = "other";
  };
  const TemporaryFolder folder;
  const auto task = frozen(request_for(GetParam()));
  take_features(*task, *corpus_, folder.path(), *alone_);
  EXPECT_TRUE(task->make_batch(Other(), Split::kTrain, {0}, 5).features.empty());
}

TEST_P(FrozenTrunk, RowsAreReadWhereNothingTheyDependOnHasChangedAndComputedWhereItHas) {
  const TemporaryFolder folder;
  const auto computed = [&](const Change& change, bool other_weight = false) {
    TaskRequest request = request_for(GetParam());
    change(request);
    const auto task = frozen(request);
    for (Parameter& parameter : task->parameters()) {
      const at::NoGradGuard no_grad;
      const std::string name = "bert.encoder.layer.1.output.dense.bias";
      if (other_weight && parameter.name == name) parameter.tensor[3] += 1e-6;
    }
    return take_features(*task, *corpus_, folder.path(), *alone_).computed;
  };
  EXPECT_EQ(computed([](TaskRequest&) {}), 36);
  EXPECT_EQ(computed([](TaskRequest&) {}), 0);
  EXPECT_EQ(computed([](TaskRequest& request) { request.dropout = 0.4; }), 0);
  EXPECT_EQ(computed([](TaskRequest& request) { request.max_length = 23; }), 36);
  EXPECT_EQ(computed([](TaskRequest& request) { request.task.text_pair = "pair"; }), 36);
  EXPECT_EQ(computed([](TaskRequest& request) { request.seed = 2; }), 36);
  EXPECT_EQ(computed([](TaskRequest& request) { request.model.config["hidden_act"] = "relu"; }), 36);
  EXPECT_EQ(computed([](TaskRequest& request) { request.model.config["layer_norm_eps"] = 1e-5; }), 36);
  EXPECT_EQ(computed([](TaskRequest&) {}, true), 36);
  EXPECT_EQ(computed([](TaskRequest&) {}), 0);
}

TEST(FrozenTrunkOfMaskedLm, HasNoRowForADocument) {
  const auto task = frozen(request_for("masked_lm"));
  EXPECT_EQ(task->feature_width(), 0);
  EXPECT_EQ(take_features(*task, *random_corpus(3, 1), "/nowhere", *make_world_of_one()).file, "");
  const auto corpus = random_corpus(8, 1);
  const Batch batch = task->make_batch(*corpus, Split::kTrain, {0, 1, 2, 3, 4, 5, 6, 7}, 5);
  EXPECT_EQ(task->loss_sum(batch, {true, 3, 5}).item<double>(), task->loss_sum(batch, {true, 3, 6}).item<double>());
}

TEST(FrozenTrunkOfBothTasks, IsComputedOnceForBoth) {
  const TemporaryFolder folder;
  const auto alone = make_world_of_one();
  const auto corpus = random_corpus(4, 1);
  EXPECT_EQ(take_features(*frozen(request_for("classification")), *corpus, folder.path(), *alone).computed, 12);
  EXPECT_EQ(take_features(*frozen(request_for("regression")), *corpus, folder.path(), *alone).computed, 0);
}

}  // namespace
}  // namespace broadsheet

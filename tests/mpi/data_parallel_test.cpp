#include "trainer/parallel/data_parallel.h"

#include <gtest/gtest.h>

#include <cstring>
#include <mutex>

#include "core/errors.h"
#include "data/plan.h"
#include "mpi/mpi_test.h"
#include "mpi/two_layer_task.h"
#include "trainer/optim/optimizer.h"
#include "trainer/parallel/mpi_communicator.h"

namespace broadsheet {
namespace {

// Gradients of one step of 32 examples, cut into micro-batches of `micro_batch_size` on each of the ranks.
std::vector<at::Tensor> gradients(Communicator& ranks, int64_t micro_batch_size, int64_t examples = 32) {
  const MemoryCorpus corpus(64, 0, 0);
  TwoLayerTask task;
  DataParallel model(task.parameters(), ranks);
  const BatchPlan plan = make_plan(64, examples, 5, corpus.fingerprint());
  const std::vector<int64_t> ids = sample_ids(plan, 0, {ranks.rank(), ranks.size()});
  std::vector<std::vector<int64_t>> pieces =
      cut_micro_batches(ids, std::vector<int64_t>(ids.size(), 1), micro_batch_size, 1 << 20);
  if (pieces.empty()) pieces.emplace_back();
  model.begin_step();
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Batch batch = task.make_batch(corpus, Split::kTrain, pieces[i], 0);
    model.backward(task.loss_sum(batch, {true, 9, 0}).div(static_cast<double>(examples)), i + 1 == pieces.size());
  }
  std::vector<at::Tensor> result;
  for (const Parameter& parameter : model.trained()) result.push_back(parameter.tensor.grad().clone());
  return result;
}

void expect_near(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b, double relative) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const double scale = a[i].abs().max().item<double>();
    EXPECT_GT(scale, 0.0);
    EXPECT_LT((a[i] - b[i]).abs().max().item<double>(), relative * scale) << "tensor " << i;
  }
}

TEST(DataParallel, GivesTheSameGradientHoweverTheBatchIsSplit) {
  const auto alone = make_world_of_one();
  const std::vector<at::Tensor> whole = gradients(*alone, 32);
  expect_near(whole, gradients(*alone, 8), 1e-5);
  expect_near(whole, gradients(*alone, 1), 1e-5);
  expect_near(whole, gradients(world(), 32), 1e-5);
  expect_near(whole, gradients(world(), 3), 1e-5);
}

TEST(DataParallel, ARankWithoutExamplesTakesPart) {
  const auto alone = make_world_of_one();
  expect_near(gradients(*alone, 1, 1), gradients(world(), 1, 1), 1e-5);
}

TEST(DataParallel, RanksKeepEqualWeights) {
  const MemoryCorpus corpus(50, 0, 0);
  // Different weights on every rank: those of rank 0 must win.
  TwoLayerOptions options;
  options.seed = static_cast<uint64_t>(world().rank());
  TwoLayerTask task(options);
  DataParallel model(task.parameters(), world());
  TrainConfig config;
  const auto optimizer = make_optimizer(model.trained(), config);
  const BatchPlan plan = make_plan(50, 10, 5, corpus.fingerprint());
  for (int64_t step = 0; step < 5; ++step) {
    model.begin_step();
    const Batch batch =
        task.make_batch(corpus, Split::kTrain, sample_ids(plan, step, {world().rank(), world().size()}), 0);
    model.backward(task.loss_sum(batch, {true, 9, static_cast<uint64_t>(step)}), true);
    optimizer->update(0.01);
  }
  std::string bytes;
  for (const TensorView& view : tensor_views(task.parameters()))
    bytes.append(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size());
  for (const std::string& other : world().all_gather(bytes)) EXPECT_TRUE(other == bytes);
}

TEST(DataParallel, TheFirstReductionIsPostedBeforeTheLastGradientExists) {
  const MemoryCorpus corpus(16, 0, 0);
  TwoLayerOptions options;
  options.hidden = 600;  // the dense layer alone fills the first bucket
  TwoLayerTask task(options);
  DataParallel model(task.parameters(), world());
  std::mutex mutex;
  std::vector<std::string> events;
  const auto note = [&](const std::string& event) {
    const std::lock_guard lock(mutex);
    events.push_back(event);
  };
  model.backend().set_trace([&](const char* event, int64_t) { note(event); });
  for (const Parameter& parameter : task.parameters())
    parameter.tensor.register_hook([&note, name = parameter.name](const at::Tensor&) { note(name); });
  for (int64_t step = 0; step < 3; ++step) {
    events.clear();
    model.begin_step();
    const Batch batch = task.make_batch(corpus, Split::kTrain, {0, 1, 2, 3}, 0);
    model.backward(task.loss_sum(batch, {true, 9, 0}), true);
    const auto first_posted = std::find(events.begin(), events.end(), "posted");
    const auto last_gradient = std::find(events.begin(), events.end(), "embedding.weight");
    ASSERT_TRUE(first_posted != events.end() && last_gradient != events.end());
    EXPECT_TRUE(first_posted < last_gradient) << "step " << step;
    EXPECT_GE(std::count(events.begin(), events.end(), "posted"), 2);
    EXPECT_EQ(std::count(events.begin(), events.end(), "posted"), std::count(events.begin(), events.end(), "summed"));
  }
}

TEST(DataParallel, OnlyTheLastMicroBatchIsReduced) {
  const MemoryCorpus corpus(16, 0, 0);
  TwoLayerTask task;
  DataParallel model(task.parameters(), world());
  std::atomic<int64_t> posted{0};
  model.backend().set_trace([&](const char* event, int64_t) { posted += std::strcmp(event, "posted") == 0; });
  const auto pass = [&](bool last) {
    model.backward(task.loss_sum(task.make_batch(corpus, Split::kTrain, {1, 2}, 0), {true, 9, 0}), last);
  };
  for (int step = 0; step < 2; ++step) {
    model.begin_step();
    posted = 0;
    pass(false);
    pass(false);
    EXPECT_EQ(posted, 0);
    pass(true);
    EXPECT_GE(posted, 1);
  }
}

TEST(DataParallel, FrozenParametersAreLeftOut) {
  const MemoryCorpus corpus(16, 0, 0);
  TwoLayerTask task;
  task.parameters()[0].tensor.set_requires_grad(false);
  DataParallel model(task.parameters(), world());
  EXPECT_EQ(model.trained().size(), task.parameters().size() - 1);
  model.begin_step();
  model.backward(task.loss_sum(task.make_batch(corpus, Split::kTrain, {1, 2}, 0), {true, 9, 0}), true);
  EXPECT_FALSE(task.parameters()[0].tensor.grad().defined());
}

TEST(DataParallel, RanksWithOtherParametersAreRefused) {
  TwoLayerOptions options;
  options.hidden = world().rank() == 0 ? 16 : 8;
  TwoLayerTask task(options);
  if (world().size() == 1) {
    DataParallel model(task.parameters(), world());
    EXPECT_FALSE(model.trained().empty());
    return;
  }
  EXPECT_THROW(DataParallel(task.parameters(), world()), RunError);
}

}  // namespace
}  // namespace broadsheet

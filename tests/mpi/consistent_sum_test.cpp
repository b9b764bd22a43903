#include "trainer/parallel/consistent_sum.h"

#include <gtest/gtest.h>

#include "data/plan.h"
#include "mpi/mpi_test.h"
#include "mpi/two_layer_task.h"
#include "trainer/parallel/mpi_communicator.h"

namespace broadsheet {
namespace {

// Gradients and loss of one step of `examples` examples, one to a micro-batch.
struct Sums {
  std::vector<at::Tensor> gradients;
  double loss = 0;
};
Sums sums(Communicator& ranks, int64_t examples, int64_t piece) {
  const MemoryCorpus corpus(64, 0, 0);
  TwoLayerTask task;
  ConsistentSum sum(task.parameters(), ranks);
  sum.set_piece(piece);
  const std::vector<int64_t> ids = sample_ids(make_plan(64, examples, 5, corpus.fingerprint()), 0);
  Sums result;
  for (int repeat = 0; repeat < 2; ++repeat) {  // buffers of the first step are used again
    const LeafRun run = leaf_run(examples, ranks.rank(), ranks.size());
    std::vector<double> losses;
    sum.begin_step(run);
    for (int64_t leaf = run.begin; leaf < run.end; ++leaf) {
      const Batch batch = task.make_batch(corpus, Split::kTrain, {ids[static_cast<size_t>(leaf)]}, 0);
      const at::Tensor loss = task.loss_sum(batch, {true, 9, 0}).div(static_cast<double>(examples));
      sum.backward(loss, leaf + 1 == run.end);
      losses.push_back(loss.item<double>());
    }
    sum.end_step();
    result.loss = sum.sum_losses(losses);
  }
  for (const Parameter& parameter : sum.trained()) result.gradients.push_back(parameter.tensor.grad().clone());
  return result;
}

TEST(ConsistentSum, HasTheSameBitsOnAnyNumberOfRanksAndInPiecesOfAnySize) {
  const auto one = make_world_of_one();
  for (const int64_t examples : {1, 2, 5, 13, 32}) {
    const Sums alone = sums(*one, examples, 1 << 20);
    for (const int64_t piece : {int64_t{7}, int64_t{100}, int64_t{1} << 20}) {
      const Sums together = sums(world(), examples, piece);
      EXPECT_EQ(alone.loss, together.loss);
      ASSERT_EQ(alone.gradients.size(), together.gradients.size());
      for (size_t i = 0; i < alone.gradients.size(); ++i) {
        EXPECT_GT(alone.gradients[i].abs().max().item<double>(), 0.0);
        EXPECT_TRUE(alone.gradients[i].equal(together.gradients[i])) << examples << " examples, tensor " << i;
      }
    }
  }
}

}  // namespace
}  // namespace broadsheet

// Promise 2 on the real tasks: the exact gradient, whatever the split, with dropout and masking on.
#include <gtest/gtest.h>

#include <cmath>

#include "core/text.h"
#include "data/plan.h"
#include "mpi/mpi_test.h"
#include "mpi/small_bert.h"
#include "mpi/two_layer_task.h"
#include "trainer/parallel/data_parallel.h"
#include "trainer/parallel/mpi_communicator.h"
#include "trainer/trainer.h"

namespace broadsheet {
namespace {

// Gradients of one step of 32 examples in passes of `micro_batch_size` on each of the ranks.
std::vector<at::Tensor> bert_gradients(const std::string& kind, Communicator& ranks, int64_t micro_batch_size) {
  const MemoryCorpus corpus(64, 0, 0);
  const std::unique_ptr<Task> task = small_bert(kind);
  DataParallel model(task->parameters(), ranks);
  const std::vector<int64_t> ids = sample_ids(make_plan(64, 32, 5, "f"), 0, {ranks.rank(), ranks.size()});
  const auto pieces = cut_micro_batches(ids, std::vector<int64_t>(ids.size(), 1), micro_batch_size, 1);
  std::vector<Batch> batches;
  int64_t labels = 0;
  for (const std::vector<int64_t>& piece : pieces) {
    batches.push_back(task->make_batch(corpus, Split::kTrain, piece, 3));
    labels += task->label_count(batches.back());
  }
  labels = ranks.sum(std::vector<int64_t>{labels})[0];
  EXPECT_GT(labels, 0);
  model.begin_step();
  for (size_t i = 0; i < batches.size(); ++i)
    model.backward(task->loss_sum(batches[i], {true, 9, 3}).div(static_cast<double>(labels)), i + 1 == batches.size());
  std::vector<at::Tensor> result;
  for (const Parameter& parameter : model.trained()) result.push_back(parameter.tensor.grad().clone());
  return result;
}

double distance(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]).to(at::kDouble).square().sum().item<double>();
    norm += a[i].to(at::kDouble).square().sum().item<double>();
  }
  EXPECT_GT(norm, 0.0);
  return std::sqrt(difference / norm);
}

class Gradient : public testing::TestWithParam<std::string> {};

TEST_P(Gradient, IsTheSameHoweverTheBatchIsSplit) {
  const auto alone = make_world_of_one();
  const std::vector<at::Tensor> whole = bert_gradients(GetParam(), *alone, 32);  // 1 x 32
  EXPECT_LT(distance(whole, bert_gradients(GetParam(), *alone, 8)), 1e-5);       // 4 x 8
  EXPECT_LT(distance(whole, bert_gradients(GetParam(), *alone, 5)), 1e-5);
  EXPECT_LT(distance(whole, bert_gradients(GetParam(), world(), 8)), 1e-5);  // 2 ranks x 2 x 8, 4 ranks x 8
  EXPECT_LT(distance(whole, bert_gradients(GetParam(), world(), 3)), 1e-5);
}

// The same steps again, or from a checkpoint in the middle: equal in bits, also through MKL and the real model.
TEST_P(Gradient, TrainsToTheSameBitsAfterAResume) {
  class Quiet : public TrainObserver {
    void on_start(int64_t, int64_t, int64_t) override {}
    void on_record(const StepRecord& record) override {
      if (record.step == stop_at) request_stop();
    }
    void on_checkpoint(int64_t, const std::string&, double) override {}

   public:
    int64_t stop_at = -1;
  };
  const MemoryCorpus corpus(33, 9, 5);
  TrainerOptions options;
  options.train.max_steps = 7;
  options.train.global_batch_size = 8;
  options.train.learning_rate = 1e-3;
  options.validation.every_steps = 3;
  options.validation.metric = "loss";
  options.checkpoints.every_minutes = 0;
  for (const std::string precision : {"float32", "bf16"}) {
    options.train.precision = precision;
    options.checkpoint_root = shared_folder(cat(GetParam(), precision, "-straight"));
    Quiet quiet;
    const auto straight = small_bert(GetParam());
    options.attempt = begin_attempt(options.checkpoint_root, world());
    const TrainOutcome expected = train(*straight, corpus, world(), options, quiet);
    const std::string expected_last = newest_parts(options.checkpoint_root);
    options.checkpoint_root = shared_folder(cat(GetParam(), precision, "-resumed"));
    quiet.stop_at = 3;
    const auto resumed = small_bert(GetParam());
    options.attempt = begin_attempt(options.checkpoint_root, world());
    EXPECT_EQ(train(*resumed, corpus, world(), options, quiet).end, TrainEnd::kStopped);
    clear_stop_request();
    const auto again = small_bert(GetParam());
    options.attempt = begin_attempt(options.checkpoint_root, world());
    const TrainOutcome outcome = train(*again, corpus, world(), options, quiet);
    EXPECT_EQ(outcome.test.after, expected.test.after);
    const std::string last = newest_parts(options.checkpoint_root);
    EXPECT_NE(last.find("optimizer"), std::string::npos) << last;
    EXPECT_EQ(last, expected_last);
    for (size_t i = 0; i < again->parameters().size(); ++i)
      EXPECT_TRUE(again->parameters()[i].tensor.equal(straight->parameters()[i].tensor)) << again->parameters()[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Tasks, Gradient, testing::Values("masked_lm", "classification"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace broadsheet

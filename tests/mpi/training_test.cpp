#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "checkpoints/snapshot.h"
#include "core/errors.h"
#include "core/text.h"
#include "mpi/mpi_test.h"
#include "mpi/two_layer_task.h"
#include "trainer/health.h"
#include "trainer/parallel/mpi_communicator.h"
#include "trainer/save_triggers.h"
#include "trainer/trainer.h"

namespace broadsheet {
namespace {

// Records as text, without what a clock has touched.
class Notes : public TrainObserver {
 public:
  void on_start(int64_t start_step, int64_t, int64_t) override { start = start_step; }
  void on_record(const StepRecord& record) override {
    std::string line = cat(record.kind, " loss ", shortest(record.loss), " rate ", shortest(record.learning_rate),
                           " norm ", shortest(record.grad_norm), " tokens ", record.tokens, " examples ",
                           record.examples, " epoch ", shortest(record.epoch));
    for (const auto& [name, value] : record.metrics) line += cat(' ', name, ' ', shortest(value));
    lines.emplace_back(record.step, line);
    if (stop_at == record.step) request_stop();
  }
  void on_checkpoint(int64_t step, const std::string&, double) override { checkpoints.push_back(step); }
  std::vector<std::pair<int64_t, std::string>> lines;
  std::vector<int64_t> checkpoints;
  int64_t start = -1, stop_at = -1;
};

TrainerOptions make_options(const std::string& root) {
  TrainerOptions options;
  options.train.max_steps = 12;
  options.train.global_batch_size = 8;
  options.train.micro_batch_size = 2;
  options.train.learning_rate = 0.01;
  options.train.warmup_steps = 2;
  options.validation.every_steps = 3;
  options.validation.metric = "loss";
  options.checkpoints.every_steps = 1;
  options.checkpoints.every_minutes = 0;
  options.checkpoints.keep_last = 100;
  options.seed = 17;
  options.checkpoint_root = root;
  options.identity = {{"model", "two layers"}};
  return options;
}

std::string bytes_of(Task& task) {
  std::string bytes;
  for (const TensorView& view : tensor_views(task.parameters()))
    bytes.append(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size());
  return bytes;
}

struct Trained {
  TrainOutcome outcome;
  Notes notes;
  std::string weights;  // of the best step
  std::vector<at::Tensor> values;
  std::string last;  // names, sizes and checksums of the last checkpoint's files
};
Trained train_task(const ShardSet& corpus, Communicator& ranks, TrainerOptions options, TwoLayerOptions model = {},
                   int64_t stop_at = -1) {
  Trained trained;
  options.attempt = begin_attempt(options.checkpoint_root, ranks);
  TwoLayerTask task(model);
  trained.notes.stop_at = stop_at;
  trained.outcome = train(task, corpus, ranks, options, trained.notes);
  trained.weights = bytes_of(task);
  trained.last = newest_parts(options.checkpoint_root);
  for (const Parameter& parameter : task.parameters()) trained.values.push_back(parameter.tensor.detach().clone());
  return trained;
}

// One rank alone, while the others wait: nothing collective.
Trained train_alone(const ShardSet& corpus, TrainerOptions options, int64_t stop_at = -1) {
  const auto one = make_world_of_one();
  options.attempt = begin_attempt(options.checkpoint_root, *one);
  Trained trained;
  TwoLayerTask task;
  trained.notes.stop_at = stop_at;
  trained.outcome = train(task, corpus, *one, options, trained.notes);
  for (const Parameter& parameter : task.parameters()) trained.values.push_back(parameter.tensor.detach().clone());
  return trained;
}

// What a kill -9 leaves behind: checkpoints up to `step`.
void cut_back(const std::string& root, int64_t step) {
  world().barrier();
  if (world().first())
    for (const CheckpointInfo& checkpoint : list_checkpoints(root))
      if (checkpoint.step > step) std::filesystem::remove_all(checkpoint.folder);
  world().barrier();
}

void expect_same(const Trained& straight, const Trained& resumed, int64_t from) {
  EXPECT_TRUE(straight.weights == resumed.weights) << "weights differ after a resume at " << from;
  EXPECT_EQ(straight.last, resumed.last);
  EXPECT_EQ(straight.outcome.best_step, resumed.outcome.best_step);
  EXPECT_EQ(straight.outcome.steps, resumed.outcome.steps);
  EXPECT_EQ(straight.outcome.end, resumed.outcome.end);
  EXPECT_EQ(straight.outcome.validation.before, resumed.outcome.validation.before);
  EXPECT_EQ(straight.outcome.validation.after, resumed.outcome.validation.after);
  EXPECT_EQ(straight.outcome.test.before, resumed.outcome.test.before);
  EXPECT_EQ(straight.outcome.test.after, resumed.outcome.test.after);
  if (!world().first()) return;
  EXPECT_EQ(resumed.notes.start, from);
  auto expected = straight.notes.lines;
  std::erase_if(expected, [&](const auto& line) { return from > 0 && line.first <= from; });
  EXPECT_EQ(expected, resumed.notes.lines);
}

TEST(Training, ResumesToTheSameBitsFromEveryCheckpoint) {
  const MemoryCorpus corpus(33, 20, 10);
  for (const std::string optim : {"adamw", "sgd"}) {
    TrainerOptions options = make_options(shared_folder("resume"));
    options.train.optim = optim;
    options.train.momentum = 0.9;
    const Trained straight = train_task(corpus, world(), options);
    EXPECT_EQ(straight.outcome.end, TrainEnd::kFinished);
    EXPECT_EQ(straight.outcome.steps, 12);
    for (const int64_t step : {12, 11, 7, 6, 5, 1, 0}) {
      cut_back(options.checkpoint_root, step);
      expect_same(straight, train_task(corpus, world(), options), step);
    }
  }
}

TEST(Training, StopsTogetherWithACheckpointAndGoesOnToTheSameBits) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("straight"));
  const Trained straight = train_task(corpus, world(), options);
  options.checkpoint_root = shared_folder("stopped");
  options.checkpoints.every_steps = 100;
  // Only the first rank is asked, after step 4: the vote of step 5 ends it there.
  const Trained stopped = train_task(corpus, world(), options, {}, 4);
  clear_stop_request();
  EXPECT_EQ(stopped.outcome.end, TrainEnd::kStopped);
  EXPECT_EQ(stopped.outcome.steps, 5);
  EXPECT_TRUE(stopped.outcome.validation.after.empty());
  const auto newest = newest_whole_checkpoint(options.checkpoint_root);
  ASSERT_TRUE(newest.has_value());
  EXPECT_EQ(newest->step, 5);
  world().barrier();
  expect_same(straight, train_task(corpus, world(), options), 5);
}

TEST(Training, LeavesAtAGateAndGoesOnToTheSameBits) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("gate-straight"));
  options.checkpoints.every_steps = 100;
  const Trained straight = train_task(corpus, world(), options);
  options.checkpoint_root = shared_folder("gate");
  std::vector<std::pair<int64_t, double>> asked;
  int64_t patience = 2;
  options.gate.steps = {3, 6, 9};
  options.gate.ask = [&](int64_t step, double best) {
    if (patience-- > 0) return GateAnswer::kNotYet;
    asked.emplace_back(step, best);
    return step == 6 ? GateAnswer::kLeave : GateAnswer::kGoOn;
  };
  const Trained left = train_task(corpus, world(), options);
  EXPECT_EQ(left.outcome.end, TrainEnd::kStopped);
  EXPECT_TRUE(left.outcome.at_gate);
  EXPECT_EQ(left.outcome.steps, 6);
  world().barrier();
  // Nobody has let it pass 6 yet: it is asked there again, and then at 9.
  options.gate.ask = [&](int64_t step, double best) {
    asked.emplace_back(step, best);
    return GateAnswer::kGoOn;
  };
  expect_same(straight, train_task(corpus, world(), options), 6);
  if (!world().first()) return;
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_EQ(asked[0].first, 3);
  EXPECT_EQ(asked[1].first, 6);
  EXPECT_EQ(asked[2], asked[1]);
  EXPECT_EQ(asked[3].first, 9);
  EXPECT_LE(asked[1].second, asked[0].second);  // of a loss: the best so far
}

TEST(Training, WithFewCheckpointsEndsWithTheSameBits) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("many"));
  options.train.learning_rate = 5;  // so that the best step is not the last one
  options.train.max_grad_norm = 0;
  options.train.lr_scheduler_type = "constant";
  options.checkpoints.every_steps = 0;
  const Trained many = train_task(corpus, world(), options);
  ASSERT_LT(many.outcome.best_step, many.outcome.steps);
  options.checkpoint_root = shared_folder("few");
  options.best_folder = options.checkpoint_root + "-best";
  const Trained few = train_task(corpus, world(), options);
  EXPECT_TRUE(many.weights == few.weights);
  EXPECT_EQ(many.outcome.best_step, few.outcome.best_step);
  EXPECT_EQ(many.outcome.validation.after, few.outcome.validation.after);
  EXPECT_TRUE(few.notes.checkpoints.empty());
  // It leaves after the best step: the best weights come back from where they were put.
  for (const int64_t leave_at : {3, 6, 9}) {
    options.checkpoint_root = shared_folder(cat("left-", leave_at));
    options.best_folder = options.checkpoint_root + "-best";
    options.gate.steps = {leave_at};
    options.gate.ask = [](int64_t, double) { return GateAnswer::kLeave; };
    EXPECT_TRUE(train_task(corpus, world(), options).outcome.at_gate);
    options.gate = {};
    const Trained again = train_task(corpus, world(), options);
    EXPECT_TRUE(many.weights == again.weights) << "left at " << leave_at;
    EXPECT_EQ(many.outcome.validation.after, again.outcome.validation.after);
  }
}

TEST(Training, DoesNotLookAtTheTestSplitWhenItIsNotToBeMeasured) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("no-test"));
  const Trained with = train_task(corpus, world(), options);
  options.checkpoint_root = shared_folder("no-test-2");
  options.measure_test = false;
  const Trained without = train_task(corpus, world(), options);
  EXPECT_TRUE(with.weights == without.weights);
  EXPECT_FALSE(with.outcome.test.after.empty());
  EXPECT_TRUE(without.outcome.test.before.empty());
  EXPECT_TRUE(without.outcome.test.after.empty());
  EXPECT_EQ(with.outcome.validation.after, without.outcome.validation.after);
}

TEST(Training, AFinishedRunOnlyScoresAgain) {
  const MemoryCorpus corpus(33, 20, 10);
  const TrainerOptions options = make_options(shared_folder("finished"));
  const Trained first = train_task(corpus, world(), options);
  const Trained again = train_task(corpus, world(), options);
  expect_same(first, again, 12);
  EXPECT_TRUE(again.notes.lines.empty());
}

TEST(Training, EarlyStoppingAndTheBestSurviveAResume) {
  const MemoryCorpus corpus(40, 30, 10);
  TrainerOptions options = make_options(shared_folder("patience"));
  options.train.max_steps = 40;
  options.train.learning_rate = 0.3;  // learns, then overshoots
  options.validation.every_steps = 2;
  options.validation.early_stopping = {3, 0.02};
  const Trained straight = train_task(corpus, world(), options);
  EXPECT_EQ(straight.outcome.end, TrainEnd::kEarlyStopped);
  EXPECT_LT(straight.outcome.steps, 40);
  EXPECT_GT(straight.outcome.best_step, 0);
  EXPECT_LT(straight.outcome.best_step, straight.outcome.steps);
  for (const int64_t back : {int64_t{1}, int64_t{3}, straight.outcome.steps - straight.outcome.best_step}) {
    cut_back(options.checkpoint_root, straight.outcome.steps - back);
    expect_same(straight, train_task(corpus, world(), options), straight.outcome.steps - back);
  }
}

TEST(Training, KeepsTheStartWhenNothingWasBetter) {
  const MemoryCorpus corpus(16, 20, 10);
  TrainerOptions options = make_options(shared_folder("start"));
  options.train.learning_rate = 0;
  options.validation.early_stopping.patience = 2;
  const Trained trained = train_task(corpus, world(), options);
  EXPECT_EQ(trained.outcome.end, TrainEnd::kEarlyStopped);
  EXPECT_EQ(trained.outcome.best_step, 0);
  EXPECT_EQ(trained.outcome.steps, 6);
  EXPECT_EQ(trained.outcome.test.before, trained.outcome.test.after);
}

TEST(Training, KeepsTheLastAndTheBestCheckpoints) {
  const MemoryCorpus corpus(40, 30, 10);
  TrainerOptions options = make_options(shared_folder("keep"));
  options.checkpoints.keep_last = 2;
  const Trained trained = train_task(corpus, world(), options);
  world().barrier();
  std::vector<int64_t> steps;
  for (const CheckpointInfo& checkpoint : list_checkpoints(options.checkpoint_root)) {
    steps.push_back(checkpoint.step);
    EXPECT_TRUE(verify_checkpoint(checkpoint).empty()) << checkpoint.folder;
  }
  EXPECT_LE(steps.size(), 3u);
  EXPECT_NE(std::find(steps.begin(), steps.end(), 12), steps.end());
  EXPECT_NE(std::find(steps.begin(), steps.end(), trained.outcome.best_step), steps.end());
}

// N = 33, B = 32: every second step has a single example, and all but one rank have none.
TEST(Training, AShortLastBatchLeavesRanksWithoutExamples) {
  const MemoryCorpus corpus(33, 7, 3);
  TrainerOptions options = make_options(shared_folder("short"));
  options.train.global_batch_size = 32;
  options.train.micro_batch_size = 0;
  options.train.max_steps = 6;
  const Trained together = train_task(corpus, world(), options);
  options.checkpoint_root += cat("/alone-", world().rank());
  const auto one = make_world_of_one();
  const Trained alone = train_task(corpus, *one, options);
  for (size_t i = 0; i < alone.values.size(); ++i)
    EXPECT_TRUE(together.values[i].allclose(alone.values[i], 1e-3, 1e-5)) << i;
  if (!world().first()) return;
  ASSERT_EQ(together.notes.lines.size(), 6u + 3u);
  EXPECT_NE(together.notes.lines[2].second.find("examples 1 "), std::string::npos) << together.notes.lines[2].second;
}

TrainerOptions consistent_options(const std::string& root) {
  TrainerOptions options = make_options(root);
  options.train.reduction = "consistent";
  options.train.micro_batch_size = 1;  // eight leaves: a tree of some depth on every number of ranks
  return options;
}

TEST(Training, ConsistentGivesTheSameBitsAsOneRankAlone) {
  const MemoryCorpus corpus(33, 20, 10);
  for (const int64_t micro_batch_size : {1, 3, 8}) {
    TrainerOptions options = consistent_options(shared_folder("consistent"));
    options.train.micro_batch_size = micro_batch_size;
    const Trained together = train_task(corpus, world(), options);
    const auto one = make_world_of_one();
    options.checkpoint_root = cat(shared_folder("consistent-alone"), "/", world().rank());
    const Trained alone = train_task(corpus, *one, options);
    EXPECT_TRUE(together.weights == alone.weights) << "micro_batch_size " << micro_batch_size;
    EXPECT_EQ(together.outcome.test.after, alone.outcome.test.after);
    if (!world().first()) continue;
    EXPECT_EQ(together.notes.lines, alone.notes.lines);
  }
}

TEST(Training, ConsistentGoesOnToTheSameBitsOnAnotherNumberOfRanks) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = consistent_options(shared_folder("elastic"));
  const Trained straight = train_task(corpus, world(), options);
  cut_back(options.checkpoint_root, 4);
  if (world().first()) {  // from 4 to 8 one rank alone, the rest together
    const Trained alone = train_alone(corpus, options, 7);
    EXPECT_EQ(alone.outcome.end, TrainEnd::kStopped);
    EXPECT_EQ(alone.outcome.steps, 8);
    clear_stop_request();
  }
  world().barrier();
  expect_same(straight, train_task(corpus, world(), options), 8);
}

TEST(Training, FastOnAnotherNumberOfRanksStaysNear) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("near"));
  const Trained straight = train_task(corpus, world(), options);
  cut_back(options.checkpoint_root, 4);
  Trained resumed;
  if (world().first()) {
    resumed = train_alone(corpus, options);
    EXPECT_EQ(resumed.notes.start, 4);
    for (size_t i = 0; i < straight.values.size(); ++i)
      EXPECT_TRUE(straight.values[i].allclose(resumed.values[i], 1e-3, 1e-5)) << i;
  }
  world().barrier();
}

TEST(Training, ValidationIsExactOnAnyNumberOfRanks) {
  const MemoryCorpus corpus(8, 23, 2);
  const auto one = make_world_of_one();
  TwoLayerTask task;
  for (const Split split : {Split::kValidation, Split::kTest}) {
    const MetricValues together = evaluate_split(task, corpus, split, world());
    const MetricValues alone = evaluate_split(task, corpus, split, *one);
    EXPECT_EQ(together.at("examples"), static_cast<double>(corpus.size(split)));
    EXPECT_EQ(together.at("accuracy"), alone.at("accuracy"));
    EXPECT_EQ(together.at("loss"), alone.at("loss"));
  }
}

TEST(Training, AnUpdateThatIsNotFiniteIsSkippedByAllRanks) {
  const MemoryCorpus corpus(33, 20, 10);
  const TrainerOptions options = make_options(shared_folder("skip"));
  TwoLayerOptions model;
  model.not_finite_at = 6;
  const Trained trained = train_task(corpus, world(), options, model);
  EXPECT_EQ(trained.outcome.end, TrainEnd::kFinished);
  for (const at::Tensor& value : trained.values) EXPECT_TRUE(value.isfinite().all().item<bool>());
  for (const std::string& other : world().all_gather(trained.weights)) EXPECT_TRUE(other == trained.weights);
  for (const int64_t step : {9, 8, 6}) {  // step 7 was skipped: nothing new to keep
    cut_back(options.checkpoint_root, step);
    expect_same(trained, train_task(corpus, world(), options, model), step);
  }
}

TEST(Training, ManySkippedUpdatesInARowGoBackToTheLastGoodCheckpoint) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("rollback"));
  options.train.max_steps = 40;
  TwoLayerOptions model;
  model.not_finite_at = 6;
  model.not_finite_steps = 20;
  const Trained trained = train_task(corpus, world(), options, model);
  EXPECT_EQ(trained.outcome.end, TrainEnd::kFinished);
  EXPECT_EQ(trained.outcome.steps, 40);
  for (const at::Tensor& value : trained.values) EXPECT_TRUE(value.isfinite().all().item<bool>());
  const auto newest = newest_whole_checkpoint(options.checkpoint_root);
  ASSERT_TRUE(newest.has_value());
  const nlohmann::json state = read_json_part(*newest, "state.json").at("state");
  EXPECT_EQ(state.at("rollbacks"), nlohmann::json({26}));
  EXPECT_EQ(state.at("skipped_steps").size(), 20u);
  world().barrier();
  for (const int64_t step : {30, 26, 6, 3}) {
    cut_back(options.checkpoint_root, step);
    expect_same(trained, train_task(corpus, world(), options, model), step);
  }
}

TEST(Training, GivesUpWhenGoingBackDoesNotHelp) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("diverges"));
  options.train.max_steps = 100;
  TwoLayerOptions model;
  model.not_finite_at = 6;
  model.not_finite_steps = 100;
  try {
    train_task(corpus, world(), options, model);
    FAIL();
  } catch (const RunError& error) {
    EXPECT_EQ(error.faults().at(0).code, "train.diverged");
    EXPECT_NE(std::string(error.what()).find("up to step 66"), std::string::npos) << error.what();
  }
}

// A rank whose memory has flipped a bit, between two checks.
TEST(Health, AnOddReplicaIsNamed) {
  TwoLayerTask task;
  EXPECT_EQ(find_odd_replicas(task.parameters(), world()), "");
  const int odd = world().size() - 1;
  if (world().rank() == odd) {
    auto* bytes = static_cast<uint8_t*>(task.parameters().back().tensor.data_ptr());
    bytes[1] ^= 4;
  }
  const std::string fault = find_odd_replicas(task.parameters(), world());
  if (world().size() == 1) {
    EXPECT_EQ(fault, "");
  } else if (world().size() == 2) {
    EXPECT_EQ(fault, "the weights of rank 0, rank 1 differ");
  } else {
    EXPECT_EQ(fault, cat("the weights of rank ", odd, " differ from those of the other ranks"));
  }
}

TEST(Training, ACheckpointOfAnotherRunIsRefusedByName) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("identity"));
  options.train.max_steps = 2;
  train_task(corpus, world(), options);
  options.train.global_batch_size = 16;
  options.identity = {{"model", "three layers"}};
  try {
    train_task(corpus, world(), options);
    FAIL() << "nothing was thrown";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("trainer.global_batch_size"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("three layers"), std::string::npos) << error.what();
    EXPECT_EQ(error.faults().size(), 2u);
  }
}

TEST(Training, AFailingSaveIsNoReasonToStop) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("failing"));
  options.attempt = begin_attempt(options.checkpoint_root, world());
  // Files where the checkpoints' folders should be made, for all but two.
  if (world().first())
    for (int64_t step = 0; step < 12; ++step)
      if (step != 5)
        std::ofstream(
            cat(options.checkpoint_root, "/.attempt-", options.attempt, "/step-000000", step < 10 ? "0" : "", step));
  world().barrier();
  TwoLayerTask task;
  Notes notes;
  const TrainOutcome outcome = train(task, corpus, world(), options, notes);
  EXPECT_EQ(outcome.end, TrainEnd::kFinished);
  if (world().first()) {
    EXPECT_EQ(notes.checkpoints, (std::vector<int64_t>{5, 12}));
  }
}

TEST(Training, AnAttemptThatWasTakenOverEndsBeforeItsNextSave) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("fenced"));
  const int64_t older = begin_attempt(options.checkpoint_root, world());
  begin_attempt(options.checkpoint_root, world());
  options.attempt = older;
  TwoLayerTask task;
  Notes notes;
  try {
    train(task, corpus, world(), options, notes);
    FAIL() << "nothing was thrown";
  } catch (const RunError& error) {
    EXPECT_EQ(error.faults().at(0).code, "run.fenced");
  }
  EXPECT_TRUE(list_checkpoints(options.checkpoint_root).empty());
}

TEST(Training, AJobWhoseTimeIsNearlyUpSavesAndStops) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("time"));
  const Trained straight = train_task(corpus, world(), options);
  options.checkpoint_root = shared_folder("time-is-up");
  options.end_time = 1;
  const Trained stopped = train_task(corpus, world(), options);
  clear_stop_request();
  EXPECT_EQ(stopped.outcome.end, TrainEnd::kStopped);
  EXPECT_EQ(stopped.outcome.steps, 1);
  options.end_time = 0;
  expect_same(straight, train_task(corpus, world(), options), 1);
}

TEST(Training, ACheckpointThatWasAskedForIsWritten) {
  const MemoryCorpus corpus(33, 20, 10);
  TrainerOptions options = make_options(shared_folder("asked"));
  options.checkpoints.every_steps = 1000;
  options.train.max_steps = 3;
  options.validation.every_steps = 1000;
  options.request_file = options.checkpoint_root + "/request";
  if (world().first()) std::ofstream(options.request_file) << "save";
  world().barrier();
  const Trained trained = train_task(corpus, world(), options);
  EXPECT_FALSE(std::filesystem::exists(options.request_file)) << "the request was not taken";
  if (!world().first()) return;
  EXPECT_EQ(trained.notes.checkpoints, (std::vector<int64_t>{0, 1, 3}));
  EXPECT_FALSE(std::filesystem::exists(request_answer_file(options.request_file))) << "left behind";
}

TEST(Training, Bfloat16StaysNearFloat32) {
  const MemoryCorpus corpus(64, 20, 10);
  TrainerOptions options = make_options(shared_folder("float32"));
  const Trained exact = train_task(corpus, world(), options);
  options.checkpoint_root = shared_folder("bf16");
  options.train.precision = "bf16";
  const Trained rounded = train_task(corpus, world(), options);
  EXPECT_NEAR(rounded.outcome.validation.after.at("loss"), exact.outcome.validation.after.at("loss"), 0.05);
  EXPECT_FALSE(rounded.weights == exact.weights) << "bf16 had no effect";
}

TEST(Training, AnEmptyTrainSplitIsTheUsersError) {
  const MemoryCorpus corpus(0, 20, 10);
  EXPECT_THROW(train_task(corpus, world(), make_options(shared_folder("empty"))), UserError);
}

TEST(Training, WithoutAValidationSplitTheLastWeightsAreKept) {
  const MemoryCorpus corpus(33, 0, 0);
  const Trained trained = train_task(corpus, world(), make_options(shared_folder("no-validation")));
  EXPECT_EQ(trained.outcome.best_step, 12);
  EXPECT_TRUE(trained.outcome.validation.after.empty());
}

}  // namespace
}  // namespace broadsheet

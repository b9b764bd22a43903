// A frozen trunk, computed once by all ranks: the same rows and the same training as when each pass computes it.
#include "trainer/features.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <thread>

#include "checkpoints/parts.h"
#include "checkpoints/snapshot.h"
#include "core/durable.h"
#include "core/text.h"
#include "data/feature_claim.h"
#include "mpi/mpi_test.h"
#include "mpi/small_bert.h"
#include "mpi/two_layer_task.h"
#include "trainer/parallel/mpi_communicator.h"
#include "trainer/trainer.h"

namespace broadsheet {
namespace {

class Records : public TrainObserver {
 public:
  void on_start(int64_t, int64_t, int64_t) override {}
  void on_record(const StepRecord& record) override {
    all.push_back(record);
    if (record.step == stop_at) request_stop();
  }
  void on_checkpoint(int64_t, const std::string&, double) override {}
  std::vector<StepRecord> all;
  int64_t stop_at = -1;
};

std::unique_ptr<Task> frozen_bert(const std::string& kind) {
  std::unique_ptr<Task> task = small_bert(kind);
  apply_freeze(task->parameters(), {.all_but_head = true});
  return task;
}

TrainerOptions options_for(const std::string& root, const std::string& features) {
  TrainerOptions options;
  options.train.max_steps = 9;
  options.train.global_batch_size = 8;
  options.train.micro_batch_size = 3;
  options.train.learning_rate = 0.01;
  options.validation.every_steps = 4;
  options.validation.metric = "loss";
  options.checkpoints.every_minutes = 0;
  options.checkpoints.keep_last = 100;
  options.seed = 5;
  options.checkpoint_root = root;
  options.feature_folder = features;
  return options;
}

struct TrainedFrozen {
  TrainOutcome outcome;
  std::vector<StepRecord> records;
  std::string last;  // names, sizes and checksums of the last checkpoint's files
};
TrainedFrozen train_frozen(const std::string& kind, Communicator& ranks, TrainerOptions options, int64_t stop_at = -1) {
  const MemoryCorpus corpus(33, 9, 5);
  const std::unique_ptr<Task> task = frozen_bert(kind);
  Records records;
  records.stop_at = stop_at;
  options.attempt = begin_attempt(options.checkpoint_root, ranks);
  TrainedFrozen trained;
  trained.outcome = train(*task, corpus, ranks, options, records);
  trained.records = records.all;
  if (&ranks == &world()) trained.last = newest_parts(options.checkpoint_root);
  return trained;
}

// Of the steps that both have told of; the bits of the weights come out in the losses of the steps after.
void expect_same_records(const TrainedFrozen& a, const TrainedFrozen& b) {
  std::map<int64_t, std::pair<double, double>> told;
  for (const StepRecord& record : a.records)
    if (record.kind == "train") told[record.step] = {record.loss, record.grad_norm};
  int64_t compared = 0;
  for (const StepRecord& record : b.records) {
    if (record.kind != "train" || told.count(record.step) == 0) continue;
    EXPECT_EQ(told[record.step], std::pair(record.loss, record.grad_norm)) << "step " << record.step;
    ++compared;
  }
  EXPECT_TRUE(compared > 0 || !world().first());
}

void expect_same_bits(const TrainedFrozen& a, const TrainedFrozen& b) {
  EXPECT_EQ(a.last, b.last);
  EXPECT_EQ(a.outcome.test.after, b.outcome.test.after);
  expect_same_records(a, b);
}

class Features : public testing::TestWithParam<std::string> {
 protected:
  void TearDown() override { world().barrier(); }  // before the next test makes its folders anew
};

TEST_P(Features, GiveTheLossesAndCountsOfATrunkThatIsComputedInEveryPass) {
  const auto alone = make_world_of_one();
  const std::string own = shared_folder("own");
  const TrainedFrozen plain = train_frozen(GetParam(), *alone, options_for(cat(own, "/", world().rank()), ""));
  const TrainedFrozen kept =
      train_frozen(GetParam(), world(), options_for(shared_folder("kept"), shared_folder("features") + "/new"));
  EXPECT_EQ(kept.outcome.best_step, plain.outcome.best_step);
  EXPECT_NEAR(kept.outcome.test.before.at("loss"), plain.outcome.test.before.at("loss"), 1e-5);
  EXPECT_NEAR(kept.outcome.test.after.at("loss"), plain.outcome.test.after.at("loss"), 1e-5);
  if (!world().first()) return;
  ASSERT_EQ(kept.records.size(), plain.records.size());
  for (size_t i = 0; i < kept.records.size(); ++i) {
    EXPECT_EQ(kept.records[i].kind, plain.records[i].kind);
    EXPECT_NEAR(kept.records[i].loss, plain.records[i].loss, 1e-5) << "record " << i;
    EXPECT_EQ(kept.records[i].tokens, plain.records[i].tokens);
    EXPECT_EQ(kept.records[i].examples, plain.records[i].examples);
  }
}

TEST_P(Features, AreComputedOnceAndReadByTheNextRunWhichTrainsToTheSameBits) {
  const std::string features = shared_folder("features");
  const MemoryCorpus corpus(33, 9, 5);
  const TrainedFrozen first = train_frozen(GetParam(), world(), options_for(shared_folder("first"), features));
  const FeatureUse use = take_features(*frozen_bert(GetParam()), corpus, features, world());
  EXPECT_EQ(use.computed, 0);
  EXPECT_FALSE(use.checksum.empty());
  expect_same_bits(first, train_frozen(GetParam(), world(), options_for(shared_folder("second"), features)));
}

TEST_P(Features, AreTheSameBytesOnAnyNumberOfRanks) {
  const MemoryCorpus corpus(133, 9, 5);
  const auto alone = make_world_of_one();
  const std::string together = shared_folder("together"), apart = shared_folder("apart");
  const FeatureUse all = take_features(*frozen_bert(GetParam()), corpus, together, world());
  EXPECT_EQ(all.computed, 147);
  const FeatureUse one = take_features(*frozen_bert(GetParam()), corpus, cat(apart, "/", world().rank()), *alone);
  EXPECT_EQ(one.checksum, all.checksum);
  EXPECT_EQ(read_file(one.file), read_file(all.file));
}

TEST_P(Features, LetAStoppedRunGoOnToTheSameBitsWhetherTheyAreStillThereOrNot) {
  const TrainedFrozen straight =
      train_frozen(GetParam(), world(), options_for(shared_folder("straight"), shared_folder("features")));
  for (const bool removed : {false, true}) {
    const std::string features = shared_folder("features-of-the-stopped");
    const TrainerOptions options = options_for(shared_folder("stopped"), features);
    EXPECT_EQ(train_frozen(GetParam(), world(), options, 3).outcome.end, TrainEnd::kStopped);
    clear_stop_request();
    world().barrier();
    if (removed && world().first()) std::filesystem::remove_all(features);
    world().barrier();
    const TrainedFrozen resumed = train_frozen(GetParam(), world(), options);
    expect_same_bits(straight, resumed);
    EXPECT_EQ(resumed.outcome.bits_differ_after, -1);
  }
}

TEST_P(Features, ThatCannotBeKeptAnyMoreAreAChangeOfBitsThatIsRecorded) {
  const TrainerOptions options = options_for(shared_folder("run"), shared_folder("features"));
  train_frozen(GetParam(), world(), options, 3);
  clear_stop_request();
  TrainerOptions without = options;
  without.feature_folder = "";
  EXPECT_EQ(train_frozen(GetParam(), world(), without).outcome.bits_differ_after, 4);
}

TEST_P(Features, AreComputedAnewWhereTheirFileIsDamaged) {
  const std::string folder = shared_folder("features");
  const MemoryCorpus corpus(33, 9, 5);
  const FeatureUse whole = take_features(*frozen_bert(GetParam()), corpus, folder, world());
  world().barrier();
  if (world().first()) {
    std::fstream file(whole.file, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-5, std::ios::end);
    file.put('x');
  }
  world().barrier();
  const FeatureUse again = take_features(*frozen_bert(GetParam()), corpus, folder, world());
  EXPECT_EQ(again.computed, 47);
  EXPECT_EQ(again.checksum, whole.checksum);
}

TEST_P(Features, ThatAnotherRunComputesJustNowAreWaitedFor) {
  const std::string theirs = shared_folder("theirs"), ours = shared_folder("ours");
  const MemoryCorpus corpus(33, 9, 5);
  const FeatureUse made = take_features(*frozen_bert(GetParam()), corpus, theirs, world());
  const std::string file = cat(ours, made.file.substr(theirs.size()));
  world().barrier();
  std::thread other;
  if (world().first()) {
    auto claim = std::make_unique<FeatureClaim>(file);
    ASSERT_TRUE(claim->take());
    other = std::thread([&, held = std::move(claim)]() mutable {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      rename_durably(made.file, file);
      held.reset();
    });
  }
  world().barrier();
  const FeatureUse use = take_features(*frozen_bert(GetParam()), corpus, ours, world());
  if (other.joinable()) other.join();
  EXPECT_EQ(use.computed, 0);
  EXPECT_EQ(use.checksum, made.checksum);
}

TEST_P(Features, ThatHaveNoPlaceToStayAreDoneWithout) {
  const std::string folder = shared_folder("place");
  if (world().first()) std::ofstream(folder + "/features") << "a file where the folder should be";
  world().barrier();
  const MemoryCorpus corpus(33, 9, 5);
  const std::unique_ptr<Task> task = frozen_bert(GetParam());
  EXPECT_EQ(take_features(*task, corpus, folder + "/features", world()).file, "");
  EXPECT_TRUE(task->make_batch(corpus, Split::kTrain, {0, 1}, 0).features.empty());
}

TEST_P(Features, LeaveAFrozenTrunkThatIsWrittenTwiceHoweverManyCheckpointsThereAre) {
  TrainerOptions options = options_for(shared_folder("run"), shared_folder("features"));
  options.checkpoints.every_steps = 1;
  const TrainedFrozen straight = train_frozen(GetParam(), world(), options);
  world().barrier();
  if (world().first()) {
    std::map<ino_t, int> files;
    ino_t before = 0;
    for (const CheckpointInfo& checkpoint : list_checkpoints(options.checkpoint_root)) {
      EXPECT_EQ(verify_checkpoint(checkpoint), std::vector<std::string>());
      struct stat status {};
      ASSERT_EQ(::stat(cat(checkpoint.folder, "/", kFrozenFile).c_str(), &status), 0);
      EXPECT_NE(status.st_ino, before) << "what damages one checkpoint must leave its neighbour whole";
      before = status.st_ino;
      ++files[status.st_ino];
    }
    EXPECT_EQ(files.size(), 2u);
    EXPECT_EQ(files.begin()->second, 5);
    const std::string newest = list_checkpoints(options.checkpoint_root).back().folder;
    std::fstream file(cat(newest, "/", kFrozenFile), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-5, std::ios::end);
    file.put('x');
  }
  world().barrier();
  expect_same_bits(straight, train_frozen(GetParam(), world(), options));
}

TEST(ConsistentFeatures, TrainToTheSameBitsOnAnyNumberOfRanks) {
  const auto alone = make_world_of_one();
  const std::string features = shared_folder("features"), own = shared_folder("own");
  TrainerOptions options = options_for(shared_folder("together"), features);
  options.train.reduction = "consistent";
  const TrainedFrozen together = train_frozen("classification", world(), options);
  options.checkpoint_root = cat(own, "/", world().rank());
  expect_same_records(together, train_frozen("classification", *alone, options));
}

INSTANTIATE_TEST_SUITE_P(Tasks, Features, testing::Values("classification", "regression"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace broadsheet

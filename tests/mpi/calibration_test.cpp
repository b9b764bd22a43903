// What follows the last step on all ranks: the temperature, and the program that validates.
#include <gtest/gtest.h>

#include "core/errors.h"
#include "core/text.h"
#include "mpi/mpi_test.h"
#include "mpi/small_bert.h"
#include "mpi/two_layer_task.h"
#include "trainer/external_metrics.h"
#include "trainer/parallel/mpi_communicator.h"
#include "trainer/prediction_lines.h"
#include "trainer/temperature.h"
#include "trainer/trainer.h"
#include "trainer/validation.h"

namespace broadsheet {
namespace {

class NoObserver : public TrainObserver {
 public:
  void on_start(int64_t, int64_t, int64_t) override {}
  void on_record(const StepRecord&) override {}
  void on_checkpoint(int64_t, const std::string&, double) override {}
};

std::vector<float> last_layer_of(Task& task) {
  std::vector<float> values;
  for (const Parameter& parameter : task.parameters()) {
    if (!starts_with(parameter.name, "classifier.")) continue;
    const at::Tensor flat = parameter.tensor.detach().flatten().contiguous();
    values.insert(values.end(), flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel());
  }
  return values;
}

TEST(Calibration, HasTheSameBitsOnAnyNumberOfRanks) {
  const MemoryCorpus corpus(12, 37, 5);
  const auto together = small_bert("classification", "temperature"),
             alone = small_bert("classification", "temperature");
  const std::optional<double> ours = calibrate(*together, corpus, world());
  ASSERT_TRUE(ours);
  EXPECT_NE(*ours, 1);
  EXPECT_EQ(ours, calibrate(*alone, corpus, *make_world_of_one()));
  EXPECT_EQ(last_layer_of(*together), last_layer_of(*alone));
}

TrainOutcome train_bert(const std::string& root, const std::string& calibration, Task& task) {
  const MemoryCorpus corpus(33, 40, 20);
  TrainerOptions options;
  options.train.max_steps = 8;
  options.train.global_batch_size = 8;
  options.train.micro_batch_size = 2;
  options.train.learning_rate = 0.01;
  options.validation.every_steps = 2;
  options.validation.metric = "loss";
  options.checkpoints.every_minutes = 0;
  options.seed = 5;
  options.checkpoint_root = root;
  options.identity = {{"calibration", calibration}};
  options.attempt = begin_attempt(root, world());
  NoObserver observer;
  return train(task, corpus, world(), options, observer);
}

TEST(Calibration, LeavesCheckpointsAsTheyWereAndComesOutTheSameAfterTheEnd) {
  const auto plain = small_bert("classification", "none"), calibrated = small_bert("classification", "temperature");
  const std::string plain_root = shared_folder("plain"), root = shared_folder("calibrated");
  const TrainOutcome without = train_bert(plain_root, "", *plain), with = train_bert(root, "", *calibrated);
  EXPECT_EQ(newest_parts(plain_root), newest_parts(root));
  EXPECT_EQ(with.best_step, without.best_step);
  EXPECT_EQ(with.best_value, without.best_value);
  EXPECT_FALSE(without.temperature);
  ASSERT_TRUE(with.temperature);
  EXPECT_LT(with.validation.after.at("loss"), without.validation.after.at("loss"));
  EXPECT_EQ(with.validation.after.at("accuracy"), without.validation.after.at("accuracy"));
  EXPECT_EQ(with.test.after.at("accuracy"), without.test.after.at("accuracy"));
  EXPECT_NE(with.test.after.at("loss"), without.test.after.at("loss"));
  EXPECT_TRUE(with.test_details.contains("confusion_matrix"));
  // A run that died after its last checkpoint.
  const auto again = small_bert("classification", "temperature");
  const TrainOutcome resumed = train_bert(root, "", *again);
  EXPECT_EQ(resumed.temperature, with.temperature);
  EXPECT_EQ(resumed.validation.after, with.validation.after);
  EXPECT_EQ(resumed.validation_details, with.validation_details);
  EXPECT_EQ(resumed.test.after, with.test.after);
  EXPECT_EQ(last_layer_of(*again), last_layer_of(*calibrated));
}

TEST(ExternalMetrics, AllRanksGetWhatTheFirstHasHeardAboutAllLines) {
  const MemoryCorpus corpus(12, 37, 5);
  const auto task = small_bert("classification");
  PredictionLines lines(*task, corpus, Split::kValidation);
  run_evaluation(*task, corpus, Split::kValidation, world(), [&](const Batch& batch) { lines.add(batch); });
  const std::string all = lines.all(world());
  const std::vector<std::string> rows = split(all, '\n');
  ASSERT_EQ(rows.size(), 38u);  // and nothing behind the last newline
  for (int64_t row = 0; row < 37; ++row)
    EXPECT_EQ(nlohmann::json::parse(rows[static_cast<size_t>(row)]).at("row"), row);
  const MetricValues found =
      external_metrics({"sh", "-c", "printf '{\"lines\": %d}' $(wc -l)"}, world().first() ? all : "", world());
  EXPECT_EQ(found, (MetricValues{{"external.lines", 37}}));
}

TEST(ExternalMetrics, AFailureIsEveryRanksError) {
  try {
    external_metrics({"sh", "-c", "echo broken >&2; exit 4"}, "", world());
    FAIL() << "no error";
  } catch (const RunError& error) {
    EXPECT_NE(std::string(error.what()).find("ended with exit code 4; it said: broken"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace broadsheet

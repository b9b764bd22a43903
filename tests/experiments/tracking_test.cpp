#include "experiments/tracking.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/errors.h"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class TrackedFolder {
 public:
  TrackedFolder() {
    std::string name = (fs::temp_directory_path() / "broadsheet-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~TrackedFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TrackedFolder(const TrackedFolder&) = delete;
  TrackedFolder& operator=(const TrackedFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string text(const std::string& file) const {
    std::ifstream stream(path_ + "/" + file, std::ios::binary);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  void put(const std::string& file, const std::string& text) const {
    std::ofstream(path_ + "/" + file, std::ios::binary) << text;
  }
  TrackingOptions options(int64_t attempt = 1) const {
    return {path_, Fence::raise(path_ + "/checkpoints", attempt), true, "macro_f1", true};
  }

 private:
  std::string path_;
};

StepRecord train_record(int64_t step) {
  StepRecord record;
  record.step = step;
  record.epoch = static_cast<double>(step) / 3;
  record.kind = "train";
  record.loss = 0.1 + 1.0 / static_cast<double>(step);
  record.learning_rate = 2e-5;
  record.grad_norm = 0.3;
  record.tokens = 100;
  record.examples = 8;
  record.seconds = 0.5;
  record.phases = {{"data", 0.1}, {"forward_backward", 0.4}};
  return record;
}

StepRecord validation_record(int64_t step) {
  StepRecord record;
  record.step = step;
  record.epoch = static_cast<double>(step) / 3;
  record.kind = "validation";
  record.loss = 0.7;
  record.tokens = 50;
  record.examples = 4;
  record.metrics = {{"macro_f1", 0.5}, {"accuracy", 0.75}, {"loss", 0.7}, {"examples", 4}};
  record.seconds = 1;
  return record;
}

void track(const TrackedFolder& folder, int64_t start, int64_t until) {
  RunTracker tracker(folder.options());
  tracker.on_start(start, 12, 3);
  tracker.on_record(validation_record(0));
  for (int64_t step = start + 1; step <= until; ++step) {
    tracker.on_record(train_record(step));
    if (step % 3 == 0) tracker.on_record(validation_record(step));
  }
}

TEST(Tracking, ATrainLineHasExactlyTheFieldsOfTheDesignInTheirOrder) {
  StepRecord record = train_record(4);
  record.epoch = 0.42;
  record.loss = 1.0 / 3;
  record.learning_rate = 1e-5;
  EXPECT_EQ(
      metrics_line(record),
      "{\"step\": 4, \"epoch\": 0.42, \"kind\": \"train\", \"loss\": 0.3333333333333333, \"learning_rate\": 1e-05, "
      "\"grad_norm\": 0.3, \"tokens\": 100, \"examples\": 8}");
}

TEST(Tracking, AValidationLineHasItsMetricsByNameAndNoFieldTwice) {
  EXPECT_EQ(metrics_line(validation_record(0)),
            "{\"step\": 0, \"epoch\": 0, \"kind\": \"validation\", \"loss\": 0.7, \"tokens\": 50, \"examples\": 4, "
            "\"accuracy\": 0.75, \"macro_f1\": 0.5}");
}

TEST(Tracking, NumbersReadBackAsTheSameDoubles) {
  for (const double value : {0.1, 1.0 / 3, 6.02e23, 5e-324, -0.0, 1.7976931348623157e308, 123456789.123456789}) {
    StepRecord record = train_record(1);
    record.loss = value;
    const double read = json::parse(metrics_line(record)).at("loss");
    EXPECT_EQ(read, value);
    EXPECT_EQ(std::signbit(read), std::signbit(value));
  }
}

TEST(Tracking, WhatIsNotFiniteIsNullAndNeverBreaksTheJson) {
  StepRecord record = validation_record(2);
  record.loss = std::nan("");
  record.metrics["pearson"] = std::numeric_limits<double>::infinity();
  record.metrics["odd \"name\"\n"] = 1;
  const json line = json::parse(metrics_line(record));
  EXPECT_TRUE(line.at("loss").is_null());
  EXPECT_TRUE(line.at("pearson").is_null());
  EXPECT_EQ(line.at("odd \"name\"\n"), 1);
}

TEST(Tracking, TimingsHoldSecondsRateAndPhases) {
  const json line = json::parse(timings_line(train_record(4)));
  EXPECT_EQ(line, json::parse(R"({"step": 4, "kind": "train", "seconds": 0.5, "tokens": 100, "tokens_per_second": 200,
                                  "data": 0.1, "forward_backward": 0.4})"));
  StepRecord instant = train_record(1);
  instant.seconds = 0;
  EXPECT_EQ(json::parse(timings_line(instant)).at("tokens_per_second"), 0);
}

TEST(Tracking, AValidationsTimingsHoldThePhasesOfEveryRank) {
  StepRecord record;
  record.kind = "validation";
  EXPECT_FALSE(json::parse(timings_line(record)).contains("ranks"));
  record.ranks = {{{"data", 0.5}, {"own_work", 2}}, {{"data", 0.25}}};
  const json ranks = json::parse(timings_line(record)).at("ranks");
  ASSERT_EQ(ranks.size(), 2U);
  EXPECT_EQ(ranks[0].at("own_work"), 2);
  EXPECT_EQ(ranks[1].at("data"), 0.25);
}

TEST(Tracking, ARepeatedRunWritesTheSameBytes) {
  TrackedFolder first, second;
  track(first, 0, 12);
  track(second, 0, 12);
  EXPECT_EQ(first.text("metrics.jsonl"), second.text("metrics.jsonl"));
  EXPECT_EQ(std::count_if(std::istreambuf_iterator<char>(std::ifstream(first.path() + "/metrics.jsonl").rdbuf()), {},
                          [](char byte) { return byte == '\n'; }),
            12 + 5);
}

TEST(Tracking, AResumeAtAnyStepAfterDyingAtAnyLaterOneLeavesTheSameMetrics) {
  TrackedFolder whole;
  track(whole, 0, 12);
  for (int64_t checkpoint = 1; checkpoint <= 12; ++checkpoint) {
    for (const int64_t died : {checkpoint, std::min<int64_t>(checkpoint + 4, 12)}) {
      TrackedFolder folder;
      track(folder, 0, died);
      track(folder, checkpoint, 12);
      EXPECT_EQ(folder.text("metrics.jsonl"), whole.text("metrics.jsonl")) << checkpoint << " " << died;
    }
  }
}

TEST(Tracking, ALineTornAnywhereIsCutAway) {
  TrackedFolder whole;
  track(whole, 0, 6);
  const std::string all = whole.text("metrics.jsonl");
  TrackedFolder until_three;
  track(until_three, 0, 3);
  const size_t kept = until_three.text("metrics.jsonl").size();
  for (size_t length = kept; length <= all.size(); length += 7) {
    TrackedFolder folder;
    folder.put("metrics.jsonl", all.substr(0, length));
    folder.put("timings.jsonl", "{\"step\": 2}\n{\"st");
    track(folder, 3, 6);
    EXPECT_EQ(folder.text("metrics.jsonl"), all) << "torn at byte " << length;
    EXPECT_EQ(json::parse(folder.text("timings.jsonl").substr(0, folder.text("timings.jsonl").find('\n'))).at("step"),
              2);
  }
}

TEST(Tracking, AStartFromNothingBeginsTheFilesAnew) {
  TrackedFolder folder;
  track(folder, 0, 2);
  track(folder, 0, 3);
  TrackedFolder whole;
  track(whole, 0, 3);
  EXPECT_EQ(folder.text("metrics.jsonl"), whole.text("metrics.jsonl"));
}

TEST(Tracking, RecordsBeforeTheStartAreWrittenAfterIt) {
  TrackedFolder folder, whole;
  track(whole, 0, 0);
  {
    RunTracker tracker(folder.options());
    tracker.on_record(validation_record(0));
    tracker.on_start(0, 12, 3);
  }
  EXPECT_EQ(folder.text("metrics.jsonl"), whole.text("metrics.jsonl"));
}

TEST(Tracking, ANewerAttemptsFilesAreNotWhatAnOlderOneWritesTo) {
  TrackedFolder folder;
  RunTracker older(folder.options(1));
  older.on_start(0, 12, 3);
  older.on_record(train_record(1));
  RunTracker newer(folder.options(2));
  newer.on_start(1, 12, 3);
  older.on_record(train_record(2));
  newer.on_record(train_record(2));
  older.on_record(train_record(3));
  TrackedFolder alone;
  RunTracker undisturbed(alone.options());
  undisturbed.on_start(0, 12, 3);
  for (const int64_t step : {1, 2}) undisturbed.on_record(train_record(step));
  EXPECT_EQ(folder.text("metrics.jsonl"), alone.text("metrics.jsonl"));
  EXPECT_EQ(folder.text("timings.jsonl"), alone.text("timings.jsonl"));
}

TEST(Tracking, AnAttemptThatWasTakenOverBeforeItBeganChangesNoFile) {
  TrackedFolder folder;
  RunTracker older(folder.options(1));
  RunTracker newer(folder.options(2));
  newer.on_start(0, 12, 3);
  for (int64_t step = 1; step <= 3; ++step) newer.on_record(train_record(step));
  const std::string metrics = folder.text("metrics.jsonl");
  try {
    older.on_start(1, 12, 3);
    ADD_FAILURE() << "it goes on";
  } catch (const RunError& error) {
    EXPECT_TRUE(is_fenced_off(error)) << error.what();
  }
  EXPECT_EQ(folder.text("metrics.jsonl"), metrics);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path() + "/tensorboard"), {}), 1);
  EXPECT_THROW(EventWriter(folder.path() + "/tensorboard", 1, Fence::join(folder.path() + "/checkpoints", 1)),
               RunError);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path() + "/tensorboard"), {}), 1);
}

TEST(Tracking, LinesThatAreNoRecordsAreDroppedOnResume) {
  TrackedFolder folder;
  folder.put("metrics.jsonl",
             "{\"step\": 1, \"kind\": \"train\"}\nnot json\n[]\n{}\n{\"step\": \"2\"}\n{\"step\": 2.5}\n\n"
             "{\"step\": 2, \"kind\": \"train\"}\n{\"step\": 99999999999999999999}\n");
  track(folder, 2, 2);
  EXPECT_EQ(folder.text("metrics.jsonl"), "{\"step\": 1, \"kind\": \"train\"}\n{\"step\": 2, \"kind\": \"train\"}\n" +
                                              metrics_line(validation_record(0)) + "\n");
}

TEST(Tracking, WithoutTensorboardThereIsNoSuchFolder) {
  TrackedFolder folder;
  TrackingOptions options = folder.options();
  options.tensorboard = false;
  RunTracker tracker(options);
  tracker.on_start(0, 3, 3);
  tracker.on_record(train_record(1));
  tracker.on_checkpoint(1, "checkpoints/step-00000001", 0.1);
  EXPECT_FALSE(fs::exists(folder.path() + "/tensorboard"));
  EXPECT_TRUE(fs::exists(folder.path() + "/metrics.jsonl"));
}

TEST(Tracking, AFolderThatIsGoneIsAWarningAndNotAnError) {
  TrackedFolder folder;
  TrackingOptions options = folder.options();
  options.run_folder = folder.path() + "/absent";
  folder.put("absent", "a file, so that no folder can be made here");
  RunTracker tracker(options);
  EXPECT_NO_THROW({
    tracker.on_start(3, 12, 3);
    tracker.on_record(train_record(4));
    tracker.on_record(validation_record(4));
    tracker.on_checkpoint(4, "x", 1);
    tracker.finish();
  });
}

// A file size limit is a full disk that needs no root: write(2) answers EFBIG, after a first piece that fitted.
TEST(Tracking, AFullDiskLeavesWholeLinesAndTrainingGoesOn) {
  TrackedFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    track(folder, 0, 12);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const std::string text = folder.text("metrics.jsonl");
  EXPECT_GT(text.size(), 700u);
  EXPECT_LE(text.size(), 1000u);
  EXPECT_EQ(text.back(), '\n');
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_TRUE(json::accept(line)) << line;
}

TEST(Tracking, TheProgressLineSaysWhereTheRunIs) {
  StepRecord record = train_record(50);
  record.epoch = 0.4213;
  record.loss = 1.02344;
  record.learning_rate = 1.8123e-5;
  EXPECT_EQ(progress_line(record, 450, 12345.4, 75),
            "step 50/450, epoch 0.42, loss 1.0234, lr 1.81e-05, 12,345 tokens/s, 1 min 15 s left");
  EXPECT_EQ(progress_line(record, 450, -1, -1), "step 50/450, epoch 0.42, loss 1.0234, lr 1.81e-05");
}

}  // namespace
}  // namespace broadsheet

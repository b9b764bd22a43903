#include "experiments/run_directory.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/errors.h"
#include "experiments/results.h"

namespace broadsheet {
namespace {

class RunDirectoryTest : public testing::Test {
 protected:
  RunDirectoryTest() {
    char root[] = "/tmp/broadsheet-test-XXXXXX";
    root_ = mkdtemp(root);
    folder_ = root_ + "/runs/tiny";
    std::filesystem::create_directories(root_ + "/corpus");
    std::filesystem::create_directories(root_ + "/model");
    config_.name = "tiny";
    config_.runs_dir = root_ + "/runs";
    config_.model.from = root_ + "/model";
    config_.task.kind = "classification";
    config_.task.text = "text";
    config_.task.label = "label";
    config_.data.corpus = root_ + "/corpus";
    config_.validation.metric = "macro_f1";
  }
  ~RunDirectoryTest() override { std::filesystem::remove_all(root_); }

  std::string refusal(const RunConfig& config, RunChoice choice) const {
    try {
      plan_run(config, folder_, choice);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
  template <class Body>
  static std::string code_of(const Body& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.faults()[0].code;
    }
    return "";
  }
  void start_once() const { RunDirectory::open(config_, folder_, {}, "broadsheet train run.yaml"); }

  std::string root_, folder_;
  RunConfig config_;
};

TEST_F(RunDirectoryTest, ANewRunIsPlannedWithoutTouchingTheDisk) {
  const RunPlan plan = plan_run(config_, folder_, {});
  EXPECT_EQ(plan.state, RunState::kNew);
  EXPECT_EQ(plan.folder, folder_);
  EXPECT_FALSE(std::filesystem::exists(root_ + "/runs"));
}

TEST_F(RunDirectoryTest, OpeningWritesTheResolvedConfigurationAndTheCommand) {
  const RunDirectory directory = RunDirectory::open(config_, folder_, {}, "broadsheet train run.yaml");
  EXPECT_EQ(directory.state(), RunState::kNew);
  EXPECT_TRUE(differences(load_run_config(directory.config_file(), {}), config_).empty());
  EXPECT_EQ(read_file(folder_ + "/command.txt"), "broadsheet train run.yaml\n");
  EXPECT_TRUE(std::filesystem::is_directory(folder_ + "/logs/attempt-1"));
}

TEST_F(RunDirectoryTest, EveryAttemptHasLogsOfItsOwn) {
  start_once();
  std::ofstream(folder_ + "/logs/attempt-1/rank-00000.log") << "first";
  const RunDirectory again = RunDirectory::open(config_, folder_, {}, "broadsheet train run.yaml --json");
  EXPECT_EQ(again.state(), RunState::kResumes);
  EXPECT_EQ(again.attempt_folder(), folder_ + "/logs/attempt-2");
  EXPECT_EQ(again.rank_log(3), folder_ + "/logs/attempt-2/rank-00003.log");
  EXPECT_EQ(read_file(folder_ + "/logs/attempt-1/rank-00000.log"), "first");
  EXPECT_EQ(read_file(folder_ + "/command.txt"), "broadsheet train run.yaml\nbroadsheet train run.yaml --json\n");
}

TEST_F(RunDirectoryTest, AChangedConfigurationIsRefusedWithTheDifference) {
  start_once();
  RunConfig changed = config_;
  changed.train.learning_rate = 1e-3;
  const std::string message = refusal(changed, {});
  EXPECT_NE(message.find("train.learning_rate: 5e-05 -> 0.001"), std::string::npos) << message;
  EXPECT_NE(message.find("--fresh"), std::string::npos);
  EXPECT_EQ(message.find("--resume"), std::string::npos) << "what cannot be resumed must not be offered";
}

TEST_F(RunDirectoryTest, ResumeTakesOverOnlyWhatMayChange) {
  start_once();
  RunConfig longer = config_;
  longer.train.num_train_epochs = 9;
  longer.checkpoints.keep_last = 5;
  EXPECT_NE(refusal(longer, {}).find("--resume goes on"), std::string::npos);
  const RunPlan plan = plan_run(longer, folder_, {.fresh = false, .resume = true});
  EXPECT_EQ(plan.state, RunState::kResumes);
  EXPECT_EQ(plan.changes.size(), 2u);
  longer.seed = 7;
  EXPECT_NE(refusal(longer, {.fresh = false, .resume = true}).find("seed"), std::string::npos);
}

TEST_F(RunDirectoryTest, FreshStartsBesideAndLeavesTheOldAlone) {
  start_once();
  RunConfig changed = config_;
  changed.seed = 2;
  const RunDirectory second = RunDirectory::open(changed, folder_, {.fresh = true, .resume = false}, "b");
  EXPECT_EQ(second.folder(), folder_ + "-2");
  EXPECT_EQ(plan_run(changed, folder_, {.fresh = true, .resume = false}).folder, folder_ + "-3");
  EXPECT_TRUE(differences(load_run_config(folder_ + "/run.yaml", {}), config_).empty());
}

TEST_F(RunDirectoryTest, AFinishedRunSaysSoAndIsNotTouched) {
  start_once();
  write_file_durably(folder_ + "/results.json", "{}");
  const RunDirectory again = RunDirectory::open(config_, folder_, {}, "b");
  EXPECT_EQ(again.state(), RunState::kFinished);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/logs/attempt-2"));
}

TEST_F(RunDirectoryTest, AFinishedRunGoesOnForMoreEpochs) {
  start_once();
  write_file_durably(folder_ + "/results.json", "{}");
  RunConfig longer = config_;
  longer.train.num_train_epochs = 9;
  const RunDirectory again = RunDirectory::open(longer, folder_, {.fresh = false, .resume = true}, "b");
  EXPECT_EQ(again.state(), RunState::kResumes);
  EXPECT_FALSE(std::filesystem::exists(again.results())) << "it is not finished any more";
  EXPECT_EQ(read_file(again.results() + ".before"), "{}");
}

TEST_F(RunDirectoryTest, ASecondOwnerIsToldWhoHoldsIt) {
  const RunDirectory first = RunDirectory::open(config_, folder_, {}, "a");
  try {
    RunDirectory::open(config_, folder_, {}, "b");
    ADD_FAILURE() << "two runs in one directory";
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults()[0].code, "lock.held");
    EXPECT_NE(std::string(error.what()).find(std::to_string(getpid())), std::string::npos) << error.what();
  }
}

TEST_F(RunDirectoryTest, ARequeuedJobTakesItsEarlierStartOver) {
  RunDirectory older = RunDirectory::open(config_, folder_, {}, "a", {"77", 0});
  EXPECT_THROW(RunDirectory::open(config_, folder_, {}, "b", {"77", 0}), UserError);
  EXPECT_THROW(RunDirectory::open(config_, folder_, {}, "b", {"78", 1}), UserError);
  RunDirectory newer = RunDirectory::open(config_, folder_, {}, "c", {"77", 1});
  EXPECT_EQ(newer.attempt(), 2);
  EXPECT_EQ(code_of([&] { older.record_attempt({{"cpu", "old"}}); }), "run.fenced");
  newer.record_attempt({{"cpu", "new"}});
  EXPECT_EQ(nlohmann::json::parse(read_file(folder_ + "/environment.json"))["attempts"].size(), 1u);
  const RunDirectory its_rank = RunDirectory::join(folder_, older.attempt_folder());
  EXPECT_EQ(code_of([&] { its_rank.fence().check(); }), "run.fenced");
}

TEST_F(RunDirectoryTest, TheOlderStartsEndTakesNothingFromTheNewerOne) {
  auto older = std::make_unique<RunDirectory>(RunDirectory::open(config_, folder_, {}, "a", {"77", 0}));
  const RunDirectory newer = RunDirectory::open(config_, folder_, {}, "b", {"77", 1});
  older.reset();
  newer.fence().check();
  EXPECT_EQ(code_of([&] { RunDirectory::open(config_, folder_, {}, "c"); }), "lock.held");
}

TEST_F(RunDirectoryTest, AnAttemptsNumberIsNeverTakenTwice) {
  start_once();
  std::filesystem::create_directories(folder_ + "/checkpoints/.attempt-7");
  EXPECT_EQ(RunDirectory::open(config_, folder_, {}, "b").attempt(), 8) << "its logs were removed by hand";
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/checkpoints/.attempt-7"));
  EXPECT_EQ(RunDirectory::open(config_, folder_, {}, "b").attempt(), 9);
}

TEST_F(RunDirectoryTest, AnEndedAttemptLeavesNoFolderBesideTheCheckpoints) {
  start_once();
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/checkpoints"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/lock"));
}

TEST_F(RunDirectoryTest, ANewRunsFolderIsForItsUserAlone) {
  start_once();
  EXPECT_EQ(std::filesystem::status(folder_).permissions(), std::filesystem::perms::owner_all);
}

TEST_F(RunDirectoryTest, ALinkIsRefusedAndNotFollowed) {
  std::filesystem::create_directories(root_ + "/elsewhere");
  std::filesystem::create_directories(root_ + "/runs");
  std::filesystem::create_symlink(root_ + "/elsewhere", folder_);
  EXPECT_EQ(code_of([&] { start_once(); }), "run.symlink");
  EXPECT_EQ(code_of([&] { RunDirectory::open(config_, folder_ + "/", {}, "a"); }), "run.symlink");
  EXPECT_TRUE(std::filesystem::is_empty(root_ + "/elsewhere"));
  std::filesystem::create_symlink(root_ + "/elsewhere", root_ + "/above");
  RunDirectory::open(config_, root_ + "/above/tiny", {}, "a");
  EXPECT_TRUE(std::filesystem::exists(root_ + "/elsewhere/tiny/run.yaml")) << "links above it are the user's business";
}

TEST_F(RunDirectoryTest, AFolderThatCannotBeWrittenIsRefused) {
  start_once();
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_EQ(code_of([&] { start_once(); }), "run.read_only");
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
  start_once();
}

TEST_F(RunDirectoryTest, AFileInItsPlaceIsRefused) {
  std::filesystem::create_directories(root_ + "/runs");
  std::ofstream{folder_} << "text";
  EXPECT_EQ(code_of([&] { start_once(); }), "run.not_a_folder");
}

// As root in a folder of another user, or as that user in a folder of root's.
TEST_F(RunDirectoryTest, AFolderOfAnotherUserIsRefusedWithBothNames) {
  constexpr uid_t kOther = 65534;
  start_once();
  const bool root = geteuid() == 0;
  const std::string place = root ? folder_ : "/usr";
  if (root) {
    ASSERT_EQ(chown(folder_.c_str(), kOther, kOther), 0);
  }
  try {
    RunDirectory::open(config_, place, {}, "a");
    ADD_FAILURE() << "a folder of another user";
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults()[0].code, "run.foreign");
    const std::string message = error.what();
    EXPECT_NE(message.find(root ? "(user 65534), not to root (user 0)" : "root (user 0), not to"), std::string::npos)
        << message;
  }
}

TEST_F(RunDirectoryTest, FreshAndResumeExcludeEachOther) {
  EXPECT_NE(refusal(config_, {.fresh = true, .resume = true}), "");
}

TEST_F(RunDirectoryTest, AMovedRunIsStillTheSameRun) {
  start_once();
  RunConfig moved = config_;
  moved.runs_dir = root_ + "/elsewhere";
  EXPECT_EQ(plan_run(moved, folder_, {}).state, RunState::kResumes);
}

TEST_F(RunDirectoryTest, AttemptsAreRecordedOneAfterTheOther) {
  RunDirectory directory = RunDirectory::open(config_, folder_, {}, "a");
  EXPECT_TRUE(directory.record_attempt({{"cpu", "one"}}).is_null());
  EXPECT_EQ(directory.record_attempt({{"cpu", "two"}})["cpu"], "one");
  EXPECT_EQ(nlohmann::json::parse(read_file(folder_ + "/environment.json"))["attempts"].size(), 2u);
}

TEST(Results, ComeBackAsTheyWereWritten) {
  const RunResults results{"n",
                           "classification",
                           "macro_f1",
                           30,
                           20,
                           {{{"loss", 1.25}, {"examples", 7}}, {{"loss", 0.5}}},
                           {{}, {{"macro_f1", 0.75}}}};
  const nlohmann::json value = to_json(results);
  EXPECT_EQ(value["schema"], 1);
  EXPECT_EQ(value["validation"]["before"].dump(), R"({"examples":7,"loss":1.25})");
  EXPECT_EQ(value["test"]["before"].dump(), "{}");
  char folder[] = "/tmp/broadsheet-test-XXXXXX";
  const std::string path = std::string(mkdtemp(folder)) + "/results.json";
  publish_results(path, results, Fence::raise(std::string(folder) + "/checkpoints", 1));
  EXPECT_EQ(to_json(read_results(path)), value);
  EXPECT_FALSE(value.contains("trained_on"));
  std::ofstream(path) << "{\"name\": 3}";
  EXPECT_THROW(read_results(path), UserError);
  std::filesystem::remove_all(folder);
}

TEST(Results, TheTableMarksTheMetricThatChooses) {
  const RunResults results{"n", "classification", "macro_f1", 30, 20, {{{"macro_f1", 0.25}}, {{"macro_f1", 0.5}}}, {}};
  const std::string table = results_table(results);
  EXPECT_NE(table.find("0.2500"), std::string::npos) << table;
  EXPECT_NE(table.find("<- chooses the best weights"), std::string::npos);
}

TEST(Results, OfARunThatHeldNothingOutSayIt) {
  RunResults results{"n", "classification", "macro_f1", 30, 30, {}, {{{"macro_f1", 0.25}}, {{"macro_f1", 0.5}}}};
  results.trained_on_validation = true;
  EXPECT_EQ(to_json(results)["trained_on"].dump(), R"(["train","validation"])");
  EXPECT_EQ(results_table(results).find("chooses"), std::string::npos) << results_table(results);
  char folder[] = "/tmp/broadsheet-test-XXXXXX";
  const std::string path = std::string(mkdtemp(folder)) + "/results.json";
  publish_results(path, results, Fence::raise(std::string(folder) + "/checkpoints", 1));
  EXPECT_TRUE(read_results(path).trained_on_validation);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace broadsheet

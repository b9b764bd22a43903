// The disk dies on request. This program defines the file system calls that checkpoints/ and core/ make; a plan counts
// them and lets the nth fail, or ends the process right after it. Power loss is modelled too: what was written and not
// fsynced is gone.
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdarg>
#include <functional>

#include "checkpoint_testing.h"
#include "checkpoints/huggingface.h"
#include "checkpoints/snapshot.h"

// <fcntl.h> and <sys/stat.h> are not included: with _FORTIFY_SOURCE they define open() themselves.
namespace {

constexpr int kCreate = 0100;           // O_CREAT
constexpr int kDied = 42, kThrew = 43;  // exit codes of a child
enum class DiskFault { kNone, kError, kFullFromThere, kDie, kPowerLoss };

struct Plan {
  DiskFault fault = DiskFault::kNone;
  int at = 0;  // the call that fails, counted from 1
  int error = 0;
  int calls = 0;
};
Plan plan;

struct Unsynced {
  int descriptor = -1;  // a duplicate, still open after the writer has closed its own
  uint64_t inode = 0;
};
std::vector<Unsynced>* unsynced = nullptr;

uint64_t inode_of(int descriptor) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  char target[4096];
  const ssize_t length = ::readlink(path, target, sizeof target);
  // The target's name is as good as its inode here: folders are renamed, descriptors follow.
  return length <= 0 ? 0 : std::hash<std::string>()(std::string(target, static_cast<size_t>(length)));
}

void lose_power() {
  if (unsynced != nullptr) {
    for (const Unsynced& file : *unsynced) ::syscall(SYS_ftruncate, file.descriptor, 0);
  }
  ::syscall(SYS_exit_group, kDied);
}

// True when this call shall fail.
bool fails() {
  if (plan.fault == DiskFault::kNone) return false;
  ++plan.calls;
  const bool now = plan.fault == DiskFault::kFullFromThere ? plan.calls >= plan.at : plan.calls == plan.at;
  if (!now || plan.fault == DiskFault::kDie || plan.fault == DiskFault::kPowerLoss) return false;
  errno = plan.error;
  return true;
}

void after() {
  if (plan.calls != plan.at) return;
  if (plan.fault == DiskFault::kDie) ::syscall(SYS_exit_group, kDied);
  if (plan.fault == DiskFault::kPowerLoss) lose_power();
}

template <class... Arguments>
long counted(long number, Arguments... arguments) {
  if (fails()) return -1;
  const long result = ::syscall(number, arguments...);
  const int error = errno;
  after();
  errno = error;
  return result;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = (flags & kCreate) != 0 ? va_arg(arguments, unsigned) : 0;
  va_end(arguments);
  constexpr int kHere = -100;  // AT_FDCWD
  if ((flags & kCreate) == 0) return static_cast<int>(::syscall(SYS_openat, kHere, path, flags, mode));
  return static_cast<int>(counted(SYS_openat, kHere, path, flags, mode));
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  if (plan.fault == DiskFault::kNone || descriptor <= 2) return ::syscall(SYS_write, descriptor, bytes, size);
  if (unsynced != nullptr) {
    unsynced->push_back({static_cast<int>(::syscall(SYS_dup, descriptor)), inode_of(descriptor)});
  }
  // A torn write: half of it reaches the file before the fault.
  if (plan.calls + 1 == plan.at && size > 1) ::syscall(SYS_write, descriptor, bytes, size / 2);
  return counted(SYS_write, descriptor, bytes, size);
}

int fsync(int descriptor) {
  const uint64_t inode = plan.fault == DiskFault::kNone ? 0 : inode_of(descriptor);
  const int result = static_cast<int>(counted(SYS_fsync, descriptor));
  if (result == 0 && unsynced != nullptr) {
    std::erase_if(*unsynced, [&](const Unsynced& file) {
      if (file.inode != inode) return false;
      ::syscall(SYS_close, file.descriptor);
      return true;
    });
  }
  return result;
}

int rename(const char* from, const char* to) {
  return static_cast<int>(counted(SYS_rename, from, to));
}
int mkdir(const char* path, unsigned mode) {
  return static_cast<int>(counted(SYS_mkdir, path, mode));
}
int unlink(const char* path) {
  return static_cast<int>(counted(SYS_unlink, path));
}
int rmdir(const char* path) {
  return static_cast<int>(counted(SYS_rmdir, path));
}
int unlinkat(int folder, const char* path, int flags) {
  return static_cast<int>(counted(SYS_unlinkat, folder, path, flags));
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  return static_cast<int>(counted(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

}  // extern "C"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  bool done = false;   // the operation returned
  bool threw = false;  // it threw one of our errors
  bool hit = false;    // the plan's call was reached
};

// Runs `operation` in a child under the plan. A crash, or an exception that is not ours, fails the test.
Outcome run_with(DiskFault fault, int at, int error, const std::function<void()>& operation) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<Unsynced> written;
    unsynced = fault == DiskFault::kPowerLoss ? &written : nullptr;
    plan = {fault, at, error, 0};
    int code = 0;
    try {
      operation();
    } catch (const Error&) {
      code = kThrew;
    }
    const bool hit = plan.calls >= at;
    // Power fails right after the operation said that it was done.
    if (fault == DiskFault::kPowerLoss && !hit) {
      for (const Unsynced& file : written) ::syscall(SYS_ftruncate, file.descriptor, 0);
    }
    ::_exit(code + (hit ? 100 : 0));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  EXPECT_TRUE(code == kDied || code == 0 || code == 100 || code == 100 + kThrew) << "exit code " << code;
  return {code == 0 || code == 100, code == 100 + kThrew, code == kDied || code >= 100};
}

// Every call in turn, until the operation runs through without reaching it. Returns how many there were.
int at_every_call(DiskFault fault, int error, const std::function<void()>& prepare,
                  const std::function<void()>& operation, const std::function<void(const Outcome&)>& check) {
  for (int at = 1; at < 2000; ++at) {
    prepare();
    const Outcome outcome = run_with(fault, at, error, operation);
    SCOPED_TRACE("fault at call " + std::to_string(at));
    check(outcome);
    if (!outcome.hit || ::testing::Test::HasFatalFailure()) return at - 1;
  }
  ADD_FAILURE() << "no end after 2000 calls";
  return 2000;
}

void save_checkpoint(const std::string& root, int64_t step) {
  const Attempt attempt(root);
  CheckpointWriter writer = CheckpointWriter::open(attempt.fence(), root, step);
  const std::vector<PartRecord> parts = {
      writer.write_tensors("model.safetensors", {view_of("a", DType::kFloat32, {4}, kFourValues)}),
      writer.write_json("state.json", {{"step", step}})};
  writer.commit(parts, {{"world_size", 1}});
}

const std::vector<std::pair<DiskFault, int>> kFaults = {{DiskFault::kError, EIO},
                                                        {DiskFault::kError, ENOSPC},
                                                        {DiskFault::kFullFromThere, ENOSPC},
                                                        {DiskFault::kDie, 0},
                                                        {DiskFault::kPowerLoss, 0}};

TEST(DiskFaults, AnInterruptedCommitLeavesAWholeCheckpointOrNone) {
  for (const auto& [fault, error] : kFaults) {
    TemporaryFolder folder;
    const std::string root = folder / "checkpoints";
    const auto prepare = [&] {
      fs::remove_all(root);
      save_checkpoint(root, 10);
    };
    const auto check = [&](const Outcome& outcome) {
      std::vector<std::string> faults;
      const std::vector<CheckpointInfo> found = list_checkpoints(root, &faults);
      EXPECT_EQ(faults, std::vector<std::string>{});
      for (const CheckpointInfo& checkpoint : found) {
        EXPECT_EQ(verify_checkpoint(checkpoint), std::vector<std::string>{});
      }
      ASSERT_FALSE(found.empty());
      EXPECT_EQ(found.front().step, 10);
      if (outcome.done) {
        EXPECT_EQ(found.back().step, 20);
      }
      save_checkpoint(root, 20);
      EXPECT_EQ(newest_whole_checkpoint(root)->step, 20);
      EXPECT_EQ(listing_of(root), (std::vector<std::string>{"step-00000010", "step-00000020"}));
    };
    EXPECT_GE(at_every_call(
                  fault, error, prepare, [&] { save_checkpoint(root, 20); }, check),
              14);
  }
}

TEST(DiskFaults, TheFirstCheckpointOfARunIsWholeOrAbsentToo) {
  for (const auto& [fault, error] : kFaults) {
    TemporaryFolder folder;
    const std::string root = folder / "run/checkpoints";
    const auto check = [&](const Outcome& outcome) {
      const auto found = newest_whole_checkpoint(root);  // would throw, were there a damaged one
      if (outcome.done) {
        EXPECT_TRUE(found.has_value());
      }
      save_checkpoint(root, 1);
      EXPECT_EQ(newest_whole_checkpoint(root)->step, 1);
    };
    at_every_call(
        fault, error, [&] { fs::remove_all(folder / "run"); }, [&] { save_checkpoint(root, 1); }, check);
  }
}

TEST(DiskFaults, AnInterruptedReplacementOfADamagedCheckpointLosesNoOther) {
  for (const auto& [fault, error] : kFaults) {
    TemporaryFolder folder;
    const std::string& root = folder.path();
    const auto prepare = [&] {
      fs::remove_all(folder / "step-00000020");
      save_checkpoint(root, 10);
      save_checkpoint(root, 20);
      put_file(folder / "step-00000020/state.json", "{}");
    };
    const auto check = [&](const Outcome& outcome) {
      const auto found = newest_whole_checkpoint(root);
      ASSERT_TRUE(found.has_value());
      if (outcome.done) {
        EXPECT_EQ(found->step, 20);
      }
    };
    at_every_call(
        fault, error, prepare, [&] { save_checkpoint(root, 20); }, check);
  }
}

TEST(DiskFaults, AnInterruptedPruningKeepsWhatIsToBeKept) {
  for (const auto& [fault, error] : kFaults) {
    TemporaryFolder folder;
    const std::string root = folder / "checkpoints";
    std::unique_ptr<Attempt> attempt;
    const auto prune = [&] { prune_checkpoints(attempt->fence(), root, {1, 0, {2}}); };
    const auto prepare = [&] {
      fs::remove_all(root);
      for (int64_t step = 1; step <= 4; ++step) save_checkpoint(root, step);
      attempt = std::make_unique<Attempt>(root);
    };
    const auto check = [&](const Outcome& outcome) {
      EXPECT_FALSE(outcome.threw) << "trouble while pruning is a warning";
      std::vector<std::string> faults;
      std::vector<int64_t> steps;
      for (const CheckpointInfo& checkpoint : list_checkpoints(root, &faults)) {
        EXPECT_EQ(verify_checkpoint(checkpoint), std::vector<std::string>{});
        steps.push_back(checkpoint.step);
      }
      EXPECT_EQ(faults, std::vector<std::string>{});
      EXPECT_TRUE(std::count(steps.begin(), steps.end(), 2) == 1 && std::count(steps.begin(), steps.end(), 4) == 1);
      prune();
      attempt.reset();
      EXPECT_EQ(listing_of(root), (std::vector<std::string>{"step-00000002", "step-00000004"}));
    };
    EXPECT_GE(at_every_call(fault, error, prepare, prune, check), 8);
  }
}

TEST(DiskFaults, AnInterruptedModelFolderIsTheOldTheNewOrAbsentNeverHalf) {
  for (const auto& [fault, error] : kFaults) {
    TemporaryFolder folder;
    const auto write = [&](int version) {
      write_model_folder(folder / "model", {{"version", version}}, {view_of("a", DType::kFloat32, {4}, kFourValues)},
                         {}, {{"version", version}});
    };
    const auto prepare = [&] {
      for (const auto& entry : fs::directory_iterator(folder.path())) fs::remove_all(entry.path());
      write(1);
    };
    const auto check = [&](const Outcome& outcome) {
      if (fs::exists(folder / "model")) {
        const int version = read_model_config(folder / "model").at("version");
        EXPECT_EQ(locate_model(folder / "model").broadsheet.at("version"), version);
        EXPECT_EQ(WeightFiles::open(folder / "model").names(), std::vector<std::string>{"a"});
        if (outcome.done) {
          EXPECT_EQ(version, 2);
        }
      } else {
        EXPECT_FALSE(outcome.done);
      }
      write(3);
      EXPECT_EQ(read_model_config(folder / "model").at("version"), 3);
      EXPECT_EQ(listing_of(folder.path()), std::vector<std::string>{"model"});
    };
    EXPECT_GE(at_every_call(
                  fault, error, prepare, [&] { write(2); }, check),
              14);
  }
}

TEST(DiskFaults, TheLayerReallyReachesTheCallsItClaimsTo) {
  TemporaryFolder folder;
  const std::string root = folder / "checkpoints";
  EXPECT_TRUE(run_with(DiskFault::kError, 1, EIO, [&] { save_checkpoint(root, 1); }).threw);
  // fsync of the first part fails: the checkpoint must not appear, although every byte was written.
  bool any = false;
  for (int at = 1; at < 20; ++at) {
    fs::remove_all(root);
    const Outcome outcome = run_with(DiskFault::kError, at, EIO, [&] { save_checkpoint(root, 1); });
    if (outcome.threw && !newest_whole_checkpoint(root).has_value()) any = true;
  }
  EXPECT_TRUE(any);
}

}  // namespace
}  // namespace broadsheet

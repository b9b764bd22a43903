#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "checkpoints/snapshot.h"
#include "core/log.h"
#include "core/text.h"
#include "mpi/mpi_test.h"

namespace broadsheet {

namespace {

Communicator* the_world = nullptr;

// A failed expectation on one rank would leave the others waiting in a collective: say it and end all.
class EndAllOnFailure : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed() && !result.skipped()) return;
    std::fprintf(stderr, "rank %d of %d: %s:%d: %s\n", the_world->rank(), the_world->size(),
                 result.file_name() ? result.file_name() : "?", result.line_number(), result.message());
    abort_all_ranks(1);
  }
};

}  // namespace

std::string folders_of_this_run() {
  return std::filesystem::temp_directory_path() / cat("broadsheet-mpi-tests-", getpid());
}

Communicator& world() {
  return *the_world;
}

std::string shared_folder(const std::string& name) {
  std::string folder;
  if (world().first()) {
    folder = cat(folders_of_this_run(), "/", name);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  return world().broadcast(folder, 0);
}

int64_t begin_attempt(const std::string& root, Communicator& ranks) {
  int64_t attempt = 1;
  if (ranks.first()) {
    std::filesystem::create_directories(root);
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      const std::string name = entry.path().filename().string();
      if (starts_with(name, ".attempt-")) attempt = std::max<int64_t>(attempt, std::atoll(name.c_str() + 9) + 1);
    }
    Fence::raise(root, attempt);
  }
  return std::atoll(ranks.broadcast(cat(attempt), 0).c_str());
}

std::string newest_parts(const std::string& checkpoint_root) {
  std::string parts;
  if (world().first())
    if (const auto newest = newest_whole_checkpoint(checkpoint_root)) parts = newest->manifest.at("parts").dump();
  return world().broadcast(parts, 0);
}

}  // namespace broadsheet

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  at::set_num_threads(1);
  const std::unique_ptr<broadsheet::Communicator> ranks = broadsheet::make_communicator();
  broadsheet::the_world = ranks.get();
  broadsheet::LogOptions log;
  log.level = broadsheet::LogLevel::kError;
  broadsheet::init_logging(log);
  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  if (!ranks->first()) delete listeners.Release(listeners.default_result_printer());
  listeners.Append(new broadsheet::EndAllOnFailure);
  const int result = RUN_ALL_TESTS();
  ranks->barrier();
  if (ranks->first() && result == 0) std::filesystem::remove_all(broadsheet::folders_of_this_run());
  return result;
}

#include "core/log.h"

#include <gtest/gtest.h>

#include <regex>

#include "core/durable.h"
#include "core/errors.h"
#include "core/progress.h"
#include "core/text.h"
#include "scratch_folder.h"

namespace broadsheet {
namespace {

TEST(Log, AFileLineCarriesTimeLevelAndRank) {
  const ScratchFolder folder;
  LogOptions options;
  options.console = false;
  options.file = folder / "rank.log";
  options.rank = 3;
  init_logging(options);
  log_info("100% of {} done");
  log_debug("not shown");
  log_warning("careful");
  init_logging({});
  const auto lines = split(read_file(folder / "rank.log"), '\n');
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(std::regex_match(lines[0],
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info rank 3: 100% of \{\} done)")))
      << lines[0];
  EXPECT_TRUE(ends_with(lines[1], "rank 3: warning: careful")) << lines[1];
}

TEST(Log, AFileIsAppendedTo) {
  const ScratchFolder folder;
  for (int attempt = 0; attempt < 2; ++attempt) {
    LogOptions options;
    options.console = false;
    options.file = folder / "rank.log";
    init_logging(options);
    log_info("line");
  }
  init_logging({});
  EXPECT_EQ(split(read_file(folder / "rank.log"), '\n').size(), 3U);
}

TEST(Log, AFolderThatIsMissingIsAnError) {
  LogOptions options;
  options.file = "/proc/nowhere/rank.log";
  EXPECT_THROW(init_logging(options), RunError);
}

TEST(Log, ConsoleLinesGoToStandardErrorOrWhereTold) {
  init_logging({});
  testing::internal::CaptureStderr();
  log_info("to stderr");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "to stderr\n");
  LogOptions options;
  options.console_stdout = true;
  init_logging(options);
  testing::internal::CaptureStdout();
  log_error("to stdout");
  const std::string text = testing::internal::GetCapturedStdout();
  init_logging({});
  EXPECT_EQ(text, "error: to stdout\n");
}

TEST(Progress, APipeGetsPlainLinesWithoutCarriageReturns) {
  init_logging({});
  testing::internal::CaptureStderr();
  {
    Progress progress("tokenising", "documents", 100);
    for (int i = 0; i < 100; ++i) progress.add();
    progress.show("step 1", /*force=*/true);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "step 1\n");
}

TEST(Progress, TimeLeftIsUnknownWithoutATotal) {
  Progress progress("reading", "lines", 0);
  progress.set(5);
  EXPECT_LT(progress.seconds_left(), 0);
}

}  // namespace
}  // namespace broadsheet

// tests/configs/bad/*.yaml: each file says with `# expect:` lines which messages it must give, in order and no others.
// " ... " inside of a line stands for anything.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "experiments/run_config.h"
#include "experiments/sweep/sweep_config.h"

namespace broadsheet {
namespace {

const std::string kFolder = BROADSHEET_SOURCE_DIR "/tests/configs/bad";

std::vector<std::string> bad_files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> expected(const std::string& path) {
  std::vector<std::string> lines;
  for (const std::string& line : split(read_file(path), '\n')) {
    constexpr std::string_view kMark = "# expect: ";
    if (starts_with(line, kMark)) lines.push_back(line.substr(kMark.size()));
  }
  return lines;
}

std::vector<std::string> found(const std::string& path) {
  std::vector<std::string> messages;
  try {
    if (file_kind(path) == "corpus") {
      load_corpus_config(path, {});
    } else if (file_kind(path) == "sweep") {
      load_sweep(path, {});
    } else {
      load_run_config(path, {});
    }
  } catch (const UserError& error) {
    for (const Fault& fault : error.faults()) messages.push_back(to_string(fault));
  }
  return messages;
}

// The parts of `pattern` between its dots, in order; the first at the beginning, the last at the end.
bool matches(const std::string& message, const std::string& pattern) {
  size_t next = 0, begin = 0;
  while (true) {
    const size_t dots = pattern.find(" ...", begin);
    const std::string part = pattern.substr(begin, dots == std::string::npos ? dots : dots - begin);
    if (dots == std::string::npos) return message.size() >= next + part.size() && ends_with(message, part);
    const size_t at = message.find(part, next);
    if (at == std::string::npos || (begin == 0 && at != 0)) return false;
    next = at + part.size();
    begin = dots + 4;
  }
}

class BadConfig : public testing::TestWithParam<std::string> {};

TEST_P(BadConfig, GivesTheMessagesItExpects) {
  const std::string path = kFolder + "/" + GetParam() + ".yaml";
  const std::vector<std::string> want = expected(path), have = found(path);
  ASSERT_FALSE(want.empty()) << path << " has no # expect: line";
  EXPECT_EQ(have.size(), want.size()) << join(have, "\n");
  for (size_t i = 0; i < std::min(have.size(), want.size()); ++i) {
    EXPECT_TRUE(matches(have[i], path + ":" + want[i])) << "wanted: " << want[i] << "\nfound: " << have[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Files, BadConfig, testing::ValuesIn(bad_files()),
                         [](const testing::TestParamInfo<std::string>& file) { return file.param; });

TEST(BadConfigs, AreManyAndNoneIsMissing) {
  EXPECT_GE(bad_files().size(), 160U);
}

}  // namespace
}  // namespace broadsheet

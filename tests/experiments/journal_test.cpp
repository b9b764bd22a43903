#include "experiments/sweep/journal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "../core/scratch_folder.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using Numbers = std::vector<int>;

Journal::Apply into(Numbers& numbers) {
  return [&numbers](const nlohmann::json& event) { numbers.push_back(event.at("n").get<int>()); };
}

Numbers read_all(const std::string& folder) {
  Numbers numbers;
  Journal::read(folder, into(numbers));
  return numbers;
}

std::string only_file(const std::string& folder) {
  std::string found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) found = entry.path();
  return found;
}

TEST(Journal, IsReadBackByTheNextStartAndThoseWhoLook) {
  const ScratchFolder folder;
  Numbers seen;
  {
    Journal first = Journal::open(folder.path() + "/j", into(seen));
    EXPECT_EQ(first.driver(), 1);
    first.append({{{"n", 1}}, {{"n", 2}}});
  }
  Journal second = Journal::open(folder.path() + "/j", into(seen));
  EXPECT_EQ(second.driver(), 2);
  EXPECT_EQ(seen, (Numbers{1, 2}));
  second.append({{{"n", 3}}});
  EXPECT_EQ(read_all(folder.path() + "/j"), (Numbers{1, 2, 3}));
  EXPECT_FALSE(Journal::read(folder.path() + "/none", into(seen)));
}

TEST(Journal, PassesOverALineThatWasCutOffAndLosesNoOther) {
  const ScratchFolder folder;
  const std::string place = folder.path() + "/j";
  Numbers ignored;
  {
    Journal journal = Journal::open(place, into(ignored));
    for (const int n : {1, 2}) journal.append({{{"n", n}}});
  }
  const std::string whole = read_file(only_file(place));
  for (size_t size = 0; size < whole.size(); ++size) {
    std::ofstream(only_file(place), std::ios::trunc | std::ios::binary) << whole.substr(0, size);
    const size_t lines =
        static_cast<size_t>(std::count(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size), '\n'));
    EXPECT_EQ(read_all(place).size(), lines) << "cut at " << size;
  }
  std::ofstream(only_file(place), std::ios::trunc | std::ios::binary) << whole.substr(0, whole.size() - 3);
  Journal::open(place, into(ignored)).append({{{"n", 7}}});
  EXPECT_EQ(read_all(place), (Numbers{1, 7}));
}

TEST(Journal, HasAllOrNoneOfWhatWasAppendedAtOnce) {
  const ScratchFolder folder;
  const std::string place = folder.path() + "/j";
  Numbers ignored;
  {
    Journal journal = Journal::open(place, into(ignored));
    journal.append({{{"n", 1}}});
    journal.append({{{"n", 2}}, {{"n", 3}}, {{"n", 4}}});
  }
  const std::string whole = read_file(only_file(place));
  for (size_t size = whole.find('\n') + 1; size < whole.size(); ++size) {
    std::ofstream(only_file(place), std::ios::trunc | std::ios::binary) << whole.substr(0, size);
    EXPECT_EQ(read_all(place), (Numbers{1})) << "cut at " << size;
  }
  // What is passed over must not join what comes after it.
  Journal::open(place, into(ignored)).append({{{"n", 5}}});
  EXPECT_EQ(read_all(place), (Numbers{1, 5}));
}

TEST(Journal, RefusesALineThatIsDamagedInTheMiddle) {
  const ScratchFolder folder;
  const std::string place = folder.path() + "/j";
  Numbers ignored;
  Journal::open(place, into(ignored)).append({{{"n", 1}}, {{"n", 2}}, {{"n", 3}}});
  std::string text = read_file(only_file(place));
  const size_t at = text.find("\"n\":2");
  ASSERT_NE(at, std::string::npos);
  text[at + 4] = '5';
  std::ofstream(only_file(place), std::ios::trunc | std::ios::binary) << text;
  try {
    read_all(place);
    FAIL() << "it was read";
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults().front().code, "sweep.damaged");
    EXPECT_EQ(error.faults().front().place.line, 2);
  }
}

TEST(Journal, OfAnOlderStartTakesNoMoreWhenANewerOneHasBegun) {
  const ScratchFolder folder;
  const std::string place = folder.path() + "/j";
  Numbers seen;
  Journal old = Journal::open(place, into(seen));
  old.append({{{"n", 1}}});
  Journal young = Journal::open(place, into(seen));
  try {
    old.append({{{"n", 9}}});
    FAIL() << "it was taken";
  } catch (const RunError& error) {
    EXPECT_EQ(error.faults().front().code, "sweep.fenced");
  }
  young.append({{{"n", 2}}});
  EXPECT_EQ(read_all(place), (Numbers{1, 2}));
  // Also when the one after it is gone again.
  Journal younger = Journal::open(place, into(seen));
  EXPECT_THROW(old.append({{{"n", 9}}}), RunError);
  younger.append({{{"n", 3}}});
  EXPECT_EQ(read_all(place), (Numbers{1, 2, 3}));
}

TEST(Journal, LeavesOneFileBehindHoweverOftenItIsOpened) {
  const ScratchFolder folder;
  const std::string place = folder.path() + "/j";
  Numbers seen;
  for (int i = 0; i < 20; ++i) {
    // Each finds what an earlier start left that died before it could clean up.
    std::ofstream(place + "/000000.jsonl");
    Journal::open(place, into(seen)).append({{{"n", i}}});
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(place), std::filesystem::directory_iterator{}), 1);
  EXPECT_EQ(read_all(place).size(), 20U);
}

}  // namespace
}  // namespace broadsheet

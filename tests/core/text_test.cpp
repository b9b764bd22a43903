#include "core/text.h"

#include <gtest/gtest.h>

#include "core/path.h"

namespace broadsheet {
namespace {

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string>{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), (std::vector<std::string>{""}));
  EXPECT_EQ(join({"a", "b", "c"}, ", "), "a, b, c");
}

TEST(Text, Utf8FollowsTheUnicodeStandard) {
  for (const char* good :
       {"", "abc", "\xC3\xA9", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  EXPECT_TRUE(is_utf8(std::string("a\0b", 3)));
  // Stray continuation, overlong, surrogate, beyond U+10FFFF, cut short.
  for (const char* bad : {"\x80", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                          "\xC3", "\xE4\xB8", "\xF0\x9F\x98", "\xC3(", "\xFF"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(Text, NearestFindsTyposAndNothingElse) {
  const std::vector<std::string> keys = {"learning_rate", "optim", "precision", "max_steps"};
  EXPECT_EQ(nearest("learning_rat", keys), "learning_rate");
  EXPECT_EQ(nearest("laerning_rate", keys), "learning_rate");
  EXPECT_EQ(nearest("potim", keys), "optim");
  EXPECT_EQ(nearest("colour", keys), "");
  EXPECT_EQ(nearest("", keys), "");
  EXPECT_EQ(nearest(std::string(100000, 'a'), keys), "");
}

TEST(Text, NumbersForPeople) {
  EXPECT_EQ(with_thousands(22713216), "22,713,216");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(-1000), "-1,000");
  EXPECT_EQ(with_thousands(INT64_MIN), "-9,223,372,036,854,775,808");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes((uint64_t{1} << 20) - 1), "1.0 MiB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "16.0 EiB");
  EXPECT_EQ(human_duration(75), "1 min 15 s");
  EXPECT_EQ(human_duration(7260), "2 h 1 min");
  EXPECT_EQ(human_duration(0.0 / 0.0), "unknown");
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(1e-5), "1e-05");
}

TEST(Path, PartsFollowTheShellsDirnameAndBasename) {
  EXPECT_EQ(parent_folder("/a/b/c"), "/a/b");
  EXPECT_EQ(parent_folder("/a/b/"), "/a");
  EXPECT_EQ(parent_folder("c"), ".");
  EXPECT_EQ(parent_folder("/c"), "/");
  EXPECT_EQ(file_name("/a/b/"), "b");
  EXPECT_EQ(file_name("c"), "c");
}

TEST(Path, AbsolutePathsAreLexicallyNormal) {
  EXPECT_EQ(absolute_path("../x/./y/", "/a/b"), "/a/x/y");
  EXPECT_EQ(absolute_path("/z", "/a/b"), "/z");
  EXPECT_EQ(absolute_path("x").front(), '/');
  EXPECT_EQ(absolute_path("x", "sub"), absolute_path("sub/x"));
}

}  // namespace
}  // namespace broadsheet

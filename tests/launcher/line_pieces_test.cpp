#include "launcher/line_pieces.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "core/errors.h"
#include "core/text.h"
#include "tests/core/scratch_folder.h"

namespace broadsheet {
namespace {

std::string write_lines(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::vector<std::pair<int64_t, std::string>> lines_of(const std::string& text, const LinePiece& piece) {
  std::istringstream input(text);
  input.seekg(piece.begin);
  LineStream stream(input, piece.first_line, piece.end - piece.begin);
  std::vector<std::pair<int64_t, std::string>> lines;
  for (std::string line; stream.next(line);) lines.emplace_back(stream.number(), line);
  return lines;
}

TEST(LinePieces, HoldEveryLineOnceWithItsNumber) {
  ScratchFolder folder;
  std::mt19937_64 random(3);
  for (int round = 0; round < 60; ++round) {
    std::string text;
    for (uint64_t line = random() % 40; line > 0; --line) text += std::string(random() % 30, 'x') + "\n";
    if (round % 3 == 0) text += "the last line has no end";
    const std::string path = write_lines(folder / "lines", text);
    const auto whole = lines_of(text, {0, INT64_MAX, 1});
    const std::vector<std::string> wanted = split(text.substr(0, text.rfind('\n') + 1), '\n');
    ASSERT_EQ(whole.size(), text.empty() ? 0 : wanted.size() - 1 + (round % 3 == 0));
    for (const int64_t bytes : {1, 7, 50, 100'000}) {
      std::vector<std::pair<int64_t, std::string>> lines;
      int64_t end = 0;
      for (const LinePiece& piece : cut_lines(path, bytes)) {
        ASSERT_EQ(piece.begin, end);
        ASSERT_LT(piece.begin, piece.end);
        end = piece.end;
        for (auto& line : lines_of(text, piece)) lines.push_back(std::move(line));
      }
      EXPECT_EQ(end, static_cast<int64_t>(text.size()));
      EXPECT_EQ(lines, whole) << bytes;
    }
  }
}

TEST(LinePieces, OfLargeFilesAreAsLargeAsAsked) {
  ScratchFolder folder;
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += cat("line ", i, "\n");  // several blocks of the reader
  const auto pieces = cut_lines(write_lines(folder / "lines", text), 100'000);
  ASSERT_EQ(pieces.size(), text.size() / 100'000 + 1);
  for (const LinePiece& piece : pieces) {
    EXPECT_LT(piece.end - piece.begin, 100'020);
    const std::string first = lines_of(text, piece).front().second;
    EXPECT_EQ(first, cat("line ", piece.first_line - 1));
  }
  EXPECT_THROW(cut_lines(folder / "absent", 1), RunError);
}

TEST(LineStreams, PassOverALineThatIsTooLong) {
  std::istringstream input("a\n" + std::string(LineStream::kLongestLine + 1, 'x') + "\nb");
  LineStream stream(input, 5);
  std::string line;
  ASSERT_TRUE(stream.next(line));
  EXPECT_FALSE(stream.too_long());
  ASSERT_TRUE(stream.next(line));
  EXPECT_TRUE(stream.too_long());
  EXPECT_EQ(line, "");
  EXPECT_EQ(stream.number(), 6);
  ASSERT_TRUE(stream.next(line));
  EXPECT_EQ(line, "b");
  EXPECT_EQ(stream.number(), 7);
  EXPECT_FALSE(stream.next(line));
}

}  // namespace
}  // namespace broadsheet

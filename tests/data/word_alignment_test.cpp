#include "data/word_alignment.h"

#include <gtest/gtest.h>

#include "core/text.h"

namespace broadsheet {
namespace {

// A letter is a token; so is a run of digits; and a letter behind a space is another one than without ("Ġa").
class DigitTokenizer : public Tokenizer {
 public:
  void encode_into(std::string_view text, std::vector<int32_t>& ids) const override {
    bool space = false;
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const bool digit = c >= '0' && c <= '9';
      if (c != ' ') {
        const bool goes_on = digit && i > 0 && text[i - 1] >= '0' && text[i - 1] <= '9';
        if (goes_on) {
          ids.back() = ids.back() * 10 + (c - '0');
        } else {
          ids.push_back(digit ? 1000 + (c - '0') : c + (space ? 200 : 0));
        }
      }
      space = c == ' ';
    }
  }
  std::string decode(const std::vector<int32_t>&) const override { return ""; }
  int32_t vocab_size() const override { return 1 << 30; }
  const std::string& token(int32_t) const override { return name_; }
  SpecialTokens special_tokens() const override {
    SpecialTokens specials;
    specials.cls = 2;
    specials.sep = 3;
    return specials;
  }
  bool continues_word(int32_t) const override { return false; }
  const std::string& fingerprint() const override { return name_; }

 private:
  std::string name_ = "digits";
};

// "2-4 5-6i": begin and end of each word, i for those inside the one before.
std::string places(const std::string& text, const std::vector<std::string>& words, size_t most = SIZE_MAX) {
  const DigitTokenizer tokenizer;
  std::vector<int64_t> tokens;
  for (const int32_t id : tokenizer.encode(text)) tokens.push_back(id);
  tokens.resize(std::min(tokens.size(), most));
  std::string found;
  for (const WordTokens& word : align_words(tokens, words, tokenizer))
    found += cat(found.empty() ? "" : " ", word.begin, "-", word.end, word.inside ? "i" : "");
  return found;
}

TEST(AlignWords, FindsEachWordsTokens) {
  EXPECT_EQ(places("abc d", {"abc", "d"}), "0-3 3-4");
  EXPECT_EQ(places("abcd", {"ab", "cd"}), "0-2 2-4");
  EXPECT_EQ(places("ab cd", {"ab", " ", "cd"}), "0-2 2-2 2-4");
  EXPECT_EQ(places("", {"a"}), "");
  EXPECT_EQ(places("a", {}), "");
}

TEST(AlignWords, TakesPartsOfATokenTogether) {
  EXPECT_EQ(places("a123b", {"a", "1", "2", "3", "b"}), "0-1 1-2 1-2i 1-2i 2-3");
  EXPECT_EQ(places("12 34", {"1", "2", "3", "4"}), "0-1 0-1i 1-2 1-2i");
  EXPECT_EQ(places("12a", {"12", "a"}), "0-1 1-2");
}

TEST(AlignWords, EndsWhereTheTokensDoOrAreOthers) {
  EXPECT_EQ(places("abcdef", {"ab", "cd", "ef"}, 3), "0-2 2-3");
  EXPECT_EQ(places("abcdef", {"ab", "cd", "ef"}, 2), "0-2");
  EXPECT_EQ(places("abxd", {"ab", "c", "d"}), "0-2");
}

TEST(AlignWords, CountsRowsOfABatchWithoutItsSpecialTokens) {
  Batch batch;
  batch.tokens = {2, 'a', 3, 2, 'b', 'c', 3};
  batch.boundaries = {0, 3, 7};
  batch.examples = {0, 1};
  const std::vector<WordTokens> second = align_words(batch, 1, {"b", "c", "d"}, DigitTokenizer());
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(second[0].begin, 4);
  EXPECT_EQ(second[1].begin, 5);
  EXPECT_EQ(second[1].end, 6);
}

TEST(CutIntoWords, AtBlanksMarksAndChineseCharacters) {
  const std::string text = " New-York's 北京 3×4\t東1998年。x";
  std::string words;
  for (const TextPiece& piece : cut_into_words(text))
    words += cat(words.empty() ? "" : "|", text.substr(piece.begin, piece.end - piece.begin));
  EXPECT_EQ(words, "New|-|York|'|s|北|京|3|×|4|東|1998|年|。|x");
  EXPECT_TRUE(cut_into_words(" \n ").empty());
}

}  // namespace
}  // namespace broadsheet

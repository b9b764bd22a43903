// Byte-level BPE from ranks, tiktoken's files; tests/peers/bpe_parity.py compares it with tiktoken.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/byte_alphabet.h"
#include "data/tokenizers/tokenizer.h"
#include "tests/data/tokenizer_folder.h"

namespace broadsheet {
namespace {

using Ids = std::vector<int32_t>;
using Words = std::vector<std::string>;

std::string base64(const std::string& bytes) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t begin = 0; begin < bytes.size(); begin += 3) {
    uint32_t bits = 0;
    for (size_t i = begin; i < begin + 3; ++i) bits = bits << 8 | (i < bytes.size() ? uint8_t(bytes[i]) : 0u);
    for (size_t i = 0; i < 4; ++i) text += begin + i <= bytes.size() ? digits[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

// The single bytes have their own values as ranks; the tokens have those from 256 on.
class BpeRanksTest : public TokenizerFolder {
 protected:
  static std::string ranks(const Words& tokens) {
    std::string lines;
    for (int rank = 0; rank < 256; ++rank)
      lines += cat(base64(std::string(1, static_cast<char>(rank))), " ", rank, "\n");
    for (size_t i = 0; i < tokens.size(); ++i) lines += cat(base64(tokens[i]), " ", 256 + i, "\n");
    return lines;
  }
  std::unique_ptr<Tokenizer> load(const Words& tokens) {
    write("small.tiktoken", ranks(tokens));
    return load_tokenizer(folder_);
  }
  Fault fault() {
    try {
      load_tokenizer(folder_);
    } catch (const UserError& error) {
      return error.faults().front();
    }
    return Fault{"none", {}, "", "", ""};
  }
  Fault fault_with(const std::string& text) {
    write("small.tiktoken", text);
    return fault();
  }
};

TEST_F(BpeRanksTest, MergesByTheRankOfWhatBecomes) {
  const auto tokenizer = load({"ta", "ax", "tax", " tax", "\xE6\x96", "\xE6\x96\xB0"});
  EXPECT_EQ(tokenizer->encode("tax tax"), (Ids{258, 259}));
  EXPECT_EQ(tokenizer->encode("新ax"), (Ids{261, 257}));
  EXPECT_EQ(tokenizer->encode("fax"), (Ids{'f', 257}));
  EXPECT_EQ(tokenizer->decode({259, 261}), " tax新");
  EXPECT_EQ(tokenizer->vocab_size(), 263);
}

// "abc" is reached through "bc" alone, though "ab" is a token as well.
TEST_F(BpeRanksTest, FindsThePairThatIsLeft) {
  const auto tokenizer = load({"bc", "ab", "abc", "abcd"});
  EXPECT_EQ(tokenizer->encode("abcd abc ab"), (Ids{259, ' ', 258, ' ', 257}));
  EXPECT_EQ(load({"bc", "ab"})->encode("abc"), (Ids{'a', 256}));
}

TEST_F(BpeRanksTest, MakesATokenOfTwoThatHaveHigherRanks) {
  const auto tokenizer = load({"abab", "ab"});
  EXPECT_EQ(tokenizer->encode("ababc"), (Ids{256, 'c'}));
  EXPECT_EQ(tokenizer->encode("cabab"), (Ids{'c', 256}));
  EXPECT_EQ(tokenizer->encode("ababab"), (Ids{256, 257}));
}

// "abc" becomes "a", "bc"; then nothing of its bytes makes "xabc", which only a whole word can be.
TEST_F(BpeRanksTest, TakesAWholeWordThatNoMergeMakes) {
  const auto tokenizer = load({"bc", "xabc"});
  EXPECT_EQ(tokenizer->encode("xabc"), (Ids{257}));
  EXPECT_EQ(tokenizer->encode("xabcd"), (Ids{'x', 'a', 256, 'd'}));
}

TEST_F(BpeRanksTest, IsTheTokenizerOfVocabularyAndMerges) {
  const std::string before = load({"ta", "tax", " tax"})->fingerprint();
  std::filesystem::remove(folder_ / "small.tiktoken");
  nlohmann::json vocabulary = nlohmann::json::object();
  for (int byte = 0; byte < 256; ++byte) vocabulary[token_of_bytes(std::string(1, static_cast<char>(byte)))] = byte;
  vocabulary.update({{"ta", 256}, {"tax", 257}, {"Ġtax", 258}, {"<|endoftext|>", 259}});
  write("vocab.json", vocabulary.dump());
  write("merges.txt", "t a\nta x\nĠ tax\n");
  EXPECT_EQ(load_tokenizer(folder_)->fingerprint(), before);
}

TEST_F(BpeRanksTest, TakesTheEndOfTextAfterTheLastRankOrWhatAFileNames) {
  EXPECT_EQ(load({"ta"})->encode("ta<|endoftext|>"), (Ids{256, 257}));
  write("added_tokens.json", R"({"<|pad|>": 258, "<|end|>": 257})");
  write("special_tokens_map.json", R"({"pad_token": "<|pad|>"})");
  const auto tokenizer = load({"ta"});
  EXPECT_EQ(tokenizer->encode("ta<|end|>"), (Ids{256, 257}));
  EXPECT_EQ(tokenizer->special_tokens().pad, 258);
  EXPECT_EQ(tokenizer->decode({256, 257, 258}), "ta");
  write("added_tokens.json", R"({"<|end|>": 256})");
  EXPECT_EQ(fault().key, "<|end|>");
  EXPECT_NE(fault().what.find("another token's"), std::string::npos) << fault().what;
}

TEST_F(BpeRanksTest, LetsASpecialTokenHaveARankThatIsLeftOut) {
  write("added_tokens.json", R"({"<|end|>": 256})");
  write("small.tiktoken", ranks({}) + base64("ta") + " 257\n");
  EXPECT_EQ(load_tokenizer(folder_)->encode("ta<|end|>"), (Ids{257, 256}));
}

TEST_F(BpeRanksTest, ReadsLinesInAnyOrderAndWithCarriageReturns) {
  write("small.tiktoken", base64("tax") + " 257\r\n\r\n" + base64("ta") + " 256\r\n" + ranks({}));
  EXPECT_EQ(load_tokenizer(folder_)->encode("tax"), (Ids{257}));
}

TEST_F(BpeRanksTest, NamesTheDamagedLine) {
  const std::string good = ranks({"ta"});  // 257 lines
  const auto expect = [&](const std::string& line, const std::string& word) {
    const Fault found = fault_with(good + line + "\n");
    EXPECT_EQ(found.code, "tokenizer.ranks") << line;
    EXPECT_EQ(found.place.file, (folder_ / "small.tiktoken").string());
    EXPECT_EQ(found.place.line, 258) << line;
    EXPECT_NE(found.what.find(word), std::string::npos) << to_string(found);
    EXPECT_FALSE(found.remedy.empty());
  };
  for (const char* token : {"YW", "Y!I=", "YW=x", "YW=", "====", "YWJ=", "=WJj", "YW I="})
    expect(cat(token, " 257"), "is not base64");
  expect(" 257", "is not base64");
  for (const char* rank : {"", " ", " -1", " 2x", " 4000000", " 99999999999999999999999", " 257 1", "  257"})
    expect(cat("YWI=", rank), "is not a rank");
  expect(base64("ta") + " 257", "the token 'ta' is on line 257 already");
  expect("YWI= 256", "rank 256 is on line 257 already");
  expect(base64(std::string(513, 'a')) + " 257", "513 bytes, wanted at most 512");
}

TEST_F(BpeRanksTest, RefusesAFileThatIsNotWhole) {
  const auto expect = [&](const std::string& text, const std::string& word) {
    const Fault found = fault_with(text);
    EXPECT_EQ(found.place.file, (folder_ / "small.tiktoken").string());
    EXPECT_NE(found.what.find(word), std::string::npos) << to_string(found);
  };
  expect(ranks({}) + base64("ta") + " 257\n", "no token of rank 256");
  std::string text = ranks({});
  text.erase(text.find(base64("a")), 8);  // "YQ== 97" and its end
  expect(text, "no token for byte 97");
  expect("", "no token for byte 0");
}

TEST_F(BpeRanksTest, RefusesFoldersWhoseWordsItCannotKnow) {
  load({});
  write("other.tiktoken", ranks({}));
  EXPECT_EQ(fault().code, "tokenizer.ambiguous");
  EXPECT_NE(fault().what.find("other.tiktoken and small.tiktoken"), std::string::npos);
  std::filesystem::remove(folder_ / "small.tiktoken");
  std::filesystem::rename(folder_ / "other.tiktoken", folder_ / "cl100k_base.tiktoken");
  EXPECT_EQ(fault().code, "tokenizer.unsupported");
}

TEST_F(BpeRanksTest, IsCarriedWithAModel) {
  load({});
  EXPECT_EQ(tokenizer_files(folder_), Words{"small.tiktoken"});
}

}  // namespace
}  // namespace broadsheet

// The tokenizer on its own; tests/peers/tokenizer_parity.py compares it with the `tokenizers` package.
#include "data/tokenizers/tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/unicode.h"
#include "tests/data/tokenizer_folder.h"

namespace broadsheet {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;

const std::vector<std::string> kVocabulary = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "tax", "plan", "fail",
                                              "##s",   "##ing", "again", ".",     "a",      "##a", "e",    "é",
                                              "新",    "闻",    "the",   "i",     "##n",    ",",   "n",    "'"};

class TokenizerTest : public TokenizerFolder {
 protected:
  static Json usual() {
    Json vocabulary = Json::object(), added = Json::array();
    for (size_t id = 0; id < kVocabulary.size(); ++id) vocabulary[kVocabulary[id]] = id;
    for (int id = 0; id < 5; ++id)
      added.push_back({{"id", id}, {"content", kVocabulary[static_cast<size_t>(id)]}, {"special", true}});
    return {{"version", "1.0"},
            {"truncation", {{"max_length", 3}}},
            {"padding", {{"strategy", {{"Fixed", 128}}}}},
            {"added_tokens", added},
            {"normalizer", {{"type", "BertNormalizer"}, {"lowercase", true}, {"strip_accents", nullptr}}},
            {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
            {"post_processor", nullptr},
            {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
            {"model", {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", vocabulary}}}};
  }
  std::unique_ptr<Tokenizer> load(const Json& json) {
    write("tokenizer.json", json.dump());
    return load_tokenizer(folder_);
  }
  std::string vocab_txt() const { return join(kVocabulary, "\n") + "\n"; }
  // The one fault of a tokenizer.json that cannot be used.
  Fault fault(const std::function<void(Json&)>& damage) {
    Json json = usual();
    damage(json);
    return fault_of_text(json.dump());
  }
  Fault fault_of_text(const std::string& text) {
    write("tokenizer.json", text);
    try {
      load_tokenizer(folder_);
    } catch (const UserError& error) {
      return error.faults().front();
    }
    return Fault{"none", {}, "", "", ""};
  }
};

TEST_F(TokenizerTest, CutsWordsIntoTheLongestKnownPieces) {
  const auto tokenizer = load(usual());
  EXPECT_EQ(tokenizer->encode("Tax plan fails again."), (Ids{5, 6, 7, 8, 10, 11}));
  EXPECT_EQ(tokenizer->encode("failingx"), (Ids{1}));
  EXPECT_EQ(tokenizer->encode(""), Ids{});
  EXPECT_EQ(tokenizer->encode(" \t\r\n"), Ids{});
}

TEST_F(TokenizerTest, IgnoresBakedInTruncationAndPadding) {
  EXPECT_EQ(load(usual())->encode("the the the the the").size(), 5u);
}

TEST_F(TokenizerTest, FindsSpecialTokensInTheRawTextOnly) {
  const auto tokenizer = load(usual());
  EXPECT_EQ(tokenizer->encode("tax[MASK]plan"), (Ids{5, 4, 6}));
  EXPECT_EQ(tokenizer->encode("[mask]"), (Ids{1, 1, 1}));
}

TEST_F(TokenizerTest, SeparatesChineseCharactersAndStripsAccents) {
  const auto tokenizer = load(usual());
  EXPECT_EQ(tokenizer->encode("新闻"), (Ids{16, 17}));
  EXPECT_EQ(tokenizer->encode("É e\xCC\x81"), (Ids{14, 14}));
  Json cased = usual();
  cased["normalizer"]["lowercase"] = false;
  EXPECT_EQ(load(cased)->encode("é Tax"), (Ids{15, 1}));
}

TEST_F(TokenizerTest, ReadsTheSameTokenizerFromVocabTxt) {
  const std::string from_json = load(usual())->fingerprint();
  std::filesystem::remove(folder_ / "tokenizer.json");
  write("vocab.txt", vocab_txt());
  EXPECT_EQ(load_tokenizer(folder_)->fingerprint(), from_json);
  EXPECT_EQ(load_tokenizer(folder_)->encode("Tax[SEP]"), (Ids{5, 3}));
  write("vocab.txt", join(kVocabulary, "\r\n") + "\r\n");
  EXPECT_EQ(load_tokenizer(folder_)->fingerprint(), from_json);
  write("tokenizer_config.json", R"({"do_lower_case": false, "tokenizer_class": "BertTokenizer"})");
  EXPECT_NE(load_tokenizer(folder_)->fingerprint(), from_json);
}

TEST_F(TokenizerTest, HasAFingerprintThatEveryOptionChanges) {
  const std::string before = load(usual())->fingerprint();
  EXPECT_EQ(before.size(), 64u);
  EXPECT_EQ(load(usual())->fingerprint(), before);
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& j) { j["normalizer"]["clean_text"] = false; },
      [](Json& j) { j["normalizer"]["handle_chinese_chars"] = false; },
      [](Json& j) { j["normalizer"]["strip_accents"] = false; },
      [](Json& j) { j["normalizer"]["lowercase"] = false; },
      [](Json& j) { j["model"]["max_input_chars_per_word"] = 99; },
      [](Json& j) { j["model"]["continuing_subword_prefix"] = "@@"; },
      [](Json& j) { j["model"]["unk_token"] = "tax"; },
      [](Json& j) { j["added_tokens"][4]["lstrip"] = true; },
      [](Json& j) { j["added_tokens"].erase(4); },
      [](Json& j) { j["model"]["vocab"]["news"] = kVocabulary.size(); },
  };
  for (const auto& change : changes) {
    Json json = usual();
    change(json);
    EXPECT_NE(load(json)->fingerprint(), before) << json["normalizer"];
  }
  Json same = usual();
  same["truncation"] = nullptr;
  same["added_tokens"][4]["special"] = true;
  EXPECT_EQ(load(same)->fingerprint(), before);
}

TEST_F(TokenizerTest, NamesItsSpecialTokens) {
  const SpecialTokens special = load(usual())->special_tokens();
  EXPECT_EQ((Ids{special.pad, special.unk, special.cls, special.sep, special.mask}), (Ids{0, 1, 2, 3, 4}));
  write("tokenizer_config.json", R"({"mask_token": {"content": "tax"}, "cls_token": "nowhere"})");
  const SpecialTokens renamed = load(usual())->special_tokens();
  EXPECT_EQ(renamed.mask, 5);
  EXPECT_EQ(renamed.cls, -1);
}

TEST_F(TokenizerTest, DecodesWithoutSpecialTokens) {
  const auto tokenizer = load(usual());
  EXPECT_EQ(tokenizer->decode({2, 5, 6, 7, 8, 10, 11, 3, 0, 0}), "tax plan fails again.");
  EXPECT_EQ(tokenizer->decode({-1, 999, 5}), "tax");
  EXPECT_TRUE(tokenizer->continues_word(8));
  EXPECT_FALSE(tokenizer->continues_word(5));
}

TEST_F(TokenizerTest, PutsAddedTokensBehindTheVocabulary) {
  Json json = usual();
  json["added_tokens"].push_back(
      {{"id", kVocabulary.size()}, {"content", "New York"}, {"normalized", true}, {"special", false}});
  const auto tokenizer = load(json);
  EXPECT_EQ(tokenizer->vocab_size(), static_cast<int32_t>(kVocabulary.size() + 1));
  EXPECT_EQ(tokenizer->encode("the NEW YORK tax"), (Ids{18, static_cast<int32_t>(kVocabulary.size()), 5}));
}

// A text is read in one pass, but step by step where an added token is looked for in its normal form.
TEST_F(TokenizerTest, OnePassGivesTheIdsOfTheStepsOneAfterTheOther) {
  const std::vector<std::string> snippets = {"Tax",    "plan",   "fails",   "again",  "failing", " ",      ".",
                                             "é",      "É",      "e\u0301", "新",     "闻",      "[MASK]", "\u200d",
                                             "İ",      "\uf900", "각",      "ﬁ",      "\u037e",  "\u302e", "\u0344",
                                             "\u2028", "a",      "\n",      "\u3000", "𠀀",      "'"};
  std::mt19937 random(20261);
  const auto some_text = [&] {
    std::string text;
    for (size_t left = random() % 40; left > 0; --left) {
      const uint32_t kind = random() % 8;
      if (kind < 5) {
        text += snippets[random() % snippets.size()];
      } else {
        const char32_t c = random() % (kind == 5 ? 0x80 : kind == 6 ? 0x700 : 0x110000);
        append_utf8(c >= 0xD800 && c < 0xE000 ? U'x' : c, text);
      }
    }
    return text;
  };
  size_t ids = 0;
  for (uint32_t options = 0; options < 32; ++options) {
    Json json = usual();
    json["normalizer"] = {{"type", "BertNormalizer"},
                          {"clean_text", (options & 1) != 0},
                          {"handle_chinese_chars", (options & 2) != 0},
                          {"strip_accents", (options & 4) != 0},
                          {"lowercase", (options & 8) != 0}};
    json["model"]["max_input_chars_per_word"] = (options & 16) != 0 ? 5 : 100;
    const auto in_one_pass = load(json);
    json["added_tokens"].push_back({{"id", kVocabulary.size()}, {"content", "never seen"}, {"normalized", true}});
    const auto in_steps = load(json);
    for (int i = 0; i < 300; ++i) {
      const std::string text = some_text();
      const Ids expected = in_steps->encode(text);
      ASSERT_EQ(in_one_pass->encode(text), expected) << printable(text) << " " << json["normalizer"];
      ids += expected.size();
    }
  }
  EXPECT_GT(ids, 50'000u);
}

TEST_F(TokenizerTest, AppendsToWhatIsThere) {
  Ids ids = {-7};
  load(usual())->encode_into("tax \u302e plan", ids);
  EXPECT_EQ(ids, (Ids{-7, 5, 1, 6}));
}

TEST_F(TokenizerTest, TakesLongRunsOfOneLetterInStride) {
  const auto tokenizer = load(usual());
  EXPECT_EQ(tokenizer->encode(std::string(100, 'a')).size(), 100u);
  EXPECT_EQ(tokenizer->encode(std::string(100'000, 'a')), (Ids{1}));
  std::string marks = "e";
  for (int i = 0; i < 100'000; ++i) marks += i % 2 == 0 ? "\xCC\x81" : "\xCC\xA7";
  EXPECT_EQ(tokenizer->encode(marks), (Ids{14}));
  EXPECT_EQ(tokenizer->encode(std::string(100'000, '[')).size(), 100'000u);
}

// Longest first, as `tokenizers` has it, whatever the lengths; compared with the plain search.
TEST_F(TokenizerTest, FindsLongTokensAsItFindsShortOnes) {
  Json json = usual();
  json["model"]["max_input_chars_per_word"] = 2000;
  Json& vocabulary = json["model"]["vocab"];
  std::vector<std::string> tokens = kVocabulary;
  const auto put = [&](const std::string& token) {
    if (vocabulary.contains(token)) return;
    vocabulary[token] = tokens.size();
    tokens.push_back(token);
  };
  const auto letters = [](size_t count) { return std::string(count, 'a'); };
  for (const size_t count : {2, 40, 64, 65, 66, 90, 200, 700}) {
    put(letters(count));
    put("##" + letters(count + 1));
    put(letters(count) + "b");
    put("##" + letters(count) + "bé");
  }
  put("##b");
  const auto tokenizer = load(json);
  const auto plain = [&](std::string word) {
    Ids ids;
    for (std::string prefix; !word.empty(); prefix = "##") {
      size_t length = word.size();
      while (length > 0 && !vocabulary.contains(prefix + word.substr(0, length))) --length;
      if (length == 0) return Ids{1};
      ids.push_back(vocabulary[prefix + word.substr(0, length)].get<int32_t>());
      word.erase(0, length);
    }
    return ids;
  };
  Json options = json;  // the accent has to survive
  options["normalizer"]["strip_accents"] = false;
  const auto accents = load(options);
  for (size_t first = 1; first < 800; first = first * 5 / 4 + 1)
    for (size_t second = 0; second < 800; second = second * 3 / 2 + 1)
      for (const std::string& word :
           {letters(first) + "b" + letters(second), letters(first) + "bé" + letters(second)}) {
        EXPECT_EQ(accents->encode(word), plain(word)) << first << " " << second;
      }
}

// Vocabularies that mean ill: thousands of lengths, texts that begin like every token and are none. In the square of
// the length these would take hours.
TEST_F(TokenizerTest, AHostileVocabularyCostsNoMoreThanItsSize) {
  Json json = usual();
  json["model"]["max_input_chars_per_word"] = 10'000;
  Json& vocabulary = json["model"]["vocab"];
  for (size_t count = 2; count < 3000; ++count) {
    vocabulary["##" + std::string(count + 2000, 'a') + "z"] = vocabulary.size();
    vocabulary[std::string(count + 4000, 'a')] = vocabulary.size();
  }
  auto next = vocabulary.size();
  for (size_t count = 2; count < 2000; ++count)
    json["added_tokens"].push_back({{"id", next++}, {"content", std::string(count, 'b') + "y"}, {"special", true}});
  for (const char* content : {" ", "q"})
    json["added_tokens"].push_back(
        {{"id", next++}, {"content", content}, {"lstrip", true}, {"rstrip", true}, {"special", true}});
  const auto tokenizer = load(json);
  std::string text;
  for (int word = 0; word < 10; ++word) text += std::string(9999, 'a') + "\n";
  EXPECT_FALSE(tokenizer->encode(text).empty());
  EXPECT_FALSE(tokenizer->encode(std::string(100'000, 'b')).empty());
  EXPECT_FALSE(tokenizer->encode(std::string(100'000, ' ')).empty());
  std::string marks;
  for (int i = 0; i < 50'000; ++i) marks += i % 2 == 0 ? "\u0316" : "\u0301";
  tokenizer->encode(marks);
}

TEST_F(TokenizerTest, DecodesATokenOfManyPauses) {
  Json json = usual();
  std::string token, wanted;
  for (int i = 0; i < 300'000; ++i) {
    token += " .";
    wanted += ".";
  }
  json["model"]["vocab"][token] = kVocabulary.size();
  EXPECT_EQ(load(json)->decode({static_cast<int32_t>(kVocabulary.size())}), wanted);
}

TEST_F(TokenizerTest, SurvivesMalformedUtf8) {
  const auto tokenizer = load(usual());
  for (const std::string text : {"\xFF", "tax\xE2\x82", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\x80"})
    EXPECT_LE(tokenizer->encode(text).size(), text.size() + 1);
}

TEST_F(TokenizerTest, SaysWhatIsNotInThisVersion) {
  const auto expect = [this](const std::string& key, const std::string& word,
                             const std::function<void(Json&)>& damage) {
    const Fault found = fault(damage);
    EXPECT_EQ(found.key, key) << to_string(found);
    EXPECT_EQ(found.place.file, (folder_ / "tokenizer.json").string());
    EXPECT_NE(found.what.find(word), std::string::npos) << to_string(found);
  };
  expect("model.type", "'Unigram' is not in this version, which reads 'WordPiece', 'BPE'",
         [](Json& j) { j["model"]["type"] = "Unigram"; });
  expect("normalizer.type", "not in this version", [](Json& j) { j["normalizer"] = {{"type", "NFC"}}; });
  expect("normalizer", "wanted an object", [](Json& j) { j["normalizer"] = nullptr; });
  expect("pre_tokenizer.type", "not in this version", [](Json& j) { j["pre_tokenizer"]["type"] = "ByteLevel"; });
  expect("decoder.type", "not in this version", [](Json& j) { j["decoder"]["type"] = "BPEDecoder"; });
  expect("post_processor.type", "not in this version", [](Json& j) {
    j["post_processor"] = {{"type", "RobertaProcessing"}};
  });
  expect("version", "not in this version", [](Json& j) { j["version"] = "2.0"; });
  expect("colour", "not known", [](Json& j) { j["colour"] = 1; });
  expect("model.dropout", "not known", [](Json& j) { j["model"]["dropout"] = 0.1; });
}

TEST_F(TokenizerTest, RefusesBrokenVocabularies) {
  const auto code = [this](const std::function<void(Json&)>& damage) {
    const Fault found = fault(damage);
    return cat(found.code, " ", found.key);
  };
  EXPECT_EQ(code([](Json& j) { j["model"]["vocab"]["tax"] = 6; }).substr(0, 20), "tokenizer.vocabulary");
  EXPECT_EQ(code([](Json& j) { j["model"]["vocab"]["tax"] = -1; }), "tokenizer.range model.vocab.tax");
  EXPECT_EQ(code([](Json& j) { j["model"]["vocab"]["tax"] = 1e9; }), "tokenizer.range model.vocab.tax");
  EXPECT_EQ(code([](Json& j) { j["model"]["vocab"]["tax"] = 2'000'000'000; }), "tokenizer.range model.vocab.tax");
  EXPECT_EQ(code([](Json& j) { j["model"]["vocab"]["tax"] = UINT64_MAX; }), "tokenizer.range model.vocab.tax");
  EXPECT_EQ(code([](Json& j) { j["model"]["vocab"]["tax"] = "5"; }), "tokenizer.range model.vocab.tax");
  EXPECT_EQ(code([](Json& j) { j["model"]["vocab"] = Json::object(); }), "tokenizer.vocabulary model.vocab");
  EXPECT_EQ(code([](Json& j) { j["model"]["vocab"] = Json::array(); }), "tokenizer.missing model.vocab");
  EXPECT_EQ(code([](Json& j) { j["model"].erase("vocab"); }), "tokenizer.missing model.vocab");
  EXPECT_EQ(code([](Json& j) { j["model"]["unk_token"] = "[WHAT]"; }), "tokenizer.vocabulary model.unk_token");
  EXPECT_EQ(code([](Json& j) { j["model"]["max_input_chars_per_word"] = 1'000'000; }),
            "tokenizer.range model.max_input_chars_per_word");
  EXPECT_EQ(code([](Json& j) { j["added_tokens"][4]["id"] = 7; }), "tokenizer.added_token added_tokens[4].id");
  EXPECT_EQ(code([](Json& j) { j["added_tokens"][4].erase("id"); }), "tokenizer.missing added_tokens[4].id");
  EXPECT_EQ(code([](Json& j) { j["added_tokens"][4]["content"] = ""; }),
            "tokenizer.added_token added_tokens[4].content");
  EXPECT_EQ(code([](Json& j) { j["added_tokens"][4] = 3; }), "tokenizer.type added_tokens[4]");
  EXPECT_EQ(code([](Json& j) { j["added_tokens"] = "all"; }), "tokenizer.type added_tokens");
  EXPECT_EQ(code([](Json& j) { j["normalizer"]["lowercase"] = "yes"; }), "tokenizer.type normalizer.lowercase");
}

TEST_F(TokenizerTest, RefusesBrokenJson) {
  const std::string good = usual().dump();
  for (const size_t length : {size_t{0}, size_t{1}, good.size() / 3, good.size() - 1})
    EXPECT_EQ(fault_of_text(good.substr(0, length)).code, "tokenizer.json") << length;
  EXPECT_EQ(fault_of_text("[1]").code, "tokenizer.json");
  EXPECT_EQ(fault_of_text(std::string(1'000'000, '[')).code, "tokenizer.json");
  EXPECT_EQ(fault_of_text(R"({"model": {"type": "WordPiece", "vocab": {"a": 0, "a": 1}}})").code, "tokenizer.json");
  EXPECT_EQ(fault_of_text("{\"model\": \"\xFF\"}").code, "tokenizer.json");
}

TEST_F(TokenizerTest, KeepsTokensWithNulBytesApart) {
  Json json = usual();
  json["model"]["vocab"][std::string("\0x", 2)] = kVocabulary.size();
  EXPECT_EQ(load(json)->token(static_cast<int32_t>(kVocabulary.size())), std::string("\0x", 2));
}

TEST_F(TokenizerTest, NamesTheFilesOfAFolder) {
  EXPECT_THROW(load_tokenizer(folder_), UserError);
  EXPECT_THROW(load_tokenizer(folder_ / "absent"), UserError);
  write("vocab.txt", "");
  EXPECT_THROW(load_tokenizer(folder_), UserError);
  write("vocab.txt", "a\nb\n");  // no [UNK]
  EXPECT_THROW(load_tokenizer(folder_), UserError);
  write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  write("vocab.txt", vocab_txt());
  EXPECT_THROW(load_tokenizer(folder_), UserError);
  EXPECT_EQ(tokenizer_files(folder_), (std::vector<std::string>{"vocab.txt", "tokenizer_config.json"}));
}

TEST(TruncateLongestFirst, CutsTheLongerSequenceFirst) {
  const auto cut = [](size_t a, size_t b, size_t budget) {
    Ids first(a), second(b);
    truncate_longest_first(first, second, budget);
    return std::make_pair(first.size(), second.size());
  };
  EXPECT_EQ(cut(3, 4, 7), std::make_pair(size_t{3}, size_t{4}));
  EXPECT_EQ(cut(2, 9, 7), std::make_pair(size_t{2}, size_t{5}));
  EXPECT_EQ(cut(9, 2, 7), std::make_pair(size_t{5}, size_t{2}));
  EXPECT_EQ(cut(9, 9, 7), std::make_pair(size_t{3}, size_t{4}));
  EXPECT_EQ(cut(10, 9, 7), std::make_pair(size_t{4}, size_t{3}));
  EXPECT_EQ(cut(9, 0, 7), std::make_pair(size_t{7}, size_t{0}));
  EXPECT_EQ(cut(9, 9, 0), std::make_pair(size_t{0}, size_t{0}));
}

}  // namespace
}  // namespace broadsheet

// Byte-level BPE on its own; tests/peers/bpe_parity.py compares it with the `tokenizers` package.
#include "data/tokenizers/bpe.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/byte_alphabet.h"
#include "data/tokenizers/gpt2_words.h"
#include "tests/data/tokenizer_folder.h"

namespace broadsheet {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;
using Words = std::vector<std::string>;

const Words kSpecial = {"<s>", "<pad>", "</s>", "<unk>", "<mask>"};

TEST(ByteAlphabet, WritesEveryByteAsACharacterThatPrints) {
  EXPECT_EQ(token_of_bytes(" new\n"), "ĠnewĊ");
  EXPECT_EQ(token_of_bytes("é"), "Ã©");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string token = token_of_bytes(all);
  EXPECT_EQ(bytes_of_token(token), all);
  for (const char byte : token) EXPECT_GT(static_cast<uint8_t>(byte), 0x20) << printable(token);
  EXPECT_FALSE(bytes_of_token("a b").has_value());
  EXPECT_FALSE(bytes_of_token("新").has_value());
}

TEST(ByteAlphabet, ReplacesWhatIsNotText) {
  EXPECT_EQ(utf8_with_replacements("a新é\xF0\x9F\x98\x80"), "a新é\xF0\x9F\x98\x80");
  EXPECT_EQ(utf8_with_replacements("\x80 \xE4\xB8 \xE4\xB8"), "\uFFFD \uFFFD \uFFFD");
  EXPECT_EQ(utf8_with_replacements("\xED\xA0\x80\xC0\xAF\xF4\x90"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(utf8_with_replacements("\xF0\x9F\x98"
                                   "a"),
            "\uFFFD"
            "a");
}

Words words_of(const std::string& text) {
  Words words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = gpt2_words().end_of_word(text, begin);
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

TEST(Gpt2Words, CutsAsTheRegularExpressionDoes) {
  EXPECT_EQ(words_of("The mayor's 2 plans, they'll FAIL"),
            (Words{"The", " mayor", "'s", " 2", " plans", ",", " they", "'ll", " FAIL"}));
  EXPECT_EQ(words_of("don't I'm 're 'S 'x''d"),
            (Words{"don", "'t", " I", "'m", " '", "re", " '", "S", " '", "x", "''", "d"}));
  EXPECT_EQ(words_of("a  b\n\nc \n"), (Words{"a", " ", " b", "\n", "\n", "c", " \n"}));
  EXPECT_EQ(words_of("  "), (Words{"  "}));
  EXPECT_EQ(words_of("新闻2新²Ⅷ"), (Words{"新闻", "2", "新", "²Ⅷ"}));
  EXPECT_EQ(words_of("a\u3000b\u00a0 c"), (Words{"a", "\u3000", "b", "\u00a0", " c"}));
  EXPECT_EQ(words_of("$5.00 e\u0301"), (Words{"$", "5", ".", "00", " e", "\u0301"}));
  EXPECT_EQ(words_of("' 'l 'v"), (Words{"'", " '", "l", " '", "v"}));
}

TEST(Gpt2Words, ReadsShortWordsOfAsciiAtOnce) {
  const std::string text = " mayor's plan andtherestofthisword caf\xC3\xA9 12 \xE6\x96\xB0 x";
  size_t found = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = gpt2_words().end_of_word(text, begin);
    const ShortText word = Gpt2Words::short_ascii_word(text, begin);
    if (word.length > 0) {
      ++found;
      EXPECT_EQ(word, ShortText(std::string_view(text).substr(begin, end - begin))) << begin;
    }
    begin = end;
  }
  EXPECT_EQ(found, 3u);  // " mayor", " plan", " x"
}

// A vocabulary of all bytes, what merges make of them, and RoBERTa's special tokens in front.
class BpeTest : public TokenizerFolder {
 protected:
  // `merges` as bytes, with a space between the two.
  static Json model(const std::vector<std::pair<std::string, std::string>>& merges) {
    Json vocabulary = Json::object(), list = Json::array();
    for (const std::string& token : kSpecial) vocabulary[token] = vocabulary.size();
    for (int byte = 0; byte < 256; ++byte)
      vocabulary[token_of_bytes(std::string(1, static_cast<char>(byte)))] = vocabulary.size();
    for (const auto& [left, right] : merges) {
      const std::string merged = token_of_bytes(left + right);
      if (!vocabulary.contains(merged)) vocabulary[merged] = vocabulary.size();
      list.push_back({token_of_bytes(left), token_of_bytes(right)});
    }
    return {{"type", "BPE"}, {"unk_token", nullptr}, {"vocab", vocabulary}, {"merges", list}};
  }
  static Json usual() {
    Json added = Json::array();
    for (size_t id = 0; id < kSpecial.size(); ++id)
      added.push_back({{"id", id}, {"content", kSpecial[id]}, {"special", true}});
    return {
        {"version", "1.0"},
        {"truncation", nullptr},
        {"padding", nullptr},
        {"added_tokens", added},
        {"normalizer", nullptr},
        {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
        {"post_processor", nullptr},
        {"decoder", {{"type", "ByteLevel"}}},
        {"model", model({{"t", "a"}, {"ta", "x"}, {" ", "tax"}, {"n", "e"}, {"\xE6", "\x96"}, {"\xE6\x96", "\xB0"}})}};
  }
  std::unique_ptr<Tokenizer> load(const Json& json) {
    write("tokenizer.json", json.dump());
    return load_tokenizer(folder_);
  }
  Words tokens(const Tokenizer& tokenizer, const std::string& text) {
    Words tokens;
    for (const int32_t id : tokenizer.encode(text)) tokens.push_back(tokenizer.token(id));
    return tokens;
  }
  Fault fault_of_folder() {
    try {
      load_tokenizer(folder_);
    } catch (const UserError& error) {
      return error.faults().front();
    }
    return Fault{"none", {}, "", "", ""};
  }
  Fault fault(const std::function<void(Json&)>& damage) {
    Json json = usual();
    damage(json);
    write("tokenizer.json", json.dump());
    return fault_of_folder();
  }
};

TEST_F(BpeTest, MergesTheBytesOfEachWord) {
  const auto tokenizer = load(usual());
  EXPECT_EQ(tokens(*tokenizer, "tax taxes\n"), (Words{"tax", "Ġtax", "e", "s", "Ċ"}));
  EXPECT_EQ(tokens(*tokenizer, "new 新"), (Words{"ne", "w", "Ġ", "æĸ°"}));
  EXPECT_EQ(tokens(*tokenizer, "ta x"), (Words{"ta", "Ġ", "x"}));
  EXPECT_EQ(tokenizer->encode(""), Ids{});
}

TEST_F(BpeTest, CountsTheBytesThatATokenStandsFor) {
  const auto tokenizer = load(usual());
  for (const std::string text : {" tax", "新 line\n", "\xF0\x9F\x98\x80 x"}) {
    int64_t bytes = 0;
    for (const int32_t id : tokenizer->encode(text)) bytes += tokenizer->byte_count(id);
    EXPECT_EQ(bytes, static_cast<int64_t>(text.size())) << text;
  }
  for (size_t id = 0; id < kSpecial.size(); ++id) EXPECT_EQ(tokenizer->byte_count(static_cast<int32_t>(id)), 0) << id;
  EXPECT_EQ(tokenizer->byte_count(-1), 0);
  EXPECT_EQ(tokenizer->byte_count(tokenizer->vocab_size()), 0);
}

TEST_F(BpeTest, FindsSpecialTokensInTheText) {
  const auto tokenizer = load(usual());
  EXPECT_EQ(tokens(*tokenizer, "tax<mask>ne"), (Words{"tax", "<mask>", "ne"}));
  EXPECT_EQ(tokenizer->encode("<s></s>"), (Ids{0, 2}));
  const SpecialTokens special = tokenizer->special_tokens();
  EXPECT_EQ((Ids{special.pad, special.unk, special.cls, special.sep, special.mask}), (Ids{1, -1, 0, 2, 4}));
}

TEST_F(BpeTest, TakesTheNamesOfSpecialTokensFromTheFiles) {
  Json json = usual();
  json["post_processor"] = {{"type", "RobertaProcessing"}, {"sep", {"ne", 1}}, {"cls", {"tax", 1}}};
  EXPECT_EQ(load(json)->special_tokens().sep, load(json)->encode("ne")[0]);
  EXPECT_EQ(load(json)->special_tokens().cls, load(json)->encode("tax")[0]);
  write("tokenizer_config.json", R"({"cls_token": "<pad>", "mask_token": {"content": "nowhere"}})");
  EXPECT_EQ(load(json)->special_tokens().cls, 1);
  EXPECT_EQ(load(json)->special_tokens().mask, -1);
}

TEST_F(BpeTest, PutsASpaceBeforeEveryPartOfTheText) {
  Json json = usual();
  json["pre_tokenizer"]["add_prefix_space"] = true;
  const auto tokenizer = load(json);
  EXPECT_EQ(tokens(*tokenizer, "tax<mask>tax"), (Words{"Ġtax", "<mask>", "Ġtax"}));
  EXPECT_EQ(tokens(*tokenizer, " tax"), (Words{"Ġtax"}));
  EXPECT_EQ(tokenizer->encode(""), Ids{});
}

TEST_F(BpeTest, LeavesOutBytesWithoutATokenOrMakesThemUnknown) {
  Json json = usual();
  json["model"]["vocab"].erase("a");
  Json merges = Json::array();
  for (const Json& merge : json["model"]["merges"])
    if (merge[0] == "n") merges.push_back(merge);
  json["model"]["merges"] = merges;
  EXPECT_EQ(tokens(*load(json), "anaaes"), (Words{"ne", "s"}));  // n and e become neighbours
  json["model"]["unk_token"] = "<unk>";
  EXPECT_EQ(tokens(*load(json), "naae"), (Words{"n", "<unk>", "<unk>", "e"}));
  json["model"]["fuse_unk"] = true;
  EXPECT_EQ(tokens(*load(json), "naaea"), (Words{"n", "<unk>", "e", "<unk>"}));
}

TEST_F(BpeTest, TakesAWordThatIsATokenWhereMergesAreIgnored) {
  Json json = usual();
  json["model"]["vocab"]["esta"] = json["model"]["vocab"].size();
  json["model"]["vocab"]["aworldofmanyletters"] = json["model"]["vocab"].size();
  EXPECT_EQ(tokens(*load(json), "esta"), (Words{"e", "s", "ta"}));
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(tokens(*load(json), "esta aworldofmanyletters"),
            (Words{"esta", "Ġ", "a", "w", "o", "r", "l", "d", "o", "f", "m",
                   "a",    "n", "y", "l", "e", "t", "t", "e", "r", "s"}));
  EXPECT_EQ(tokens(*load(json), "aworldofmanyletters"), (Words{"aworldofmanyletters"}));
}

// One merge after the other, as BPE is defined.
Words merged_step_by_step(const std::string& word, const std::map<std::pair<std::string, std::string>, size_t>& ranks) {
  Words parts;
  for (const char byte : word) parts.emplace_back(1, byte);
  while (true) {
    size_t best = SIZE_MAX, place = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ranks.find({parts[i], parts[i + 1]});
      if (found == ranks.end() || found->second >= best) continue;
      best = found->second;
      place = i;
    }
    if (best == SIZE_MAX) return parts;
    parts[place] += parts[place + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

// Of letters of one to four bytes, so that merges within characters, between them and across them compete.
TEST_F(BpeTest, AnyMergesInAnyOrderGiveWhatTheDefinitionSays) {
  const Words letters = {"a", "b", "é", "è", "中", "丮", "新", "\xF0\xA0\x80\x80"};
  std::mt19937 random(20262);
  size_t words = 0, several = 0;
  for (int vocabulary = 0; vocabulary < 60; ++vocabulary) {
    const auto some_letters = [&](size_t count) {
      std::string text;
      while (count-- > 0) text += letters[random() % letters.size()];
      return text;
    };
    std::vector<std::pair<std::string, std::string>> merges;
    std::map<std::pair<std::string, std::string>, size_t> ranks;
    const size_t wanted = 10 + random() % 80;
    for (int tries = 0; merges.size() < wanted && tries < 2000; ++tries) {
      const Words parts = merged_step_by_step(some_letters(2 + random() % 4), ranks);
      if (parts.size() < 2) continue;
      const size_t at = random() % (parts.size() - 1);
      if (ranks.emplace(std::pair{parts[at], parts[at + 1]}, merges.size()).second)
        merges.emplace_back(parts[at], parts[at + 1]);
    }
    if (vocabulary % 3 == 2) {
      std::shuffle(merges.begin(), merges.end(), random);
      for (size_t rank = 0; rank < merges.size(); ++rank) ranks[merges[rank]] = rank;
    }
    Json json = usual();
    json["model"] = model(merges);
    const auto tokenizer = load(json);
    for (int i = 0; i < 200; ++i) {
      const std::string word = some_letters(1 + random() % (i % 20 == 0 ? 90 : 12));
      Words expected;
      for (const std::string& part : merged_step_by_step(word, ranks)) expected.push_back(token_of_bytes(part));
      ASSERT_EQ(tokens(*tokenizer, word), expected) << word << " " << vocabulary;
      ++words;
      several += expected.size() > 1;
    }
  }
  EXPECT_EQ(words, 12'000u);
  EXPECT_GT(several, 6'000u);
}

TEST_F(BpeTest, DecodesBytesToText) {
  const auto tokenizer = load(usual());
  const std::string text = "tax 新闻é 👩‍👩‍👧 \n";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  EXPECT_EQ(tokenizer->decode({0, tokenizer->encode("ne")[0], -1, 9999, 2}), "ne");
  const Ids news = tokenizer->encode("闻");
  EXPECT_EQ(tokenizer->decode({news[0], news[1]}), "\uFFFD");
  Json json = usual();
  json["decoder"] = nullptr;
  EXPECT_EQ(load(json)->decode(load(json)->encode("tax tax")), "tax Ġtax");
}

TEST_F(BpeTest, KnowsWhichTokensContinueAWord) {
  const auto tokenizer = load(usual());
  const auto continues = [&](const std::string& text) { return tokenizer->continues_word(tokenizer->encode(text)[0]); };
  EXPECT_TRUE(continues("tax"));
  EXPECT_FALSE(continues(" tax"));
  EXPECT_FALSE(continues("."));
  EXPECT_FALSE(continues("<mask>"));
  EXPECT_TRUE(tokenizer->continues_word(tokenizer->encode("闻")[1]));
  EXPECT_FALSE(tokenizer->continues_word(-1));
}

TEST_F(BpeTest, ReadsTheSameTokenizerFromVocabularyAndMerges) {
  Json json = usual();
  for (Json& token : json["added_tokens"]) token["normalized"] = false;
  const std::string from_json = load(json)->fingerprint();
  std::filesystem::remove(folder_ / "tokenizer.json");
  std::string merges = "#version: 0.2\r\n";
  for (const Json& merge : json["model"]["merges"])
    merges += cat(merge[0].get<std::string>(), " ", merge[1].get<std::string>(), "\r\n");
  write("vocab.json", json["model"]["vocab"].dump());
  write("merges.txt", merges);
  EXPECT_EQ(load_tokenizer(folder_)->fingerprint(), from_json);
  EXPECT_EQ(tokens(*load_tokenizer(folder_), "tax <mask>"), (Words{"tax", "Ġ", "<mask>"}));
  EXPECT_EQ(tokenizer_files(folder_), (Words{"vocab.json", "merges.txt"}));
  write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizerFast", "add_prefix_space": true,
                                     "mask_token": {"content": "<mask>", "lstrip": true}})");
  EXPECT_EQ(tokens(*load_tokenizer(folder_), "tax <mask>"), (Words{"Ġtax", "<mask>"}));
  write("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  EXPECT_EQ(load_tokenizer(folder_)->encode("<s>").size(), 3u);  // RoBERTa's are nothing special
}

TEST_F(BpeTest, HasAFingerprintThatEveryOptionChanges) {
  const std::string before = load(usual())->fingerprint();
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& j) { j["model"]["ignore_merges"] = true; },
      [](Json& j) { j["model"]["fuse_unk"] = true; },
      [](Json& j) { j["model"]["unk_token"] = "<unk>"; },
      [](Json& j) { j["model"]["merges"].erase(3); },
      [](Json& j) { std::swap(j["model"]["merges"][0], j["model"]["merges"][3]); },
      [](Json& j) { j["model"]["vocab"]["news"] = j["model"]["vocab"].size(); },
      [](Json& j) { j["pre_tokenizer"]["add_prefix_space"] = true; },
      [](Json& j) { j["added_tokens"][4]["lstrip"] = true; },
      [](Json& j) { j["added_tokens"].erase(4); },
  };
  for (const auto& change : changes) {
    Json json = usual();
    change(json);
    EXPECT_NE(load(json)->fingerprint(), before) << json["pre_tokenizer"];
  }
  Json same = usual();
  same["truncation"] = {{"max_length", 3}};
  same["model"]["merges"][0] = "t a";
  same["model"].erase("type");
  EXPECT_EQ(load(same)->fingerprint(), before);
}

TEST_F(BpeTest, SaysWhatIsNotInThisVersion) {
  const auto expect = [this](const std::string& key, const std::string& word,
                             const std::function<void(Json&)>& damage) {
    const Fault found = fault(damage);
    EXPECT_EQ(found.key, key) << to_string(found);
    EXPECT_EQ(found.place.file, (folder_ / "tokenizer.json").string());
    EXPECT_NE(found.what.find(word), std::string::npos) << to_string(found);
    EXPECT_FALSE(found.remedy.empty());
  };
  expect("model.dropout", "by chance", [](Json& j) { j["model"]["dropout"] = 0.1; });
  expect("model.continuing_subword_prefix", "'##'", [](Json& j) { j["model"]["continuing_subword_prefix"] = "##"; });
  expect("model.end_of_word_suffix", "'</w>'", [](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; });
  expect("model.byte_fallback", "byte-level", [](Json& j) { j["model"]["byte_fallback"] = true; });
  expect("model.colour", "not known", [](Json& j) { j["model"]["colour"] = 1; });
  expect("normalizer.type", "'NFC'", [](Json& j) { j["normalizer"] = {{"type", "NFC"}}; });
  expect("pre_tokenizer.type", "'Sequence'", [](Json& j) { j["pre_tokenizer"] = {{"type", "Sequence"}}; });
  expect("pre_tokenizer.use_regex", "wanted true", [](Json& j) { j["pre_tokenizer"]["use_regex"] = false; });
  expect("pre_tokenizer.add_prefix_space", "missing", [](Json& j) { j["pre_tokenizer"].erase("add_prefix_space"); });
  expect("decoder.type", "'WordPiece'", [](Json& j) { j["decoder"]["type"] = "WordPiece"; });
  expect("post_processor.type", "'Sequence'", [](Json& j) { j["post_processor"] = {{"type", "Sequence"}}; });
  expect("post_processor.single", "frame", [](Json& j) {
    j["post_processor"] = {{"type", "TemplateProcessing"}, {"single", Json::array({1, 2})}};
  });
  expect("post_processor.single", "frame", [](Json& j) {
    j["post_processor"] = {{"type", "TemplateProcessing"}, {"single", Json::array({1, 2, 3})}};
  });
  expect("post_processor.cls", "token and its id", [](Json& j) {
    j["post_processor"] = {{"type", "RobertaProcessing"}, {"cls", 1}};
  });
  expect("version", "not in this version", [](Json& j) { j["version"] = "2.0"; });
}

TEST_F(BpeTest, RefusesBrokenMerges) {
  const auto expect = [this](const std::string& key, const std::string& word, const Json& merges) {
    const Fault found = fault([&](Json& j) { j["model"]["merges"] = merges; });
    EXPECT_EQ(found.code, "tokenizer.merges") << to_string(found);
    EXPECT_EQ(found.key, key) << to_string(found);
    EXPECT_NE(found.what.find(word), std::string::npos) << to_string(found);
  };
  expect("model.merges", "wanted a list", 3);
  expect("model.merges[1]", "neither", {"t a", 3});
  expect("model.merges[0]", "neither", {{"t", "a", "x"}});
  expect("model.merges[1]", "not a merge", {"t a", "ta x y"});
  expect("model.merges[0]", "not a merge", {"ta"});
  expect("model.merges[0]", "'zz' is not in the vocabulary", {"zz a"});
  expect("model.merges[0]", "'qa' is not in the vocabulary", {"q a"});
  EXPECT_EQ(fault([](Json& j) { j["model"].erase("merges"); }).key, "model.merges");
  EXPECT_EQ(fault([](Json& j) {
              j["model"]["unk_token"] = "[WHAT]";
              j["model"]["vocab"].erase("q");
            }).key,
            "model.unk_token");
}

TEST_F(BpeTest, RefusesFoldersThatItCannotReadWhole) {
  const Json json = usual();
  write("vocab.json", json["model"]["vocab"].dump());
  EXPECT_EQ(fault_of_folder().place.file, (folder_ / "merges.txt").string());
  write("merges.txt", "#version: 0.2\nt a\nz z\n");
  EXPECT_EQ(fault_of_folder().place.line, 3);
  EXPECT_NE(fault_of_folder().what.find("'zz' is not in the vocabulary"), std::string::npos);
  write("merges.txt", "t a\n\n");
  EXPECT_EQ(fault_of_folder().place.line, 2);
  write("merges.txt", "t \xFF\n");
  EXPECT_EQ(fault_of_folder().code, "tokenizer.merges");
  write("merges.txt", "t a\n");
  EXPECT_EQ(fault_of_folder().code, "none");
  const auto expect = [this](const std::string& key, const std::string& config) {
    write("tokenizer_config.json", config);
    EXPECT_EQ(fault_of_folder().key, key) << config;
    EXPECT_EQ(fault_of_folder().place.file, (folder_ / "tokenizer_config.json").string());
  };
  expect("tokenizer_class", R"({"tokenizer_class": "CLIPTokenizer"})");
  expect("add_prefix_space", R"({"add_prefix_space": "yes"})");
  expect("additional_special_tokens", R"({"additional_special_tokens": ["<a>"]})");
  expect("added_tokens_decoder", R"({"added_tokens_decoder": {"5": {"content": "<a>"}}})");
  expect("mask_token", R"({"mask_token": 5})");
  expect("mask_token.lstrip", R"({"mask_token": {"content": "<mask>", "lstrip": 5}})");
  write("tokenizer_config.json", "{}");
  write("added_tokens.json", "{}");
  EXPECT_EQ(fault_of_folder().place.file, (folder_ / "added_tokens.json").string());
}

// The time of a word must not grow with its square.
TEST_F(BpeTest, TakesLongWordsInStride) {
  Json json = usual();
  json["model"] = model({{"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}, {"aaaa", "a"}, {"\xE4", "\xB8"}});
  const auto tokenizer = load(json);
  EXPECT_EQ(tokenizer->encode(std::string(1'000'000, 'a')).size(), 125'000u);
  EXPECT_EQ(tokens(*tokenizer, std::string(13, 'a')), (Words{"aaaaaaaa", "aaaaa"}));
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "中";
  EXPECT_EQ(tokenizer->encode(text).size(), 600'000u);
}

TEST_F(BpeTest, SurvivesMalformedUtf8) {
  const auto tokenizer = load(usual());
  for (const std::string text :
       {"\xFF", "tax\xE2\x82", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\x80", "\xE6\x96"}) {
    const Ids ids = tokenizer->encode(text);
    EXPECT_LE(ids.size(), text.size());
    std::string bytes;
    for (const int32_t id : ids) bytes += bytes_of_token(tokenizer->token(id)).value();
    EXPECT_EQ(bytes, text);
  }
}

}  // namespace
}  // namespace broadsheet

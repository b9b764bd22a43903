#include "data/tokenizers/tokenizer_trainer.h"

#include <nlohmann/json.hpp>

#include "corpus_fixture.h"
#include "data/train_tokenizer.h"

namespace broadsheet {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

const std::string kGoldenTexts = BROADSHEET_SOURCE_DIR "/tests/golden/tokenizers";

TrainingOptions training(TokenizerKind kind, int64_t vocab_size, int64_t min_frequency = 2) {
  TrainingOptions options;
  options.kind = kind;
  options.vocab_size = vocab_size;
  options.min_frequency = min_frequency;
  return options;
}

TrainedTokenizer train_on(const std::string& text, const TrainingOptions& options) {
  WordTable table;
  TrainingWords words(options);
  for (const std::string& line : split(text, '\n')) words.count(line, table);
  return train_tokenizer(table.sorted(), options);
}

Pairs merges_of(const TrainedTokenizer& trained) {
  Pairs pairs;
  for (const LearnedMerge& merge : trained.merges)
    pairs.emplace_back(trained.vocabulary[static_cast<size_t>(merge.left)],
                       trained.vocabulary[static_cast<size_t>(merge.right)]);
  return pairs;
}

CorpusConfig golden_corpus(const TempFolder& folder, const std::string& text) {
  CorpusConfig config = text_corpus(folder, kGoldenTexts + "/" + text + ".txt", "text");
  config.tokenizer = folder / "trained";
  return config;
}

TokenizerOrder order_of(const TrainingOptions& options, int64_t ranks = 1) {
  TokenizerOrder order;
  order.training = options;
  order.ranks = ranks;
  return order;
}

TEST(TokenizerTraining, LearnsWhatTheTokenizersPackageLearns) {
  const auto cases = nlohmann::json::parse(read_file(kGoldenTexts + "/expected.json"));
  ASSERT_EQ(cases.size(), 9u);
  for (const nlohmann::json& expected : cases) {
    const bool bpe = expected.at("kind") == "bpe";
    TrainingOptions options = training(bpe ? TokenizerKind::kBpe : TokenizerKind::kWordPiece, expected.at("vocab_size"),
                                       expected.at("min_frequency"));
    options.limit_alphabet = expected.at("limit_alphabet");
    options.lowercase = expected.at("lowercase");
    const std::string text = expected.at("text");
    SCOPED_TRACE(cat(text, " ", expected.at("kind"), " ", options.vocab_size));
    const TrainedTokenizer trained = train_on(read_file(kGoldenTexts + "/" + text + ".txt"), options);
    EXPECT_EQ(trained.vocabulary, expected.at("vocabulary").get<std::vector<std::string>>());
    if (bpe) {
      EXPECT_EQ(merges_of(trained), expected.at("merges").get<Pairs>());
    }
  }
}

TEST(TokenizerTraining, MergesTheMostFrequentPairAndOfEqualOnesTheOneWithTheSmallerIds) {
  MergeInput input;
  input.vocabulary = {"a", "b", "c", "d"};
  for (const auto& [symbols, count] :
       std::vector<std::pair<std::vector<int32_t>, int64_t>>{{{2, 3, 0, 1}, 3}, {{0, 2}, 2}, {{3, 3, 3}, 1}}) {
    input.symbols.insert(input.symbols.end(), symbols.begin(), symbols.end());
    input.end_word(count);
  }
  const std::vector<LearnedMerge> expected = {{0, 1, 4}, {2, 3, 5}, {5, 4, 6}, {0, 2, 7}, {3, 3, 8}};
  EXPECT_EQ(learn_merges(input, 100, 2), expected);
  EXPECT_EQ(input.vocabulary, (std::vector<std::string>{"a", "b", "c", "d", "ab", "cd", "cdab", "ac", "dd"}));
}

TEST(TokenizerTraining, StopsAtTheSizeOrWhenNoPairComesOftenEnough) {
  const std::string text = "aaab aaab aaab aac aac";
  EXPECT_EQ(train_on(text, training(TokenizerKind::kBpe, 259)).vocabulary.size(), 259u);
  EXPECT_EQ(train_on(text, training(TokenizerKind::kBpe, 1000, 100)).merges.size(), 0u);
  const size_t at_two = train_on(text, training(TokenizerKind::kBpe, 1000, 2)).merges.size();
  const size_t at_three = train_on(text, training(TokenizerKind::kBpe, 1000, 3)).merges.size();
  EXPECT_GT(at_two, at_three);
  EXPECT_GT(at_three, 0u);
}

TEST(TokenizerTraining, AVocabularySmallerThanTheAlphabetNamesWhatIsNeeded) {
  std::string message;
  EXPECT_EQ(user_error_codes([] { train_on("abc", training(TokenizerKind::kWordPiece, 9)); }, &message),
            std::vector<std::string>{"tokenizer.vocab_size"});
  EXPECT_NE(message.find("wanted at least 10"), std::string::npos) << message;  // 5 + a b c + ##b ##c
  EXPECT_EQ(train_on("abc", training(TokenizerKind::kWordPiece, 10)).vocabulary.size(), 10u);
  EXPECT_EQ(user_error_codes([] { train_on("abc", training(TokenizerKind::kBpe, 256)); }, &message),
            std::vector<std::string>{"tokenizer.vocab_size"});
  EXPECT_NE(message.find("wanted at least 257"), std::string::npos) << message;
}

TEST(TokenizerTraining, WordsThatNoTokenizerWouldReadAreNotLearnedFrom) {
  const TrainingOptions options = training(TokenizerKind::kWordPiece, 100);
  TrainingWords words(options);
  WordTable table;
  words.count(std::string(100, 'x') + " " + std::string(101, 'y') + " z", table);
  EXPECT_EQ(words.too_long(), 1);
  const WordCounts counts = table.sorted();
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts.word(0), std::string(100, 'x'));
  EXPECT_EQ(counts.word(1), "z");
}

TEST(WordRuns, AreMergedToTheSameCountsHoweverWordsWereSpread) {
  const TempFolder folder;
  WordTable whole, parts[3];
  for (int i = 0; i < 5000; ++i) {
    const std::string word = cat("w", i * i % 700);
    whole.add(word);
    parts[i % 3].add(word);
  }
  std::vector<std::string> runs;
  for (int i = 0; i < 3; ++i) parts[i].write_run(runs.emplace_back(folder / cat("run", i)), ".part");
  EXPECT_TRUE(parts[0].empty());
  const WordCounts expected = whole.sorted();
  const FrequentWords all = most_frequent_words(runs, size_t{1} << 20);
  EXPECT_EQ(all.left_out, 0);
  ASSERT_EQ(all.words.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(all.words.word(i), expected.word(i));
    EXPECT_EQ(all.words.count(i), expected.count(i));
  }
}

TEST(WordRuns, TheRarestWordsGoWhereNotAllFit) {
  const TempFolder folder;
  WordTable table;
  for (const auto& [word, count] : std::map<std::string, int64_t>{{"a", 1}, {"b", 3}, {"c", 1}, {"d", 2}, {"e", 1}})
    table.add(word, count);
  table.write_run(folder / "run", ".part");
  const FrequentWords some = most_frequent_words({folder / "run"}, 3 * size_of_word("a") + 5);
  ASSERT_EQ(some.words.size(), 3u);
  EXPECT_EQ(some.words.word(0), "a") << "of three equally rare ones the first";
  EXPECT_EQ(some.words.word(1), "b");
  EXPECT_EQ(some.words.word(2), "d");
  EXPECT_EQ(some.left_out, 2);
}

TEST(MakeTokenizer, GivesTheSameBytesOnAnyNumberOfRanks) {
  for (const auto& [text, kind] : {std::pair("chinese", TokenizerKind::kWordPiece), {"english", TokenizerKind::kBpe}}) {
    const TempFolder one, three;
    TokenizerOrder order = order_of(training(kind, 300));
    make_tokenizer(golden_corpus(one, text), order);
    order.ranks = 3;
    order.piece_bytes = 512;
    const TokenizerReport report = make_tokenizer(golden_corpus(three, text), order);
    EXPECT_EQ(all_files(one / "trained"), all_files(three / "trained"));
    EXPECT_EQ(report.documents, text == std::string("chinese") ? 120 : 150);
    EXPECT_FALSE(exists(three / ".trained.training"));
  }
}

TEST(MakeTokenizer, WhatItWritesIsOneTokenizerInEachOfItsForms) {
  for (const TokenizerKind kind : {TokenizerKind::kWordPiece, TokenizerKind::kBpe}) {
    const TempFolder folder;
    TokenizerOrder order = order_of(training(kind, 400));
    if (kind == TokenizerKind::kWordPiece) order.training.lowercase = false;
    const TokenizerReport report = make_tokenizer(golden_corpus(folder, "english"), order);
    const auto trained = load_tokenizer(folder / "trained");
    EXPECT_EQ(trained->fingerprint(), report.fingerprint);
    EXPECT_EQ(trained->vocab_size(), report.vocab_size);
    const std::string text = "The council reopened three new schools in Zürich.";
    const std::vector<int32_t> ids = trained->encode(text);
    EXPECT_LT(ids.size(), text.size() / 2);
    EXPECT_EQ(trained->decode(ids), text);
    std::filesystem::remove(folder / "trained/tokenizer.json");
    EXPECT_EQ(load_tokenizer(folder / "trained")->fingerprint(), report.fingerprint);
  }
}

TEST(MakeTokenizer, MoreSpecialTokensHaveTheIdsBehindTheKindsOwn) {
  const TempFolder folder;
  TokenizerOrder order = order_of(training(TokenizerKind::kBpe, 300));
  order.training.special_tokens = {"<|headline|>", "<|summary|>"};
  EXPECT_EQ(make_tokenizer(golden_corpus(folder, "english"), order).special_tokens, 3);
  const auto trained = load_tokenizer(folder / "trained");
  EXPECT_EQ(trained->encode("<|summary|>"), std::vector<int32_t>{2});
  EXPECT_EQ(trained->token(1), "<|headline|>");
  order.training.special_tokens = {"<x>", "<x>"};
  order.replace = true;
  EXPECT_EQ(user_error_codes([&] { make_tokenizer(golden_corpus(folder, "english"), order); }),
            std::vector<std::string>{"tokenizer.special_token"});
}

TEST(MakeTokenizer, ReplacesOnlyATokenizerAndOnlyWhenAsked) {
  const TempFolder folder;
  const CorpusConfig config = golden_corpus(folder, "english");
  TokenizerOrder order = order_of(training(TokenizerKind::kWordPiece, 200));
  make_tokenizer(config, order);
  const auto before = all_files(folder / "trained");
  const std::vector<std::string> exists_already = {"tokenizer.exists"};
  EXPECT_EQ(user_error_codes([&] { make_tokenizer(config, order); }), exists_already);
  order.training = training(TokenizerKind::kBpe, 300);
  order.replace = true;
  make_tokenizer(config, order);
  EXPECT_FALSE(exists(folder / "trained/vocab.txt")) << "nothing of the old one stays";
  write_text(folder / "trained/letter.txt", "not ours");
  EXPECT_EQ(user_error_codes([&] { make_tokenizer(config, order); }), exists_already);
  EXPECT_EQ(read_file(folder / "trained/letter.txt"), "not ours");
}

TEST(MakeTokenizer, LeavesNothingBehindWhenTheSourcesAreWrong) {
  const TempFolder folder;
  TokenizerOrder order = order_of(training(TokenizerKind::kWordPiece, 200), 2);
  order.piece_bytes = 64;
  CorpusConfig config = golden_corpus(folder, "english");
  const auto codes = [&] { return user_error_codes([&] { make_tokenizer(config, order); }); };
  config.sources[0].files = {write_text(folder / "empty.txt", "")};
  EXPECT_EQ(codes(), std::vector<std::string>{"corpus.empty"});
  config.sources[0].files = {write_text(folder / "invisible.txt", "\u200b\n")};
  EXPECT_EQ(codes(), std::vector<std::string>{"tokenizer.no_text"});
  config.sources[0].files = {
      write_text(folder / "bad.jsonl", "{\"text\": \"good words\"}\n{\"title\": \"no text\"}\n")};
  config.sources[0].format = "jsonl";
  EXPECT_EQ(codes(), std::vector<std::string>{"corpus.rejected_share"});
  EXPECT_FALSE(exists(folder / "trained"));
  EXPECT_FALSE(exists(folder / ".trained.training"));
}

}  // namespace
}  // namespace broadsheet

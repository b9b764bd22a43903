// Sources with weights, from corpus.yaml to the ranges that a plan mixes.
#include <gtest/gtest.h>

#include <set>

#include "corpus_fixture.h"
#include "data/joined_splits.h"
#include "data/long_documents.h"
#include "data/manifest.h"
#include "data/mixture.h"

namespace broadsheet {
namespace {

std::string lines_of(const std::string& word, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += cat(word, " ", i, " the tax plan\n");
  return text;
}

// Two sources, the first of two files, in many small shards.
CorpusConfig two_sources(const TempFolder& folder) {
  CorpusConfig config = text_corpus(folder, write_text(folder / "a1.txt", lines_of("news", 300)), "text");
  config.sources[0].files.push_back(write_text(folder / "a2.txt", lines_of("again", 200)));
  SourceConfig other = config.sources[0];
  other.files = {write_text(folder / "b.txt", lines_of("fails", 100))};
  config.sources.push_back(other);
  config.sources[0].weight = 0.25;
  config.sources[1].weight = 0.75;
  config.shard_tokens = 1024;
  return config;
}

// The first word of every document of a range is one of these.
void expect_words(const ShardSet& corpus, const Tokenizer& tokenizer, Split split, const SourceShare& share,
                  const std::set<std::string>& words) {
  for (const ExampleRange& range : share.ranges)
    for (int64_t example = range.begin; example < range.end; ++example)
      ASSERT_EQ(words.count(tokenizer.decode({corpus.tokens(split, "text", example)[0]})), 1u) << example;
}

TEST(Weights, TheManifestSaysWhichDocumentsEachSourceHas) {
  TempFolder folder;
  const CorpusConfig config = two_sources(folder);
  prepare_corpus(config);
  const Manifest manifest = Manifest::load(config.output);
  EXPECT_EQ(manifest.weights, (std::vector<int64_t>{1, 3}));
  const auto corpus = ShardSet::open(config.output);
  const auto tokenizer = load_tokenizer(config.tokenizer);
  EXPECT_GT(manifest.splits.at("train").shards.size(), 2u);
  for (const Split split : kAllSplits) {
    const std::vector<SourceShare> shares = corpus->source_shares(split);
    ASSERT_EQ(shares.size(), 2u);
    EXPECT_EQ(shares[0].ranges.size(), 1u) << "over all shards one range";
    EXPECT_EQ(shares[0].size() + shares[1].size(), corpus->size(split));
    expect_words(*corpus, *tokenizer, split, shares[0], {"news", "again"});
    expect_words(*corpus, *tokenizer, split, shares[1], {"fails"});
  }
}

TEST(Weights, WithoutThemNothingIsSaidOfSources) {
  TempFolder folder;
  CorpusConfig config = two_sources(folder);
  for (SourceConfig& source : config.sources) source.weight.reset();
  prepare_corpus(config);
  EXPECT_TRUE(Manifest::load(config.output).weights.empty());
  EXPECT_TRUE(ShardSet::open(config.output)->source_shares(Split::kTrain).empty());
  const auto text = read_file(config.output + "/corpus.json");
  EXPECT_EQ(text.find("weight"), std::string::npos);
  const nlohmann::json json = nlohmann::json::parse(text);
  for (const auto& shard : json["splits"]["train"]["shards"]) EXPECT_FALSE(shard.contains("sources"));
}

TEST(Weights, ViewsOfACorpusKeepTheSourcesApart) {
  TempFolder folder;
  const CorpusConfig config = two_sources(folder);
  prepare_corpus(config);
  const auto corpus = ShardSet::open(config.output);
  const auto tokenizer = load_tokenizer(config.tokenizer);
  const auto joined = train_on_validation(corpus);
  const std::vector<SourceShare> shares = joined->source_shares(Split::kTrain);
  EXPECT_EQ(shares[0].ranges.size(), 2u) << "of train, and of validation behind it";
  EXPECT_EQ(shares[0].size() + shares[1].size(), joined->size(Split::kTrain));
  EXPECT_EQ(joined->source_shares(Split::kValidation)[1].size(), 0);
  expect_words(*joined, *tokenizer, Split::kTrain, shares[0], {"news", "again"});
  expect_words(*joined, *tokenizer, Split::kTrain, shares[1], {"fails"});
  // Pieces of three tokens: every document has several.
  const auto pieces = in_pieces(joined, "text", 3);
  const std::vector<SourceShare> of_pieces = pieces->source_shares(Split::kTrain);
  EXPECT_EQ(of_pieces[0].size() + of_pieces[1].size(), pieces->size(Split::kTrain));
  EXPECT_GT(pieces->size(Split::kTrain), joined->size(Split::kTrain));
  for (size_t source = 0; source < 2; ++source) {
    ASSERT_EQ(of_pieces[source].ranges.size(), shares[source].ranges.size());
    for (size_t i = 0; i < shares[source].ranges.size(); ++i) {
      const ExampleRange documents = shares[source].ranges[i], examples = of_pieces[source].ranges[i];
      EXPECT_EQ(pieces->document_of(Split::kTrain, examples.begin), documents.begin);
      EXPECT_EQ(pieces->document_of(Split::kTrain, examples.end - 1), documents.end - 1);
    }
  }
  // Advice changes nothing, and goes to every shard and split that a range lies in.
  pieces->read_ahead(Split::kTrain, "text", {0, pieces->size(Split::kTrain)});
  corpus->read_ahead(Split::kTrain, "text", {5, 5});
}

TEST(Weights, ASourceWithoutTrainingDocumentsIsRefused) {
  TempFolder folder;
  CorpusConfig config = two_sources(folder);
  config.sources[1].files = {write_text(folder / "empty.txt", "\n")};
  std::string message;
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }, &message),
            (std::vector<std::string>{"corpus.empty_source"}));
  EXPECT_NE(message.find("sources[1].weight"), std::string::npos) << message;
}

TEST(Weights, AManifestWhoseSourcesDoNotFitItsShardsIsRefused) {
  TempFolder folder;
  const CorpusConfig config = two_sources(folder);
  prepare_corpus(config);
  const std::string path = config.output + "/corpus.json";
  const nlohmann::json whole = nlohmann::json::parse(read_file(path));
  const auto refuses = [&](const std::vector<std::vector<int64_t>>& sources) {
    nlohmann::json json = whole;
    json["splits"]["train"]["shards"][0]["sources"] = sources;
    write_text(path, json.dump());
    return user_error_codes([&] { Manifest::load(config.output); }) == std::vector<std::string>{"corpus.manifest"};
  };
  const int64_t documents = whole["splits"]["train"]["shards"][0]["documents"];
  EXPECT_FALSE(refuses({{0, documents}}));
  EXPECT_TRUE(refuses({{0, documents - 1}}));
  EXPECT_TRUE(refuses({{0, documents}, {1, 1}}));
  EXPECT_TRUE(refuses({{2, documents}}));
  EXPECT_TRUE(refuses({{-1, documents}}));
  EXPECT_TRUE(refuses({{0, documents + 5}, {0, -5}}));
  EXPECT_TRUE(refuses({{0}}));
  EXPECT_TRUE(refuses({}));
  nlohmann::json json = whole;
  json["configuration"]["sources"][1].erase("weight");
  write_text(path, json.dump());
  EXPECT_EQ(user_error_codes([&] { Manifest::load(config.output); }), std::vector<std::string>{"corpus.manifest"});
}

}  // namespace
}  // namespace broadsheet

// What reports say of lengths is what counting each document says.
#include "data/lengths.h"

#include <algorithm>
#include <random>

#include "corpus_fixture.h"
#include "data/manifest.h"

namespace broadsheet {
namespace {

TEST(LengthCounts, AreThoseOfTheSortedList) {
  std::mt19937 random(7);
  std::vector<int64_t> lengths;
  LengthCounts whole, first, second;
  for (int i = 0; i < 1001; ++i) {
    lengths.push_back(static_cast<int64_t>(random() % 50 * (random() % 30)));
    whole.add(lengths.back());
    (i % 3 == 0 ? first : second).add(lengths.back());
  }
  std::sort(lengths.begin(), lengths.end());
  int64_t tokens = 0, cut = 0, longer = 0;
  for (const int64_t length : lengths) {
    tokens += length;
    cut += std::max<int64_t>(0, length - 510);
    longer += length > 510 ? 1 : 0;
  }
  first.add(second);
  for (const LengthCounts& counts : {whole, first, LengthCounts::from(whole.json())}) {
    EXPECT_EQ(counts.documents(), 1001);
    EXPECT_EQ(counts.tokens(), tokens);
    EXPECT_EQ(counts.quantile(0), lengths.front());
    EXPECT_EQ(counts.quantile(0.5), lengths[500]);
    EXPECT_EQ(counts.quantile(0.9), lengths[900]);
    EXPECT_EQ(counts.quantile(1), lengths.back());
    EXPECT_EQ(counts.cut(510).cut_tokens, cut);
    EXPECT_EQ(counts.cut(510).cut_documents, longer);
    EXPECT_EQ(counts.left_out().at(512), cut);  // two are special
  }
  EXPECT_GT(cut, 0);
  EXPECT_EQ(LengthCounts().quantile(0.5), 0);
  EXPECT_EQ(LengthCounts().cut(10).cut_tokens, 0);
}

TEST(Prepare, SaysHowMuchEachLengthLeavesOut) {
  TempFolder folder;
  std::string rows = "text,lead\n";
  std::map<std::string, std::vector<int64_t>> wanted;
  for (int i = 0; i < 300; ++i) {
    const int words = i % 10 == 0 ? 130 + 7 * i : 1 + i % 60;
    const int lead = i % 3;
    for (int k = 0; k < words; ++k) rows += "tax ";
    rows += ",";
    for (int k = 0; k < lead; ++k) rows += "news ";
    rows += "\n";
    wanted["text"].push_back(words);
    wanted["lead"].push_back(lead);
  }
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.csv", rows), "csv");
  config.fields["lead"] = field("lead", FieldKind::kText);
  config.fields["lead"].optional = true;
  config.clean.exact_duplicates = false;
  config.shard_tokens = 3000;
  const PrepareReport report = prepare_corpus(config, {.ranks = 2, .piece_bytes = 900});
  const auto corpus = ShardSet::open(config.output);
  ASSERT_EQ(report.lengths.size(), 2u);
  for (auto& [name, lengths] : wanted) {
    std::sort(lengths.begin(), lengths.end());
    const LengthSummary& summary = report.lengths.at(name);
    EXPECT_EQ(summary.documents, 300);
    EXPECT_EQ(summary.median, lengths[149]);
    EXPECT_EQ(summary.longest, lengths.back());
    for (const int64_t max_length : {128, 256, 512, 1024}) {
      int64_t left_out = 0, cut = 0;
      for (const int64_t length : lengths) left_out += std::max<int64_t>(0, length + 2 - max_length);
      EXPECT_EQ(summary.left_out.at(max_length), left_out) << name << " " << max_length;
      // What a run says of the same corpus.
      for (const Split split : kAllSplits) cut += cut_share(*corpus, split, name, "", max_length - 2).cut_tokens;
      EXPECT_EQ(cut, left_out);
    }
  }
  EXPECT_GT(report.lengths.at("text").share_left_out(1024), 0.1);
  EXPECT_EQ(report.lengths.at("lead").share_left_out(128), 0);
  // The manifest has the same, and a corpus that is there already answers from it.
  const nlohmann::json counts = Manifest::load(config.output).counts;
  EXPECT_EQ(counts["lengths"]["text"], report.lengths.at("text").json());
  const PrepareReport again = prepare_corpus(config);
  EXPECT_TRUE(again.already_prepared);
  EXPECT_EQ(again.counts(), report.counts());
  // So does inspect, by split.
  const nlohmann::json train = inspect_corpus(config.output, 0)["splits"]["train"]["tokens"]["text"];
  EXPECT_EQ(train["left_out"]["512"], cut_share(*corpus, Split::kTrain, "text", "", 510).cut_tokens);
}

TEST(PrepareReport, OfAManifestWithoutLengthsIsRead) {
  PrepareReport report;
  LengthCounts counts;
  counts.add(3);
  report.lengths["text"] = LengthSummary::of(counts);
  nlohmann::json json = report.counts();
  EXPECT_EQ(PrepareReport::from(json).lengths.at("text").longest, 3);
  json.erase("lengths");
  EXPECT_TRUE(PrepareReport::from(json).lengths.empty());
}

}  // namespace
}  // namespace broadsheet

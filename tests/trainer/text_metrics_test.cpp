// Metrics of texts and tags against rouge_score, sacrebleu, seqeval and numpy:
// tests/golden/make_text_metrics_golden.py.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "trainer/metrics/bleu.h"
#include "trainer/metrics/entities.h"
#include "trainer/metrics/pieces.h"
#include "trainer/metrics/repetition.h"
#include "trainer/metrics/rouge.h"

namespace broadsheet {
namespace {

constexpr double kExact = 1e-9;

const nlohmann::json& text_golden() {
  static const nlohmann::json golden =
      nlohmann::json::parse(std::ifstream(cat(BROADSHEET_SOURCE_DIR, "/tests/golden/metrics/text.json")));
  return golden;
}

void expect_rouge(const RougeScore& found, const nlohmann::json& wanted, const std::string& what) {
  EXPECT_NEAR(found.precision, wanted[0].get<double>(), kExact) << what;
  EXPECT_NEAR(found.recall, wanted[1].get<double>(), kExact) << what;
  EXPECT_NEAR(found.f1, wanted[2].get<double>(), kExact) << what;
}

TEST(Rouge, EqualsThePackageInWordsAndInCharacters) {
  ASSERT_GT(text_golden()["rouge"].size(), 80u);
  for (const auto& sample : text_golden()["rouge"]) {
    const auto reference = sample["reference"].get<std::string>(), prediction = sample["prediction"].get<std::string>();
    for (const auto& [name, pieces] :
         {std::pair("words", RougePieces::kWords), {"characters", RougePieces::kCharacters}}) {
      const RougeScores scores = rouge(reference, prediction, pieces);
      const std::string what = cat(name, ": ", reference, " | ", prediction);
      expect_rouge(scores.rouge1, sample[name]["rouge1"], what);
      expect_rouge(scores.rouge2, sample[name]["rouge2"], what);
      expect_rouge(scores.rouge_l, sample[name]["rougeL"], what);
    }
  }
}

TEST(Rouge, OfChineseTextsThatAreEqualIsOne) {
  const RougeScores scores = rouge("昨天，市长出席了开幕式。", "昨天，市长出席了开幕式。", RougePieces::kCharacters);
  EXPECT_EQ(scores.rouge1.f1, 1);
  EXPECT_EQ(scores.rouge2.f1, 1);
  EXPECT_EQ(scores.rouge_l.f1, 1);
  // What is not counted in words, and why there are characters.
  EXPECT_EQ(rouge("昨天", "昨天").rouge1.f1, 0);
}

TEST(Bleu, CutsTextsAsThePackageDoes) {
  for (const auto& sample : text_golden()["tokens"]) {
    const auto text = sample["text"].get<std::string>();
    EXPECT_EQ(bleu_tokens(text, BleuTokens::k13a), sample["13a"].get<std::vector<std::string>>()) << text;
    EXPECT_EQ(bleu_tokens(text, BleuTokens::kZh), sample["zh"].get<std::vector<std::string>>()) << text;
  }
}

TEST(Bleu, AndChrfEqualThePackageForCorporaAndTheCountsOfPartsAddUp) {
  ASSERT_GT(text_golden()["corpora"].size(), 80u);
  for (const auto& corpus : text_golden()["corpora"]) {
    BleuCounts western[2], chinese[2];
    ChrfCounts chrf[2];
    size_t number = 0;
    for (const auto& pair : corpus["pairs"]) {
      const auto reference = pair[0].get<std::string>(), prediction = pair[1].get<std::string>();
      const size_t part = number++ % 2;
      western[part].add(prediction, reference, BleuTokens::k13a);
      chinese[part].add(prediction, reference, BleuTokens::kZh);
      chrf[part].add(prediction, reference);
    }
    western[0].merge(western[1]);
    chinese[0].merge(chinese[1]);
    chrf[0].merge(chrf[1]);
    EXPECT_NEAR(western[0].score(), corpus["bleu_13a"].get<double>(), kExact) << corpus.dump();
    EXPECT_NEAR(chinese[0].score(), corpus["bleu_zh"].get<double>(), kExact) << corpus.dump();
    EXPECT_NEAR(chrf[0].score(), corpus["chrf"].get<double>(), kExact) << corpus.dump();
  }
}

TEST(Entities, AreFoundAndScoredAsInThePackagesDefaultMode) {
  for (const auto& sample : text_golden()["taggings"]) {
    EntityCounts counts[2];
    for (size_t i = 0; i < sample["pairs"].size(); ++i) {
      const auto wanted = sample["pairs"][i][0].get<std::vector<std::string>>(),
                 found = sample["pairs"][i][1].get<std::vector<std::string>>();
      counts[i % 2].add(wanted, found);
      std::vector<Entity> entities;
      for (const auto& entity : sample["entities"][i]) entities.push_back({entity[0], entity[1], entity[2]});
      EXPECT_EQ(entities_of(wanted), entities) << sample["pairs"][i].dump();
    }
    counts[0].merge(counts[1]);
    const EntityCounts::Scores micro = counts[0].micro();
    const nlohmann::json& values = sample["values"];
    EXPECT_NEAR(micro.precision, values["precision"].get<double>(), kExact) << sample["name"];
    EXPECT_NEAR(micro.recall, values["recall"].get<double>(), kExact) << sample["name"];
    EXPECT_NEAR(micro.f1, values["f1"].get<double>(), kExact) << sample["name"];
    if (values["macro_f1"].is_null()) {
      EXPECT_TRUE(std::isnan(counts[0].macro_f1())) << sample["name"];
    } else {
      EXPECT_NEAR(counts[0].macro_f1(), values["macro_f1"].get<double>(), kExact) << sample["name"];
    }
  }
}

TEST(Repetition, IsTheShareOfNgramsThatWereThereBefore) {
  const std::vector<std::string> pieces = rouge_pieces("so it goes and so it goes", RougePieces::kWords);
  EXPECT_DOUBLE_EQ(repetition(pieces, 1), 3.0 / 7);
  EXPECT_DOUBLE_EQ(repetition(pieces, 2), 2.0 / 6);
  EXPECT_DOUBLE_EQ(repetition(pieces, 3), 1.0 / 5);
  EXPECT_EQ(repetition(pieces, 4), 0);
  EXPECT_EQ(repetition(pieces, 8), 0);
  EXPECT_EQ(repetition({}, 1), 0);
}

TEST(LengthStatistics, EqualNumpys) {
  for (const auto& sample : text_golden()["lengths"]) {
    const LengthStatistics found = length_statistics(sample["lengths"].get<std::vector<int64_t>>());
    const auto wanted = sample["values"].get<std::vector<double>>();
    const std::vector<double> values = {found.mean, found.deviation, found.shortest, found.median, found.longest};
    for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], wanted[i], kExact) << i;
  }
  EXPECT_TRUE(std::isnan(length_statistics({}).mean));
}

}  // namespace
}  // namespace broadsheet

// Token tagging: heads against transformers (golden files of tests/golden/make_tagging_golden.py), metrics, answers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/models/language_model.h"
#include "trainer/tasks/tagging_metrics.h"

namespace broadsheet {
namespace {

using fixtures::batch_of;
using fixtures::error_of;
using fixtures::gradients;
using fixtures::max_difference;
using fixtures::MemoryCorpus;
using fixtures::read_json;
using fixtures::read_tensors;
using fixtures::request_for;
using fixtures::WordTokenizer;

constexpr double kTaggingTolerance = 1e-5;

class TaggingHeads : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(OfAll, TaggingHeads, ::testing::Values("bert", "roberta", "distilbert", "electra", "gpt2"));

TEST_P(TaggingHeads, EqualTransformersForwardAndBackward) {
  const std::string folder = cat(BROADSHEET_SOURCE_DIR, "/tests/golden/tagging/", GetParam());
  const WeightFiles files = WeightFiles::open(folder);
  const Architecture architecture = read_architecture(read_json(folder + "/config.json"), folder);
  const auto model = make_model(architecture, {.tags = 5}, &files, 1);
  EXPECT_TRUE(model->load_report().missing.empty()) << join(model->load_report().missing, " ");
  EXPECT_TRUE(model->load_report().unused.empty()) << join(model->load_report().unused, " ");
  EXPECT_EQ(class_with_head(architecture, HeadKind::kTokenClassification),
            read_json(folder + "/config.json")["architectures"][0]);
  const auto golden = read_tensors(folder + "/outputs.safetensors");
  const Batch batch = batch_of(read_json(folder + "/inputs.json")["sequences"]);
  const PackedInput input = to_input(batch, at::kCPU);
  std::vector<int64_t> all(static_cast<size_t>(batch.total()));
  std::iota(all.begin(), all.end(), 0);
  const at::Tensor hidden = model->encode(input, {.training = true});  // the golden models have no dropout
  const at::Tensor logits = model->tag(hidden, all, input, {.training = true});
  for (int64_t s = 0; s < batch.sequences(); ++s)
    EXPECT_LT(
        max_difference(logits.slice(0, batch.boundaries[s], batch.boundaries[s + 1]), golden.at(cat("logits.", s))),
        kTaggingTolerance)
        << s;
  const at::Tensor loss = at::cross_entropy_loss(model->tag(hidden, batch.loss_rows, input, {.training = true}),
                                                 index_tensor(batch.labels), {}, at::Reduction::Sum);
  EXPECT_NEAR(loss.item<double>(), golden.at("loss").item<double>(), 1e-4);
  for (const auto& [name, gradient] : gradients(loss, model->parameters())) {
    const at::Tensor& wanted = golden.at("grad." + name);
    EXPECT_LT(max_difference(gradient, wanted), kTaggingTolerance * std::max(1.0, wanted.abs().max().item<double>()))
        << name;
  }
}

TEST(Tagging, AWordsFirstTokenCarriesItsTag) {
  // Every word has two tokens.
  class Halves : public WordTokenizer {
   public:
    void encode_into(std::string_view text, std::vector<int32_t>& ids) const override {
      const size_t begin = ids.size();
      WordTokenizer::encode_into(text, ids);
      for (size_t i = ids.size(); i-- > begin;) ids.insert(ids.begin() + static_cast<ptrdiff_t>(i) + 1, 6);
    }
  };
  class Words : public MemoryCorpus {
   public:
    using MemoryCorpus::MemoryCorpus;
    std::vector<int32_t> labels(Split, const std::string&, int64_t) const override { return {1, 2, 0}; }
    std::vector<std::string> list(Split, const std::string&, int64_t) const override { return {"w7", "w8", "w9"}; }
  };
  const Words corpus({{{7, 6, 8, 6, 9, 6}, {}, 0, 0}}, {"one"});
  TaskRequest request = request_for("tagging");
  request.tokenizer = std::make_shared<Halves>();
  const auto rows = [&](int64_t max_length) {
    request.max_length = max_length;
    const auto task = make_task(request);
    const Batch batch = task->make_batch(corpus, Split::kTrain, {0}, 0);
    EXPECT_EQ(batch.labels, (std::vector<int64_t>{1, 2, 0}));
    EXPECT_EQ(batch.word_counts, std::vector<int64_t>{3});
    EXPECT_EQ(task->label_count(batch),
              std::count_if(batch.loss_rows.begin(), batch.loss_rows.end(), [](int64_t row) { return row >= 0; }));
    return batch.loss_rows;
  };
  EXPECT_EQ(rows(24), (std::vector<int64_t>{1, 3, 5}));
  EXPECT_EQ(rows(5), (std::vector<int64_t>{1, 3, -1}));  // [CLS] 7 6 8 [SEP]: the third word was cut away
}

// White space has no token: it belongs to the name around it, or to none.
TEST(Tagging, WordsWithoutTokensGoWithTheNameAroundThem) {
  class Spaced : public MemoryCorpus {
   public:
    using MemoryCorpus::MemoryCorpus;
    std::vector<int32_t> labels(Split, const std::string&, int64_t) const override {
      return std::vector<int32_t>(words().size(), 0);
    }
    std::vector<std::string> list(Split, const std::string&, int64_t) const override { return words(); }
    static std::vector<std::string> words() { return {"w7", " ", "w8", " ", " ", "w9", " ", "w10", "w11", " "}; }
  };
  const Spaced corpus({{{7, 8, 9, 10, 11}, {}, 0, 0}}, {"one"});
  const auto task = make_task(request_for("tagging"));
  const Batch batch = task->make_batch(corpus, Split::kTrain, {0}, 0);
  EXPECT_EQ(batch.loss_rows, (std::vector<int64_t>{1, -3, 2, -3, -3, 3, -3, 4, 5, -3}));
  EXPECT_EQ(task->label_count(batch), 5);
  const std::vector<std::string> tags = task->predict_batch(batch).at(0)["tags"];
  ASSERT_EQ(tags.size(), 10u);
  for (size_t word = 0; word < tags.size(); ++word) {
    if (batch.loss_rows[word] >= 0) continue;
    size_t next = word;
    while (next < tags.size() && batch.loss_rows[next] < 0) ++next;
    EXPECT_EQ(tags[word], next < tags.size() && tags[next] == "I-X" ? "I-X" : "O") << word;
  }
  const auto metrics = task->make_metrics();
  task->evaluate(batch, *metrics);
  EXPECT_EQ(metrics->compute().at("left_out_words"), 0);
}

TEST(Tagging, RefusesTagsThatAreNone) {
  TaskRequest request = request_for("tagging");
  request.classes = {"O", "noun"};
  EXPECT_NE(error_of([&] { make_task(request); }).find("the tag \"noun\""), std::string::npos);
  request.classes = {"B-X", "I-X"};
  EXPECT_NE(error_of([&] { make_task(request); }).find("has no tag O"), std::string::npos);
}

TEST(Tagging, RefusesWordsWithoutTagsAndTagsThatItHasNotLearned) {
  class Odd : public MemoryCorpus {
   public:
    using MemoryCorpus::MemoryCorpus;
    std::vector<int32_t> labels(Split, const std::string&, int64_t) const override { return {1}; }
  };
  const auto task = make_task(request_for("tagging"));
  const auto batch_of_document = [&](const ShardSet& corpus) {
    return error_of([&] { task->make_batch(corpus, Split::kTrain, {0}, 0); });
  };
  EXPECT_NE(batch_of_document(Odd({{{7, 8}, {}, 0, 0}}, {"one"})).find("has 2 words in words and 1 tags in tags"),
            std::string::npos);
  TaskRequest request = request_for("tagging");
  request.classes = {"O", "B-X"};
  const auto narrow = make_task(request);
  const MemoryCorpus corpus({{{8}, {}, 0, 0}}, {"one"});  // I-X
  EXPECT_NE(error_of([&] { narrow->make_batch(corpus, Split::kTrain, {0}, 0); }).find("the tag \"I-X\""),
            std::string::npos);
}

TEST(Tagging, NamesHaveTheirPlaceInTheText) {
  const auto task = make_task(request_for("tagging"));
  const std::vector<std::string> texts = {"w7 w8  w9 w10", "", "中 w7 w8 w11 w13 w20"};
  const auto predictions = task->predict(WordTokenizer(), texts, {});
  ASSERT_EQ(predictions.size(), 3u);
  EXPECT_TRUE(predictions[1]["entities"].empty());
  int64_t found = 0;
  for (size_t t = 0; t < texts.size(); ++t) {
    for (const auto& entity : predictions[t]["entities"]) {
      ++found;
      const std::string text = entity["text"];
      const size_t byte = texts[t].find(text);
      ASSERT_NE(byte, std::string::npos);
      const size_t shift = t == 2 ? 2 : 0;  // 中 is three bytes and one character
      EXPECT_EQ(entity["begin"].get<size_t>(), byte == 0 ? 0 : byte - shift);
      EXPECT_EQ(entity["end"].get<size_t>(), byte + text.size() - shift);
      EXPECT_GT(entity["probability"].get<double>(), 1.0 / 3);
      EXPECT_EQ(entity["type"], "X");
    }
  }
  EXPECT_GT(found, 0);
}

TEST(TaggingMetrics, CountNamesAndMissThoseThatWereCutAway) {
  TaggingMetrics metrics({"O", "B-PER", "I-PER", "B-LOC"}), other({"O", "B-PER", "I-PER", "B-LOC"});
  metrics.add({1, 2, 0, 3}, {1, 2, 0, 0});  // one of two
  other.add({3, 0, 1, 2}, {3, 1, -1, -1});  // one of two, and one that is none; a name was cut away
  other.add_loss(at::tensor(at::ArrayRef<float>({2.0F, 4.0F})));
  metrics.merge(other.state());
  const auto values = metrics.compute();
  EXPECT_DOUBLE_EQ(values.at("precision"), 2.0 / 3);
  EXPECT_DOUBLE_EQ(values.at("recall"), 2.0 / 4);
  EXPECT_DOUBLE_EQ(values.at("f1"), 2 * (2.0 / 3) * 0.5 / (2.0 / 3 + 0.5));
  EXPECT_DOUBLE_EQ(values.at("accuracy"), 4.0 / 8);
  EXPECT_EQ(values.at("left_out_words"), 2);
  EXPECT_EQ(values.at("tagged_words"), 8);
  EXPECT_EQ(values.at("examples"), 2);
  EXPECT_DOUBLE_EQ(values.at("loss"), 3);
  EXPECT_EQ(metrics.details()["entities"]["PER"]["support"], 2);
  EXPECT_TRUE(std::isnan(TaggingMetrics({"O", "B-X"}).compute().at("f1")));
}

}  // namespace
}  // namespace broadsheet

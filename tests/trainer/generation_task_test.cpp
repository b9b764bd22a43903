// The task generation: what its sequences are, where its loss is, what it measures and says.
#include <gtest/gtest.h>

#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/models/linear_cross_entropy.h"
#include "trainer/tasks/generation_metrics.h"

namespace broadsheet {
namespace {

using fixtures::error_of;
using fixtures::MemoryCorpus;
using fixtures::random_corpus;
using fixtures::request_for;
using fixtures::WordTokenizer;

using Ids = std::vector<int64_t>;

// [CLS] w5 {text} w6 | {pair} [SEP], at most 24 tokens, of which 8 are kept for what is written.
MemoryCorpus corpus_of(const std::vector<std::pair<size_t, size_t>>& lengths) {
  std::vector<MemoryCorpus::Document> documents;
  for (const auto& [text, pair] : lengths) {
    MemoryCorpus::Document document;
    for (size_t i = 0; i < text; ++i) document.text.push_back(static_cast<int32_t>(10 + i % 20));
    for (size_t i = 0; i < pair; ++i) document.pair.push_back(static_cast<int32_t>(30 + i % 20));
    documents.push_back(std::move(document));
  }
  return {documents, {"one"}};
}

TEST(GenerationTask, TheLossIsOnTheTargetAndItsEndAlone) {
  const auto task = make_task(request_for("generation"));
  const Batch batch = task->make_batch(corpus_of({{3, 2}, {0, 0}}), Split::kTrain, {0, 1}, 0);
  EXPECT_EQ(batch.tokens, (Ids{2, 5, 10, 11, 12, 6, 30, 31, 3, 2, 5, 6, 3}));
  EXPECT_EQ(batch.positions, (Ids{0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3}));
  EXPECT_EQ(batch.boundaries, (Ids{0, 9, 13}));
  EXPECT_EQ(batch.loss_rows, (Ids{5, 6, 7, 11}));
  EXPECT_EQ(batch.labels, (Ids{30, 31, 3, 3}));
  EXPECT_EQ(task->label_count(batch), 4);
}

TEST(GenerationTask, APromptLeavesRoomAndALongTargetIsCutLast) {
  const auto task = make_task(request_for("generation"));
  const MemoryCorpus corpus = corpus_of({{30, 2}, {30, 12}, {30, 40}});
  // 24 - 3 - 8 = 13 of the text; 24 - 3 - 13 = 8; none, and 21 of the target without its end.
  const Batch batch = task->make_batch(corpus, Split::kTrain, {0, 1, 2}, 0);
  EXPECT_EQ(batch.boundaries, (Ids{0, 19, 43, 67}));
  EXPECT_EQ(batch.labels[2], 3);
  EXPECT_EQ(batch.loss_rows[3], 19 + 10);
  EXPECT_EQ(batch.loss_rows[3 + 13], 43 + 2);
  EXPECT_EQ(batch.labels.size(), 3 + 13 + 21);
  EXPECT_NE(batch.labels.back(), 3);
  for (int64_t document = 0; document < 3; ++document)
    EXPECT_EQ(task->length(corpus, Split::kTrain, document),
              batch.boundaries[document + 1] - batch.boundaries[document]);
}

TEST(GenerationTask, TheLongestFieldIsCutFirst) {
  TaskRequest request = request_for("generation");
  request.task.prompt = "{pair}{text}{pair}";
  request.task.target = "text";
  const auto task = make_task(request);
  // 24 - 1 - (11 + 1) = 11 tokens for 4 + 11 + 4.
  const Batch batch = task->make_batch(corpus_of({{11, 4}}), Split::kTrain, {0}, 0);
  EXPECT_EQ(Ids(batch.tokens.begin(), batch.tokens.begin() + 12), (Ids{2, 30, 31, 32, 10, 11, 12, 13, 30, 31, 32, 33}));
}

TEST(GenerationTask, EveryDocumentHasItsPackedLength) {
  const auto corpus = random_corpus(30, 5);
  const auto task = make_task(request_for("generation"));
  for (int64_t document = 0; document < 30; ++document)
    EXPECT_EQ(task->length(*corpus, Split::kTest, document),
              task->make_batch(*corpus, Split::kTest, {document}, 0).total());
}

TEST(GenerationTask, PredictsAndEvaluatesTheSameTexts) {
  const auto task = make_task(request_for("generation"));
  const MemoryCorpus corpus = corpus_of({{3, 2}, {13, 4}, {30, 7}});
  const auto of_corpus = task->predict_batch(task->make_batch(corpus, Split::kTest, {0, 1, 2}, 0));
  ASSERT_EQ(of_corpus.size(), 3u);
  EXPECT_EQ(task->text_fields(), std::vector<std::string>{"text"});
  const WordTokenizer words;
  for (size_t i = 0; i < 3; ++i) {
    const auto ids = corpus.tokens(Split::kTest, "text", static_cast<int64_t>(i));
    const std::string text = words.decode({ids.begin(), ids.end()});
    EXPECT_EQ(task->predict_rows(words, {{text}})[0]["text"], of_corpus[i]["text"]) << i;
    const auto target = corpus.tokens(Split::kTest, "pair", static_cast<int64_t>(i));
    EXPECT_EQ(of_corpus[i]["truth"], words.decode({target.begin(), target.end()}));
  }
}

TEST(GenerationTask, TextsAreMeasuredUnlessItIsToldNotTo) {
  const auto corpus = random_corpus(6, 5);
  const auto task = make_task(request_for("generation"));
  const Batch batch = task->make_batch(*corpus, Split::kTest, {0, 1, 2, 3, 4, 5}, 0);
  const auto measured = [&] {
    const auto metrics = task->make_metrics();
    task->evaluate(batch, *metrics);
    return metrics->compute();
  };
  const auto with = measured();
  for (const char* name : {"loss", "perplexity", "target_tokens", "rouge1", "rouge2", "rougeL", "bleu", "chrf",
                           "generated_length", "repetition"})
    EXPECT_TRUE(with.count(name)) << name;
  EXPECT_EQ(with.at("target_tokens"), static_cast<double>(batch.labels.size()));
  task->measure_texts(false);
  const auto without = measured();
  EXPECT_FALSE(without.count("rougeL"));
  EXPECT_EQ(without.at("loss"), with.at("loss"));
}

TEST(GenerationTask, WhatCannotBeIsNamed) {
  const auto fault = [](const std::function<void(TaskRequest&)>& change) {
    TaskRequest request = request_for("generation");
    change(request);
    return error_of([&] { make_task(request); });
  };
  EXPECT_NE(fault([](auto& r) { r.task.prompt = "{text"; }).find("is not closed"), std::string::npos);
  EXPECT_NE(fault([](auto& r) { r.task.prompt = "text"; }).find("names nothing in braces"), std::string::npos);
  EXPECT_NE(fault([](auto& r) { r.task.target = ""; }).find("task.target"), std::string::npos);
  EXPECT_NE(fault([](auto& r) { r.task.max_new_tokens = 21; }).find("no room for a field"), std::string::npos);
  EXPECT_NE(fault([](auto& r) { r.task.max_new_tokens = INT64_MAX; }).find("fewer than data.max_length: 24"),
            std::string::npos);
  EXPECT_NE(fault([](auto& r) { r.task.pieces = "syllables"; }).find("wanted words or characters"), std::string::npos);
  EXPECT_NE(fault([](auto& r) { r.long_documents = LongDocuments::kSplit; }).find("data.long_documents"),
            std::string::npos);
  EXPECT_NE(fault([](auto& r) {
              r.model.architecture = "bert";
              r.model.config = nlohmann::json::object();
            }).find("choose a model of type gpt2"),
            std::string::npos);
}

TEST(GenerationMetrics, EqualTextsScoreHighestAndPartsMerge) {
  GenerationMetrics whole("n", RougePieces::kCharacters);
  whole.add_text("今天天气很好", "今天天气很好");
  const auto same = whole.compute();
  EXPECT_EQ(same.at("rouge1"), 1);
  EXPECT_EQ(same.at("rougeL"), 1);
  EXPECT_NEAR(same.at("bleu"), 100, 1e-9);
  EXPECT_NEAR(same.at("chrf"), 100, 1e-9);
  EXPECT_EQ(same.at("generated_length"), 6);
  whole.add_text("好好好好好好好好", "明天下雨");
  GenerationMetrics first("n", RougePieces::kCharacters), second("n", RougePieces::kCharacters);
  first.add_text("今天天气很好", "今天天气很好");
  second.add_text("好好好好好好好好", "明天下雨");
  first.merge(second.state());
  for (const auto& [name, value] : whole.compute()) {
    if (name == "loss" || name == "perplexity") continue;  // of no tokens
    EXPECT_EQ(first.compute().at(name), value) << name;
  }
  EXPECT_DOUBLE_EQ(whole.compute().at("repetition"), 0.8 / 2);
  EXPECT_EQ(whole.compute().at("rouge1"), 0.5);
}

}  // namespace
}  // namespace broadsheet

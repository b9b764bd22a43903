// Tasks: the loss does not depend on the split into micro-batches; freezing; folders written and read.
#include "trainer/tasks/task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>

#include "core/errors.h"
#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/parallel/mpi_communicator.h"
#include "trainer/trainer.h"

namespace broadsheet {
namespace {

using fixtures::error_of;
using fixtures::golden_folder;
using fixtures::gradients;
using fixtures::MemoryCorpus;
using fixtures::random_corpus;
using fixtures::read_json;
using fixtures::request_for;
using fixtures::TemporaryFolder;
using fixtures::WordTokenizer;
using Gradients = std::map<std::string, at::Tensor>;

void expect_error(const TaskRequest& request, const std::string& part) {
  const std::string message = error_of([&] { make_task(request); });
  EXPECT_NE(message.find(part), std::string::npos) << part << "\nin: " << message;
}

struct Sums {
  double loss = 0;
  int64_t labels = 0;
  Gradients gradients;
};

// Sums over micro-batches, as the step does.
Sums sums_over(Task& task, const ShardSet& corpus, const std::vector<std::vector<int64_t>>& micro_batches) {
  Sums sums;
  for (const std::vector<int64_t>& documents : micro_batches) {
    const Batch batch = task.make_batch(corpus, Split::kTrain, documents, 5);
    const at::Tensor loss = task.loss_sum(batch, {.training = true, .seed = 3, .step = 5});
    sums.loss += loss.item<double>();
    sums.labels += task.label_count(batch);
    for (auto& [name, gradient] : gradients(loss, task.parameters())) {
      at::Tensor& sum = sums.gradients[name];
      sum = sum.defined() ? sum + gradient : gradient;
    }
  }
  return sums;
}

void expect_same(const Sums& a, const Sums& b) {
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_NEAR(a.loss, b.loss, 1e-4 * std::abs(a.loss));
  ASSERT_EQ(a.gradients.size(), b.gradients.size());
  for (const auto& [name, gradient] : a.gradients) {
    const double size = std::max(1e-2, gradient.abs().max().item<double>());
    EXPECT_LT(fixtures::max_difference(gradient, b.gradients.at(name)), 1e-4 * size) << name;
  }
}

class EveryTask : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryTask,
                         ::testing::Values("masked_lm", "causal_lm", "generation", "classification", "regression",
                                           "tagging", "gpt2 classification", "gpt2 regression", "gpt2 tagging"),
                         [](const auto& kind) {
                           std::string name = kind.param;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST_P(EveryTask, GivesTheSameLossAndGradientForEverySplitWithDropoutOn) {
  const auto corpus = random_corpus(8, 1);
  const auto task = make_task(request_for(GetParam()));
  const Sums whole = sums_over(*task, *corpus, {{0, 1, 2, 3, 4, 5, 6, 7}});
  EXPECT_GT(whole.labels, 0);
  expect_same(whole, sums_over(*task, *corpus, {{0, 1, 2, 3}, {4, 5, 6, 7}}));
  expect_same(whole, sums_over(*task, *corpus, {{7, 2, 5}, {}, {0, 6, 1, 4}, {3}}));
}

TEST_P(EveryTask, DropoutChangesTheLossOfAnotherStep) {
  const auto corpus = random_corpus(8, 1);
  const auto task = make_task(request_for(GetParam()));
  const Batch batch = task->make_batch(*corpus, Split::kTrain, {0, 1, 2, 3, 4, 5, 6, 7}, 5);
  const auto loss = [&](const PassContext& pass) { return task->loss_sum(batch, pass).item<double>(); };
  EXPECT_EQ(loss({true, 3, 5}), loss({true, 3, 5}));
  EXPECT_NE(loss({true, 3, 5}), loss({true, 3, 6}));
  EXPECT_NE(loss({true, 3, 5}), loss({true, 4, 5}));
  EXPECT_EQ(loss({false, 3, 5}), loss({false, 4, 6}));
}

TEST_P(EveryTask, AnEmptyBatchGivesZeroAndAGradientOfZerosForEveryTrainedParameter) {
  const auto corpus = random_corpus(2, 1);
  const auto task = make_task(request_for(GetParam()));
  apply_freeze(task->parameters(), {.all_but_head = false, .embeddings = true, .layers = 1});
  const Batch batch = task->make_batch(*corpus, Split::kTrain, {}, 5);
  EXPECT_EQ(task->label_count(batch), 0);
  const at::Tensor loss = task->loss_sum(batch, {.training = true});
  EXPECT_EQ(loss.item<double>(), 0);
  const Gradients all = gradients(loss, task->parameters());  // throws when one is missing
  EXPECT_GT(all.size(), 10u);
  for (const auto& [name, gradient] : all) EXPECT_EQ(gradient.abs().sum().item<double>(), 0) << name;
}

TEST_P(EveryTask, MetricsOfPartsMergeToThoseOfTheWhole) {
  const auto corpus = random_corpus(20, 2);
  const auto task = make_task(request_for(GetParam()));
  const auto measure = [&](const std::vector<int64_t>& documents) {
    auto metrics = task->make_metrics();
    task->evaluate(task->make_batch(*corpus, Split::kTest, documents, 0), *metrics);
    return metrics;
  };
  std::vector<int64_t> all(20);
  std::iota(all.begin(), all.end(), 0);
  const auto whole = measure(all)->compute();
  auto merged = task->make_metrics();
  for (const auto& part : {measure({0, 1, 2, 3, 4, 5, 6}), measure({}), measure({7}),
                           measure({8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19})}) {
    merged->merge(part->state());
  }
  EXPECT_EQ(whole.at("examples"), 20);
  EXPECT_TRUE(whole.count(task->default_metric()));
  for (const auto& [name, value] : merged->compute())
    EXPECT_NEAR(value, whole.at(name), 1e-5 * std::abs(value) + 1e-9) << name;
}

TEST_P(EveryTask, RefusesWhatDoesNotFitTheModel) {
  TaskRequest request = request_for(GetParam());
  request.max_length = 41;
  expect_error(request, "data.max_length");
  request = request_for(GetParam());
  const bool generation = request.task.kind == "generation";
  (generation ? request.task.target : request.task.text) = "";
  expect_error(request, generation ? "task.target" : "task.text");
  request = request_for(GetParam());
  request.model.config["vocab_size"] = 49;
  expect_error(request, "vocab_size");
  request = request_for(GetParam());
  request.model.architecture = "llama";
  expect_error(request, "this version trains bert, roberta, distilbert, electra and gpt2");
}

TEST(Tasks, PairsNeedAModelThatTellsThemApart) {
  TaskRequest request = request_for("classification");
  request.model.config["type_vocab_size"] = 1;
  request.task.text_pair = "pair";
  expect_error(request, "task.text_pair");
}

// RoBERTa and DistilBERT tell the texts of a pair apart by what stands between them.
TEST(Tasks, RelativesTakePairsWithoutTokenTypes) {
  const auto corpus = random_corpus(4, 3);
  for (const auto& [architecture, more] : {std::pair<const char*, size_t>{"distilbert", 0}, {"roberta", 1}}) {
    TaskRequest request = request_for("classification");
    request.task.text_pair = "pair";
    const size_t bert = make_task(request)->make_batch(*corpus, Split::kTrain, {0}, 0).tokens.size();
    request.model.architecture = architecture;
    request.model.config = {{"vocab_size", 64}, {"max_position_embeddings", 40}};
    if (more > 0) {
      request.model.config.update({{"hidden_size", 16}, {"num_hidden_layers", 1}, {"num_attention_heads", 2}});
    } else {
      request.model.config.update({{"dim", 16}, {"hidden_dim", 32}, {"n_layers", 1}, {"n_heads", 2}});
    }
    const auto task = make_task(request);
    const Batch batch = task->make_batch(*corpus, Split::kTrain, {0}, 0);
    EXPECT_EQ(batch.tokens.size(), std::min<size_t>(24, bert + more)) << architecture;
    EXPECT_EQ(batch.token_types, std::vector<int64_t>(batch.tokens.size(), 0)) << architecture;
    EXPECT_TRUE(std::isfinite(task->loss_sum(batch, {}).item<double>())) << architecture;
  }
}

TEST_P(EveryTask, ScoresTheSameAfterWritingAndLoading) {
  const auto corpus = random_corpus(12, 3);
  const auto task = make_task(request_for(GetParam()));
  const TemporaryFolder temporary;
  const std::string folder = temporary.path() + "/model";
  write_model_folder(folder, task->model_config(), tensor_views(task->parameters()), {}, task->broadsheet_config());
  std::ofstream vocabulary(folder + "/vocab.txt");
  for (int32_t id = 0; id < 50; ++id) vocabulary << WordTokenizer().token(id) << "\n";
  vocabulary.close();
  const auto loaded = load_task(locate_model(folder), nullptr);
  EXPECT_EQ(loaded->kind(), task->kind());
  EXPECT_TRUE(loaded->load_report().unused.empty());
  std::vector<int64_t> all(12);
  std::iota(all.begin(), all.end(), 0);
  const auto score = [&](Task& of) {
    const auto metrics = of.make_metrics();
    of.evaluate(of.make_batch(*corpus, Split::kValidation, all, 0), *metrics);
    return metrics->state();
  };
  EXPECT_EQ(score(*loaded), score(*task));
  EXPECT_EQ(loaded->length(*corpus, Split::kTest, 3), task->length(*corpus, Split::kTest, 3));
  auto ours = task->broadsheet_config(), theirs = loaded->broadsheet_config();
  ours.erase("tokenizer_fingerprint");
  theirs.erase("tokenizer_fingerprint");
  EXPECT_EQ(ours, theirs);
  EXPECT_EQ(task->model_config(), loaded->model_config());
}

TEST(MaskedLm, EvaluationScoresTheSamePositionsEveryTimeAndTrainingOthers) {
  const auto corpus = random_corpus(30, 4);
  const auto task = make_task(request_for("masked_lm"));
  TaskRequest request = request_for("masked_lm");
  request.seed = 99;
  const auto other = make_task(request);
  std::vector<int64_t> all(30);
  std::iota(all.begin(), all.end(), 0);
  const auto rows = [&](const Task& of, Split split, uint64_t step) {
    return of.make_batch(*corpus, split, all, step).loss_rows;
  };
  EXPECT_EQ(rows(*task, Split::kTest, 1), rows(*task, Split::kTest, 2));
  EXPECT_EQ(rows(*task, Split::kTest, 1), rows(*other, Split::kTest, 1));
  EXPECT_NE(rows(*task, Split::kTrain, 1), rows(*task, Split::kTrain, 2));
  EXPECT_NE(rows(*task, Split::kTrain, 1), rows(*other, Split::kTrain, 1));
}

// Words of two tokens: by the tokenizer, whose odd ids go on, or by the corpus.
TEST(MaskedLm, MasksWholeWordsAsTheTokenizerOrTheCorpusTellsThem) {
  class Pairs : public WordTokenizer {
   public:
    void encode_into(std::string_view text, std::vector<int32_t>& ids) const override {
      for (const char c : text) ids.push_back(8 + (c - 'a'));
    }
    bool continues_word(int32_t id) const override { return id % 2 == 1; }
  };
  class Segmented : public MemoryCorpus {
   public:
    using MemoryCorpus::MemoryCorpus;
    std::vector<std::string> list(Split, const std::string& field, int64_t) const override {
      return field == "terms" ? std::vector<std::string>{"a", "bc", "de", "f"} : std::vector<std::string>{};
    }
  };
  const Segmented corpus({{{8, 9, 10, 11, 12, 13}, {}, 0, 0}}, {"good", "bad"});
  TaskRequest request = request_for("masked_lm");
  request.tokenizer = std::make_shared<Pairs>();
  request.task.mlm_probability = 0.4;
  const auto chosen = [&](uint64_t step) {
    const Batch batch = make_task(request)->make_batch(corpus, Split::kTrain, {0}, step);
    std::vector<bool> rows(9);
    for (const int64_t row : batch.loss_rows) rows[static_cast<size_t>(row)] = true;
    return rows;
  };
  for (const char* masking : {"whole_word", "span"}) {
    request.task.masking = masking;
    for (const bool given : {false, true}) {
      request.task.words = given ? "terms" : "";
      for (uint64_t step = 0; step < 20; ++step) {
        const std::vector<bool> rows = chosen(step);  // [CLS] is row 0
        for (const size_t first : given ? std::vector<size_t>{2, 4} : std::vector<size_t>{1, 3, 5})
          EXPECT_EQ(rows[first], rows[first + 1]) << masking << given << step;
      }
    }
  }
  request.task.masking = "token";
  bool parted = false;
  for (uint64_t step = 0; step < 20; ++step) parted |= chosen(step)[1] != chosen(step)[2];
  EXPECT_TRUE(parted);
  request.task.masking = "whole_word";
  EXPECT_EQ(make_task(request)->broadsheet_config().at("task").at("masking"), "whole_word");
}

TEST(MaskedLm, FillsMasksWithTheLikeliestTokens) {
  class Masking : public WordTokenizer {
   public:
    void encode_into(std::string_view, std::vector<int32_t>& ids) const override {
      ids.insert(ids.end(), {7, 4, 8, 4});
    }
  };
  const auto task = make_task(request_for("masked_lm"));
  const auto predictions = task->predict(Masking(), {"any", "text"}, {});
  ASSERT_EQ(predictions.size(), 2u);
  ASSERT_EQ(predictions[0]["masks"].size(), 2u);
  double before = 1;
  for (const auto& guess : predictions[0]["masks"][0]) {
    EXPECT_LE(guess["probability"].get<double>(), before);
    before = guess["probability"];
  }
  EXPECT_EQ(predictions[0], predictions[1]);
}

TEST(CausalLm, EachTokenPredictsTheNextInsideItsDocument) {
  const auto task = make_task(request_for("causal_lm"));
  const MemoryCorpus corpus({{{7, 8}, {}, 0, 0}, {{9}, {}, 0, 0}, {std::vector<int32_t>(30, 11), {}, 0, 0}}, {"one"});
  const Batch batch = task->make_batch(corpus, Split::kTrain, {0, 1, 2}, 0);
  // [CLS] 7 8 [SEP], [CLS] 9 [SEP], [CLS] and 22 of 30: cut, so nothing ends there.
  ASSERT_EQ(batch.boundaries, (std::vector<int64_t>{0, 4, 7, 30}));
  const std::vector<int64_t> rows(batch.loss_rows.begin(), batch.loss_rows.begin() + 5);
  const std::vector<int64_t> labels(batch.labels.begin(), batch.labels.begin() + 5);
  EXPECT_EQ(rows, (std::vector<int64_t>{0, 1, 2, 4, 5}));
  EXPECT_EQ(labels, (std::vector<int64_t>{7, 8, 3, 9, 3}));
  EXPECT_EQ(task->label_count(batch), 3 + 2 + 22);
  EXPECT_EQ(batch.labels.back(), 11);
}

TEST(CausalLm, PredictsHowWellItForeseesEachText) {
  const auto task = make_task(request_for("causal_lm"));
  const auto predictions = task->predict(WordTokenizer(), {"w7 w8 w9", "", "w7 w8 w9"}, {});
  ASSERT_EQ(predictions.size(), 3u);
  EXPECT_EQ(predictions[0]["predicted_tokens"], 4);
  EXPECT_EQ(predictions[1]["predicted_tokens"], 1);
  EXPECT_NEAR(predictions[0]["perplexity"].get<double>(), std::exp(predictions[0]["loss"].get<double>()), 1e-6);
  EXPECT_NEAR(predictions[0]["loss"].get<double>(), predictions[2]["loss"].get<double>(), 1e-6);
}

TEST(CausalLm, ATextHasToEndSomewhereAndToBeInOnePiece) {
  class Endless : public WordTokenizer {
   public:
    SpecialTokens special_tokens() const override { return {}; }
  };
  TaskRequest request = request_for("causal_lm");
  request.tokenizer = std::make_shared<Endless>();
  expect_error(request, "no token to end a text");
  request = request_for("causal_lm");
  request.long_documents = LongDocuments::kHeadTail;
  expect_error(request, "head_tail");
  request = request_for("causal_lm");
  request.model.architecture = "bert";
  request.model.config = nlohmann::json::object();
  expect_error(request, "choose a model of type gpt2");
}

TEST(Classification, LabelsFollowTheClassNamesOfTheCorpus) {
  const auto task = make_task(request_for("classification"));
  const MemoryCorpus turned({{{7, 8}, {}, 0, 0}, {{9}, {}, 1, 0}, {{9}, {}, 2, 0}}, {"good", "bad", "fair"});
  EXPECT_EQ(task->make_batch(turned, Split::kTest, {0, 1, 2}, 0).labels, (std::vector<int64_t>{2, 0, 1}));
  const MemoryCorpus strange({{{7, 8}, {}, 0, 0}}, {"angry", "bad"});
  EXPECT_NE(error_of([&] { task->make_batch(strange, Split::kTest, {0}, 0); }).find("angry"), std::string::npos);
}

TEST(Classification, TokensOutsideTheVocabularyAreAnError) {
  const auto task = make_task(request_for("classification"));
  const MemoryCorpus corpus({{{7, 50}, {}, 0, 0}}, {"bad", "fair", "good"});
  EXPECT_NE(error_of([&] { task->make_batch(corpus, Split::kTest, {0}, 0); }).find("token id 50"), std::string::npos);
}

TEST(Classification, PredictsANameAndProbabilitiesThatSumToOne) {
  const auto task = make_task(request_for("classification"));
  std::vector<std::string> texts;
  for (int i = 0; i < 70; ++i) texts.push_back(cat("w", 5 + i % 40, " w9"));
  const auto predictions = task->predict(WordTokenizer(), texts, {});
  ASSERT_EQ(predictions.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto alone = task->predict(WordTokenizer(), {texts[i]}, {})[0];
    double sum = 0, best = 0;
    for (const auto& [name, p] : predictions[i]["probabilities"].items()) {
      sum += p.get<double>();
      best = std::max(best, p.get<double>());
      EXPECT_NEAR(p.get<double>(), alone["probabilities"][name].get<double>(), 1e-6);
    }
    EXPECT_NEAR(sum, 1, 1e-12);
    EXPECT_EQ(predictions[i]["probabilities"][predictions[i]["label"].get<std::string>()], best);
  }
}

std::string words_of(int first, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += cat(i > 0 ? " " : "", "w", 5 + (first + i) % 40);
  return text;
}

// Four tokens a piece: eleven words are cut at 3 and 7.
TaskRequest splitting_request(const std::string& kind) {
  TaskRequest request = request_for(kind);
  request.max_length = 6;
  request.long_documents = LongDocuments::kSplit;
  return request;
}

TEST(LongDocuments, APredictionIsTheMeanOverTheDocumentsPieces) {
  const std::vector<std::string> pieces = {words_of(0, 3), words_of(3, 4), words_of(7, 4)};
  const auto classifier = make_task(splitting_request("classification"));
  const auto whole = classifier->predict(WordTokenizer(), {words_of(0, 11), "w9"}, {});
  const auto parts = classifier->predict(WordTokenizer(), pieces, {});
  ASSERT_EQ(whole.size(), 2u);
  ASSERT_EQ(parts.size(), 3u);
  for (const auto& [name, p] : whole[0]["probabilities"].items()) {
    double mean = 0;
    for (const auto& part : parts) mean += part["probabilities"][name].get<double>() / 3;
    EXPECT_NEAR(p.get<double>(), mean, 1e-6);
  }
  const auto regressor = make_task(splitting_request("regression"));
  double mean = 0;
  for (const auto& part : regressor->predict(WordTokenizer(), pieces, {})) mean += part["score"].get<double>() / 3;
  EXPECT_NEAR(regressor->predict(WordTokenizer(), {words_of(0, 11)}, {})[0]["score"].get<double>(), mean, 1e-6);
}

TEST(LongDocuments, AreMeasuredOnceEachByWhatTheirPiecesSayTogether) {
  std::vector<MemoryCorpus::Document> documents(3);
  const std::vector<int> sizes = {11, 2, 30};
  std::vector<std::string> texts;
  int first = 0;
  for (size_t d = 0; d < documents.size(); ++d) {
    for (int i = 0; i < sizes[d]; ++i) documents[d].text.push_back(5 + (first + i) % 40);
    documents[d].label = static_cast<int32_t>(d);
    texts.push_back(words_of(first, sizes[d]));
    first += sizes[d];
  }
  const auto task = make_task(splitting_request("classification"));
  const auto corpus =
      task->examples_of(std::make_shared<MemoryCorpus>(documents, std::vector<std::string>{"bad", "fair", "good"}));
  ASSERT_EQ(corpus->size(Split::kTest), 3 + 1 + 8);
  const auto ranks = make_world_of_one();
  const MetricValues metrics = evaluate_split(*task, *corpus, Split::kTest, *ranks);
  EXPECT_EQ(metrics.at("examples"), 3);
  const auto predictions = task->predict(WordTokenizer(), texts, {});
  double loss = 0, right = 0;
  const std::vector<std::string> names = {"bad", "fair", "good"};
  for (size_t d = 0; d < names.size(); ++d) {
    loss -= std::log(predictions[d]["probabilities"][names[d]].get<double>()) / 3;
    right += predictions[d]["label"] == names[d];
  }
  EXPECT_NEAR(metrics.at("loss"), loss, 1e-5);
  EXPECT_NEAR(metrics.at("accuracy"), right / 3, 1e-12);
}

TEST(Classification, APlainFolderIsAClassifierByItsArchitecture) {
  const TemporaryFolder temporary;
  const std::string folder = temporary.path() + "/model";
  std::filesystem::copy(golden_folder("classification-gelu"), folder);
  std::ofstream vocabulary(folder + "/vocab.txt");
  for (int32_t id = 0; id < 50; ++id) vocabulary << WordTokenizer().token(id) << "\n";
  vocabulary.close();
  const auto task = load_task(locate_model(folder), nullptr);
  EXPECT_EQ(task->kind(), "classification");
  EXPECT_EQ(task->model_config()["id2label"], read_json(folder + "/config.json")["id2label"]);
  TaskConfig fields;
  fields.label = "mood";
  EXPECT_EQ(load_task(locate_model(folder), &fields)->broadsheet_config()["task"]["label"], "mood");
  std::filesystem::remove(folder + "/model.safetensors");
  std::filesystem::copy(golden_folder("encoder") + "/model.safetensors", folder + "/model.safetensors");
  EXPECT_NE(error_of([&] { load_task(locate_model(folder), nullptr); }).find("classifier.weight"), std::string::npos);
}

TEST(Classification, AFoldersClassifierIsTakenOnlyForTheSameClasses) {
  const TemporaryFolder temporary;
  const std::string folder = temporary.path() + "/model";
  const auto first = make_task(request_for("classification"));
  write_model_folder(folder, first->model_config(), tensor_views(first->parameters()), {}, first->broadsheet_config());
  TaskRequest request = request_for("classification");
  request.model = {};
  request.model.from = folder;
  EXPECT_TRUE(make_task(request)->load_report().missing.empty());
  const std::vector<std::string> head = {"classifier.weight", "classifier.bias"};
  request.classes = {"fair", "bad", "good"};
  EXPECT_EQ(make_task(request)->load_report().missing, head);
  EXPECT_EQ(make_task(request)->load_report().unused,
            (std::vector<std::string>{"classifier.bias", "classifier.weight"}));
  request.classes = {"yes", "no"};
  EXPECT_EQ(make_task(request)->load_report().missing, head);
}

TEST(Classification, NeedsTwoClassesAndALabelField) {
  TaskRequest request = request_for("classification");
  request.classes = {"one"};
  expect_error(request, "1 classes");
  request = request_for("classification");
  request.task.label = "";
  expect_error(request, "task.label");
  request = request_for("ctr");
  expect_error(request, "task.kind");
}

TEST(Tasks, DropoutOfTheRequestOverridesTheModels) {
  const auto corpus = random_corpus(4, 1);
  TaskRequest request = request_for("classification");
  request.dropout = 0.0;
  const auto task = make_task(request);
  const Batch batch = task->make_batch(*corpus, Split::kTrain, {0, 1, 2, 3}, 0);
  EXPECT_EQ(task->loss_sum(batch, {true, 1, 1}).item<double>(), task->loss_sum(batch, {false, 1, 1}).item<double>());
}

TEST(Tasks, TheSourcesOtherKeysAreKept) {
  TaskRequest request = request_for("classification");
  request.model.config["my_note"] = "kept";
  const nlohmann::json config = make_task(request)->model_config();
  EXPECT_EQ(config["my_note"], "kept");
  EXPECT_EQ(config["architectures"], nlohmann::json({"BertForSequenceClassification"}));
  EXPECT_EQ(config["id2label"], nlohmann::json({{"0", "bad"}, {"1", "fair"}, {"2", "good"}}));
  EXPECT_EQ(config["label2id"], nlohmann::json({{"bad", 0}, {"fair", 1}, {"good", 2}}));
  EXPECT_EQ(config["problem_type"], "single_label_classification");
  EXPECT_EQ(config["vocab_size"], 50);
  EXPECT_EQ(config["hidden_size"], 32);
}

}  // namespace
}  // namespace broadsheet

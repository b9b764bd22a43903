#include "experiments/check.h"

#include <gtest/gtest.h>

#include <cmath>

#include "../data/corpus_fixture.h"
#include "checkpoints/huggingface.h"

namespace broadsheet {
namespace {

// A folder with a model, a corpus.yaml over 40 documents and a run.yaml.
class Check : public testing::Test {
 protected:
  Check() {
    write_vocabulary(folder_ / "vocabulary");
    write_model({{"model_type", "bert"}, {"max_position_embeddings", 64}, {"num_hidden_layers", 2}});
    std::string lines;
    for (int i = 0; i < 40; ++i)
      lines += cat("{\"text\": \"the plan ", i, "\", \"mood\": \"", i % 2 ? "bad" : "good", "\", \"n\": ", i, "}\n");
    write_text(folder_ / "docs.jsonl", lines);
    write_text(folder_ / "corpus.yaml",
               "schema: 1\nkind: corpus\nname: c\noutput: corpus\ntokenizer: model\nsources:\n  - {files: docs.jsonl}\n"
               "fields:\n  text: {kind: text}\n  mood: {kind: label}\n  n: {kind: number}\nsplit: {validation: 0.2, "
               "test: 0.2}\n");
    write_text(
        folder_ / "run.yaml",
        "schema: 1\nkind: run\nname: r\nmodel: {from: model}\ntask: {kind: classification, text: text, label: mood}\n"
        "data: {corpus: corpus, max_length: 64}\n"
        "train: {global_batch_size: 8, micro_batch_size: 2, num_train_epochs: 2, warmup_steps: 0.5}\nlaunch: {ranks: "
        "2}\n");
  }
  void write_model(const nlohmann::json& config) {
    const float zero = 0;
    const TensorView tensor{"x", DType::kFloat32, {1}, std::as_bytes(std::span(&zero, 1))};
    write_model_folder(folder_ / "model", config, {tensor}, {folder_ / "vocabulary/vocab.txt"}, nullptr);
  }
  void prepare() { prepare_corpus(load_corpus_config(folder_ / "corpus.yaml", {})); }
  std::string faults(const std::vector<Override>& sets) {
    try {
      check_file(folder_ / "run.yaml", sets);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
  TempFolder folder_;
};

TEST_F(Check, APreparedCorpusGivesTheWholePlan) {
  prepare();
  const CheckReport report = check_file(folder_ / "run.yaml", {{"train.learning_rate", "1e-3"}});
  const auto& plan = report.json["plan"];
  const int64_t train = plan["documents"]["train"], steps = (train + 7) / 8;
  EXPECT_EQ(train + plan["documents"]["validation"].get<int64_t>() + plan["documents"]["test"].get<int64_t>(), 40);
  EXPECT_EQ(plan["examples_per_rank"], 4);
  EXPECT_EQ(plan["gradient_accumulation"], 2);
  EXPECT_EQ(plan["steps_per_epoch"], steps);
  EXPECT_EQ(plan["total_steps"], 2 * steps);
  EXPECT_EQ(plan["warmup_steps"], steps);
  EXPECT_EQ(plan["validation_every_steps"], steps);
  // The weights and AdamW's two moments; beside them the memory of a second copy while one is being written.
  EXPECT_GT(plan["checkpoint_bytes"].get<int64_t>(), 0);
  EXPECT_EQ(plan["checkpoint_bytes"].get<int64_t>() % 12, 0);
  EXPECT_EQ(plan["checkpoint_extra_memory_bytes"], plan["checkpoint_bytes"]);
  EXPECT_EQ(report.json["origins"]["train.learning_rate"], "--set");
  EXPECT_EQ(report.json["origins"]["train.optim"], "default");
  EXPECT_EQ(report.json["origins"]["launch.ranks"], (folder_ / "run.yaml") + ":8:17");
  EXPECT_EQ(report.json["config"]["train"]["learning_rate"], 1e-3);
  EXPECT_NE(report.text.find("gradient accumulation  2 passes"), std::string::npos) << report.text;
  EXPECT_NE(report.text.find("train.learning_rate: 0.001"), std::string::npos) << report.text;
}

TEST_F(Check, TheModelsNumbersAreReadAsTheEngineReadsThem) {
  write_model({{"model_type", "bert"}, {"hidden_size", -64}, {"num_attention_heads", 1e9}});
  const std::string text = faults({});
  EXPECT_NE(text.find("model/config.json: hidden_size: found -64, wanted a whole number"), std::string::npos) << text;
  EXPECT_NE(text.find("config.json: num_attention_heads: found"), std::string::npos) << text;
  const std::string scratch =
      faults({{"model", "{architecture: bert, tokenizer: vocabulary, config: {hidden_size: 63}}"}});
  EXPECT_NE(scratch.find("model.config.num_attention_heads: found 12, wanted a divisor"), std::string::npos) << scratch;
}

TEST_F(Check, AutomaticMicroBatchesAreEstimated) {
  prepare();
  const CheckReport report = check_file(folder_ / "run.yaml", {{"train.micro_batch_size", "auto"}});
  EXPECT_EQ(report.json["plan"]["gradient_accumulation_estimate"], 1);
}

TEST_F(Check, ABatchInTokensIsPlannedFromTheMeanLength) {
  prepare();
  const std::vector<Override> sets = {{"train.global_batch_size", "32"}, {"train.global_batch_tokens", "64"}};
  const CheckReport report = check_file(folder_ / "run.yaml", sets);
  const auto& plan = report.json["plan"];
  // "the plan 7" and two special tokens, or with two figures one token more.
  const double mean = plan["mean_length"];
  EXPECT_GT(mean, 5);
  EXPECT_LT(mean, 6);
  const auto examples = static_cast<double>(plan["documents"]["train"].get<int64_t>());
  EXPECT_EQ(plan["steps_per_epoch"], std::llround(examples * mean / 64));
  EXPECT_EQ(plan["global_batch_size"], std::llround(64 / mean));
  EXPECT_NE(report.text.find("global batch           about 64 tokens over 2 ranks, about "), std::string::npos)
      << report.text;
}

TEST_F(Check, AnAbsentCorpusIsSaidAndNoFault) {
  const CheckReport report = check_file(folder_ / "run.yaml", {});
  EXPECT_EQ(report.json["plan"]["corpus_prepared"], false);
  EXPECT_FALSE(report.json["plan"].contains("total_steps"));
  EXPECT_NE(report.text.find("not prepared yet"), std::string::npos);
}

TEST_F(Check, NothingIsWritten) {
  prepare();
  const auto before = all_files(folder_.path());
  check_file(folder_ / "run.yaml", {});
  check_file(folder_ / "corpus.yaml", {});
  EXPECT_EQ(all_files(folder_.path()), before);
}

TEST_F(Check, TrainingNeedsTheCorpus) {
  const RunConfig config = load_run_config(folder_ / "run.yaml", {});
  EXPECT_THROW(check_run(config), UserError);
  prepare();
  EXPECT_NO_THROW(check_run(config));
}

TEST_F(Check, FieldsMustExistAndBeOfTheirKind) {
  prepare();
  EXPECT_NE(faults({{"task.label", "moood"}}).find("task.label"), std::string::npos);
  EXPECT_NE(faults({{"task.label", "n"}}).find("the corpus's field n is not of kind label"), std::string::npos);
  const std::string both = faults({{"task.text", "mood"}, {"task.label", "text"}});
  EXPECT_NE(both.find("task.text: "), std::string::npos);
  EXPECT_NE(both.find("task.label: "), std::string::npos);
}

TEST_F(Check, LengthsAndLayersMustFitTheModel) {
  EXPECT_NE(
      faults({{"data.max_length", "128"}}).find("found 128, more than the model's 64 positions; write at most 64"),
      std::string::npos);
  EXPECT_NE(faults({{"freeze", "{layers: 3}"}}).find("the model has 2 layers"), std::string::npos);
}

TEST_F(Check, OtherArchitecturesAreRefused) {
  std::filesystem::remove_all(folder_ / "model");
  write_model({{"model_type", "llama"}});
  const std::string found = faults({});
  EXPECT_NE(found.find("found a model of type \"llama\""), std::string::npos) << found;
  EXPECT_NE(found.find("this version trains bert, roberta, distilbert, electra and gpt2"), std::string::npos) << found;
}

TEST_F(Check, ACorpusOfAnotherTokenizerIsRefused) {
  prepare();
  write_text(folder_ / "model/vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n");
  EXPECT_NE(faults({}).find("another tokenizer"), std::string::npos) << faults({});
}

TEST_F(Check, ACorpusFileShowsItsSources) {
  const CheckReport report = check_file(folder_ / "corpus.yaml", {});
  EXPECT_EQ(report.json["plan"]["sources"][0]["files"].size(), 1U);
  EXPECT_EQ(report.json["plan"]["sources"][0]["bytes"], std::filesystem::file_size(folder_ / "docs.jsonl"));
  EXPECT_EQ(report.json["plan"]["output_exists"], false);
  EXPECT_EQ(report.json["config"]["fields"]["mood"]["kind"], "label");
}

TEST_F(Check, ACorpusFileNeedsItsFilesAndTokenizer) {
  try {
    check_file(folder_ / "corpus.yaml", {{"tokenizer", "/nowhere"}, {"sources", "[{files: /nowhere/*.jsonl}]"}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults().size(), 2U) << error.what();
  }
}

TEST_F(Check, ASweepIsNotInThisVersion) {
  write_text(folder_ / "sweep.yaml", "schema: 1\nkind: sweep\n");
  EXPECT_THROW(check_file(folder_ / "sweep.yaml", {}), UserError);
}

}  // namespace
}  // namespace broadsheet

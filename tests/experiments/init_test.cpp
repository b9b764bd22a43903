#include "experiments/init.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "core/errors.h"
#include "core/text.h"
#include "experiments/run_config.h"

namespace broadsheet {
namespace {

// A folder with a model's tokenizer and configuration, in which data and answers are put.
class Init : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "broadsheet-init-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    for (char c = 'a'; c <= 'z'; ++c) vocabulary += cat(c, "\n##", c, "\n");
    for (char c = '0'; c <= '9'; ++c) vocabulary += cat(c, "\n##", c, "\n");
    write("model/vocab.txt", vocabulary + "the\ntax\nplan\n");
    write("model/config.json", R"({"model_type": "bert", "max_position_embeddings": 64})");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  InitOptions options(const std::string& data, const std::string& task) {
    InitOptions made;
    made.data = data;
    made.task = task;
    made.text = "text";
    made.model = folder_ + "/model";
    made.out = folder_;
    return made;
  }
  // Writes the proposal and loads it again through the ordinary readers.
  std::pair<CorpusConfig, RunConfig> load(const InitFiles& files) {
    return {load_corpus_config(write("corpus.yaml", files.corpus_yaml), {}),
            load_run_config(write("run.yaml", files.run_yaml), {})};
  }
  std::string code_of(const InitOptions& wanted, std::string* message = nullptr) {
    try {
      propose_files(wanted);
    } catch (const UserError& error) {
      if (message) *message = error.what();
      return error.faults().front().code;
    }
    return "";
  }

  std::string folder_;
};

std::string comments(int count) {
  std::string text = "id,comment,mood,article_id\n";
  for (int i = 0; i < count; ++i)
    text += cat("c", i, ",\"the tax, plan ", i, "\",", i % 3 == 0 ? "angry" : "glad", ",a", i / 4, "\n");
  return text;
}

TEST_F(Init, ProposesFilesForClassificationThatLoad) {
  InitOptions wanted = options(write("data/comments.csv", comments(300)), "classification");
  wanted.text = "comment";
  wanted.label = "mood";
  const InitFiles files = propose_files(wanted);
  const auto [corpus, run] = load(files);
  EXPECT_EQ(corpus.name, "comments");
  EXPECT_EQ(corpus.sources.at(0).files, std::vector<std::string>{folder_ + "/data/comments.csv"});
  EXPECT_EQ(corpus.sources.at(0).format, "csv");
  EXPECT_TRUE(corpus.sources.at(0).header);
  EXPECT_EQ(corpus.tokenizer, folder_ + "/model");
  EXPECT_EQ(corpus.fields.at("text").from, "comment");
  EXPECT_EQ(corpus.fields.at("label").from, "mood");
  EXPECT_EQ(corpus.fields.at("label").kind, FieldKind::kLabel);
  EXPECT_EQ(corpus.fields.at("id").from, "id");
  EXPECT_EQ(corpus.fields.at("group").from, "article_id");
  EXPECT_EQ(corpus.split.by, "group");
  EXPECT_EQ(run.task.kind, "classification");
  EXPECT_EQ(run.task.text, "text");
  EXPECT_EQ(run.task.label, "label");
  EXPECT_EQ(run.model.from, folder_ + "/model");
  EXPECT_EQ(run.data.corpus, corpus.output);
  EXPECT_EQ(run.validation.metric, "macro_f1");
  // [CLS] the tax , plan ### [SEP], with "," as [UNK]: at most 9 tokens.
  EXPECT_EQ(run.data.max_length, 16);
  EXPECT_NE(files.corpus_yaml.find("glad (200), angry (100)"), std::string::npos) << files.corpus_yaml;
}

TEST_F(Init, ReadsTablesWithoutHeaderWhateverTheirName) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += cat(i / 5, "_", i % 5, "\t", (i % 9) - 4, ".5\tthe plan ", i, "\n");
  InitOptions wanted = options(write("truth.txt", text), "regression");
  wanted.text = "column_3";
  wanted.score = "column_2";
  const auto [corpus, run] = load(propose_files(wanted));
  EXPECT_EQ(corpus.sources.at(0).format, "tsv");
  EXPECT_FALSE(corpus.sources.at(0).header);
  EXPECT_EQ(corpus.sources.at(0).columns, (std::vector<std::string>{"column_1", "column_2", "column_3"}));
  EXPECT_EQ(corpus.fields.at("score").kind, FieldKind::kScore);
  EXPECT_EQ(corpus.fields.at("group").from, "column_1");
  EXPECT_EQ(corpus.fields.at("group").pattern, "^(.+)[_-][0-9]+$");
  EXPECT_EQ(run.task.score, "score");
  EXPECT_EQ(run.validation.metric, "mse");
}

TEST_F(Init, ReadsJsonLinesAndPlainText) {
  std::string lines, text;
  for (int i = 0; i < 50; ++i) {
    lines += cat("{\"text\": \"the plan ", i, "\", \"split\": \"", i % 5 == 0 ? "test" : "train",
                 "\", \"who: #\": \"x\"}\n");
    text += cat("the tax ", i, "\n");
  }
  const auto [corpus, run] = load(propose_files(options(write("a.jsonl", lines), "masked_lm")));
  EXPECT_EQ(corpus.sources.at(0).format, "jsonl");
  EXPECT_EQ(corpus.split.by, "field");
  EXPECT_EQ(run.task.kind, "masked_lm");
  const auto [plain, plain_run] = load(propose_files(options(write("news.txt", text), "masked_lm")));
  EXPECT_EQ(plain.sources.at(0).format, "text");
  EXPECT_EQ(plain.split.by, "hash");
}

TEST_F(Init, TextsAreWrittenOnOrFromOthersWithRoomForBoth) {
  write("model/config.json", R"({"model_type": "gpt2", "n_positions": 48, "n_embd": 32})");
  std::string lines;
  for (int i = 0; i < 50; ++i)
    lines += cat("{\"lead\": \"the plan the tax the plan the tax ", i,
                 "\", \"title\": \"the plan the tax the plan the ", "tax the plan\"}\n");
  InitOptions wanted = options(write("a.jsonl", lines), "generation");
  wanted.text = "lead";
  EXPECT_EQ(code_of(wanted), "init.missing_option");
  wanted.target = "title";
  const auto [corpus, run] = load(propose_files(wanted));
  EXPECT_EQ(corpus.fields.at("target").from, "title");
  EXPECT_EQ(run.task.prompt, "{text}\n");
  EXPECT_EQ(run.task.target, "target");
  EXPECT_EQ(run.task.max_new_tokens, 16);  // 9 tokens and the end
  EXPECT_EQ(run.data.max_length, 32);
  EXPECT_EQ(run.validation.metric, "loss");
  wanted.task = "causal_lm";
  wanted.target = "";
  EXPECT_EQ(load(propose_files(wanted)).second.task.kind, "causal_lm");
}

TEST_F(Init, AwkwardNamesSurviveYaml) {
  std::string text = "yes: \"#1\",no,\n";
  const std::string header = "\"yes: \"\"#1\"\"\",no\n";
  text = header;
  for (int i = 0; i < 20; ++i) text += cat("the plan ", i, ",", i % 2 == 0 ? "true: # \"x\"" : "null", "\n");
  InitOptions wanted = options(write("odd data/it's #1: a file.csv", text), "classification");
  wanted.text = "yes: \"#1\"";
  wanted.label = "no";
  const auto [corpus, run] = load(propose_files(wanted));
  EXPECT_EQ(corpus.fields.at("text").from, wanted.text);
  EXPECT_EQ(corpus.fields.at("label").from, "no");
  EXPECT_EQ(corpus.sources.at(0).files, std::vector<std::string>{wanted.data});
}

TEST_F(Init, LengthsComeFromTheTokenizerAndStayWithinTheModel) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += cat(std::string(200, 'a'), " the plan\n");  // a word of 200 letters is one [UNK]
  EXPECT_EQ(load(propose_files(options(write("a.txt", text), "masked_lm"))).second.data.max_length, 16);
  text.clear();
  for (int i = 0; i < 50; ++i) {
    for (int word = 0; word < 90; ++word) text += "the ";
    text += "\n";
  }
  EXPECT_EQ(load(propose_files(options(write("b.txt", text), "masked_lm"))).second.data.max_length, 64);
}

TEST_F(Init, AMissingColumnIsNamedWithTheNearest) {
  InitOptions wanted = options(write("comments.csv", comments(20)), "classification");
  wanted.text = "coment";
  wanted.label = "mood";
  std::string message;
  EXPECT_EQ(code_of(wanted, &message), "init.no_column");
  EXPECT_NE(message.find("did you mean 'comment'?"), std::string::npos) << message;
  EXPECT_NE(message.find("article_id"), std::string::npos) << message;
  InitOptions keys = options(write("a.jsonl", "{\"headline\": \"the plan\"}\n"), "masked_lm");
  keys.text = "headlin";
  EXPECT_EQ(code_of(keys, &message), "init.no_column");
  EXPECT_NE(message.find("did you mean 'headline'?"), std::string::npos) << message;
}

TEST_F(Init, LabelsAndScoresMustBeSome) {
  InitOptions wanted = options(write("comments.csv", comments(400)), "classification");
  wanted.text = "comment";
  wanted.label = "id";
  EXPECT_EQ(code_of(wanted), "init.label");
  InitOptions sorted = options(write("sorted.csv", "text,mood\nthe plan,glad\nthe tax,glad\n"), "classification");
  sorted.label = "mood";
  EXPECT_EQ(code_of(sorted), "init.label") << "one class in the whole file";
  std::string longer = "text,mood\n";
  for (int i = 0; i < 1500; ++i) longer += cat("the plan ", i, i < 1200 ? ",glad\n" : ",sad\n");
  sorted.data = write("longer.csv", longer);
  EXPECT_EQ(propose_files(sorted).notes.back(), "only one class was seen: is the file sorted by it?");
  wanted.task = "regression";
  wanted.score = "mood";
  EXPECT_EQ(code_of(wanted), "init.score");
  wanted.task = "classify";
  EXPECT_EQ(code_of(wanted), "init.task");
  wanted.task = "classification";
  wanted.label = "";
  EXPECT_EQ(code_of(wanted), "init.missing_option");
  wanted.label = "mood";
  wanted.model = folder_ + "/nowhere";
  EXPECT_EQ(code_of(wanted), "init.no_model");
}

TEST_F(Init, AnotherEncodingIsSeenAndWrittenDown) {
  std::string text = "text,mood\n";
  for (int i = 0; i < 60; ++i) text += cat("\xc4\xe3\xba\xc3 ", i, ",", i % 3 == 0 ? "\xba\xc3" : "\xbb\xb5", "\n");
  InitOptions wanted = options(write("gb.csv", text), "classification");
  wanted.text = "text";
  wanted.label = "mood";
  const InitFiles files = propose_files(wanted);
  EXPECT_EQ(load(files).first.sources.at(0).encoding, "gb18030");
  EXPECT_NE(files.corpus_yaml.find("坏 (40), 好 (20)"), std::string::npos) << files.corpus_yaml;
}

TEST_F(Init, OtherEncodingsAndDelimitersAreNamed) {
  std::string damaged = "text\n", semicolons = "text;mood\n";
  for (int i = 0; i < 30; ++i) {
    damaged += cat("caf\x81 ", i, "\n");
    semicolons += cat("the plan ", i, ";glad\n");
  }
  EXPECT_EQ(code_of(options(write("damaged.csv", damaged), "masked_lm")), "init.encoding");
  EXPECT_EQ(code_of(options(write("semicolons.csv", semicolons), "masked_lm")), "init.delimiter");
  EXPECT_EQ(code_of(options(write("empty.csv", ""), "masked_lm")), "init.empty");
  EXPECT_EQ(code_of(options(folder_ + "/none.csv", "masked_lm")), "corpus.no_file");
}

}  // namespace
}  // namespace broadsheet

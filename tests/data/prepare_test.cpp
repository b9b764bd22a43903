#include "data/prepare.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <set>
#include <thread>

#include "corpus_fixture.h"
#include "data/duplicates.h"
#include "data/sources.h"

namespace broadsheet {
namespace {

std::vector<nlohmann::json> read_jsonl(const std::string& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

// Texts of a split by decoding the ids one by one: enough for words of the test's vocabulary.
std::string text_of(const ShardSet& corpus, const Tokenizer& tokenizer, Split split, int64_t document) {
  const auto ids = corpus.tokens(split, "text", document);
  return tokenizer.decode({ids.begin(), ids.end()});
}

std::string news(int i) {
  return cat("news ", i, " the tax plan fails");
}

std::string numbered_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += news(i) + "\n";
  return text;
}

TEST(Prepare, KeepsEveryDocumentInOrderWithinItsSplit) {
  TempFolder folder;
  const CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", numbered_lines(500)), "text");
  const PrepareReport report = prepare_corpus(config);
  EXPECT_EQ(report.read, 500);
  EXPECT_EQ(report.kept, 500);
  EXPECT_EQ(report.rejected, 0);
  EXPECT_FALSE(report.already_prepared);
  const auto corpus = ShardSet::open(config.output);
  const auto tokenizer = load_tokenizer(config.tokenizer);
  std::set<int> seen;
  int64_t tokens = 0;
  for (const Split split : kAllSplits) {
    EXPECT_EQ(report.documents_by_split.at(split_name(split)), corpus->size(split));
    EXPECT_GT(corpus->size(split), 20);
    int before = -1;
    for (int64_t document = 0; document < corpus->size(split); ++document) {
      const auto ids = corpus->tokens(split, "text", document);
      tokens += static_cast<int64_t>(ids.size());
      int number = -1;
      for (int i = before + 1; i < 500 && number < 0; ++i)
        if (std::vector<int32_t>(ids.begin(), ids.end()) == tokenizer->encode(news(i))) number = i;
      ASSERT_GT(number, before);
      EXPECT_TRUE(seen.insert(number).second);
      before = number;
    }
  }
  EXPECT_EQ(seen.size(), 500u);
  EXPECT_EQ(report.tokens, tokens);
}

TEST(Prepare, SplitsHaveAboutTheirSharesAndFollowTheSeed) {
  TempFolder folder;
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", numbered_lines(4000)), "text");
  config.split.validation = 0.2;
  config.split.test = 0.1;
  const PrepareReport report = prepare_corpus(config);
  EXPECT_NEAR(static_cast<double>(report.documents_by_split.at("validation")), 800, 5 * std::sqrt(4000 * 0.2 * 0.8));
  EXPECT_NEAR(static_cast<double>(report.documents_by_split.at("test")), 400, 5 * std::sqrt(4000 * 0.1 * 0.9));
  config.output = folder / "other";
  config.split.seed = 2;
  prepare_corpus(config);
  const auto a = ShardSet::open(folder / "corpus"), b = ShardSet::open(folder / "other");
  const auto tokenizer = load_tokenizer(config.tokenizer);
  EXPECT_NE(text_of(*a, *tokenizer, Split::kTest, 0) + text_of(*a, *tokenizer, Split::kTest, 1),
            text_of(*b, *tokenizer, Split::kTest, 0) + text_of(*b, *tokenizer, Split::kTest, 1));
}

TEST(Prepare, ADocumentKeepsItsSplitWhenOthersCome) {
  SplitConfig split;
  EXPECT_EQ(split_of("an id", split), split_of("an id", split));
  TempFolder folder;
  std::string lines;
  for (int i = 0; i < 300; ++i) lines += cat("{\"id\": \"n", i, "\", \"text\": \"", news(i), "\"}\n");
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.jsonl", lines), "jsonl");
  config.fields["id"] = field("id", FieldKind::kId);
  prepare_corpus(config);
  const auto corpus = ShardSet::open(config.output);
  for (const Split part : kAllSplits)
    for (int64_t document = 0; document < corpus->size(part); ++document)
      EXPECT_EQ(split_of(corpus->string(part, "id", document), config.split), part);
}

TEST(Prepare, TheTokenizersFilesAreRecognisedWithoutReadingThem) {
  TempFolder folder;
  const CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", numbered_lines(50)), "text");
  prepare_corpus(config);
  const auto corpus = ShardSet::open(config.output);
  EXPECT_TRUE(corpus->has_tokenizer_of(config.tokenizer));
  const std::string path = config.tokenizer + "/vocab.txt", before = read_file(path);
  write_text(path, before + "another\n");
  EXPECT_FALSE(corpus->has_tokenizer_of(config.tokenizer));
  write_text(path, before);
  EXPECT_TRUE(corpus->has_tokenizer_of(config.tokenizer));
  write_text(config.tokenizer + "/tokenizer_config.json", "{}");
  EXPECT_FALSE(corpus->has_tokenizer_of(config.tokenizer)) << "a file more can change everything";
  EXPECT_FALSE(corpus->has_tokenizer_of(folder / "nowhere"));
}

TEST(Prepare, AGroupNeverStraddlesSplits) {
  TempFolder folder;
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += cat(i / 7, "_", i % 7, "\t", (i % 9) - 4, "\t", news(i), "\n");
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.tsv", lines), "tsv");
  config.sources[0].header = false;
  config.sources[0].columns = {"id", "rating", "text"};
  config.fields["id"] = field("id", FieldKind::kId);
  config.fields["article"] = field("id", FieldKind::kGroup);
  config.fields["article"].pattern = "^([0-9]+)_";
  config.split.by = "group";
  config.split.field = "article";
  prepare_corpus(config);
  const auto corpus = ShardSet::open(config.output);
  std::map<std::string, std::set<Split>> splits_of;
  for (const Split split : kAllSplits) {
    EXPECT_GT(corpus->size(split), 0);
    for (int64_t document = 0; document < corpus->size(split); ++document) {
      const std::string id = corpus->string(split, "id", document), group = corpus->string(split, "article", document);
      EXPECT_EQ(group, id.substr(0, id.find('_')));
      splits_of[group].insert(split);
    }
  }
  EXPECT_EQ(splits_of.size(), 143u);
  for (const auto& [group, splits] : splits_of) EXPECT_EQ(splits.size(), 1u) << group;
  const nlohmann::json leakage = inspect_corpus(config.output, 0)["leakage"];
  EXPECT_EQ(leakage["groups"]["article"]["train/test"], 0);
}

TEST(Prepare, AnExistingSplitFieldIsKept) {
  TempFolder folder;
  CorpusConfig config = text_corpus(
      folder, write_text(folder / "in.csv", "part,text\ntrain,a b\nDev,c d\ntest,e f\nvalidation,g h\ntrain,i\n"),
      "csv");
  config.fields["part"] = field("part", FieldKind::kSplit);
  config.split.by = "field";
  config.split.field = "part";
  const PrepareReport report = prepare_corpus(config);
  EXPECT_EQ(report.documents_by_split, (std::map<std::string, int64_t>{{"train", 2}, {"validation", 2}, {"test", 1}}));
}

TEST(Prepare, ExactDuplicatesAreDroppedBeforeSplitting) {
  TempFolder folder;
  const std::string lines = numbered_lines(200);
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", lines + lines + lines), "text");
  const PrepareReport report = prepare_corpus(config);
  EXPECT_EQ(report.duplicates, 400);
  EXPECT_EQ(report.kept, 200);
  EXPECT_EQ(inspect_corpus(config.output, 0)["leakage"]["equal_texts"]["train/test"], 0);
  config.clean.exact_duplicates = false;
  config.output = folder / "with";
  EXPECT_EQ(prepare_corpus(config).kept, 600);
}

TEST(Prepare, LabelsScoresTimesAndCategoriesComeBack) {
  TempFolder folder;
  CorpusConfig config = text_corpus(folder,
                                    write_text(folder / "in.csv",
                                               "id,text,rating,mood,desk,day\n"
                                               "a,the tax,-4,sad,business,2020-02-29\n"
                                               "b,the plan,-0.5,glad,sport,2020-02-29T12:30:00+01:00\n"
                                               "c,fails again,0.49,sad,,1582979400\n"
                                               "d,news,4,angry,world,20200229\n"),
                                    "csv");
  config.split.validation = config.split.test = 0;
  config.fields["id"] = field("id", FieldKind::kId);
  config.fields["rating"] = field("rating", FieldKind::kScore);
  config.fields["sentiment"] = field("rating", FieldKind::kLabel);
  config.fields["sentiment"].bins = {{"positive", {0.5, 4}}, {"negative", {-4, -0.5}}, {"neutral", {-0.5, 0.5}}};
  config.fields["mood"] = field("mood", FieldKind::kLabel);
  config.fields["desk"] = field("desk", FieldKind::kCategory);
  config.fields["desk"].optional = true;
  config.fields["day"] = field("day", FieldKind::kTime);
  prepare_corpus(config);
  const auto corpus = ShardSet::open(config.output);
  ASSERT_EQ(corpus->size(Split::kTrain), 4);
  EXPECT_EQ(corpus->field("sentiment").classes, (std::vector<std::string>{"negative", "neutral", "positive"}));
  EXPECT_EQ(corpus->field("mood").classes, (std::vector<std::string>{"angry", "glad", "sad"}));
  const std::vector<int32_t> sentiments = {0, 1, 1, 2}, moods = {2, 1, 2, 0};
  const std::vector<double> ratings = {-4, -0.5, 0.49, 4};
  const std::vector<double> days = {1582934400, 1582975800, 1582979400, 1582934400};
  const std::vector<std::string> desks = {"business", "sport", "", "world"};
  for (int64_t i = 0; i < 4; ++i) {
    const size_t at = static_cast<size_t>(i);
    EXPECT_EQ(corpus->label(Split::kTrain, "sentiment", i), sentiments[at]);
    EXPECT_EQ(corpus->label(Split::kTrain, "mood", i), moods[at]);
    EXPECT_EQ(corpus->number(Split::kTrain, "rating", i), ratings[at]);
    EXPECT_EQ(corpus->number(Split::kTrain, "day", i), days[at]);
    EXPECT_EQ(corpus->string(Split::kTrain, "desk", i), desks[at]);
  }
}

TEST(Prepare, BadRecordsAreSetAsideWithLineAndReasonButWithoutTheirText) {
  TempFolder folder;
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"{\"id\": \"1\", \"text\": \"SECRET one\", \"mood\": \"glad\", \"score\": 1}", ""},
      {"{\"id\": \"2\", \"text\": \"SECRET two\", \"score\": 1}", "missing_field"},
      {"{\"id\": \"3\", \"mood\": \"glad\", \"score\": 1}", "missing_field"},
      {"{\"id\": \"4\", \"text\": null, \"mood\": \"glad\", \"score\": 1}", "missing_field"},
      {"{\"id\": \"5\", \"text\": [\"SECRET\"], \"mood\": \"glad\", \"score\": 1}", "wrong_type"},
      {"{\"id\": \"6\", \"text\": {\"SECRET\": 1}, \"mood\": \"glad\", \"score\": 1}", "wrong_type"},
      {"{\"id\": \"7\", \"text\": \"SECRET a\", \"mood\": \"SECRET\", \"score\": 1}", "unknown_label"},
      {"{\"id\": \"8\", \"text\": \"SECRET b\", \"mood\": \"glad\", \"score\": \"SECRET\"}", "not_a_number"},
      {"{\"id\": \"9\", \"text\": \"SECRET c\", \"mood\": \"glad\", \"score\": \"nan\"}", "not_a_number"},
      {"{\"id\": \"10\", \"text\": \"  \\t \", \"mood\": \"glad\", \"score\": 1}", "empty_text"},
      {"{\"id\": \"11\", \"text\": \"\\u3000\\u200b\", \"mood\": \"glad\", \"score\": 1}", "empty_text"},
      {"{\"id\": \"12\", \"text\": \"SECRET d\", \"mood\": \"glad\", \"score\": 7}", "outside_bins"},
      {"{\"id\": \"\", \"text\": \"SECRET e\", \"mood\": \"glad\", \"score\": 1}", "missing_field"},
      {"{SECRET", "bad_json"},
      {"{\"id\": \"14\", \"text\": \"SECRET f\", \"mood\": \"sad\", \"score\": 2}", ""},
  };
  std::string text;
  std::vector<std::pair<int64_t, std::string>> wanted;
  std::vector<int64_t> bytes;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].second.empty()) {
      wanted.emplace_back(i + 1, lines[i].second);
      bytes.push_back(static_cast<int64_t>(text.size()));
    }
    text += lines[i].first + "\n";
  }
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.jsonl", text), "jsonl");
  config.split.validation = config.split.test = 0;
  config.max_rejected_share = 0.9;
  config.fields["id"] = field("id", FieldKind::kId);
  config.fields["mood"] = field("mood", FieldKind::kLabel);
  config.fields["mood"].values = {"sad", "glad"};
  config.fields["score"] = field("score", FieldKind::kScore);
  config.fields["level"] = field("score", FieldKind::kLabel);
  config.fields["level"].bins = {{"low", {0, 1}}, {"high", {1, 5}}};
  const PrepareReport report = prepare_corpus(config);
  EXPECT_EQ(report.read, static_cast<int64_t>(lines.size()));
  EXPECT_EQ(report.kept, 2);
  EXPECT_EQ(report.rejected, static_cast<int64_t>(wanted.size()));
  EXPECT_EQ(report.rejected_by_reason.at("missing_field"), 4);
  const std::vector<nlohmann::json> rejected = read_jsonl(config.output + "/rejected.jsonl");
  ASSERT_EQ(rejected.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(rejected[i]["line"], wanted[i].first);
    EXPECT_EQ(rejected[i]["byte"], bytes[i]);
    EXPECT_EQ(rejected[i]["file"], "in.jsonl");
    EXPECT_TRUE(starts_with(rejected[i]["reason"].get<std::string>(), wanted[i].second)) << rejected[i].dump();
    EXPECT_EQ(rejected[i].dump().find("SECRET"), std::string::npos);
  }
  const auto corpus = ShardSet::open(config.output);
  EXPECT_EQ(corpus->label(Split::kTrain, "mood", 0), 1);
  EXPECT_EQ(corpus->label(Split::kTrain, "mood", 1), 0);
}

TEST(Prepare, TooManyBadRecordsStopItAndLeaveOnlyTheirList) {
  TempFolder folder;
  CorpusConfig config =
      text_corpus(folder, write_text(folder / "in.jsonl", "{\"text\": \"a\"}\n{\"txt\": \"b\"}\n{\n"), "jsonl");
  std::string message;
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }, &message),
            std::vector<std::string>{"corpus.rejected_share"});
  EXPECT_NE(message.find("in.jsonl:2: missing_field"), std::string::npos) << message;
  EXPECT_NE(message.find("in.jsonl:3: bad_json"), std::string::npos) << message;
  EXPECT_FALSE(exists(config.output));
  EXPECT_EQ(read_jsonl(config.output + ".rejected.jsonl").size(), 2u);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    EXPECT_EQ(entry.path().string().find(".preparing"), std::string::npos);
  config.max_rejected_share = 0.7;
  config.split.validation = config.split.test = 0;
  prepare_corpus(config);
  EXPECT_FALSE(exists(config.output + ".rejected.jsonl")) << "a list of an earlier attempt would mislead";
}

TEST(Prepare, TheSameConfigurationAgainIsAlreadyPrepared) {
  TempFolder folder;
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", numbered_lines(50)), "text");
  const PrepareReport first = prepare_corpus(config);
  const auto before = all_files(config.output);
  const PrepareReport second = prepare_corpus(config);
  EXPECT_TRUE(second.already_prepared);
  EXPECT_EQ(second.kept, first.kept);
  EXPECT_EQ(second.documents_by_split, first.documents_by_split);
  EXPECT_EQ(all_files(config.output), before);

  config.split.seed = 9;
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }), std::vector<std::string>{"corpus.exists"});
  EXPECT_EQ(all_files(config.output), before);
  EXPECT_FALSE(prepare_corpus(config, {.replace = true}).already_prepared);
  EXPECT_NE(all_files(config.output), before);

  write_text(folder / "in.txt", numbered_lines(51));
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }), std::vector<std::string>{"corpus.exists"});
}

TEST(Prepare, ASourceThatChangesMeanwhileGivesNoCorpus) {
  TempFolder folder;
  const std::string path = write_text(folder / "in.txt", numbered_lines(50));
  const CorpusConfig config = text_corpus(folder, path, "text");
  const std::vector<SourceFile> files = list_sources(config);
  EXPECT_NO_THROW(check_unchanged(files));
  std::ofstream(path, std::ios::app) << "one more\n";
  EXPECT_THROW(check_unchanged(files), RunError);
  write_text(path, numbered_lines(50));
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_THROW(check_unchanged(files), RunError);
  std::filesystem::remove(path);
  EXPECT_THROW(check_unchanged(files), RunError);

  // A file that grows for as long as it is read.
  std::atomic<bool> stop = false;
  write_text(path, numbered_lines(2000));
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) std::ofstream(path, std::ios::app) << "appended " << i << "\n" << std::flush;
  });
  std::string code;
  try {
    prepare_corpus(config);
  } catch (const RunError& error) {
    code = error.faults().front().code;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(code, "io.changed");
  EXPECT_FALSE(exists(config.output));
  EXPECT_EQ(prepare_corpus(config).rejected, 0);
}

TEST(Prepare, NeverTouchesAFolderThatIsNotACorpus) {
  TempFolder folder;
  const CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", numbered_lines(50)), "text");
  write_text(config.output + "/precious.txt", "mine");
  for (const bool replace : {false, true})
    EXPECT_EQ(user_error_codes([&] { prepare_corpus(config, {.replace = replace}); }),
              std::vector<std::string>{"corpus.exists"});
  EXPECT_EQ(read_file(config.output + "/precious.txt"), "mine");
}

TEST(Prepare, EqualInputGivesEqualBytesWhereverItLies) {
  TempFolder a, b;
  std::vector<std::map<std::string, std::string>> results;
  for (const TempFolder* folder : {&a, &b}) {
    CorpusConfig config = text_corpus(*folder, write_text(*folder / "in/x.csv", "text,mood\n"), "csv");
    std::string text = "text,mood\n";
    for (int i = 0; i < 300; ++i) text += cat(news(i), ",", i % 3 == 0 ? "z" : "a", "\n");
    write_text(*folder / "in/x.csv", text);
    config.fields["mood"] = field("mood", FieldKind::kLabel);
    config.shard_tokens = 500;
    prepare_corpus(config);
    results.push_back(all_files(config.output));
    usleep(1100 * 1000);  // a second later, should a clock be in a file
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_GT(results[0].size(), 8u);
}

TEST(Prepare, WhatIsWrongWithFieldsIsSaidAtOnce) {
  TempFolder folder;
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.csv", "texte,mood\na,b\n"), "csv");
  std::string message;
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }, &message), std::vector<std::string>{"corpus.no_column"});
  EXPECT_NE(message.find("did you mean 'texte'?"), std::string::npos) << message;
  EXPECT_FALSE(exists(config.output));

  config.fields["a/b"] = field("mood", FieldKind::kId);
  config.fields["group"] = field("mood", FieldKind::kGroup);
  config.fields["group"].pattern = "(";
  config.fields["level"] = field("mood", FieldKind::kLabel);
  config.fields["level"].bins = {{"a", {0, 2}}, {"b", {1, 3}}, {"c", {5, 4}}};
  config.split = {.by = "field", .field = "nowhere", .validation = 0.6, .test = 0.6, .seed = 1};
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }),
            (std::vector<std::string>{"corpus.field_name", "corpus.pattern", "corpus.bins", "corpus.bins",
                                      "corpus.split", "corpus.split"}));
}

TEST(Prepare, AnEmptyTrainSplitAndAnEmptySourceAreRefused) {
  TempFolder folder;
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.csv", "part,text\ntest,a\n"), "csv");
  config.fields["part"] = field("part", FieldKind::kSplit);
  config.split.by = "field";
  config.split.field = "part";
  std::string message;
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }, &message),
            std::vector<std::string>{"corpus.empty_split"});
  EXPECT_NE(message.find("none of the 1 documents is in the train split"), std::string::npos) << message;
  write_text(folder / "in.csv", "part,text\n");
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }, &message), std::vector<std::string>{"corpus.empty"});
  EXPECT_NE(message.find("in.csv: no documents in 10 bytes"), std::string::npos) << message;
  EXPECT_FALSE(exists(config.output));
}

TEST(Prepare, WhereAllDocumentsWentIsSaid) {
  TempFolder folder;
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", "a b\na b\nnews\nthe tax\n"), "text");
  config.clean.min_words = 7;
  std::string message;
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }, &message),
            std::vector<std::string>{"corpus.empty_split"});
  EXPECT_NE(message.find("no document is left of 4: 4 dropped by too_short"), std::string::npos) << message;
}

TEST(Prepare, ANameWithBracketsIsTheFileThatHasIt) {
  TempFolder folder;
  const CorpusConfig config = text_corpus(folder, write_text(folder / "in[1].txt", "the tax\n"), "text");
  write_text(folder / "in1.txt", "news\n");
  EXPECT_EQ(corpus_sources(config), std::vector<std::string>{folder / "in[1].txt"});
  std::filesystem::remove(folder / "in[1].txt");
  EXPECT_EQ(corpus_sources(config), std::vector<std::string>{folder / "in1.txt"});
  std::filesystem::remove(folder / "in1.txt");
  std::string message;
  EXPECT_EQ(user_error_codes([&] { corpus_sources(config); }, &message), std::vector<std::string>{"corpus.no_file"});
  EXPECT_NE(message.find("matches no file"), std::string::npos) << message;
}

// What list_sources says to a user who is not root; empty: nothing.
std::string said_to_others(const CorpusConfig& config) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::string message;
    if (geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0))
      user_error_codes([&] { list_sources(config); }, &message);
    _exit(write(ends[1], message.data(), message.size()) < 0 ? 1 : 0);
  }
  close(ends[1]);
  std::string message(4096, ' ');
  const ssize_t size = read(ends[0], message.data(), message.size());
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  message.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return message;
}

TEST(Prepare, WhatMayNotBeReadIsSaidBeforeAnythingIsMade) {
  namespace fs = std::filesystem;
  TempFolder folder;
  fs::permissions(folder.path(), fs::perms(0755));
  CorpusConfig config = text_corpus(folder, write_text(folder / "inner/in.txt", "the tax\n"), "text");
  fs::permissions(config.sources[0].files[0], fs::perms(0644));
  EXPECT_EQ(said_to_others(config), "");
  fs::permissions(config.sources[0].files[0], fs::perms::none);
  EXPECT_NE(said_to_others(config).find("in.txt: cannot be read: Permission denied"), std::string::npos);
  fs::permissions(folder / "inner", fs::perms::none);
  EXPECT_NE(said_to_others(config).find("in.txt: cannot be read: Permission denied"), std::string::npos);
  config.sources[0].files[0] = folder / "inner/*.txt";
  EXPECT_NE(said_to_others(config).find("*.txt: cannot be read: Permission denied"), std::string::npos);
  fs::permissions(folder / "inner", fs::perms(0755));
}

TEST(Prepare, OfTwoAtOnceTheSecondNamesTheFirst) {
  TempFolder folder;
  const CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", "the tax\nnews\n"), "text");
  std::string message;
  {
    const FolderLock first = FolderLock::acquire(folder / ".corpus.lock");
    EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }, &message), std::vector<std::string>{"lock.held"});
    EXPECT_NE(message.find(cat(config.output, ": is being prepared by process ", getpid())), std::string::npos)
        << message;
  }
  EXPECT_EQ(prepare_corpus(config).kept, 2);
}

TEST(Prepare, TextPairsAreStoredSideBySide) {
  TempFolder folder;
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.csv", "text,reply\nthe tax,fails\nnews,\n"), "csv");
  config.fields["reply"] = field("reply", FieldKind::kText);
  config.fields["reply"].optional = true;
  config.split.validation = config.split.test = 0;
  prepare_corpus(config);
  const auto corpus = ShardSet::open(config.output);
  EXPECT_EQ(corpus->tokens(Split::kTrain, "text", 0).size(), 2u);
  EXPECT_EQ(corpus->tokens(Split::kTrain, "reply", 0).size(), 1u);
  EXPECT_EQ(corpus->tokens(Split::kTrain, "reply", 1).size(), 0u);
}

TEST(Prepare, KilledAnywhereItLeavesNoCorpusAndRunsAgainToTheSameBytes) {
  TempFolder folder;
  std::string lines;
  for (int i = 0; i < 60000; ++i) lines += cat(news(i), " again and again, ", i * 31, "\n");
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", lines), "text");
  config.shard_tokens = 20000;
  config.output = folder / "reference";
  const auto start = std::chrono::steady_clock::now();
  prepare_corpus(config);
  const auto whole = std::chrono::steady_clock::now() - start;
  const auto reference = all_files(config.output);
  config.output = folder / "corpus";
  int killed = 0;
  for (int attempt = 1; attempt <= 8; ++attempt) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        prepare_corpus(config);
      } catch (...) {
        _exit(3);
      }
      _exit(0);
    }
    std::this_thread::sleep_for(whole * attempt / 10);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    if (!WIFSIGNALED(status)) break;  // it was faster than the measured run
    ++killed;
    // The rename may have happened just before the signal: then the corpus is there, and whole.
    if (exists(config.output)) {
      EXPECT_TRUE(verify_corpus(config.output).empty());
      break;
    }
    EXPECT_EQ(user_error_codes([&] { ShardSet::open(config.output); }), std::vector<std::string>{"corpus.missing"});
  }
  EXPECT_GE(killed, 3);
  prepare_corpus(config);
  EXPECT_EQ(all_files(config.output), reference);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    EXPECT_EQ(entry.path().string().find(".preparing"), std::string::npos) << "the killed run's folder is gone";
}

TEST(Inspect, CountsLengthsLabelsAndSamples) {
  TempFolder folder;
  CorpusConfig config = text_corpus(
      folder, write_text(folder / "in.csv", "text,mood,n\nthe tax plan,sad,1\nnews,glad,3\nfails again .,sad,2\n"),
      "csv");
  config.fields["mood"] = field("mood", FieldKind::kLabel);
  config.fields["n"] = field("n", FieldKind::kNumber);
  config.split.validation = config.split.test = 0;
  prepare_corpus(config);
  const nlohmann::json json = inspect_corpus(config.output, 2);
  const nlohmann::json& train = json["splits"]["train"];
  EXPECT_EQ(train["documents"], 3);
  EXPECT_EQ(train["tokens"]["text"]["total"], 7);
  EXPECT_EQ(train["tokens"]["text"]["max"], 3);
  EXPECT_EQ(train["labels"]["mood"], (nlohmann::json{{"glad", 1}, {"sad", 2}}));
  EXPECT_EQ(train["numbers"]["n"]["mean"], 2.0);
  ASSERT_EQ(train["samples"].size(), 2u);
  EXPECT_EQ(train["samples"][0]["text"], "the tax plan");
  EXPECT_EQ(train["samples"][0]["mood"], "sad");
  EXPECT_EQ(json["splits"]["test"]["documents"], 0);
}

TEST(Inspect, FindsLeakage) {
  TempFolder folder;
  CorpusConfig config =
      text_corpus(folder, write_text(folder / "in.csv", "part,text\ntrain,The Tax\ntest,the tax\ntrain,news\n"), "csv");
  config.fields["part"] = field("part", FieldKind::kSplit);
  config.split.by = "field";
  config.split.field = "part";
  prepare_corpus(config);
  EXPECT_EQ(inspect_corpus(config.output, 0)["leakage"]["equal_texts"]["train/test"], 1) << "equal but for their case";
}

TEST(PrepareSources, AnArchiveAndAFolderGiveTheDocumentsOfThePlainFiles) {
  TempFolder folder;
  const std::string one = numbered_lines(400), two = numbered_lines(700).substr(one.size());
  write_text(folder / "in/a.txt", one);
  write_text(folder / "in/deep/b.txt", two);
  const std::string archive = folder / "in.tar.gz";
  ASSERT_EQ(std::system(cat("tar -C ", folder.path(), " --sort=name -czf ", archive, " in").c_str()), 0);
  CorpusConfig plain = text_corpus(folder, folder / "in/a.txt", "text");
  plain.sources[0].files.push_back(folder / "in/deep/b.txt");
  const PrepareReport wanted = prepare_corpus(plain);
  const auto texts = [](const std::string& path) {
    const auto corpus = ShardSet::open(path);
    std::vector<std::vector<int32_t>> found;
    for (const Split split : {Split::kTrain, Split::kValidation, Split::kTest})
      for (int64_t i = 0; i < corpus->size(split); ++i) {
        const auto tokens = corpus->tokens(split, "text", i);
        found.emplace_back(tokens.begin(), tokens.end());
      }
    return found;
  };
  const auto before = texts(plain.output);
  ASSERT_EQ(wanted.kept, 700);
  for (const std::string& source : {folder / "in", archive}) {
    SCOPED_TRACE(source);
    CorpusConfig config = text_corpus(folder, source, "text");
    config.output = folder / "other";
    PrepareOptions options;
    options.replace = true;
    options.ranks = 2;
    EXPECT_EQ(prepare_corpus(config, options).kept, 700);
    EXPECT_EQ(texts(config.output), before);
  }
}

TEST(PrepareSources, StandardInputIsReadOnceAndKeptNowhere) {
  TempFolder folder;
  const std::string text = numbered_lines(300);
  CorpusConfig file = text_corpus(folder, write_text(folder / "in.txt", text), "text");
  file.output = folder / "from-file";
  prepare_corpus(file);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  std::thread writer([&] {
    ASSERT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(ends[1]);
  });
  const int own = ::dup(0);
  ::dup2(ends[0], 0);
  CorpusConfig config = text_corpus(folder, folder / "-", "text");
  config.output = folder / "from-pipe";
  PrepareOptions options;
  options.ranks = 2;
  const PrepareReport report = prepare_corpus(config, options);
  ::dup2(own, 0);
  writer.join();
  for (const int descriptor : {own, ends[0]}) ::close(descriptor);
  EXPECT_EQ(report.kept, 300);
  const std::string manifest = read_file(config.output + "/corpus.json");
  EXPECT_NE(manifest.find("\"name\": \"-\""), std::string::npos) << manifest;
  for (const auto& [name, bytes] : all_files(config.output))
    if (ends_with(name, ".h5")) {
      EXPECT_EQ(bytes, read_file(cat(file.output, "/", name))) << name;
    }
  for (const auto& [name, bytes] : all_files(folder.path())) EXPECT_FALSE(ends_with(name, "standard-input")) << name;
}

TEST(PrepareSources, StandardInputBelongsToOneProcessAndOneSource) {
  TempFolder folder;
  CorpusConfig config = text_corpus(folder, folder / "-", "text");
  PrepareOptions options;
  options.task = PrepareOptions::Task{0, 2, "start"};
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config, options); }), std::vector<std::string>{"corpus.no_file"});
  config.sources.push_back(config.sources[0]);
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }), std::vector<std::string>{"corpus.no_file"});
  EXPECT_FALSE(exists(config.output));
}

// --- splits that one document alone does not decide

class Splits : public ::testing::Test {
 protected:
  // Documents with a day and a mood, prepared; the days and moods of each split.
  void prepare(const SplitConfig& split, PrepareOptions options = {}) {
    std::string lines = "id\tday\tmood\ttext\n";
    for (int i = 0; i < 400; ++i)  // days come in no order, and ten documents have each
      lines += cat(i, "\t2024-", i * 7 % 40 < 20 ? "01-" : "02-", 10 + i * 7 % 40 % 20, "\t",
                   i % 20 == 0 ? "glad" : "angry", "\tthe plan ", i, "\n");
    config_ = text_corpus(folder_, write_text(folder_ / "in.tsv", lines), "tsv");
    config_.fields["id"] = field("id", FieldKind::kId);
    config_.fields["day"] = field("day", FieldKind::kTime);
    config_.fields["mood"] = field("mood", FieldKind::kLabel);
    config_.split = split;
    options.replace = true;
    report_ = prepare_corpus(config_, options);
    const auto corpus = ShardSet::open(config_.output);
    days_.clear();
    glad_.clear();
    const std::vector<std::string> classes = corpus->field("mood").classes;
    for (const Split one : {Split::kTrain, Split::kValidation, Split::kTest})
      for (int64_t i = 0; i < corpus->size(one); ++i) {
        days_[one].push_back(corpus->number(one, "day", i));
        glad_[one] += classes.at(static_cast<size_t>(corpus->label(one, "mood", i))) == "glad";
      }
  }
  std::pair<double, double> range(Split split) const {
    const auto [least, most] = std::minmax_element(days_.at(split).begin(), days_.at(split).end());
    return {*least, *most};
  }

  TempFolder folder_;
  CorpusConfig config_;
  PrepareReport report_;
  std::map<Split, std::vector<double>> days_;
  std::map<Split, int> glad_;
};

TEST_F(Splits, ByTimeTrainOnThePastAndKeepADayTogether) {
  prepare({"time", "day", 0.2, 0.1, 1});
  EXPECT_LT(range(Split::kTrain).second, range(Split::kValidation).first);
  EXPECT_LT(range(Split::kValidation).second, range(Split::kTest).first);
  EXPECT_EQ(days_[Split::kTrain].size(), 280u);
  EXPECT_EQ(days_[Split::kValidation].size(), 80u);
  EXPECT_EQ(days_[Split::kTest].size(), 40u);
  EXPECT_EQ(report_.split_points, nlohmann::json({{"", {range(Split::kValidation).first, range(Split::kTest).first}}}));
  const nlohmann::json manifest = nlohmann::json::parse(read_file(config_.output + "/corpus.json"));
  EXPECT_EQ(manifest["counts"]["split_points"], report_.split_points);
  const auto whole = all_files(config_.output);
  PrepareOptions options;
  options.ranks = 3;
  options.piece_bytes = 900;
  prepare({"time", "day", 0.2, 0.1, 1}, options);
  EXPECT_EQ(all_files(config_.output), whole);
  // Half a day's worth for the test split: the whole day goes there.
  prepare({"time", "day", 0.0, 0.0125, 1});
  EXPECT_EQ(days_[Split::kTest].size(), 10u);
  EXPECT_EQ(days_.count(Split::kValidation), 0u);
}

TEST_F(Splits, StratifiedGivesEachClassItsShare) {
  prepare({"stratified", "mood", 0.2, 0.1, 1});
  EXPECT_EQ(glad_[Split::kTest], 2);
  EXPECT_EQ(glad_[Split::kValidation], 4);
  EXPECT_EQ(glad_[Split::kTrain], 14);
  EXPECT_EQ(days_[Split::kTest].size(), 40u);
  EXPECT_EQ(days_[Split::kValidation].size(), 80u);
  EXPECT_EQ(report_.split_points.size(), 2u);
  const auto first = days_;
  prepare({"stratified", "mood", 0.2, 0.1, 2});
  EXPECT_NE(days_, first) << "another seed draws others";
}

// A table with a split of its own: texts that training and testing share, word for word or nearly.
class Leakage : public ::testing::Test {
 protected:
  Leakage() {
    std::string rows = "part,text\n";
    const auto page = [](int i) {
      std::string words;
      for (int w = 0; w < 60; ++w) words += cat("news", (i * 7919 + w * w * 31) % 4001, " ");
      return words;
    };
    for (int i = 0; i < 30; ++i) rows += cat("train,", page(i), "\n");
    for (int i = 0; i < 4; ++i) rows += cat("test,", page(i), "\n");        // as in train
    for (int i = 4; i < 7; ++i) rows += cat("test,", page(i), "again\n");   // nearly
    for (int i = 7; i < 9; ++i) rows += cat("validation,", page(i), "\n");  // as in train
    for (int i = 2; i < 4; ++i) rows += cat("validation,", page(i), "\n");  // as in train and test
    for (int i = 40; i < 42; ++i) rows += cat("test,", page(i), "\n");      // nowhere else
    for (int i = 20; i < 25; ++i) rows += cat("train,", page(i), "\n");     // twice in train
    config_ = text_corpus(folder_, write_text(folder_ / "in.csv", rows), "csv");
    config_.fields["part"] = field("part", FieldKind::kSplit);
    config_.split.by = "field";
    config_.split.field = "part";
    config_.clean.near_duplicates = 0.8;
  }
  std::map<std::string, int64_t> splits(const PrepareReport& report) const { return report.documents_by_split; }

  TempFolder folder_;
  CorpusConfig config_;
};

TEST_F(Leakage, TheEarliestStaysUnasked) {
  const PrepareReport report = prepare_corpus(config_);
  EXPECT_EQ(splits(report), (std::map<std::string, int64_t>{{"train", 30}, {"validation", 0}, {"test", 2}}));
  EXPECT_EQ(report.duplicates, 4 + 2 + 2 + 5);
  EXPECT_EQ(report.near_duplicates, 3);
  EXPECT_EQ(report.leakage, 0);
  EXPECT_EQ(report.counts().count("leakage"), 0u);
}

TEST_F(Leakage, TheCopyThatIsTrainedOnGoesAndIsCounted) {
  config_.clean.leakage = "keep_test";
  std::map<std::string, std::string> reference;
  int made = 0;
  for (const auto& [ranks, bytes] : {std::pair<int64_t, int64_t>{1, 1 << 30}, {1, 900}, {3, 4000}}) {
    config_.output = folder_ / cat("corpus-", ++made);
    const PrepareReport report = prepare_corpus(config_, {.ranks = ranks, .piece_bytes = bytes});
    EXPECT_EQ(splits(report), (std::map<std::string, int64_t>{{"train", 21}, {"validation", 2}, {"test", 9}}));
    EXPECT_EQ(report.duplicates, 4 + 2 + 2 + 5);
    EXPECT_EQ(report.near_duplicates, 3);
    EXPECT_EQ(report.leakage, 4 + 2 + 2 + 3);
    if (made == 1) reference = all_files(config_.output);
    EXPECT_EQ(all_files(config_.output), reference) << ranks << " ranks, " << bytes << " bytes";
  }
  EXPECT_EQ(prepare_corpus(config_).leakage, 11) << "of the corpus that is there";
}

TEST_F(Leakage, OfASplitByTimeTheOldCopyGoes) {
  std::string rows = "day,text\n";
  for (int i = 0; i < 40; ++i) rows += cat(i, ",", news(i < 36 ? i : i - 36), "\n");  // the newest 4 as the oldest 4
  config_ = text_corpus(folder_, write_text(folder_ / "days.csv", rows), "csv");
  config_.fields["day"] = field("day", FieldKind::kTime);
  config_.split = {"time", "day", 0.1, 0.1, 1};
  config_.clean.leakage = "keep_test";
  const PrepareReport report = prepare_corpus(config_);
  EXPECT_EQ(report.leakage, 4);
  EXPECT_EQ(splits(report), (std::map<std::string, int64_t>{{"train", 28}, {"validation", 4}, {"test", 4}}));
}

}  // namespace
}  // namespace broadsheet

// The corpus format: widths, kinds of many values, versions (docs/corpus_format.md).
#include <array>

#include "corpus_fixture.h"
#include "data/field_reader.h"
#include "data/joined_splits.h"
#include "data/manifest.h"
#include "data/shard_file.h"
#include "data/shards.h"
#include "data/token_ids.h"

namespace broadsheet {
namespace {

using Ids = std::vector<int32_t>;
using Texts = std::vector<std::string>;

Ids ids_of(TokenIds ids) {
  return {ids.begin(), ids.end()};
}

TEST(TokenIds, AreReadAlikeWhateverTheirWidth) {
  const Ids wide = {0, 5, 65535, 7};
  const std::vector<uint16_t> narrow = {0, 5, 65535, 7};
  for (const TokenIds ids : {TokenIds(std::span(wide)), TokenIds(std::span(narrow))}) {
    EXPECT_EQ(ids_of(ids), wide);
    EXPECT_EQ(ids[2], 65535);
    EXPECT_EQ(ids_of(ids.subspan(1, 2)), (Ids{5, 65535}));
    EXPECT_EQ(ids.end() - ids.begin(), 4);
    EXPECT_EQ(*(ids.end() - 1), 7);
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.begin() + 3));
    TokenList narrow_list(true), wide_list(false);
    for (TokenList* list : {&narrow_list, &wide_list}) {
      list->append(ids.first(2));
      list->append(ids);
      EXPECT_EQ(ids_of(list->view()), (Ids{0, 5, 0, 5, 65535, 7}));
    }
    EXPECT_TRUE(narrow_list.view().is_short());
    EXPECT_FALSE(wide_list.view().is_short());
    EXPECT_EQ(narrow_list.view().size_bytes(), 12u);
  }
  EXPECT_TRUE(TokenIds().empty());
  EXPECT_EQ(ids_of(TokenIds()), Ids());
}

TEST(TokenIds, AreAsWideAsTheVocabularyNeeds) {
  EXPECT_TRUE(ids_are_short(30522));
  EXPECT_TRUE(ids_are_short(65536));
  EXPECT_FALSE(ids_are_short(65537));
}

uint64_t width_of_tokens(const std::string& corpus) {
  const Manifest manifest = Manifest::load(corpus);
  return manifest.splits.at("train").shards.at(0).layout.datasets.at("fields/text/tokens").width;
}

TEST(Prepare, WritesNarrowIdsForASmallVocabularyAndWideOnesForALargeOne) {
  TempFolder folder;
  std::string lines = "text\n";
  for (int i = 0; i < 40; ++i) lines += cat("tax plan ", i, "\n");
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.csv", lines), "csv");
  prepare_corpus(config);
  EXPECT_EQ(width_of_tokens(config.output), 2u);
  const Ids narrow = ids_of(ShardSet::open(config.output)->tokens(Split::kTrain, "text", 3));

  std::string vocabulary = read_file(config.tokenizer + "/vocab.txt");
  for (int i = 0; i < 70000; ++i) vocabulary += cat("zzword", i, "\n");
  write_text(config.tokenizer + "/vocab.txt", vocabulary);
  config.output = folder / "wide";
  prepare_corpus(config);
  EXPECT_EQ(width_of_tokens(config.output), 4u);
  EXPECT_EQ(ids_of(ShardSet::open(config.output)->tokens(Split::kTrain, "text", 3)), narrow);
}

// --- kinds of many values ------------------------------------------------------------------------------------------

CorpusConfig with_lists(const TempFolder& folder, const std::string& file, const std::string& format) {
  CorpusConfig config = text_corpus(folder, file, format);
  config.fields["topics"] = field("topics", FieldKind::kLabels);
  config.fields["tags"] = field("tags", FieldKind::kTags);
  config.fields["tags"].values = {"O", "B", "I"};
  config.fields["history"] = field("history", FieldKind::kList);
  config.split.validation = config.split.test = 0;
  return config;
}

TEST(Prepare, KeepsListsLabelsAndTags) {
  TempFolder folder;
  const std::string rows =
      R"({"text": "tax", "topics": ["money", "city", "money"], "tags": ["O", "B", "I", "O"], "history": ["n 1", 2, true]})"
      "\n"
      R"({"text": "plan", "topics": [], "tags": [], "history": []})"
      "\n"
      R"({"text": "news", "topics": "city arts", "tags": "B I", "history": "n9  n7 "})"
      "\n"
      R"({"text": "again", "topics": ["arts"], "tags": [null, "O"], "history": ["ü", ""]})"
      "\n";
  for (const int64_t ranks : {1, 3}) {
    CorpusConfig config = with_lists(folder, write_text(folder / "in.jsonl", rows), "jsonl");
    config.output = folder / cat("corpus-", ranks);
    prepare_corpus(config, {.ranks = ranks, .piece_bytes = 150});
    const auto corpus = ShardSet::open(config.output);
    ASSERT_EQ(corpus->size(Split::kTrain), 4);
    EXPECT_EQ(corpus->field("topics").classes, (Texts{"arts", "city", "money"}));
    EXPECT_EQ(corpus->field("tags").classes, (Texts{"O", "B", "I"}));
    const auto labels = [&](const char* name, int64_t document) {
      return corpus->labels(Split::kTrain, name, document);
    };
    EXPECT_EQ(labels("topics", 0), (Ids{1, 2}));
    EXPECT_EQ(labels("topics", 1), Ids());
    EXPECT_EQ(labels("topics", 2), (Ids{0, 1}));
    EXPECT_EQ(labels("topics", 3), (Ids{0}));
    EXPECT_EQ(labels("tags", 0), (Ids{0, 1, 2, 0}));
    EXPECT_EQ(labels("tags", 2), (Ids{1, 2}));
    EXPECT_EQ(labels("tags", 3), (Ids{0}));
    EXPECT_EQ(corpus->list(Split::kTrain, "history", 0), (Texts{"n 1", "2", "true"}));
    EXPECT_EQ(corpus->list(Split::kTrain, "history", 1), Texts());
    EXPECT_EQ(corpus->list(Split::kTrain, "history", 2), (Texts{"n9", "n7"}));
    EXPECT_EQ(corpus->list(Split::kTrain, "history", 3), (Texts{"ü"}));
    EXPECT_TRUE(verify_corpus(config.output).empty());
    EXPECT_EQ(user_error_codes([&] { corpus->labels(Split::kTrain, "history", 0); }), Texts{"corpus.field_kind"});
    EXPECT_EQ(user_error_codes([&] { corpus->list(Split::kTrain, "topics", 0); }), Texts{"corpus.field_kind"});
    const auto joined = train_on_validation(corpus);
    EXPECT_EQ(joined->list(Split::kTrain, "history", 2), (Texts{"n9", "n7"}));
    EXPECT_EQ(joined->labels(Split::kTrain, "topics", 0), (Ids{1, 2}));
  }
  EXPECT_EQ(all_files(folder / "corpus-1"), all_files(folder / "corpus-3"));
}

TEST(Prepare, ListsWithASeparatorComeFromTables) {
  TempFolder folder;
  const std::string rows = "text,topics,tags,history\ntax,城市、经济,O;B,a b;c\nplan,,,\n";
  CorpusConfig config = with_lists(folder, write_text(folder / "in.csv", rows), "csv");
  config.fields["topics"].separator = "、";
  config.fields["tags"].separator = config.fields["history"].separator = ";";
  prepare_corpus(config);
  const auto corpus = ShardSet::open(config.output);
  EXPECT_EQ(corpus->field("topics").classes, (Texts{"城市", "经济"}));
  EXPECT_EQ(corpus->labels(Split::kTrain, "topics", 0), (Ids{0, 1}));
  EXPECT_EQ(corpus->labels(Split::kTrain, "tags", 0), (Ids{0, 1}));
  EXPECT_EQ(corpus->list(Split::kTrain, "history", 0), (Texts{"a b", "c"}));
  EXPECT_TRUE(corpus->list(Split::kTrain, "history", 1).empty());
}

TEST(Prepare, ListsThatAreNoneAreSetAside) {
  TempFolder folder;
  const std::string rows =
      R"({"text": "tax", "topics": [["money"]], "tags": [], "history": []})"
      "\n"
      R"({"text": "tax", "topics": {"a": 1}, "tags": [], "history": []})"
      "\n"
      R"({"text": "tax", "topics": [], "tags": ["X"], "history": []})"
      "\n"
      R"({"text": "tax", "topics": [], "tags": []})"
      "\n"
      R"({"text": "tax", "topics": [], "tags": [], "history": ["a\u0000b"]})"
      "\n"
      R"({"text": "tax", "topics": ["x", {"a": "\u0000"}, "y"], "tags": [], "history": []})"
      "\n"
      R"({"text": "good", "topics": [], "tags": [], "history": ["a"], "other": [1, [2], {"b": [3]}]})"
      "\n";
  CorpusConfig config = with_lists(folder, write_text(folder / "in.jsonl", rows), "jsonl");
  config.max_rejected_share = 1;
  const PrepareReport report = prepare_corpus(config);
  EXPECT_EQ(report.kept, 1);
  EXPECT_EQ(
      report.rejected_by_reason,
      (std::map<std::string, int64_t>{{"wrong_type", 3}, {"unknown_label", 1}, {"missing_field", 1}, {"nul_byte", 1}}));
}

// --- damage --------------------------------------------------------------------------------------------------------

TEST(Shard, OffsetsOfListsAreCheckedBeforeTheyAreFollowed) {
  TempFolder folder;
  const auto codes = [&](const std::vector<int64_t>& offsets, const std::vector<int64_t>& items) {
    ShardColumn list = empty_column("history", FieldKind::kList, 10);
    list.bytes = "abcd";
    list.offsets = offsets;
    list.items = items;
    ShardData data;
    data.columns = {list};
    data.source_files = {0, 0};
    data.source_lines = {1, 2};
    const std::string path = folder / "a.h5";
    std::filesystem::remove(path);
    const MappedShard::Expected expected{.fields = {{"history", FieldKind::kList}},
                                         .layout = write_shard(path, data),
                                         .documents = 2,
                                         .size = std::filesystem::file_size(path)};
    return user_error_codes([&] { MappedShard::open(path, expected)->check_offsets(); });
  };
  const Texts refused = {"corpus.shard"};
  EXPECT_EQ(codes({0, 1, 2}, {0, 3, 4}), Texts());
  EXPECT_EQ(codes({0, 1, 3}, {0, 3, 4}), refused);
  EXPECT_EQ(codes({0, 2, 1}, {0, 3, 4}), refused);
  EXPECT_EQ(codes({0, 1, 2}, {0, 3, 5}), refused);
  EXPECT_EQ(codes({0, 1, 2}, {0, 5, 4}), refused);
  EXPECT_EQ(codes({0, 1, 2}, {1, 3, 4}), refused);
  EXPECT_EQ(codes({0, 0, 0}, {}), refused);
}

TEST(Shard, ClassesOutsideTheirRangeAreRefusedWhenRead) {
  TempFolder folder;
  const std::string rows = R"({"text": "tax", "topics": ["a", "b"], "tags": ["O", "I"], "history": []})";
  const CorpusConfig config = with_lists(folder, write_text(folder / "in.jsonl", rows), "jsonl");
  prepare_corpus(config);
  nlohmann::json json = nlohmann::json::parse(read_file(config.output + "/corpus.json"));
  for (nlohmann::json& info : json["fields"])
    if (info.contains("classes")) info["classes"] = {"a"};
  write_text(config.output + "/corpus.json", json.dump());
  const auto corpus = ShardSet::open(config.output);
  for (const char* name : {"topics", "tags"})
    EXPECT_EQ(user_error_codes([&] { corpus->labels(Split::kTrain, name, 0); }), Texts{"corpus.damaged"}) << name;
  EXPECT_FALSE(verify_corpus(config.output).empty());
}

// --- versions ------------------------------------------------------------------------------------------------------

// A corpus that a program of that version has made (tests/golden/corpus/make.sh) is read, whole, and says the same.
void check_golden(int version) {
  const std::string folder = cat(BROADSHEET_SOURCE_DIR, "/tests/golden/corpus/version_", version);
  EXPECT_EQ(nlohmann::json::parse(read_file(folder + "/corpus.json")).at("version"), version);
  EXPECT_EQ(verify_corpus(folder), Texts());
  const auto corpus = ShardSet::open(folder);
  ASSERT_EQ(corpus->size(Split::kTrain), 3);
  ASSERT_EQ(corpus->size(Split::kValidation), 1);
  ASSERT_EQ(corpus->size(Split::kTest), 1);
  const auto tokenizer = load_tokenizer(folder + "/tokenizer");
  EXPECT_EQ(ids_of(corpus->tokens(Split::kTrain, "text", 0)), tokenizer->encode("The council votes on the tram line."));
  EXPECT_EQ(ids_of(corpus->tokens(Split::kTrain, "text", 1)), tokenizer->encode("Markets closes early again."));
  EXPECT_EQ(ids_of(corpus->tokens(Split::kTest, "text", 0)), tokenizer->encode("Trams again, council again."));
  EXPECT_EQ(corpus->field("desk").classes, (Texts{"city", "money"}));
  EXPECT_EQ(corpus->label(Split::kTrain, "desk", 1), 1);
  EXPECT_EQ(corpus->string(Split::kValidation, "id", 0), "n4");
  EXPECT_EQ(corpus->number(Split::kTrain, "score", 1), -1.5);
  EXPECT_TRUE(std::isnan(corpus->number(Split::kTrain, "score", 2)));
  EXPECT_EQ(corpus->number(Split::kTest, "day", 0), parse_time("2026-01-09"));
}

TEST(CorpusFormat, Version1IsRead) {
  check_golden(1);
}

TEST(CorpusFormat, Version2IsRead) {
  check_golden(2);
  const auto corpus = ShardSet::open(cat(BROADSHEET_SOURCE_DIR, "/tests/golden/corpus/version_2"));
  EXPECT_EQ(corpus->field("topics").classes, (Texts{"city", "money", "transport"}));
  EXPECT_EQ(corpus->labels(Split::kTrain, "topics", 0), (Ids{0, 2}));
  EXPECT_EQ(corpus->labels(Split::kTrain, "tags", 0), (Ids{0, 1, 0, 0, 1, 2}));
  EXPECT_EQ(corpus->list(Split::kTrain, "history", 0), (Texts{"N5", "N2"}));
  EXPECT_EQ(corpus->list(Split::kTest, "history", 0), (Texts{"Ñ 9"}));
}

// What this version makes of the sources is what it made when its golden corpus was committed, byte for byte.
TEST(CorpusFormat, TheBytesOfAVersionDoNotChange) {
  TempFolder folder;
  const std::string golden = cat(BROADSHEET_SOURCE_DIR, "/tests/golden/corpus");
  CorpusConfig config;
  config.name = "golden";
  config.output = folder / "corpus";
  config.tokenizer = golden + "/tokenizer";
  SourceConfig source;
  source.files = {golden + "/news.jsonl"};
  source.format = "jsonl";
  config.sources = {source};
  config.fields = {{"id", field("", FieldKind::kId)},      {"text", field("title", FieldKind::kText)},
                   {"desk", field("", FieldKind::kLabel)}, {"score", field("", FieldKind::kNumber)},
                   {"day", field("", FieldKind::kTime)},   {"topics", field("", FieldKind::kLabels)},
                   {"tags", field("", FieldKind::kTags)},  {"history", field("", FieldKind::kList)}};
  config.fields["score"].optional = true;
  config.fields["tags"].values = {"O", "B", "I"};
  config.split = {.by = "time", .field = "day", .validation = 0.2, .test = 0.2, .seed = 1};
  config.max_rejected_share = 0.5;
  prepare_corpus(config);
  for (const char* name : {"train-00000.h5", "validation-00000.h5", "test-00000.h5"})
    EXPECT_TRUE(read_file(config.output + "/" + name) == read_file(cat(golden, "/version_2/", name))) << name;
}

}  // namespace
}  // namespace broadsheet

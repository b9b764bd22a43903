#include "data/shards.h"

#include "core/checksum.h"
#include "core/random.h"
#include "corpus_fixture.h"
#include "data/field_reader.h"
#include "data/joined_splits.h"
#include "data/manifest.h"
#include "data/shard_file.h"

namespace broadsheet {
namespace {

// A corpus of several shards with a field of every kind.
CorpusConfig varied_corpus(const TempFolder& folder, int documents = 120, int first = 0) {
  std::string text = "id,text,mood,n\n";
  for (int i = first; i < first + documents; ++i)
    text += cat("d", i, ",news ", i, " the plan,", i % 2 == 0 ? "sad" : "glad", ",", i, "\n");
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.csv", text), "csv");
  config.fields["id"] = field("id", FieldKind::kId);
  config.fields["mood"] = field("mood", FieldKind::kLabel);
  config.fields["n"] = field("n", FieldKind::kNumber);
  config.shard_tokens = 400;
  prepare_corpus(config);
  return config;
}

// Replaces corpus.json and keeps the shards.
void edit_manifest(const std::string& corpus, const std::function<void(nlohmann::json&)>& edit) {
  nlohmann::json json = nlohmann::json::parse(read_file(corpus + "/corpus.json"));
  edit(json);
  write_text(corpus + "/corpus.json", json.dump());
}

void flip(const std::string& path, size_t at, char with = '\x40') {
  std::string bytes = read_file(path);
  bytes.at(at) = static_cast<char>(bytes[at] ^ with);
  write_text(path, bytes);
}

std::vector<std::string> open_codes(const std::string& corpus, std::string* message = nullptr) {
  return user_error_codes([&] { ShardSet::open(corpus); }, message);
}

TEST(ShardSet, ReadsAcrossSeveralShards) {
  TempFolder folder;
  const CorpusConfig config = varied_corpus(folder);
  const auto corpus = ShardSet::open(config.output);
  EXPECT_TRUE(exists(config.output + "/train-00001.h5")) << "this test wants several shards";
  int64_t total = 0, tokens = 0;
  for (const Split split : kAllSplits) {
    total += corpus->size(split);
    for (int64_t document = 0; document < corpus->size(split); ++document) {
      const std::string id = corpus->string(split, "id", document);
      const double n = corpus->number(split, "n", document);
      EXPECT_EQ(id, cat("d", n));
      EXPECT_EQ(corpus->label(split, "mood", document), static_cast<int>(n) % 2 == 0 ? 1 : 0);
      tokens += static_cast<int64_t>(corpus->tokens(split, "text", document).size());
    }
  }
  EXPECT_EQ(total, 120);
  EXPECT_EQ(tokens, corpus->total_tokens(Split::kTrain, "text") + corpus->total_tokens(Split::kValidation, "text") +
                        corpus->total_tokens(Split::kTest, "text"));
  EXPECT_TRUE(verify_corpus(config.output).empty());
}

TEST(ShardSet, FieldsAreAskedForByNameAndKind) {
  TempFolder folder;
  const auto corpus = ShardSet::open(varied_corpus(folder).output);
  std::string message;
  EXPECT_EQ(user_error_codes([&] { corpus->field("moot"); }, &message), std::vector<std::string>{"corpus.no_field"});
  EXPECT_NE(message.find("did you mean 'mood'?"), std::string::npos) << message;
  EXPECT_EQ(user_error_codes([&] { corpus->tokens(Split::kTrain, "mood", 0); }),
            std::vector<std::string>{"corpus.field_kind"});
  EXPECT_EQ(user_error_codes([&] { corpus->label(Split::kTrain, "text", 0); }),
            std::vector<std::string>{"corpus.field_kind"});
  EXPECT_EQ(user_error_codes([&] { split_from_name("dev"); }), std::vector<std::string>{"corpus.no_split"});
}

TEST(ShardSet, ATruncatedMissingOrGrownShardIsNamed) {
  TempFolder folder;
  const CorpusConfig config = varied_corpus(folder);
  const std::string shard = config.output + "/train-00000.h5";
  const std::string bytes = read_file(shard);
  std::string message;
  for (const size_t size : {size_t{0}, size_t{8}, bytes.size() / 2, bytes.size() - 1}) {
    write_text(shard, std::string_view(bytes).substr(0, size));
    EXPECT_EQ(open_codes(config.output, &message), std::vector<std::string>{"corpus.shard"});
    EXPECT_NE(message.find(shard), std::string::npos);
    const std::vector<std::string> faults = verify_corpus(config.output);
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_NE(faults[0].find(shard), std::string::npos);
  }
  write_text(shard, bytes + "x");
  EXPECT_EQ(open_codes(config.output), std::vector<std::string>{"corpus.shard"});
  std::filesystem::remove(shard);
  EXPECT_EQ(open_codes(config.output), std::vector<std::string>{"corpus.shard"});
  EXPECT_EQ(verify_corpus(config.output).size(), 1u);
}

// Where reading through the mapping would be SIGBUS.
TEST(ShardSet, AShardThatIsCutShortWhileItIsOpenIsAnErrorThatNamesIt) {
  TempFolder folder;
  const CorpusConfig config = varied_corpus(folder);
  const std::string shard = config.output + "/train-00000.h5";
  const auto corpus = ShardSet::open(config.output);
  ASSERT_GT(corpus->token_count(Split::kTrain, "text", 0), 0);
  EXPECT_EQ(static_cast<int64_t>(corpus->tokens(Split::kTrain, "text", 0).size()),
            corpus->token_count(Split::kTrain, "text", 0));
  std::filesystem::resize_file(shard, 0);
  try {
    corpus->tokens(Split::kTrain, "text", 0);
    FAIL() << "was read";
  } catch (const RunError& error) {
    EXPECT_EQ(error.faults().front().code, "io.read");
    EXPECT_NE(std::string(error.what()).find(shard), std::string::npos) << error.what();
  }
}

TEST(Verify, AnyFlippedByteIsFoundAndItsFileNamed) {
  TempFolder folder;
  const CorpusConfig config = varied_corpus(folder, 40);
  size_t count = 0;
  for (const auto& [name, bytes] : all_files(config.output)) {
    if (name == "corpus.json" || bytes.empty()) continue;
    ++count;
    for (const size_t at : {size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
      flip(config.output + "/" + name, at);
      const std::vector<std::string> faults = verify_corpus(config.output);
      ASSERT_EQ(faults.size(), 1u) << name << " " << at;
      EXPECT_NE(faults[0].find(name), std::string::npos);
      flip(config.output + "/" + name, at);
    }
  }
  EXPECT_GE(count, 4u);
  EXPECT_TRUE(verify_corpus(config.output).empty());
}

TEST(ShardSet, RandomDamageNeverCrashesTheReader) {
  TempFolder folder;
  const CorpusConfig config = varied_corpus(folder, 60);
  const std::string shard = config.output + "/train-00000.h5";
  const std::string bytes = read_file(shard);
  const RandomStream random(7);
  int refused = 0;
  for (uint64_t round = 0; round < 1500; ++round) {
    std::string damaged = bytes;
    for (uint64_t i = 0; i < 1 + round % 8; ++i) {  // most of the structure lies in the first few kilobytes
      const uint64_t word = round * 64 + i * 4;
      const uint32_t range =
          static_cast<uint32_t>(round % 2 == 0 ? damaged.size() : std::min<size_t>(damaged.size(), 4096));
      damaged[random.below(word, range)] = static_cast<char>(random.word(word + 1));
    }
    write_text(shard, damaged);
    try {
      const auto corpus = ShardSet::open(config.output);
      for (int64_t document = 0; document < corpus->size(Split::kTrain); ++document) {
        corpus->tokens(Split::kTrain, "text", document);
        corpus->label(Split::kTrain, "mood", document);
        corpus->string(Split::kTrain, "id", document);
        corpus->number(Split::kTrain, "n", document);
      }
    } catch (const UserError& error) {
      EXPECT_TRUE(starts_with(error.faults()[0].code, "corpus.")) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(Verify, AForeignShardIsRefusedByItsChecksum) {
  TempFolder folder, other;
  const CorpusConfig config = varied_corpus(folder), foreign = varied_corpus(other, 120, 1000);
  std::filesystem::copy_file(foreign.output + "/train-00000.h5", config.output + "/train-00000.h5",
                             std::filesystem::copy_options::overwrite_existing);
  const std::vector<std::string> faults = verify_corpus(config.output);
  ASSERT_FALSE(faults.empty());
  EXPECT_NE(faults[0].find("train-00000.h5"), std::string::npos);
}

ShardData small_shard() {
  ShardData data;
  data.split = "train";
  data.tokenizer_fingerprint = "f";
  ShardColumn text = empty_column("text", FieldKind::kText, /*vocab_size=*/100000);
  text.tokens.append(std::vector<int32_t>{5, 6, 7});
  text.offsets = {0, 2, 3};
  data.columns = {text};
  data.source_files = {0, 0};
  data.source_lines = {1, 2};
  return data;
}

std::vector<std::string> map_codes(const std::string& path, const ShardLayout& layout, int64_t documents = 2) {
  MappedShard::Expected expected{.fields = {{"text", FieldKind::kText}},
                                 .layout = layout,
                                 .documents = documents,
                                 .size = std::filesystem::file_size(path)};
  return user_error_codes([&] { MappedShard::open(path, expected)->check_offsets(); });
}

const std::vector<std::string> kRefused = {"corpus.shard"};

TEST(Shard, OffsetsAreCheckedBeforeTheyAreFollowed) {
  TempFolder folder;
  int number = 0;
  for (const std::vector<int64_t>& offsets :
       {std::vector<int64_t>{0, 2, 3}, {0, 4, 3}, {0, 2, 4}, {1, 2, 3}, {0, 3}, {0, -1, 3}, {0, 2, INT64_MAX}, {}}) {
    ShardData data = small_shard();
    data.columns[0].offsets = offsets;
    const std::string path = folder / cat(number, ".h5");
    const ShardLayout layout = write_shard(path, data);
    EXPECT_EQ(map_codes(path, layout), number == 0 ? std::vector<std::string>{} : kRefused) << number;
    EXPECT_EQ(map_codes(path, layout, 3), kRefused) << number;
    ++number;
  }
}

TEST(Shard, LayoutsAreCheckedBeforeTheyAreFollowed) {
  TempFolder folder;
  const std::string path = folder / "a.h5";
  const ShardLayout good = write_shard(path, small_shard());
  const auto codes = [&](const std::function<void(ShardLayout::Place&)>& edit) {
    ShardLayout layout = good;
    edit(layout.datasets.at("fields/text/tokens"));
    return map_codes(path, layout);
  };
  EXPECT_TRUE(codes([](ShardLayout::Place&) {}).empty());
  EXPECT_EQ(codes([](ShardLayout::Place& place) { place.offset = uint64_t{1} << 40; }), kRefused);
  EXPECT_EQ(codes([](ShardLayout::Place& place) { place.offset += 4; }), kRefused);
  EXPECT_EQ(codes([](ShardLayout::Place& place) { place.offset += 8; }), kRefused);
  EXPECT_EQ(codes([](ShardLayout::Place& place) { place.offset = 0; }), kRefused);
  EXPECT_EQ(codes([](ShardLayout::Place& place) { place.count = UINT64_MAX; }), kRefused);
  EXPECT_EQ(codes([](ShardLayout::Place& place) { place.count = 2; }), kRefused);
  EXPECT_EQ(codes([](ShardLayout::Place& place) { place.count = 0; }), kRefused);
  EXPECT_EQ(codes([](ShardLayout::Place& place) { place.width = 0; }), kRefused);
  EXPECT_EQ(codes([](ShardLayout::Place& place) { place.width = UINT64_MAX; }), kRefused);
  EXPECT_EQ(codes([](ShardLayout::Place& place) { place = {}; }), kRefused);
  ShardLayout missing = good;
  missing.datasets.erase("source/line");
  EXPECT_EQ(map_codes(path, missing), kRefused);
}

TEST(Shard, AFileOfAnotherStructureIsRefused) {
  TempFolder folder;
  const ShardLayout layout = write_shard(folder / "a.h5", small_shard());
  ShardData other = small_shard();
  other.tokenizer_fingerprint = "g";
  write_shard(folder / "b.h5", other);
  ASSERT_EQ(std::filesystem::file_size(folder / "a.h5"), std::filesystem::file_size(folder / "b.h5"));
  EXPECT_EQ(map_codes(folder / "b.h5", layout), kRefused);
  EXPECT_EQ(map_codes(write_text(folder / "c.h5", std::string(5000, 'x')), layout), kRefused);
}

TEST(ShardSet, IdsAndLabelsOutsideTheirRangeAreRefusedWhenRead) {
  TempFolder folder;
  const CorpusConfig config = varied_corpus(folder);
  edit_manifest(config.output, [](nlohmann::json& json) { json["tokenizer"]["vocab_size"] = 6; });
  const auto corpus = ShardSet::open(config.output);
  EXPECT_EQ(user_error_codes([&] { corpus->tokens(Split::kTrain, "text", 0); }),
            std::vector<std::string>{"corpus.damaged"});
  edit_manifest(config.output, [](nlohmann::json& json) {
    for (auto& info : json["fields"])
      if (info["name"] == "mood") info["classes"] = nlohmann::json::array();
  });
  const auto fewer = ShardSet::open(config.output);
  EXPECT_EQ(user_error_codes([&] { fewer->label(Split::kTrain, "mood", 0); }),
            std::vector<std::string>{"corpus.damaged"});
}

TEST(Manifest, IsNotTrusted) {
  TempFolder folder;
  const CorpusConfig config = varied_corpus(folder);
  const std::string path = config.output + "/corpus.json", good = read_file(path);
  const auto code_after = [&](const std::function<void(nlohmann::json&)>& edit) {
    write_text(path, good);
    edit_manifest(config.output, edit);
    const std::vector<std::string> codes = open_codes(config.output);
    return codes.empty() ? std::string() : codes[0];
  };
  EXPECT_EQ(code_after([](nlohmann::json&) {}), "");
  EXPECT_EQ(code_after([](nlohmann::json& json) { json["version"] = 3; }), "corpus.version");
  EXPECT_EQ(code_after([](nlohmann::json& json) { json["version"] = 0; }), "corpus.version");
  EXPECT_EQ(code_after([](nlohmann::json& json) { json["format"] = "other"; }), "corpus.manifest");
  EXPECT_EQ(code_after([](nlohmann::json& json) { json.erase("fields"); }), "corpus.manifest");
  EXPECT_EQ(code_after([](nlohmann::json& json) { json["splits"]["train"]["documents"] = -1; }), "corpus.manifest");
  EXPECT_EQ(code_after([](nlohmann::json& json) { json["splits"]["train"]["documents"] = 1; }), "corpus.manifest");
  EXPECT_EQ(code_after([](nlohmann::json& json) { json["splits"]["train"]["shards"][0]["documents"] = 1e300; }),
            "corpus.manifest");
  EXPECT_EQ(code_after([](nlohmann::json& json) {
              json["files"]["../../etc/passwd"] = {{"size", 1}, {"sha256", ""}};
            }),
            "corpus.manifest");
  EXPECT_EQ(code_after([](nlohmann::json& json) { json["splits"]["train"]["shards"][0]["structure"] = "x"; }),
            "corpus.shard");
  EXPECT_EQ(code_after([](nlohmann::json& json) {
              json["splits"]["train"]["shards"][0]["datasets"]["source/line"]["offset"] = -8;
            }),
            "corpus.manifest");
  EXPECT_EQ(code_after([](nlohmann::json& json) { json["fields"][0]["name"] = "../x"; }), "corpus.manifest");
  for (const std::string& text :
       {std::string("{"), std::string("[]"), std::string("\xff"), std::string(100000, '['), std::string()}) {
    write_text(path, text);
    EXPECT_EQ(open_codes(config.output), std::vector<std::string>{"corpus.manifest"});
    EXPECT_EQ(verify_corpus(config.output).size(), 1u);
  }
  std::filesystem::remove(path);
  EXPECT_EQ(open_codes(config.output), std::vector<std::string>{"corpus.missing"});
}

TEST(Manifest, TheFingerprintNamesTheBytes) {
  TempFolder a, b;
  const auto first = ShardSet::open(varied_corpus(a).output), second = ShardSet::open(varied_corpus(b).output);
  EXPECT_EQ(first->fingerprint(), second->fingerprint());
  EXPECT_EQ(first->fingerprint(), sha256_hex(read_file(first->folder() + "/corpus.json")));
  TempFolder c;
  EXPECT_NE(ShardSet::open(varied_corpus(c, 119).output)->fingerprint(), first->fingerprint());
}

TEST(Fields, TimesAreReadInTheUsualForms) {
  EXPECT_EQ(parse_time("1970-01-02"), 86400);
  EXPECT_EQ(parse_time("2020-02-29T00:00:00Z"), 1582934400);
  EXPECT_EQ(parse_time("2020/02/29 12:30"), 1582979400);
  EXPECT_EQ(parse_time("2020-02-29T12:30:00.5-0330"), 1582991988 + 12.5);
  EXPECT_EQ(parse_time("20200229"), 1582934400);
  EXPECT_EQ(parse_time("1582979400"), 1582979400);
  EXPECT_EQ(parse_time("1582979400.25"), 1582979400.25);
  for (const char* bad :
       {"", "yesterday", "2020-02-30", "2020-13-01", "2020-02-29T25:00", "2020-02-29T12:30 CET", "inf"})
    EXPECT_FALSE(parse_time(bad)) << bad;
}

TEST(Fields, NumbersAreFiniteDecimalsAndNothingElse) {
  EXPECT_EQ(parse_number(" -3.5e2 "), -350);
  EXPECT_EQ(parse_number("+2"), 2);
  for (const char* bad : {"", "1,5", "0x10", "nan", "inf", "1e999", "3 apples", "++1", "+-1"})
    EXPECT_FALSE(parse_number(bad)) << bad;
}

TEST(JoinedSplits, ValidationIsTrainedOnAndNothingElseChanges) {
  TempFolder folder;
  std::string lines;
  for (int i = 0; i < 200; ++i) lines += cat("{\"id\": \"d", i, "\", \"text\": \"news ", i, "\", \"n\": ", i, "}\n");
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.jsonl", lines), "jsonl");
  config.fields["id"] = field("id", FieldKind::kId);
  config.fields["n"] = field("n", FieldKind::kNumber);
  prepare_corpus(config);
  const auto corpus = ShardSet::open(config.output), joined = train_on_validation(corpus);
  const int64_t train = corpus->size(Split::kTrain), validation = corpus->size(Split::kValidation);
  ASSERT_GT(validation, 0);
  EXPECT_EQ(joined->size(Split::kTrain), train + validation);
  EXPECT_EQ(joined->size(Split::kValidation), 0);
  EXPECT_EQ(joined->size(Split::kTest), corpus->size(Split::kTest));
  EXPECT_EQ(joined->total_tokens(Split::kTrain, "text"),
            corpus->total_tokens(Split::kTrain, "text") + corpus->total_tokens(Split::kValidation, "text"));
  EXPECT_EQ(joined->total_tokens(Split::kValidation, "text"), 0);
  EXPECT_NE(joined->fingerprint(), corpus->fingerprint());
  EXPECT_EQ(joined->string(Split::kTrain, "id", train - 1), corpus->string(Split::kTrain, "id", train - 1));
  for (int64_t i = 0; i < validation; ++i) {
    EXPECT_EQ(joined->string(Split::kTrain, "id", train + i), corpus->string(Split::kValidation, "id", i));
    EXPECT_EQ(joined->number(Split::kTrain, "n", train + i), corpus->number(Split::kValidation, "n", i));
    EXPECT_EQ(joined->tokens(Split::kTrain, "text", train + i).data(),
              corpus->tokens(Split::kValidation, "text", i).data());
  }
  EXPECT_EQ(joined->string(Split::kTest, "id", 0), corpus->string(Split::kTest, "id", 0));
}

}  // namespace
}  // namespace broadsheet

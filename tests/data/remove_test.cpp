// Documents leave a corpus, and nothing of them stays.
#include "data/duplicates.h"
#include "data/preparation/corpus_switch.h"
#include "data/remove_documents.h"
#include "day_corpus.h"

namespace broadsheet {
namespace {

class Remove : public DayCorpus {
 protected:
  RemoveReport remove(const std::vector<std::string>& ids) { return remove_documents(config_, ids); }
  std::vector<std::string> remove_codes(const std::vector<std::string>& ids, std::string* message = nullptr) {
    return user_error_codes([&] { remove(ids); }, message);
  }
  static std::vector<Story> without(std::vector<Story> all, const std::set<std::string>& ids) {
    std::erase_if(all, [&](const Story& one) { return ids.count(one.id) > 0; });
    return all;
  }
  bool folder_holds(std::string_view bytes) const {
    for (const auto& [name, all] : all_files(config_.output))
      if (all.find(bytes) != std::string::npos) return true;
    return false;
  }
};

// As a shard keeps ids of a small vocabulary.
std::string bytes_of(const std::vector<int32_t>& tokens) {
  const std::vector<uint16_t> ids(tokens.begin(), tokens.end());
  return {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(uint16_t)};
}

TEST_F(Remove, LeavesTheOthersInTheirOrderAndNothingOfThoseThatWent) {
  config_.clean.near_duplicates = 0.95;
  write_day("1.jsonl", stories(0, 300) + story("withdrawn", "a secret of the harbour") +
                           story("withdrawn too", "what nobody is to know"));
  write_day("2.jsonl", stories(300, 400));
  prepare("corpus");
  const std::vector<Story> before = stories();
  const nlohmann::json counts = manifest().counts;
  const auto files = inodes_and_bytes(config_.output);
  std::vector<int32_t> tokens;
  for (const Story& one : before)
    if (one.id == "withdrawn") tokens = one.tokens;
  ASSERT_FALSE(tokens.empty());
  const Hash128 hash = hash_texts({"a secret of the harbour"});
  const std::string hashed(reinterpret_cast<const char*>(hash.data()), sizeof hash);
  const std::string traces[] = {bytes_of(tokens), hashed, "withdrawn"};
  for (const std::string& bytes : traces) ASSERT_TRUE(folder_holds(bytes));
  write_text(config_.output + "/features/0123456789abcdef.h5", "rows");
  const auto reader = ShardSet::open(config_.output);

  const RemoveReport report = remove({"withdrawn", "withdrawn too", "nobody's"});
  EXPECT_EQ(report.documents, 2);
  EXPECT_EQ(report.unknown, std::vector<std::string>{"nobody's"});
  EXPECT_EQ(stories(), without(before, {"withdrawn", "withdrawn too"}));
  expect_whole();
  for (const std::string& bytes : traces) EXPECT_FALSE(folder_holds(bytes));
  EXPECT_FALSE(exists(config_.output + "/features"));
  EXPECT_FALSE(works_on_something());
  // Shards without them are the same files.
  const auto after = inodes_and_bytes(config_.output);
  int64_t same = 0;
  for (const auto& [name, file] : files)
    if (after.count(name) > 0 && ends_with(name, ".h5")) {
      EXPECT_EQ(after.at(name), file) << name;
      ++same;
    }
  EXPECT_GT(same, 0);
  EXPECT_EQ(static_cast<size_t>(report.shards), [&] {
    size_t anew = 0;
    for (const auto& [name, file] : after) anew += ends_with(name, ".1.h5") && !starts_with(name, "seen-");
    return anew;
  }());
  // What the report of prepare says follows.
  const nlohmann::json now = manifest().counts;
  EXPECT_EQ(now.at("kept").get<int64_t>(), counts.at("kept").get<int64_t>() - 2);
  EXPECT_EQ(now.at("removed"), 2);
  EXPECT_EQ(now.at("read"), counts.at("read"));
  int64_t left = 0;
  for (const Story& one : stories()) left += static_cast<int64_t>(one.tokens.size());
  EXPECT_EQ(now.at("tokens"), left);
  // Who had the corpus open goes on.
  EXPECT_EQ(stories_of(*reader), before);
}

TEST_F(Remove, KeepsListsLabelsAndTagsOfTheOthers) {
  config_.fields["topics"] = field("topics", FieldKind::kLabels);
  config_.fields["tags"] = field("tags", FieldKind::kTags);
  config_.fields["history"] = field("history", FieldKind::kList);
  for (const char* name : {"topics", "tags", "history"}) config_.fields[name].optional = true;
  std::string lines;
  for (int i = 0; i < 60; ++i) {
    nlohmann::json one = {{"id", cat("n", i)}, {"text", cat("news ", i)}};
    one["topics"] = std::vector<std::string>(static_cast<size_t>(i % 3), i % 2 ? "city" : "money");
    for (int k = 0; k < i % 4; ++k) {
      one["tags"].push_back(k == 0 ? "B" : "I");
      one["history"].push_back(cat("n", i - k, std::string(static_cast<size_t>(k), 'x')));
    }
    lines += one.dump() + "\n";
  }
  write_day("1.jsonl", lines);
  prepare("corpus");
  const auto described = [&](const std::set<std::string>& without) {
    std::vector<std::string> all;
    const auto corpus = ShardSet::open(config_.output);
    for (const Split split : kAllSplits)
      for (int64_t i = 0; i < corpus->size(split); ++i) {
        const std::string id = corpus->string(split, "id", i);
        if (without.count(id) > 0) continue;
        all.push_back(cat(split_name(split), " ", id, " ", nlohmann::json(corpus->labels(split, "topics", i)).dump(),
                          nlohmann::json(corpus->labels(split, "tags", i)).dump(),
                          nlohmann::json(corpus->list(split, "history", i)).dump()));
      }
    return all;
  };
  const std::set<std::string> leave = {"n0", "n7", "n8", "n31", "n59"};
  const std::vector<std::string> wanted = described(leave);
  ASSERT_EQ(wanted.size(), 55u);
  EXPECT_EQ(remove({leave.begin(), leave.end()}).documents, 5);
  EXPECT_EQ(described({}), wanted);
  expect_whole();
}

TEST_F(Remove, ADocumentComesBackWithANewFileOnly) {
  write_day("1.jsonl", stories(0, 200));
  prepare("corpus");
  remove({"story7", "story8"});
  EXPECT_TRUE(prepare_corpus(config_, {.append = true}).already_prepared);
  write_day("2.jsonl", stories(0, 8) + stories(200, 210));
  const PrepareReport report = append();
  EXPECT_EQ(report.added.at("kept"), 11);
  EXPECT_EQ(report.added.at("duplicates"), 7);
  EXPECT_EQ(report.removed, 2);
  EXPECT_EQ(report.read, report.kept + report.rejected + report.duplicates + report.removed);
  EXPECT_EQ(static_cast<int64_t>(stories().size()), report.kept);
  // Again and again, out of shards that were written anew already.
  remove({"story9"});
  remove({"story7", "story201"});
  EXPECT_EQ(static_cast<int64_t>(stories().size()), report.kept - 3);
  expect_whole();
}

TEST_F(Remove, AShardOfWhichNothingIsLeftGoes) {
  write_day("1.jsonl", stories(0, 1000));
  prepare("corpus");
  const std::vector<Story> before = stories();
  const ManifestSplit train = manifest().splits.at("train");
  ASSERT_GT(train.shards.size(), 2u);
  std::set<std::string> ids;
  for (size_t i = 0; i < static_cast<size_t>(train.shards[0].documents); ++i) ids.insert(before[i].id);
  const RemoveReport report = remove({ids.begin(), ids.end()});
  EXPECT_EQ(report.documents, train.shards[0].documents);
  EXPECT_EQ(manifest().splits.at("train").shards.size(), train.shards.size() - 1);
  EXPECT_EQ(manifest().splits.at("train").shards[0].file, train.shards[1].file);
  EXPECT_EQ(stories(), without(before, ids));
  expect_whole();
}

TEST_F(Remove, RefusesWhatItCannotDo) {
  write_day("1.jsonl", stories(0, 60));
  config_.output = folder_ / "corpus";
  EXPECT_EQ(remove_codes({"story1"}), std::vector<std::string>{"corpus.missing"});
  prepare("corpus");
  const auto before = inodes_and_bytes(config_.output);
  std::string message;
  EXPECT_EQ(remove_codes({"a", "b"}, &message), std::vector<std::string>{"corpus.unknown_id"});
  EXPECT_NE(message.find("2 ids (a, b)"), std::string::npos) << message;
  std::vector<std::string> all;
  for (const Story& one : stories()) all.push_back(one.id);
  EXPECT_EQ(remove_codes(all), std::vector<std::string>{"corpus.empty_split"});
  EXPECT_EQ(remove_documents(config_, {"story1"}, {.dry_run = true}).documents, 1);
  EXPECT_EQ(inodes_and_bytes(config_.output), before);
  config_.fields.erase("id");
  prepare("without ids");
  EXPECT_EQ(remove_codes({"story1"}), std::vector<std::string>{"corpus.no_id"});
}

TEST_F(Remove, KilledAnywhereItIsTheOldCorpusOrTheNewOneAndThenEnds) {
  write_day("1.jsonl", stories(0, 3000));
  prepare("before");
  const std::vector<Story> old = stories();
  const std::vector<std::string> ids = {"story5", "story999", "story2500"};
  copy_of("before", "reference");
  const auto start = std::chrono::steady_clock::now();
  remove(ids);
  const auto whole = std::chrono::steady_clock::now() - start;
  const auto reference = all_files(config_.output);
  const std::vector<Story> shrunk = stories();
  int killed = 0;
  for (int round = 1; round <= 12; ++round) {
    copy_of("before", cat("killed-", round));
    killed += kill_after(whole * round / 12, [&] { remove(ids); });
    expect_whole();
    const std::vector<Story> left = stories();
    EXPECT_TRUE(left == old || left == shrunk) << round;
    if (left == old || works_on_something()) {
      EXPECT_EQ(remove(ids).documents, 3) << round;
    }
    EXPECT_EQ(all_files(config_.output), reference) << round;
    EXPECT_FALSE(works_on_something());
  }
  EXPECT_GE(killed, 3);
}

TEST(RemoveIds, AreGivenInALineOrInAFile) {
  TempFolder folder;
  EXPECT_EQ(read_ids("a,b 2,c"), (std::vector<std::string>{"a", "b 2", "c"}));
  const std::string file = write_text(folder / "ids", "a,1\r\n\nb\n");
  EXPECT_EQ(read_ids("@" + file), (std::vector<std::string>{"a,1", "b"}));
  EXPECT_EQ(user_error_codes([] { read_ids(","); }), std::vector<std::string>{"usage.ids"});
  EXPECT_EQ(user_error_codes([] { read_ids("@/nowhere/ids"); }), std::vector<std::string>{"usage.ids"});
}

TEST(Revisions, FollowOneAnother) {
  EXPECT_EQ(next_revision("train-00000.h5"), "train-00000.1.h5");
  EXPECT_EQ(next_revision("train-00000.9.h5"), "train-00000.10.h5");
  EXPECT_EQ(next_revision("rejected.jsonl"), "rejected.1.jsonl");
}

}  // namespace
}  // namespace broadsheet

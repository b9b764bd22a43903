// A corpus that grows day by day is the corpus of all days.
#include <hdf5.h>

#include <algorithm>
#include <array>

#include "core/checksum.h"
#include "data/preparation/preparation.h"
#include "day_corpus.h"

namespace broadsheet {
namespace {

class Append : public DayCorpus {
 protected:
  int64_t count(const std::string& split, const std::string& id) const {
    int64_t found = 0;
    for (const Story& story : stories()) found += story.split == split && story.id == id;
    return found;
  }

  // All that a preparation does before its result moves into its place; the folder of the result. What there is in the
  // output is added to.
  std::string stage() const {
    const std::filesystem::path output(config_.output);
    const std::string scratch = (output.parent_path() / cat(".", output.filename().string(), ".preparing")).string();
    std::filesystem::create_directory(scratch);
    std::vector<SourceFile> files = list_sources(config_);
    const FieldReader fields(config_);
    const auto tokenizer = load_tokenizer(config_.tokenizer);
    std::optional<EarlierCorpus> earlier;
    if (exists(config_.output)) earlier.emplace(EarlierCorpus::open(config_.output, files));
    Manifest now;
    now.name = config_.name;
    now.tokenizer_fingerprint = tokenizer->fingerprint();
    now.vocab_size = tokenizer->vocab_size();
    now.configuration = corpus_configuration(config_);
    const PreparationInput input{config_, fields, *tokenizer, nullptr, files, now, earlier ? &*earlier : nullptr};
    Preparation preparation(input, scratch, kPieceBytes, 0);
    preparation.take_over();
    WorkBoard board(scratch, {0, 1, "killed"}, 0);
    preparation.run(board);
    return preparation.corpus();
  }
  static constexpr int64_t kPieceBytes = 1 << 20;
};

TEST_F(Append, GivesTheDocumentsOfPreparingAllAtOnce) {
  write_day("1.jsonl", stories(0, 500));
  prepare("grown");
  const auto before = inodes_and_bytes(config_.output);
  // Some of the first day's again, some twice.
  write_day("2.jsonl", stories(450, 800) + stories(700, 720));
  const PrepareReport report = append();
  EXPECT_EQ(report.added.at("kept"), 300);
  EXPECT_EQ(report.added.at("duplicates"), 50 + 20);
  EXPECT_EQ(report.added.at("files"), std::vector<std::string>{"2.jsonl"});
  EXPECT_FALSE(report.already_prepared);
  expect_whole();
  EXPECT_FALSE(works_on_something());
  const std::vector<Story> grown = stories();
  const Manifest of_grown = manifest();
  const std::string rejects = read_file(config_.output + "/rejected.1.jsonl");
  EXPECT_FALSE(exists(config_.output + "/rejected.jsonl"));
  // No file of the first day's documents was touched.
  const auto after = inodes_and_bytes(config_.output);
  for (const auto& [name, file] : before)
    if (name != "corpus.json" && name != "rejected.jsonl") {
      EXPECT_EQ(after.at(name), file) << name;
    }
  EXPECT_GT(before.count("train-00001.h5"), 0u);

  const PrepareReport at_once = prepare("at once");
  EXPECT_EQ(grown, stories());
  EXPECT_EQ(of_grown.counts, manifest().counts);
  EXPECT_EQ(of_grown.sources, manifest().sources);
  EXPECT_EQ(of_grown.configuration, manifest().configuration);
  EXPECT_EQ(rejects, read_file(config_.output + "/rejected.jsonl"));
  EXPECT_EQ(report.counts(), at_once.counts());
  int64_t tokens = 0;
  for (const Story& story : grown) tokens += static_cast<int64_t>(story.tokens.size());
  EXPECT_EQ(report.tokens, tokens);
}

TEST_F(Append, IsTheSameForAnyNumberOfProcessesAndPieces) {
  config_.clean.near_duplicates = 0.7;
  write_day("1.jsonl", stories(0, 300));
  prepare("day-1");
  write_day("2.jsonl", stories(250, 500));
  write_day("3.jsonl", stories(480, 600));
  copy_of("day-1", "reference");
  append();
  const auto reference = all_files(config_.output);
  EXPECT_GT(reference.count("seen-train-00000.h5"), 0u);
  int made = 0;
  for (const auto& [ranks, bytes] : {std::pair<int64_t, int64_t>{1, 300}, {2, 4096}, {3, 1 << 20}}) {
    copy_of("day-1", cat("copy-", ++made));
    append(ranks, bytes);
    EXPECT_EQ(all_files(config_.output), reference) << ranks << " ranks, " << bytes << " bytes";
  }
  // Day after day is the same as two days in one go, but for how documents are cut into shards.
  const std::vector<Story> all = stories();
  std::filesystem::rename(folder_ / "days/3.jsonl", folder_ / "later");
  copy_of("day-1", "day by day");
  append();
  std::filesystem::rename(folder_ / "later", folder_ / "days/3.jsonl");
  append();
  EXPECT_EQ(stories(), all);
  expect_whole();
}

TEST_F(Append, IsSharedByTheTasksOfAJobStep) {
  write_day("1.jsonl", stories(0, 300));
  prepare("day-1");
  write_day("2.jsonl", stories(250, 900));
  copy_of("day-1", "alone");
  append();
  const auto reference = all_files(config_.output);
  copy_of("day-1", "shared");
  for (const std::string start : {"first", "nothing to do"}) {
    std::vector<pid_t> helpers;
    for (int64_t rank = 1; rank < 3; ++rank) {
      helpers.push_back(fork());
      if (helpers.back() != 0) continue;
      try {
        prepare_corpus(config_, {.append = true, .task = PrepareOptions::Task{rank, 3, start}, .piece_bytes = 2000});
      } catch (...) {
        _exit(3);
      }
      _exit(0);
    }
    const PrepareReport report =
        prepare_corpus(config_, {.append = true, .task = PrepareOptions::Task{0, 3, start}, .piece_bytes = 2000});
    EXPECT_EQ(report.already_prepared, start != "first");
    for (const pid_t helper : helpers) {
      int status = 0;
      ASSERT_EQ(waitpid(helper, &status, 0), helper);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << start;
    }
    EXPECT_EQ(all_files(config_.output), reference) << start;
  }
}

TEST_F(Append, WithNothingNewDoesNothingAndWithoutACorpusPrepares) {
  write_day("1.jsonl", stories(0, 100));
  config_.output = folder_ / "corpus";
  EXPECT_TRUE(append().added.is_null());
  const auto before = inodes_and_bytes(config_.output);
  const PrepareReport again = append();
  EXPECT_TRUE(again.already_prepared);
  EXPECT_EQ(again.added.at("kept"), 0);
  EXPECT_EQ(again.added.at("files"), nlohmann::json::array());
  EXPECT_EQ(inodes_and_bytes(config_.output), before);
  // A day without documents is listed, so that it is not read again.
  write_day("2.jsonl", "");
  EXPECT_FALSE(append().already_prepared);
  EXPECT_TRUE(append().already_prepared);
  EXPECT_EQ(manifest().sources.size(), 2u);
  expect_whole();
}

TEST_F(Append, DropsWhatIsNearADocumentThatIsThere) {
  config_.clean.near_duplicates = 0.8;
  const std::string text =
      "the mayor of the city said on monday that the new bridge over the river will open in the spring of next year "
      "after long talks about its price and about who is to pay for it";
  write_day("1.jsonl", stories(0, 60) + story("first", text));
  prepare("corpus");
  write_day("2.jsonl", story("near", text + " now") + story("same", text) + story("other", "a plan for the harbour") +
                           story("near too", "well " + text));
  const PrepareReport report = append();
  EXPECT_EQ(report.added.at("near_duplicates"), 2);
  EXPECT_EQ(report.added.at("duplicates"), 1);
  EXPECT_EQ(report.added.at("kept"), 1);
  std::set<std::string> ids;
  for (const Story& one : stories()) ids.insert(one.id);
  EXPECT_EQ(ids.count("first") + ids.count("other"), 2u);
  EXPECT_EQ(ids.count("near") + ids.count("same") + ids.count("near too"), 0u);
  // What the first append brought is remembered by the next.
  write_day("3.jsonl", story("again", "a plan for the harbour"));
  EXPECT_EQ(append().added.at("kept"), 0);
  expect_whole();
}

TEST_F(Append, NeverTakesAnOldDocumentAwayForANewOneThatIsTested) {
  config_.clean.leakage = "keep_test";
  config_.fields["part"] = field("part", FieldKind::kSplit);
  config_.split.by = "field";
  config_.split.field = "part";
  const auto line = [](const std::string& id, const std::string& text, const std::string& part) {
    return nlohmann::json({{"id", id}, {"text", text}, {"part", part}}).dump() + "\n";
  };
  write_day("1.jsonl", line("old-train", "one two three", "train") + line("old-test", "four five six", "test") +
                           line("old-validation", "seven eight", "validation"));
  prepare("corpus");
  write_day("2.jsonl", line("new-test", "one two three", "test") + line("new-train", "four five six", "train") +
                           line("new-validation", "seven eight", "validation") + line("later", "nine ten", "train") +
                           line("tested", "nine ten", "test"));
  const PrepareReport report = append();
  EXPECT_EQ(count("train", "old-train") + count("test", "old-test") + count("validation", "old-validation"), 3);
  EXPECT_EQ(count("test", "tested"), 1);
  EXPECT_EQ(stories().size(), 4u);
  EXPECT_EQ(report.added.at("duplicates"), 4);
  // What a test document of the corpus had dropped, and what the new day's own had.
  EXPECT_EQ(report.added.at("leakage"), 2);
}

TEST_F(Append, SplitsByTimeWhereTheFirstDaysWereSplit) {
  config_.split.by = "time";
  config_.split.field = "when";
  config_.split.validation = config_.split.test = 0.2;
  std::string days, more;
  for (int i = 0; i < 100; ++i) {
    char date[11];
    std::snprintf(date, sizeof date, "2026-%02d-%02d", 1 + i / 28, 1 + i % 28);
    days += story(cat("a", i), cat("news ", i), "glad", date);
    more += story(cat("b", i), cat("paper ", i), "glad", date);
  }
  write_day("1.jsonl", days);
  prepare("corpus");
  const nlohmann::json points = manifest().counts.at("split_points");
  write_day("2.jsonl", more + story("late", "much later", "glad", "2027-01-01"));
  append();
  EXPECT_EQ(manifest().counts.at("split_points"), points);
  EXPECT_EQ(count("test", "late"), 1);
  int64_t compared = 0;
  for (const Story& one : stories())
    if (one.id[0] == 'a') compared += count(one.split, "b" + one.id.substr(1));
  EXPECT_EQ(compared, 100);  // each in the split of the old one of its day
}

TEST_F(Append, StratifiedFreezesTheOldClassesAndGivesNewOnesTheirShares) {
  config_.split.by = "stratified";
  config_.split.field = "mood";
  config_.split.validation = config_.split.test = 0.25;
  write_day("1.jsonl", stories(0, 200, {"sad", "glad"}));
  prepare("corpus");
  const nlohmann::json points = manifest().counts.at("split_points");
  const std::vector<Story> before = stories();
  write_day("2.jsonl", stories(200, 320, {"angry", "glad", "zealous"}));
  append();
  const nlohmann::json frozen = manifest().counts.at("split_points");
  EXPECT_EQ(frozen.at("glad"), points.at("glad"));
  EXPECT_EQ(frozen.at("sad"), points.at("sad"));
  std::map<std::string, int64_t> angry;
  for (const Story& one : stories())
    if (one.mood == "angry") ++angry[one.split];
  EXPECT_EQ(angry, (std::map<std::string, int64_t>{{"train", 20}, {"validation", 10}, {"test", 10}}));
  // New classes stand behind the old ones, whose numbers stay.
  const auto corpus = ShardSet::open(config_.output);
  EXPECT_EQ(corpus->field("mood").classes, (std::vector<std::string>{"glad", "sad", "angry", "zealous"}));
  const std::vector<Story> after = stories();
  EXPECT_TRUE(std::all_of(before.begin(), before.end(),
                          [&](const Story& one) { return std::find(after.begin(), after.end(), one) != after.end(); }));
}

TEST_F(Append, KnowsFilesWhereverTheirFolderLiesAndWhateverIsGone) {
  config_.sources[0].files = {folder_ / "in/*/news.jsonl"};
  write_text(folder_ / "in/monday/news.jsonl", stories(0, 100));
  prepare("corpus");
  EXPECT_EQ(manifest().sources.at(0).at("name"), "news.jsonl");
  write_text(folder_ / "in/tuesday/news.jsonl", stories(100, 150));
  EXPECT_EQ(append().added.at("files"), std::vector<std::string>{"tuesday/news.jsonl"});
  EXPECT_EQ(manifest().sources.at(0).at("name"), "monday/news.jsonl");
  EXPECT_NE(read_file(config_.output + "/rejected.1.jsonl").find("monday/news.jsonl"), std::string::npos);
  // Elsewhere, without the first day.
  std::filesystem::remove_all(folder_ / "in/monday");
  std::filesystem::rename(folder_ / "in", folder_ / "moved");
  config_.sources[0].files = {folder_ / "moved/*/news.jsonl"};
  write_text(folder_ / "moved/wednesday/news.jsonl", stories(150, 170));
  EXPECT_EQ(append().added.at("files"), std::vector<std::string>{"wednesday/news.jsonl"});
  EXPECT_EQ(stories().size(), 170u);
  EXPECT_EQ(plan_append(config_).known, 2);
  expect_whole();
}

TEST_F(Append, RefusesWhatIsNotOnlyNew) {
  write_day("1.jsonl", stories(0, 100));
  prepare("corpus");
  write_day("2.jsonl", stories(100, 120));
  const auto before = inodes_and_bytes(config_.output);
  std::string message;
  const CorpusConfig good = config_;
  config_.clean.near_duplicates = 0.9;
  config_.split.seed = 2;
  EXPECT_EQ(append_codes(&message), (std::vector<std::string>{"corpus.changed", "corpus.changed"}));
  EXPECT_NE(message.find("clean.near_duplicates: is 0.9"), std::string::npos) << message;
  EXPECT_NE(message.find("split.seed: is 2"), std::string::npos) << message;
  config_ = good;
  // Other bytes, of another number and of the same.
  const std::string day = read_file(folder_ / "days/1.jsonl");
  for (const std::string& other : {day + "\n", std::string(day.size(), '\n')}) {
    write_day("1.jsonl", other);
    EXPECT_EQ(append_codes(&message), std::vector<std::string>{"corpus.changed_source"});
    EXPECT_NE(message.find("days/1.jsonl"), std::string::npos) << message;
    EXPECT_NE(message.find("--replace"), std::string::npos) << message;
  }
  write_day("1.jsonl", day);
  EXPECT_EQ(inodes_and_bytes(config_.output), before);
  // Bytes that are to be trusted, and are not those of the manifest.
  const std::string seen = config_.output + "/seen-train-00000.h5", bytes = read_file(seen);
  write_text(seen, bytes.substr(0, bytes.size() - 8) + "otherwis");
  EXPECT_EQ(append_codes(), std::vector<std::string>{"corpus.seen"});
  write_text(seen, bytes);
  EXPECT_EQ(append().added.at("kept"), 20);
}

TEST_F(Append, LeavesReadersOfTheOldCorpusAlone) {
  write_day("1.jsonl", stories(0, 300));
  prepare("corpus");
  const auto reader = ShardSet::open(config_.output);
  const std::vector<Story> before = stories_of(*reader);
  write_day("2.jsonl", stories(300, 600));
  append();
  EXPECT_EQ(stories_of(*reader), before);
  EXPECT_EQ(stories().size(), 600u);
}

// Every state that a kill while the new files move in can leave.
TEST_F(Append, IsTheOldCorpusUntilTheManifestIsThere) {
  write_day("1.jsonl", stories(0, 200));
  prepare("day-1");
  const std::vector<Story> old = stories();
  write_day("2.jsonl", stories(150, 400));
  copy_of("day-1", "reference");
  append();
  const auto reference = all_files(config_.output);
  for (size_t moved = 0; moved < 20; ++moved) {
    copy_of("day-1", cat("killed-", moved));
    const std::string corpus = stage();
    std::vector<std::string> staged;
    for (const auto& [name, bytes] : all_files(corpus))
      if (name != "corpus.json") staged.push_back(name);
    for (size_t i = 0; i < std::min(moved, staged.size()); ++i)
      std::filesystem::rename(corpus + "/" + staged[i], config_.output + "/" + staged[i]);
    expect_whole();
    EXPECT_EQ(stories(), old);
    // Goes on from there, or from a day more.
    if (moved % 2 == 0) {
      EXPECT_EQ(append().added.at("kept"), 200);
      EXPECT_EQ(all_files(config_.output), reference) << moved;
    } else {
      write_day("3.jsonl", stories(400, 420));
      append();
      expect_whole();
      EXPECT_EQ(stories().size(), 420u);
      for (const auto& [name, bytes] : all_files(config_.output))
        EXPECT_TRUE(name == "corpus.json" || manifest().files.count(name) > 0) << name;
      std::filesystem::remove(folder_ / "days/3.jsonl");
    }
    EXPECT_FALSE(works_on_something());
    if (moved > staged.size()) return;  // all were moved
  }
  FAIL() << "there are more files than states";
}

// What one leaves that was killed behind its switch is spent when the corpus from before is put back.
TEST_F(Append, BeginsAnewWhereTheOldCorpusWasPutBackBehindTheSwitch) {
  write_day("1.jsonl", stories(0, 200));
  prepare("day-1");
  write_day("2.jsonl", stories(150, 400));
  copy_of("day-1", "reference");
  append();
  const auto reference = all_files(config_.output);
  for (const bool switched : {true, false}) {
    copy_of("day-1", cat("back-", switched));
    const std::string corpus = stage();
    for (const auto& [name, bytes] : all_files(corpus))
      if (switched || name != kManifestName) std::filesystem::remove(corpus + "/" + name);
    EXPECT_EQ(append().added.at("kept"), 200) << switched;
    EXPECT_EQ(all_files(config_.output), reference) << switched;
    EXPECT_FALSE(works_on_something());
  }
}

TEST_F(Append, PreparesAnewWhereTheCorpusIsGoneThatWasMovedAway) {
  write_day("1.jsonl", stories(0, 200));
  prepare("day-1");
  const auto reference = all_files(config_.output);
  std::filesystem::remove_all(config_.output);
  std::filesystem::remove_all(stage());
  EXPECT_EQ(prepare_corpus(config_, {.piece_bytes = kPieceBytes}).kept, 200);
  EXPECT_EQ(all_files(config_.output), reference);
}

TEST_F(Append, KilledAnywhereItIsTheOldCorpusOrTheNewOne) {
  write_day("1.jsonl", stories(0, 2000));
  prepare("day-1");
  const std::vector<Story> old = stories();
  write_day("2.jsonl", stories(1900, 4000));
  copy_of("day-1", "reference");
  const auto start = std::chrono::steady_clock::now();
  append(2, 20'000);
  const auto whole = std::chrono::steady_clock::now() - start;
  const auto reference = all_files(config_.output);
  const std::vector<Story> grown = stories();
  int killed = 0;
  for (int round = 1; round <= 8; ++round) {
    copy_of("day-1", cat("killed-", round));
    killed += kill_after(whole * round / 9, [&] { append(2, 20'000); });
    expect_whole();
    const std::vector<Story> left = stories();
    EXPECT_TRUE(left == old || left == grown) << round;
    append(1, 20'000);
    EXPECT_EQ(all_files(config_.output), reference) << round;
    EXPECT_FALSE(works_on_something());
  }
  EXPECT_GE(killed, 3);
}

// As another program reads it.
TEST_F(Append, RemembersDocumentsInAFileThatHdf5Reads) {
  config_.clean.near_duplicates = 0.8;
  write_day("1.jsonl", stories(0, 50));
  prepare("corpus");
  const hid_t file = H5Fopen((config_.output + "/seen-train-00000.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  const auto numbers = [&](const char* name) {
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(set);
    std::vector<uint64_t> values(static_cast<size_t>(H5Sget_simple_extent_npoints(space)));
    EXPECT_GE(H5Dread(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
    H5Sclose(space);
    H5Dclose(set);
    return values;
  };
  const std::vector<uint64_t> hashes = numbers("hashes"), offsets = numbers("shingle_offsets");
  std::vector<uint64_t> wanted;
  for (const Story& one : stories())
    if (one.split == "train")
      for (const uint64_t half : hash_texts({cat("news ", one.id.substr(5), " the tax plan fails again")}))
        wanted.push_back(half);
  EXPECT_EQ(hashes, wanted);
  EXPECT_EQ(offsets.size(), hashes.size() / 2 + 1);
  EXPECT_EQ(offsets.back(), numbers("shingles").size());
  EXPECT_EQ(numbers("bands").size() % (offsets.size() - 1), 0u);
  H5Fclose(file);
}

}  // namespace
}  // namespace broadsheet

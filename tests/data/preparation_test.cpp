// One corpus, however many processes make it, however its sources are cut, and whatever happened on the way.
#include "data/preparation/preparation.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <chrono>
#include <memory>
#include <set>
#include <thread>

#include "corpus_fixture.h"
#include "data/preparation/duplicate_search.h"
#include "data/preparation/work_board.h"

namespace broadsheet {
namespace {

using Files = std::map<std::string, std::string>;

// Lines that repeat themselves, some of them unusable, with labels that nobody has declared.
std::string table_of(int lines, const std::string& header = "mood\ttext\n") {
  static const char* kMoods[] = {"glad", "sad", "so so", "cross"};
  std::string text = header;
  for (int i = 0; i < lines; ++i) {
    if (i % 97 == 5) text += "\n";
    if (i % 251 == 7) text += "too\tmany\tvalues\n";
    text += cat(kMoods[(i / 13) % 4], "\tnews ", i % 10 == 9 ? i / 2 : i, " the tax plan fails again\n");
  }
  return text;
}

void write_gzip(const std::string& path, const std::string& text) {
  gzFile file = gzopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())), static_cast<int>(text.size()));
  ASSERT_EQ(gzclose(file), Z_OK);
}

class OneCorpus : public testing::Test {
 protected:
  OneCorpus() {
    config_ = text_corpus(folder_, write_text(folder_ / "a.tsv", table_of(4000)), "");
    write_gzip(folder_ / "b.tsv.gz", table_of(1500));
    write_text(folder_ / "c.csv", "text,mood\n\"news\n1, 2\",glad\nnews 7 the tax plan fails again,torn\n");
    config_.sources[0].files.push_back(folder_ / "b.tsv.gz");
    config_.sources[0].files.push_back(folder_ / "c.csv");
    config_.fields["mood"] = field("mood", FieldKind::kLabel);
    config_.max_rejected_share = 0.1;
    config_.shard_tokens = 8000;
  }

  Files prepare(const PrepareOptions& options) {
    config_.output = folder_ / cat("corpus-", ++made_);
    report_ = prepare_corpus(config_, options);
    return all_files(config_.output);
  }

  TempFolder folder_;
  CorpusConfig config_;
  PrepareReport report_;
  int made_ = 0;
};

TEST_F(OneCorpus, DependsNeitherOnProcessesNorOnPieces) {
  const Files reference = prepare({});
  EXPECT_EQ(report_.read, 4000 + 16 + 1500 + 6 + 2);
  EXPECT_EQ(report_.rejected, 16 + 6);
  EXPECT_EQ(report_.kept + report_.duplicates + report_.rejected, report_.read);
  EXPECT_GT(report_.duplicates, 1500);
  EXPECT_GT(reference.count("train-00002.h5"), 0u);
  const std::pair<int64_t, int64_t> cases[] = {{1, 150},  {1, 40'000}, {2, 4096},   {2, 1 << 20},
                                               {3, 1000}, {5, 20'000}, {9, 1 << 30}};
  for (const auto& [ranks, bytes] : cases)
    EXPECT_EQ(prepare({.ranks = ranks, .piece_bytes = bytes}), reference) << ranks << " ranks, " << bytes << " bytes";
}

TEST_F(OneCorpus, NamesLinesOfTheFileHoweverItIsCut) {
  prepare({.piece_bytes = 3000});
  std::set<int64_t> lines;
  std::ifstream rejected(config_.output + "/rejected.jsonl");
  for (std::string line; std::getline(rejected, line);) {
    const nlohmann::json json = nlohmann::json::parse(line);
    if (json.at("file") == "a.tsv") lines.insert(json.at("line").get<int64_t>());
  }
  // By counting them in the file itself.
  std::set<int64_t> wanted;
  std::ifstream source(folder_ / "a.tsv");
  int64_t number = 0;
  for (std::string line; std::getline(source, line);)
    if (++number; line == "too\tmany\tvalues") wanted.insert(number);
  EXPECT_EQ(lines, wanted);
}

TEST_F(OneCorpus, IsSharedByProcessesThatSomebodyElseStarted) {
  const Files reference = prepare({});
  config_.output = folder_ / "shared";
  std::vector<pid_t> helpers;
  for (int64_t rank = 1; rank < 3; ++rank) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        prepare_corpus(config_, {.task = PrepareOptions::Task{rank, 3, "job-1"}, .piece_bytes = 2000});
      } catch (...) {
        _exit(3);
      }
      _exit(0);
    }
    helpers.push_back(child);
  }
  const PrepareOptions first{.task = PrepareOptions::Task{0, 3, "job-1"}, .piece_bytes = 2000};
  EXPECT_FALSE(prepare_corpus(config_, first).already_prepared);
  const auto expect_all_end_well = [&] {
    for (const pid_t helper : helpers) {
      int status = 0;
      ASSERT_EQ(waitpid(helper, &status, 0), helper);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
  };
  expect_all_end_well();
  EXPECT_EQ(all_files(config_.output), reference);
  // Again, with nothing to do: the others learn it and leave.
  helpers.clear();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    try {
      prepare_corpus(config_, {.task = PrepareOptions::Task{1, 2, "job-2"}});
    } catch (...) {
      _exit(3);
    }
    _exit(0);
  }
  helpers.push_back(child);
  EXPECT_TRUE(prepare_corpus(config_, {.task = PrepareOptions::Task{0, 2, "job-2"}}).already_prepared);
  expect_all_end_well();
}

TEST_F(OneCorpus, WhatOneProcessFindsWrongIsSaidByTheFirst) {
  const std::string whole = read_file(folder_ / "b.tsv.gz");
  write_text(folder_ / "b.tsv.gz", whole.substr(0, whole.size() / 2));
  config_.output = folder_ / "damaged";
  std::string message;
  for (const int64_t ranks : {1, 3}) {
    EXPECT_EQ(user_error_codes([&] { prepare_corpus(config_, {.ranks = ranks, .piece_bytes = 2000}); }, &message),
              std::vector<std::string>{"corpus.damaged_source"});
    EXPECT_NE(message.find("b.tsv.gz"), std::string::npos) << message;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      EXPECT_EQ(entry.path().string().find(".damaged.preparing"), std::string::npos);
  }
}

// Starts a preparation by several processes and kills all of them after a while. False: it had ended before.
bool prepare_and_kill(const CorpusConfig& config, const PrepareOptions& options, std::chrono::nanoseconds after) {
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    try {
      prepare_corpus(config, options);
    } catch (...) {
      _exit(3);
    }
    _exit(0);
  }
  std::this_thread::sleep_for(after);
  // The first alone: the others must go with it.
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
  for (int i = 0; i < 1000 && kill(-child, 0) == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_NE(kill(-child, 0), 0) << "a process is left";
  return WIFSIGNALED(status);
}

TEST_F(OneCorpus, KilledAgainAndAgainIsTheSameInTheEnd) {
  write_text(folder_ / "a.tsv", table_of(20000));
  config_.shard_tokens = 50000;
  // With the stages that look at lines, too.
  std::string pages;
  for (int i = 0; i < 3000; ++i)
    pages +=
        nlohmann::json({{"mood", "sad"}, {"text", cat("Home\nnews ", i, "\nRead ", i % 7, " more")}}).dump() + "\n";
  config_.sources[0].files.push_back(write_text(folder_ / "d.jsonl", pages));
  config_.clean.repeated_lines = 5;
  const auto start = std::chrono::steady_clock::now();
  const Files reference = prepare({.ranks = 2, .piece_bytes = 40'000});
  const auto whole = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(report_.cleaned_by_step.at("repeated_lines"), 3000);
  int killed = 0;
  for (int round = 0; round < 3; ++round) {
    config_.output = folder_ / cat("killed-", round);
    const PrepareOptions options{.ranks = 2 + round % 2, .piece_bytes = 40'000};
    // Each start gets as far as it does in a part of the whole's time, and the next takes up what it has left.
    for (int attempt = 1; attempt <= 3; ++attempt)
      if (!exists(config_.output) && prepare_and_kill(config_, options, whole * (2 + round + attempt) / 12)) ++killed;
    prepare_corpus(config_, {.ranks = 1 + round, .piece_bytes = 40'000});
    EXPECT_EQ(all_files(config_.output), reference) << round;
  }
  EXPECT_GE(killed, 3);
}

class Stages : public OneCorpus {
 protected:
  Stages() : files_(list_sources(config_)), fields_(config_), tokenizer_(load_tokenizer(config_.tokenizer)) {
    manifest_.name = config_.name;
    manifest_.tokenizer_fingerprint = tokenizer_->fingerprint();
    manifest_.vocab_size = tokenizer_->vocab_size();
    manifest_.configuration = corpus_configuration(config_);
    std::filesystem::create_directory(scratch());
  }
  std::string scratch() const { return folder_ / "scratch"; }
  Preparation preparation() {
    return {{config_, fields_, *tokenizer_, nullptr, files_, manifest_}, scratch(), 20'000, 0};
  }

  std::vector<SourceFile> files_;
  FieldReader fields_;
  std::unique_ptr<Tokenizer> tokenizer_;
  Manifest manifest_;
};

TEST_F(Stages, TakesOverWhatIsWholeAndNothingElse) {
  const Files reference = prepare({});
  {
    Preparation first = preparation();
    first.take_over();
    WorkBoard board(scratch(), {0, 1, "first"}, 0);
    first.run(board);
    EXPECT_EQ(all_files(first.corpus()), reference);
  }
  const auto inode_of = [&](const std::string& name) {
    struct stat status {};
    return stat((scratch() + "/" + name).c_str(), &status) == 0 ? status.st_ino : 0;
  };
  const auto kept = inode_of("piece-1.0.chunk");
  ASSERT_NE(kept, 0u);
  // What a power loss may do: a file that has its name and not its bytes.
  std::filesystem::resize_file(scratch() + "/piece-2.0.chunk", 100);
  write_text(scratch() + "/shard-0.json", "{\"layout\": ");
  std::filesystem::remove(scratch() + "/corpus/corpus.json");
  // And a kill: files that were being written.
  write_text(scratch() + "/corpus/.corpus.json.1.2.writing", "{");
  write_text(scratch() + "/corpus/tokenizer/.vocab.txt.1.3.writing", "[PAD]");
  {
    Preparation second = preparation();
    second.take_over();
    EXPECT_EQ(inode_of("piece-1.0.chunk"), kept);
    EXPECT_EQ(inode_of("piece-2.0.chunk"), 0u);
    EXPECT_EQ(inode_of("shard-0.json"), 0u);
    EXPECT_NE(inode_of("shard-1.json"), 0u);
    EXPECT_EQ(inode_of("claims-first"), 0u);
    WorkBoard board(scratch(), {0, 1, "second"}, 0);
    second.run(board);
    EXPECT_EQ(inode_of("piece-1.0.chunk"), kept);
    EXPECT_EQ(all_files(second.corpus()), reference);
  }
  // Other sources: nothing of it is good any more.
  write_text(folder_ / "a.tsv", table_of(4001));
  files_ = list_sources(config_);
  preparation().take_over();
  EXPECT_EQ(inode_of("piece-1.0.chunk"), 0u);
}

TEST(Duplicates, AreTheSameInAnyNumberOfParts) {
  TempFolder folder;
  std::vector<ChunkPlace> chunks;
  std::map<Hash128, int64_t> seen;
  std::vector<int64_t> wanted;
  int64_t number = 0;
  for (int c = 0; c < 5; ++c) {
    Chunk chunk;
    for (int i = 0; i < 300; ++i, ++number) {
      const int64_t text = number * number % 977;
      const std::string words = cat("text ", text);
      chunk.hashes.push_back(hash_texts({words}));
      chunk.lines.push_back(i + 1);
      if (!seen.emplace(chunk.hashes.back(), number).second) wanted.push_back(number);
    }
    const std::string path = folder / cat("chunk-", c);
    write_chunk(path, chunk);
    chunks.push_back({path, number - 300, 300});
  }
  ASSERT_GT(wanted.size(), 100u);
  for (const int64_t parts : {1, 2, 7}) {
    std::vector<int64_t> found;
    for (int64_t part = 0; part < parts; ++part) {
      const std::vector<int64_t> some = documents_of(find_duplicates(chunks, 0, part, parts));
      EXPECT_TRUE(std::is_sorted(some.begin(), some.end()));
      found.insert(found.end(), some.begin(), some.end());
    }
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, wanted) << parts;
  }
  EXPECT_EQ(duplicate_parts(0), 1);
  EXPECT_EQ(duplicate_parts(kDocumentsPerPart + 1), 2);
}

}  // namespace
}  // namespace broadsheet

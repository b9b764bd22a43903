// What the tests of growing and shrinking corpora share: days of news, and a corpus's documents as values.
#pragma once

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "corpus_fixture.h"
#include "data/manifest.h"

namespace broadsheet {

struct Story {
  std::string split, id, mood;
  std::vector<int32_t> tokens;
  auto operator<=>(const Story&) const = default;
};

inline std::vector<Story> stories_of(const ShardSet& corpus) {
  std::vector<Story> stories;
  for (const Split split : kAllSplits)
    for (int64_t i = 0; i < corpus.size(split); ++i) {
      const auto tokens = corpus.tokens(split, "text", i);
      const int32_t mood = corpus.label(split, "mood", i);
      stories.push_back({split_name(split),
                         corpus.string(split, "id", i),
                         mood < 0 ? "" : corpus.field("mood").classes.at(static_cast<size_t>(mood)),
                         {tokens.begin(), tokens.end()}});
    }
  return stories;
}
inline std::vector<Story> stories_in(const std::string& folder) {
  return stories_of(*ShardSet::open(folder));
}

class DayCorpus : public testing::Test {
 protected:
  DayCorpus() {
    config_ = text_corpus(folder_, folder_ / "days/*.jsonl", "jsonl");
    config_.fields["id"] = field("id", FieldKind::kId);
    config_.fields["mood"] = field("mood", FieldKind::kLabel);
    config_.fields["when"] = field("when", FieldKind::kTime);
    for (const char* name : {"mood", "when"}) config_.fields[name].optional = true;
    config_.max_rejected_share = 0.2;
    config_.shard_tokens = 4000;
  }

  static std::string story(const std::string& id, const std::string& text, const std::string& mood = "glad",
                           const std::string& when = "2026-01-01") {
    return nlohmann::json({{"id", id}, {"text", text}, {"mood", mood}, {"when", when}}).dump() + "\n";
  }
  // Stories `first` to `last` (not included) with ids of their own, one of 40 without a text.
  static std::string stories(int first, int last, const std::vector<std::string>& moods = {"glad", "sad"}) {
    std::string lines;
    for (int i = first; i < last; ++i) {
      lines += story(cat("story", i), cat("news ", i, " the tax plan fails again"),
                     moods[static_cast<size_t>(i) % moods.size()]);
      if (i % 40 == 7) lines += "{\"id\": \"empty\"}\n";
    }
    return lines;
  }
  void write_day(const std::string& name, const std::string& lines) { write_text(folder_ / ("days/" + name), lines); }

  PrepareReport prepare(const std::string& output) {
    config_.output = folder_ / output;
    return prepare_corpus(config_);
  }
  PrepareReport append(int64_t ranks = 1, int64_t piece_bytes = 1 << 20) {
    return prepare_corpus(config_, {.append = true, .ranks = ranks, .piece_bytes = piece_bytes});
  }
  std::vector<std::string> append_codes(std::string* message = nullptr) {
    return user_error_codes([&] { append(); }, message);
  }
  // A copy of a corpus that becomes the one that is worked on.
  void copy_of(const std::string& from, const std::string& to) {
    config_.output = folder_ / to;
    std::filesystem::copy(folder_ / from, config_.output, std::filesystem::copy_options::recursive);
  }
  std::vector<Story> stories() const { return stories_in(config_.output); }
  Manifest manifest() const { return Manifest::load(config_.output); }
  void expect_whole() const { EXPECT_EQ(verify_corpus(config_.output), std::vector<std::string>{}); }
  bool works_on_something() const {
    return exists(std::filesystem::path(config_.output).parent_path().string() + "/." +
                  std::filesystem::path(config_.output).filename().string() + ".preparing");
  }

  // Does `work` in another process, which is killed after a while. True: it was, before it had ended.
  static bool kill_after(std::chrono::nanoseconds time, const std::function<void()>& work) {
    const pid_t child = fork();
    if (child == 0) {
      try {
        work();
      } catch (...) {
        _exit(3);
      }
      _exit(0);
    }
    std::this_thread::sleep_for(time);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    return WIFSIGNALED(status);
  }

  TempFolder folder_;
  CorpusConfig config_;
};

// Number of the file on its disk, and its bytes.
inline std::map<std::string, std::pair<uint64_t, std::string>> inodes_and_bytes(const std::string& folder) {
  std::map<std::string, std::pair<uint64_t, std::string>> files;
  for (const auto& [name, bytes] : all_files(folder)) {
    struct stat status {};
    if (stat((folder + "/" + name).c_str(), &status) == 0) files[name] = {status.st_ino, bytes};
  }
  return files;
}

}  // namespace broadsheet

// What many documents have goes from all of them: the same lines as counting them one by one, however the work is cut.
#include "data/cleaning/repeated_lines.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "core/checksum.h"
#include "corpus_fixture.h"
#include "data/preparation/line_search.h"
#include "data/preparation/preparation.h"
#include "data/preparation/work_board.h"

namespace broadsheet {
namespace {

RepeatedLines repeated(const TempFolder& folder, const std::vector<std::string>& lines, uint64_t parts = 1) {
  std::vector<std::vector<uint64_t>> hashes(parts);
  for (const std::string& line : lines) hashes[line_part(hash_of_line(line), parts)].push_back(hash_of_line(line));
  std::vector<std::string> files;
  for (std::vector<uint64_t>& part : hashes) {
    std::sort(part.begin(), part.end());
    files.push_back(folder / cat("part-", files.size()));
    write_text(files.back(), {reinterpret_cast<const char*>(part.data()), part.size() * sizeof(uint64_t)});
  }
  return RepeatedLines(files);
}

TEST(RepeatedLines, GoAndTheOthersStayAsTheyAre) {
  TempFolder folder;
  for (const uint64_t parts : {1, 3}) {
    const RepeatedLines lines = repeated(folder, {"Home", "Read more", "© The Paper"}, parts);
    EXPECT_EQ(lines.without("Home\nThe plan fails.\n  It fails again. \nRead more"),
              "The plan fails.\n  It fails again. ");
    EXPECT_EQ(lines.without("  Home\t\r\nThe plan"), "The plan");
    EXPECT_EQ(lines.without("Home is where the plan is\nhome"), "Home is where the plan is\nhome");
    EXPECT_EQ(lines.without("Home\nRead more\n"), "");
    EXPECT_EQ(lines.without("no end\n\n\n"), "no end\n\n\n");
    EXPECT_EQ(lines.without(""), "");
  }
}

TEST(RepeatedLines, LeaveNoGaps) {
  TempFolder folder;
  const RepeatedLines lines = repeated(folder, {"Home"});
  EXPECT_EQ(lines.without("one\n\nHome\n\ntwo"), "one\n\ntwo");
  EXPECT_EQ(lines.without("one\nHome\n\ntwo"), "one\n\ntwo");
  EXPECT_EQ(lines.without("one\n\nHome\ntwo"), "one\n\ntwo");
  EXPECT_EQ(lines.without("Home\n\none"), "one");
  EXPECT_EQ(lines.without("one\n\nHome\n"), "one");
  EXPECT_EQ(lines.without("one\n\n\ntwo\nHome\nthree"), "one\n\n\ntwo\nthree");  // not made by what went
}

TEST(LineHashes, AreOfEachLineOnceWithoutTheEmptyOnes) {
  EXPECT_EQ(line_hashes({"a\n\n b \na", "b\n\t\nc"}).size(), 3u);
  EXPECT_TRUE(line_hashes({"", " \n\n"}).empty());
  EXPECT_EQ(line_hashes({"x"}), (std::vector<uint64_t>{hash_of_line(" x\r")}));
  EXPECT_NE(hash_of_line("12345678"), hash_of_line(std::string("12345678\0", 9)));
  EXPECT_NE(hash_of_lines({"ab", "c"}), hash_of_lines({"a", "bc"}));
}

// Pages of a few lines that all draw from one stock, some lines more often than others; some pages come again.
std::vector<std::string> random_pages(int count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::string> pages;
  for (int i = 0; i < count; ++i) {
    if (i % 7 == 6) {
      pages.push_back(pages[random() % pages.size()]);
      continue;
    }
    std::string page;
    for (size_t k = 0; k < 1 + random() % 9; ++k) {
      const uint32_t stock = random() % 3 == 0 ? 12 : 4000;
      page += cat(k > 0 ? "\n" : "", random() % 11 == 0 ? "  " : "", "the plan ", random() % stock, " fails");
      if (random() % 10 == 0) page += "\n";
    }
    pages.push_back(page);
  }
  return pages;
}

// Line -> the different pages that have it.
std::map<std::string, std::set<std::string>> by_line(const std::vector<std::string>& pages) {
  std::map<std::string, std::set<std::string>> found;
  for (const std::string& page : pages)
    for (const std::string& line : split(page, '\n'))
      if (!trim(line).empty()) found[std::string(trim(line))].insert(page);
  return found;
}

std::set<uint64_t> by_counting(const std::vector<std::string>& pages, size_t documents) {
  std::set<uint64_t> hashes;
  for (const auto& [line, of] : by_line(pages))
    if (of.size() >= documents) hashes.insert(hash_of_line(line));
  return hashes;
}

TEST(LineSearch, FindsWhatCountingFinds) {
  TempFolder folder;
  const std::vector<std::string> pages = random_pages(3000, 4);
  for (const int64_t documents : {2, 3, 40}) {
    const std::set<uint64_t> wanted = by_counting(pages, static_cast<size_t>(documents));
    ASSERT_GT(wanted.size(), 10u);
    for (const auto& [files, per_run] : {std::pair<size_t, size_t>{1, 1 << 20}, {1, 50}, {5, 700}}) {
      std::vector<std::string> runs;
      int64_t entries = 0;
      for (size_t file = 0; file < files; ++file) {
        const PieceFiles names{folder / cat("lines-", documents, "-", per_run, "-", file), ".tmp"};
        LineRuns writer(names, documents, per_run);
        for (size_t i = file; i < pages.size(); i += files) writer.add({pages[i]});
        const LineRecord record = writer.finish();
        for (size_t k = 0; k < record.checksums.size(); ++k) {
          runs.push_back(line_run(names, k));
          EXPECT_EQ(xxh3_file(runs.back()), record.checksums[k]);
        }
        entries += record.lines;
      }
      EXPECT_GT(entries, static_cast<int64_t>(wanted.size()));
      for (const int64_t parts : {1, 2, 7}) {
        std::vector<uint64_t> found;
        for (int64_t part = 0; part < parts; ++part) {
          const std::vector<uint64_t> some = find_repeated_lines(runs, part, parts, documents);
          found.insert(found.end(), some.begin(), some.end());
        }
        EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));  // parts are ranges, in order
        EXPECT_EQ(std::set<uint64_t>(found.begin(), found.end()), wanted)
            << documents << " " << per_run << " " << parts;
      }
    }
  }
  EXPECT_EQ(line_parts(0), 1);
  EXPECT_EQ(line_parts(kLinesPerPart + 1), 2);
}

class Boilerplate : public testing::Test {
 protected:
  Boilerplate() : pages_(random_pages(900, 8)) {
    std::string lines;
    for (const std::string& page : pages_) lines += nlohmann::json({{"text", page}}).dump() + "\n";
    config_ = text_corpus(folder_, write_text(folder_ / "in.jsonl", lines), "jsonl");
    config_.clean.repeated_lines = 20;
    config_.clean.exact_duplicates = false;
    config_.split.validation = config_.split.test = 0;
  }

  TempFolder folder_;
  std::vector<std::string> pages_;
  CorpusConfig config_;
};

TEST_F(Boilerplate, LeavesTheCorpusAndIsCounted) {
  const PrepareReport report = prepare_corpus(config_);
  const auto found = by_line(pages_);
  const auto tokenizer = load_tokenizer(config_.tokenizer);
  std::vector<std::vector<int32_t>> wanted;
  int64_t changed = 0, emptied = 0;
  for (const std::string& page : pages_) {
    std::string kept;
    bool whole = true;
    for (const std::string& line : split(page, '\n')) {
      const auto entry = found.find(std::string(trim(line)));
      const bool goes = entry != found.end() && entry->second.size() >= 20;
      whole = whole && !goes;
      if (!goes) kept += line + "\n";
    }
    const bool empty = trim(kept).empty();
    emptied += empty ? 1 : 0;
    changed += whole || empty ? 0 : 1;
    if (!empty) wanted.push_back(tokenizer->encode(kept));
  }
  ASSERT_GT(emptied, 5);
  ASSERT_GT(changed, 100);
  EXPECT_EQ(report.filtered_by_reason, (std::map<std::string, int64_t>{{"repeated_lines", emptied}}));
  EXPECT_EQ(report.cleaned_by_step, (std::map<std::string, int64_t>{{"repeated_lines", changed}}));
  EXPECT_EQ(report.rejected, 0);
  const auto corpus = ShardSet::open(config_.output);
  ASSERT_EQ(corpus->size(Split::kTrain), static_cast<int64_t>(wanted.size()));
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto ids = corpus->tokens(Split::kTrain, "text", static_cast<int64_t>(i));
    EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.end()), wanted[i]) << i;
  }
}

TEST_F(Boilerplate, IsTheSameForAnyRanksAndPieces) {
  std::map<std::string, std::string> reference;
  int made = 0;
  for (const auto& [ranks, bytes] : {std::pair<int64_t, int64_t>{1, 1 << 30}, {1, 700}, {2, 5000}, {3, 20'000}}) {
    config_.output = folder_ / cat("corpus-", ++made);
    prepare_corpus(config_, {.ranks = ranks, .piece_bytes = bytes});
    if (made == 1) reference = all_files(config_.output);
    EXPECT_EQ(all_files(config_.output), reference) << ranks << " ranks, " << bytes << " bytes";
  }
}

TEST_F(Boilerplate, LinesThatAreKnownAreTakenOverAndDamagedOnesAreReadAgain) {
  prepare_corpus(config_);
  const std::map<std::string, std::string> reference = all_files(config_.output);
  const std::vector<SourceFile> files = list_sources(config_);
  const FieldReader fields(config_);
  const auto tokenizer = load_tokenizer(config_.tokenizer);
  Manifest manifest;
  manifest.name = config_.name;
  manifest.tokenizer_fingerprint = tokenizer->fingerprint();
  manifest.vocab_size = tokenizer->vocab_size();
  manifest.configuration = corpus_configuration(config_);
  const std::string scratch = folder_ / "scratch";
  std::filesystem::create_directory(scratch);
  const auto prepare = [&](const std::string& start) {
    Preparation preparation({config_, fields, *tokenizer, nullptr, files, manifest}, scratch, 20'000, 0);
    preparation.take_over();
    if (start == "second") {
      EXPECT_TRUE(exists(scratch + "/lines-0.json"));
      EXPECT_FALSE(exists(scratch + "/lines-1.json"));
      EXPECT_FALSE(exists(scratch + "/lines-2.json"));
      EXPECT_FALSE(exists(scratch + "/lines-2.0.run"));
      EXPECT_FALSE(exists(scratch + "/repeated-0"));
    }
    WorkBoard board(scratch, {0, 1, start}, 0);
    preparation.run(board);
    EXPECT_EQ(all_files(preparation.corpus()), reference) << start;
  };
  prepare("first");
  ASSERT_TRUE(exists(scratch + "/lines-2.0.run"));
  // A power loss may leave a name without its bytes, and half of a record.
  write_text(scratch + "/lines-1.json", "{\"lines\": 3, ");
  std::filesystem::resize_file(scratch + "/lines-2.0.run", 16);
  std::filesystem::resize_file(scratch + "/repeated-0", 0);
  for (const char* name : {"/corpus/corpus.json", "/layout.json", "/piece-0.json", "/piece-1.json"})
    std::filesystem::remove(scratch + name);
  for (const auto& entry : std::filesystem::directory_iterator(scratch))
    if (starts_with(entry.path().filename().string(), "shard-")) std::filesystem::remove(entry.path());
  prepare("second");
}

TEST_F(Boilerplate, IsComparedAsTheStepsBeforeLeaveIt) {
  std::string lines;
  for (int i = 0; i < 30; ++i)
    lines += nlohmann::json({{"text", cat("<b>Home</b> &amp;  news\nThe plan of town ", i, " fails.")}}).dump() + "\n" +
             nlohmann::json({{"text", cat("Home & news\nThe tax of town ", i, " fails.")}}).dump() + "\n";
  write_text(folder_ / "in.jsonl", lines);
  config_.clean.repeated_lines = 40;
  EXPECT_EQ(prepare_corpus(config_).cleaned_by_step.count("repeated_lines"), 0u);
  config_.clean.markup = config_.clean.whitespace = true;
  const PrepareReport report = prepare_corpus(config_, {.replace = true});
  EXPECT_EQ(report.cleaned_by_step.at("repeated_lines"), 60);
  EXPECT_EQ(report.kept, 60);
}

}  // namespace
}  // namespace broadsheet

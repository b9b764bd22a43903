// Near-duplicates are those that comparing each with each finds, and the earliest stays.
#include "data/cleaning/near_duplicates.h"

#include <algorithm>
#include <random>
#include <set>

#include "corpus_fixture.h"
#include "data/preparation/chunk.h"
#include "data/preparation/near_duplicate_search.h"

namespace broadsheet {
namespace {

TEST(Shingles, AreFiveWordsInLowerCaseWithoutPunctuation) {
  EXPECT_EQ(shingles_of({"One two, three four FIVE six!"}), shingles_of({"one  two three (four) five-six"}));
  EXPECT_EQ(shingles_of({"one two three four five six"}).size(), 2u);
  EXPECT_EQ(shingles_of({"one two"}).size(), 1u);
  EXPECT_NE(shingles_of({"one two"}), shingles_of({"one"}));
  EXPECT_TRUE(shingles_of({"... !", ""}).empty());
  EXPECT_EQ(shingles_of({"市长宣布新计划"}).size(), 3u);
  EXPECT_EQ(shingles_of({"a b c d e", "f g h i j"}).size(), 2u);
}

TEST(Jaccard, IsWhatIsSharedOfAll) {
  const std::vector<uint32_t> a = {1, 2, 3, 4}, b = {3, 4, 5}, none;
  EXPECT_DOUBLE_EQ(jaccard(a, b), 0.4);
  EXPECT_DOUBLE_EQ(jaccard(b, a), 0.4);
  EXPECT_DOUBLE_EQ(jaccard(a, a), 1);
  EXPECT_DOUBLE_EQ(jaccard(a, none), 0);
}

TEST(Bands, AreAsSelectiveAsTheThresholdAllows) {
  for (const double threshold : {0.3, 0.5, 0.7, 0.8, 0.9, 1.0}) {
    const Banding banding = banding_for(threshold);
    EXPECT_LE(banding.bands * banding.rows, kMinHashes);
    EXPECT_GE(banding.chance(threshold), 0.98) << threshold;
  }
  EXPECT_EQ(banding_for(0.8).rows, 7);
  EXPECT_LT(banding_for(0.8).chance(0.4), 0.05);
}

// The share of bands' rows that two texts share is about how alike they are.
TEST(Bands, AgreeAsOftenAsTextsAreAlike) {
  const Banding single{kMinHashes, 1};
  std::mt19937 random(3);
  double error = 0;
  for (int round = 0; round < 50; ++round) {
    std::vector<uint32_t> a, b;
    for (uint32_t i = 0; i < 300; ++i) {
      const auto value = static_cast<uint32_t>(random());
      if (i % 3 != 0 || round % 2 == 0) a.push_back(value);
      if (i % 5 != 0) b.push_back(value);
    }
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    const std::vector<uint64_t> x = band_hashes(a, single), y = band_hashes(b, single);
    int same = 0;
    for (size_t i = 0; i < x.size(); ++i) same += x[i] == y[i] ? 1 : 0;
    error += same / 128.0 - jaccard(a, b);
  }
  EXPECT_NEAR(error / 50, 0, 0.025);
}

// Articles of a made-up language, and edits of them of every strength.
std::vector<std::string> articles(int count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::string> texts;
  std::vector<std::vector<int>> originals;
  for (int i = 0; i < count; ++i) {
    std::vector<int> words;
    if (i % 3 == 0 || originals.empty()) {
      for (size_t k = 0; k < 40 + random() % 120; ++k) words.push_back(static_cast<int>(random() % 5000));
      originals.push_back(words);
    } else {
      words = originals[random() % originals.size()];
      for (size_t edits = random() % 6; edits > 0; --edits)
        words[random() % words.size()] = static_cast<int>(random() % 5000);
      if (random() % 4 == 0) words.resize(words.size() - random() % 20);
    }
    std::string text;
    for (const int word : words) text += cat("w", word, " ");
    texts.push_back(text);
  }
  return texts;
}

// The documents that go when each is compared with each.
std::set<int64_t> by_brute_force(const std::vector<std::string>& texts, double threshold) {
  std::vector<std::vector<uint32_t>> kept;
  std::set<int64_t> dropped;
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<uint32_t> own = shingles_of({texts[i]});
    const bool alike =
        std::any_of(kept.begin(), kept.end(), [&](const auto& other) { return jaccard(own, other) >= threshold; });
    if (alike)
      dropped.insert(static_cast<int64_t>(i));
    else
      kept.push_back(std::move(own));
  }
  return dropped;
}

std::vector<ChunkPlace> chunks_of(const TempFolder& folder, const std::vector<std::string>& texts, size_t size,
                                  double threshold) {
  const Banding banding = banding_for(threshold);
  std::vector<ChunkPlace> chunks;
  for (size_t begin = 0; begin < texts.size(); begin += size) {
    Chunk chunk;
    chunk.shingle_offsets.push_back(0);
    for (size_t i = begin; i < std::min(texts.size(), begin + size); ++i) {
      const std::vector<uint32_t> shingles = shingles_of({texts[i]});
      std::vector<uint64_t> bands = band_hashes(shingles, banding);
      bands.resize(static_cast<size_t>(banding.bands));
      chunk.bands.insert(chunk.bands.end(), bands.begin(), bands.end());
      chunk.shingles.insert(chunk.shingles.end(), shingles.begin(), shingles.end());
      chunk.shingle_offsets.push_back(static_cast<int64_t>(chunk.shingles.size()));
      chunk.lines.push_back(static_cast<int64_t>(i + 1));
    }
    const std::string path = folder / cat("chunk-", size, "-", begin);
    write_chunk(path, chunk);
    chunks.push_back({path, static_cast<int64_t>(begin), chunk.documents()});
  }
  return chunks;
}

std::set<int64_t> found_in(const std::vector<ChunkPlace>& chunks, int64_t parts, double threshold,
                           const std::vector<int64_t>& skipped = {}) {
  std::vector<NearPair> pairs;
  for (int64_t band = 0; band < banding_for(threshold).bands; ++band)
    for (int64_t part = 0; part < parts; ++part) {
      const std::vector<NearPair> some = find_near_pairs(chunks, 0, band, part, parts, threshold, skipped);
      pairs.insert(pairs.end(), some.begin(), some.end());
    }
  const std::vector<int64_t> dropped = documents_of(near_duplicates(pairs));
  EXPECT_TRUE(std::is_sorted(dropped.begin(), dropped.end()));
  return {dropped.begin(), dropped.end()};
}

TEST(NearDuplicates, AreThoseOfComparingEachWithEach) {
  TempFolder folder;
  const std::vector<std::string> texts = articles(900, 5);
  for (const double threshold : {0.5, 0.8}) {
    const std::set<int64_t> wanted = by_brute_force(texts, threshold);
    ASSERT_GT(wanted.size(), 150u);
    const std::set<int64_t> found = found_in(chunks_of(folder, texts, 900, threshold), 1, threshold);
    std::vector<int64_t> both;
    std::set_intersection(wanted.begin(), wanted.end(), found.begin(), found.end(), std::back_inserter(both));
    EXPECT_GE(static_cast<double>(both.size()), 0.95 * static_cast<double>(wanted.size())) << threshold;
    EXPECT_GE(static_cast<double>(both.size()), 0.98 * static_cast<double>(found.size())) << threshold;
  }
}

TEST(NearDuplicates, DoNotDependOnHowTheWorkIsCut) {
  TempFolder folder;
  const std::vector<std::string> texts = articles(300, 6);
  const std::set<int64_t> reference = found_in(chunks_of(folder, texts, 300, 0.8), 1, 0.8);
  ASSERT_GT(reference.size(), 30u);
  for (const auto& [size, parts] : {std::pair<size_t, int64_t>{300, 5}, {7, 1}, {64, 3}})
    EXPECT_EQ(found_in(chunks_of(folder, texts, size, 0.8), parts, 0.8), reference) << size << " " << parts;
}

TEST(NearDuplicates, OfWhatIsDroppedAnywayNobodyIsOne) {
  TempFolder folder;
  const std::string text = "one two three four five six seven eight nine ten";
  const std::vector<ChunkPlace> chunks = chunks_of(folder, {text, text, "...", text, "..."}, 2, 0.8);
  EXPECT_EQ(found_in(chunks, 1, 0.8), (std::set<int64_t>{1, 3}));
  EXPECT_EQ(found_in(chunks, 1, 0.8, {0, 1}), (std::set<int64_t>{}));
}

TEST(NearDuplicates, ADroppedDocumentDropsNobody) {
  EXPECT_EQ(documents_of(near_duplicates({{2, 1}, {1, 0}, {3, 2}, {3, 2}, {5, 4}})), (std::vector<int64_t>{1, 3, 5}));
  EXPECT_EQ(documents_of(near_duplicates({})), std::vector<int64_t>{});
}

TEST(NearDuplicates, HaveLeakedWhenWhatStaysIsOfASmallerRank) {
  const auto key = [](int64_t rank, int64_t document) { return rank << kRankShift | document; };
  const std::vector<Dropped> dropped = near_duplicates({{key(2, 0), key(0, 9)},    // trained on, tested
                                                        {key(2, 4), key(2, 3)},    // both trained on
                                                        {key(2, 5), key(2, 0)},    // alike what is dropped
                                                        {key(1, 6), key(0, 9)}});  // chosen by, tested
  EXPECT_EQ(dropped, (std::vector<Dropped>{{0, 1}, {4, 0}, {6, 1}}));
}

TEST(NearDuplicates, OfManyAroundOneTextOneStays) {
  TempFolder folder;
  std::string page;
  for (int i = 0; i < 200; ++i) page += cat("w", i, " ");
  std::vector<std::string> texts;
  for (int i = 0; i < 700; ++i) texts.push_back(cat(page, "x", i));
  EXPECT_EQ(found_in(chunks_of(folder, texts, 700, 0.8), 1, 0.8).size(), 699u);
}

TEST(NearDuplicates, LeaveTheCorpusAndAreCounted) {
  TempFolder folder;
  std::string lines;
  for (const std::string& text : articles(240, 9)) lines += text + "\n";
  lines += lines.substr(0, lines.find('\n') + 1);  // an exact one
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", lines), "text");
  config.clean.near_duplicates = 0.8;
  std::map<std::string, std::string> reference;
  int made = 0;
  for (const auto& [ranks, bytes] : {std::pair<int64_t, int64_t>{1, 1 << 30}, {1, 900}, {3, 20000}}) {
    config.output = folder / cat("corpus-", ++made);
    const PrepareReport report = prepare_corpus(config, {.ranks = ranks, .piece_bytes = bytes});
    EXPECT_GE(report.duplicates, 1);
    EXPECT_GT(report.near_duplicates, 10);
    EXPECT_EQ(report.kept + report.duplicates + report.near_duplicates, report.read);
    if (made == 1) reference = all_files(config.output);
    EXPECT_EQ(all_files(config.output), reference) << ranks << " ranks, " << bytes << " bytes";
  }
  const PrepareReport again = prepare_corpus(config);
  EXPECT_TRUE(again.already_prepared);
  EXPECT_GT(again.near_duplicates, 10);
}

}  // namespace
}  // namespace broadsheet

// Rows of features: written once, whole or absent, and never believed when a byte has changed.
#include "data/feature_store.h"

#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <thread>
#include <utility>

#include "core/durable.h"
#include "core/errors.h"
#include "core/rank_status.h"
#include "core/text.h"
#include "data/feature_claim.h"
#include "tests/data/corpus_fixture.h"

namespace broadsheet {
namespace {

constexpr int64_t kWidth = 3;
const FeatureInfo kInfo = {std::string(64, 'a'), std::string(64, 'c'), kWidth, {5, 0, 2}};

// Row d of a split: 100 * split + 10 * d + column.
std::vector<float> rows_of(Split split, int64_t first, int64_t count) {
  std::vector<float> rows;
  for (int64_t d = first; d < first + count; ++d)
    for (int64_t column = 0; column < kWidth; ++column)
      rows.push_back(static_cast<float>(100 * static_cast<int64_t>(split) + 10 * d + column));
  return rows;
}

std::string write_features(const std::string& folder, const FeatureInfo& info = kInfo) {
  const std::string path = feature_file(folder, info.key);
  FeatureWriter writer(path, info);
  writer.append(Split::kTrain, rows_of(Split::kTrain, 0, 2));
  writer.append(Split::kTest, rows_of(Split::kTest, 0, 2));
  writer.append(Split::kTrain, rows_of(Split::kTrain, 2, 3));
  writer.commit();
  return path;
}

std::string refusal(const std::string& path, const FeatureInfo& expected = kInfo) {
  try {
    FeatureStore::open(path, expected);
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
    return error.faults()[0].code;
  }
  return "";
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(FeatureStore, GivesBackTheRowsOfEveryDocument) {
  const TempFolder folder;
  const auto store = FeatureStore::open(write_features(folder / "features"), kInfo);
  EXPECT_EQ(store->info().total(), 7);
  for (const Split split : {Split::kTrain, Split::kTest})
    for (int64_t d = 0; d < kInfo.documents[static_cast<size_t>(split)]; ++d) {
      const std::span<const float> row = store->row(split, d);
      EXPECT_EQ(std::vector<float>(row.begin(), row.end()), rows_of(split, d, 1)) << split_name(split) << " " << d;
    }
  EXPECT_EQ(names_in(folder / "features"), (std::vector<std::string>{"aaaaaaaaaaaaaaaa.h5"}));
}

TEST(FeatureStore, EqualRowsGiveEqualBytes) {
  const TempFolder folder;
  EXPECT_EQ(read_file(write_features(folder / "one")), read_file(write_features(folder / "two")));
}

TEST(FeatureStore, IsAnHdf5FileToOthers) {
  const TempFolder folder;
  const hid_t file = H5Fopen(write_features(folder.path()).c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  const hid_t rows = H5Dopen2(file, "train", H5P_DEFAULT);
  std::vector<float> values(5 * kWidth);
  EXPECT_GE(H5Dread(rows, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  EXPECT_EQ(values, rows_of(Split::kTrain, 0, 5));
  H5Dclose(rows);
  H5Fclose(file);
}

TEST(FeatureStore, RefusesAFileWithOneChangedByteWhereverItIs) {
  const TempFolder folder;
  const std::string path = write_features(folder.path()), whole = read_file(path);
  ASSERT_EQ(refusal(path), "");
  for (size_t at = 0; at < whole.size(); at += at < 700 ? 1 : 13) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
    // The padding behind the header holds nothing.
    const bool padding = whole[at] == '\0' && at < 2048 && whole.find('\0') < at;
    write_text(path, bytes);
    EXPECT_EQ(refusal(path), padding ? "" : "features.damaged") << "byte " << at;
  }
}

TEST(FeatureStore, RefusesAFileThatIsCut) {
  const TempFolder folder;
  const std::string path = write_features(folder.path()), whole = read_file(path);
  for (const size_t size : {size_t{0}, size_t{10}, size_t{2047}, size_t{2048}, whole.size() / 2, whole.size() - 1}) {
    write_text(path, whole.substr(0, size));
    EXPECT_EQ(refusal(path), "features.damaged") << size << " bytes";
  }
}

TEST(FeatureStore, RefusesAnothersRows) {
  const TempFolder folder;
  const std::string path = write_features(folder.path());
  FeatureInfo other = kInfo;
  other.key.back() = 'b';  // the same file name
  EXPECT_EQ(refusal(path, other), "features.other");
  other = kInfo;
  other.corpus.back() = 'b';
  EXPECT_EQ(refusal(path, other), "features.other");
  other = kInfo;
  other.width = 4;
  EXPECT_EQ(refusal(path, other), "features.other");
  other = kInfo;
  other.documents[0] = 6;
  EXPECT_EQ(refusal(path, other), "features.damaged");
}

TEST(FeatureStore, NothingHasTheNameBeforeItIsCommittedAndNothingIsLeftOfAWriterThatGaveUp) {
  const TempFolder folder;
  const std::string path = feature_file(folder.path(), kInfo.key);
  {
    FeatureWriter writer(path, kInfo);
    writer.append(Split::kTrain, rows_of(Split::kTrain, 0, 5));
    EXPECT_FALSE(exists(path));
    EXPECT_EQ(names_in(folder.path()).size(), 1u);
  }
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>());
}

TEST(FeatureStore, AWriterReplacesADamagedFileAndRemovesWhatAKilledOneLeft) {
  const TempFolder folder;
  const pid_t child = fork();
  if (child == 0) _exit(0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);  // now a number that no process has
  const std::string left = cat(folder.path(), "/.x.h5.", this_host(), ".", child, ".writing");
  const std::string others = cat(folder.path(), "/.x.h5.elsewhere.", child, ".writing");
  write_text(left, "half");
  write_text(others, "half");
  const std::string path = feature_file(folder.path(), kInfo.key);
  write_text(path, "damaged");
  write_features(folder.path());
  EXPECT_EQ(refusal(path), "");
  EXPECT_FALSE(exists(left));
  EXPECT_TRUE(exists(others));
}

TEST(FeatureStore, SaysWhyItsFolderCannotBeWritten) {
  const TempFolder folder;
  write_text(folder / "features", "a file where the folder should be");
  EXPECT_THROW(write_features(folder / "features"), RunError);
}

TEST(FeatureStore, TheFolderOfACorpusMayHoldOneAndTheCorpusIsTheSame) {
  const TempFolder folder;
  const std::string texts = write_text(folder / "text.txt", "the tax\nthe plan\nfails again\n");
  const CorpusConfig config = text_corpus(folder, texts, "text");
  prepare_corpus(config);
  const std::string fingerprint = ShardSet::open(config.output)->fingerprint();
  write_features(config.output + "/features");
  EXPECT_EQ(ShardSet::open(config.output)->fingerprint(), fingerprint);
  EXPECT_EQ(verify_corpus(config.output), std::vector<std::string>());
  EXPECT_TRUE(prepare_corpus(config).already_prepared);
  EXPECT_TRUE(exists(config.output + "/features"));
  prepare_corpus(config, {.replace = true});
  EXPECT_FALSE(exists(config.output + "/features"));
}

// Another process that holds the claim on `file` and renews it until it is told to end.
class OtherRun {
 public:
  explicit OtherRun(const std::string& file) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    process_ = ::fork();
    if (process_ == 0) {
      ::alarm(60);  // should the test die
      FeatureClaim claim(file);
      const char taken = claim.take() ? 'y' : 'n';
      for (bool told = false;; told = true) {
        claim.renew();
        if (!told && ::write(ready[1], &taken, 1) != 1) ::_exit(1);
        ::usleep(10'000);
      }
    }
    ::close(ready[1]);
    char taken = 0;
    EXPECT_EQ(::read(ready[0], &taken, 1), 1);
    EXPECT_EQ(taken, 'y');
    ::close(ready[0]);
  }
  ~OtherRun() { end(); }
  OtherRun(const OtherRun&) = delete;
  OtherRun& operator=(const OtherRun&) = delete;

  void stand_still() const {
    ::kill(process_, SIGSTOP);
    ::waitpid(process_, nullptr, WUNTRACED);
  }
  void end() {
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(std::exchange(process_, -1), nullptr, 0);
  }
  pid_t process() const { return process_; }

 private:
  pid_t process_ = -1;
};

TEST(FeatureClaim, IsForOneProcessAsLongAsThatLives) {
  const TempFolder folder;
  const std::string file = feature_file(folder / "features", kInfo.key);
  OtherRun other(file);
  FeatureClaim claim(file);
  EXPECT_FALSE(claim.take());
  EXPECT_FALSE(claim.take());
  EXPECT_NE(claim.holder().find(cat("process ", other.process())), std::string::npos) << claim.holder();
  other.end();
  EXPECT_TRUE(claim.take());
  FeatureClaim third(file);
  EXPECT_FALSE(third.take()) << "it was taken over, not passed by";
}

TEST(FeatureClaim, IsGivenBack) {
  const TempFolder folder;
  const std::string file = feature_file(folder / "features", kInfo.key);
  {
    FeatureClaim claim(file);
    EXPECT_TRUE(claim.take());
  }
  EXPECT_EQ(names_in(folder / "features"), std::vector<std::string>());
  EXPECT_TRUE(FeatureClaim(file).take());
}

TEST(FeatureClaim, OfAProcessThatDoesNothingMoreIsPassedBy) {
  const TempFolder folder;
  const std::string file = feature_file(folder / "features", kInfo.key);
  const OtherRun other(file);
  FeatureClaim patient(file, /*patience=*/1e9), impatient(file, /*patience=*/0.02);
  other.stand_still();
  int64_t refusals = 0;
  for (; !impatient.take(); ++refusals) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GT(refusals, 0) << "it was heard of just now";
  EXPECT_FALSE(patient.take());
}

TEST(FeatureClaim, WhereNoneCanBeMadeNobodyWaits) {
  const TempFolder folder;
  write_file_durably(folder / "features", "a file where the folder should be");
  FeatureClaim claim(feature_file(folder / "features", kInfo.key));
  EXPECT_TRUE(claim.take());
  claim.renew();
}

}  // namespace
}  // namespace broadsheet

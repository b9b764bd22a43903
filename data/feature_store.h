// FeatureStore: one row of numbers for each document of a corpus, such as the outputs of a model's frozen trunk:
// written once, then read at any place. The format (HDF5, version 1) is described in docs/corpus_format.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "data/mapped_file.h"
#include "data/shards.h"

namespace broadsheet {

inline constexpr int64_t kFeatureFormatVersion = 1;

struct FeatureInfo {
  std::string key;                     // 64 hexadecimal digits that name what the rows were computed from and how
  std::string corpus;                  // its fingerprint
  int64_t width = 0;                   // numbers in a row
  std::array<int64_t, 3> documents{};  // by split

  int64_t total() const { return documents[0] + documents[1] + documents[2]; }
};

// "<folder>/<the key's first 16 digits>.h5".
std::string feature_file(const std::string& folder, const std::string& key);

// Mapped read-only; thread-safe.
class FeatureStore {
 public:
  // Every byte is checked, once. UserError("features.damaged") or, when it is another's, ("features.other"), naming the
  // file; RunError("io.map") when it cannot be read.
  static std::shared_ptr<const FeatureStore> open(const std::string& path, const FeatureInfo& expected);

  const FeatureInfo& info() const { return info_; }
  // XXH3 over all rows and HDF5's own bytes: equal when and only when all rows are equal in bits.
  const std::string& checksum() const { return checksum_; }
  std::span<const float> row(Split split, int64_t document) const;

 private:
  explicit FeatureStore(const std::string& path) : file_(path) {}
  void read_header(const std::string& path, const FeatureInfo& expected);

  MappedFile file_;
  FeatureInfo info_;
  std::string checksum_;
  std::array<const float*, 3> rows_{};
};

// A new feature file: under a name of its own in the same folder until commit(). Two processes may write the same file
// at once, and the last one's stays (data/feature_claim.h spares them that). RunError("io.*") when the disk refuses.
class FeatureWriter {
 public:
  // Makes the folder where there is none, and removes what killed writers of this machine left in it.
  FeatureWriter(const std::string& path, const FeatureInfo& info);
  ~FeatureWriter();  // removes what was not committed
  FeatureWriter(const FeatureWriter&) = delete;
  FeatureWriter& operator=(const FeatureWriter&) = delete;

  // The next rows of a split: every document of it once, in order. rows: [n, width].
  void append(Split split, std::span<const float> rows);
  // When every row was given: checksum, disk, rename.
  void commit();

 private:
  struct Parts;  // HDF5 stays out of headers

  std::string path_, temporary_;
  FeatureInfo info_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace broadsheet

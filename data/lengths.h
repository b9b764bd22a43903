// How long the texts of a corpus are, and what a sequence leaves out of them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/long_documents.h"

namespace broadsheet {

// What reports say is left out of texts, special tokens counted, when they are truncated.
inline constexpr std::array<int64_t, 4> kReportedMaxLengths = {128, 256, 512, 1024};

// Documents by their number of tokens: exact, and those of several shards add up.
class LengthCounts {
 public:
  void add(int64_t length, int64_t documents = 1);
  void add(const LengthCounts& other);
  static LengthCounts between(std::span<const int64_t> offsets);  // of documents that lie end to end

  int64_t documents() const { return documents_; }
  int64_t tokens() const { return tokens_; }
  // Of that part of the documents that is no longer, 0 to 1: an element, not a mean of two. 0 of no documents.
  int64_t quantile(double part) const;
  // What sequences of so many tokens (special ones not counted) leave out.
  CutShare cut(int64_t tokens) const;
  // Tokens that are left out, for each of kReportedMaxLengths.
  std::map<int64_t, int64_t> left_out() const;

  nlohmann::json json() const;  // [[length, documents], ...], ascending
  static LengthCounts from(const nlohmann::json& json);

 private:
  std::vector<std::pair<int64_t, int64_t>> sorted() const;

  std::unordered_map<int64_t, int64_t> counts_;
  int64_t documents_ = 0, tokens_ = 0;
};

// Of a text field in one split; and by text field, over all splits.
LengthCounts lengths_of(const ShardSet& corpus, Split split, const std::string& field);
std::map<std::string, LengthCounts> lengths_of(const ShardSet& corpus);

// What a report and a manifest keep of them.
struct LengthSummary {
  int64_t documents = 0, tokens = 0, median = 0, longest = 0;
  std::map<int64_t, int64_t> left_out;  // tokens, by max_length

  static LengthSummary of(const LengthCounts& counts);
  double share_left_out(int64_t max_length) const;  // of the tokens
  nlohmann::json json() const;
  static LengthSummary from(const nlohmann::json& json);  // throws nlohmann's exceptions
};

}  // namespace broadsheet

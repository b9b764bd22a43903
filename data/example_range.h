// Examples that lie together.
#pragma once

#include <cstdint>
#include <vector>

namespace broadsheet {

struct ExampleRange {
  int64_t begin = 0, end = 0;

  int64_t size() const { return end - begin; }
  bool operator==(const ExampleRange&) const = default;
};

// Adds a range behind the others; what touches the last one lengthens it.
inline void append(std::vector<ExampleRange>& ranges, const ExampleRange& range) {
  if (!ranges.empty() && ranges.back().end == range.begin) {
    ranges.back().end = range.end;
  } else if (range.size() > 0) {
    ranges.push_back(range);
  }
}

// A source whose share of the training examples corpus.yaml gives (data/mixture.h): its examples, in ranges that
// ascend, and its weight, a whole number.
struct SourceShare {
  int64_t weight = 0;
  std::vector<ExampleRange> ranges;

  int64_t size() const {
    int64_t sum = 0;
    for (const ExampleRange& range : ranges) sum += range.size();
    return sum;
  }
};

}  // namespace broadsheet

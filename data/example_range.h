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

// Number `index` of all that are in the ranges, in their order; -1 when they hold fewer.
inline int64_t example_at(const std::vector<ExampleRange>& ranges, int64_t index) {
  for (const ExampleRange& range : ranges) {
    if (index < range.size()) return range.begin + index;
    index -= range.size();
  }
  return -1;
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

// The longest of many long texts that a text begins with. Private to data/tokenizers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace broadsheet {

// Texts up to this long (in bytes) are looked for length by length in a hash table, which is the fastest way for real
// vocabularies. With longer ones that takes time in the square of their length, and a tokenizer's file that means ill
// may have thousands of lengths: those are looked for here.
inline constexpr size_t kShortText = 64;

class LongTexts {
 public:
  // Different texts of more than kShortText bytes, which must outlive the object.
  void add(std::string_view text, int32_t value) { entries_.push_back({text, value, -1, 0}); }
  void finish();
  bool empty() const { return entries_.empty(); }
  // The value and the length in bytes of the longest one that `rest` begins with; -1 when there is none. Time: the
  // logarithm of the number of texts, times the length that `rest` has in common with them.
  int32_t longest(std::string_view rest, size_t& length) const;

 private:
  struct Entry {
    std::string_view text;
    int32_t value;
    int32_t parent;   // the longest other one that this one begins with, or -1
    size_t shortest;  // the length of the shortest one that this one begins with, itself included
  };
  std::vector<Entry> entries_;  // sorted
};

}  // namespace broadsheet

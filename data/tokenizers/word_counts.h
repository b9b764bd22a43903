// Words and how often they come: counted by many processes, each in bounded memory, through sorted files ("runs").
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// Each word once, in ascending order of their bytes.
class WordCounts {
 public:
  void add(std::string_view word, int64_t count);  // greater than all before
  size_t size() const { return counts_.size(); }
  std::string_view word(size_t i) const;
  int64_t count(size_t i) const { return counts_[i]; }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
  std::vector<int64_t> counts_;
};

// Counts in memory.
class WordTable {
 public:
  WordTable();
  void add(std::string_view word, int64_t count = 1);
  size_t memory() const { return bytes_.size() + entries_.size() * (sizeof(Entry) + sizeof(uint32_t) * 2); }
  bool empty() const { return entries_.empty(); }
  // All of it as a run, written through <path><tag>; the table is empty then. RunError("io.write").
  void write_run(const std::string& path, const std::string& tag);
  WordCounts sorted() const;

 private:
  struct Entry {
    size_t begin = 0;
    uint32_t length = 0, hash = 0;
    int64_t count = 0;
  };
  std::string_view word(const Entry& entry) const { return std::string_view(bytes_).substr(entry.begin, entry.length); }
  std::vector<Entry> in_order() const;
  void grow();

  std::string bytes_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> slots_;  // number of an entry + 1; 0: free
};

// Calls action(word, count) with each word of the runs once, in ascending order, with its count in all of them.
void merge_word_runs(const std::vector<std::string>& runs,
                     const std::function<void(std::string_view, int64_t)>& action);
// The same into one run.
void merge_word_runs(const std::vector<std::string>& runs, const std::string& path, const std::string& tag);

// What a word takes of the limit below.
inline size_t size_of_word(std::string_view word) {
  return word.size() + 16;
}

struct FrequentWords {
  WordCounts words;
  int64_t left_out = 0;  // words that were too rare for the limit
};
// The most frequent words of the runs, as many as have `limit` bytes (size_of_word) together; of equally frequent ones
// the first in the order of their bytes. Does not depend on how the words were spread over runs.
FrequentWords most_frequent_words(const std::vector<std::string>& runs, size_t limit);

}  // namespace broadsheet

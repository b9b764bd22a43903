#include "data/tokenizers/word_counts.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <queue>

#include "core/errors.h"
#include "core/text.h"
#include "data/mapped_file.h"
#include "data/preparation/scratch.h"

namespace broadsheet {
namespace {

constexpr size_t kFirstSlots = 1024;
constexpr size_t kRunHead = sizeof(int64_t) + sizeof(uint32_t);  // of a word in a run: its count and its length

// A run on its way to the disk.
class RunFile {
 public:
  RunFile(const std::string& path, const std::string& tag)
      : path_(path), tag_(tag), file_(path + tag, std::ios::binary | std::ios::trunc) {}
  void add(std::string_view word, int64_t count) {
    const auto length = static_cast<uint32_t>(word.size());
    file_.write(reinterpret_cast<const char*>(&count), sizeof count);
    file_.write(reinterpret_cast<const char*>(&length), sizeof length);
    file_.write(word.data(), static_cast<std::streamsize>(word.size()));
  }
  void finish() {
    file_.close();
    if (!file_) cannot_write_scratch(path_ + tag_);
    rename_over(path_ + tag_, path_);
  }

 private:
  std::string path_, tag_;
  std::ofstream file_;
};

// The place in a run that is being read.
class RunCursor {
 public:
  explicit RunCursor(const std::string& path) : path_(path), file_(std::make_unique<MappedFile>(path)) { next(); }
  bool at_end() const { return at_end_; }
  std::string_view word() const { return word_; }
  int64_t count() const { return count_; }
  void next() {
    const std::string_view bytes = file_->bytes();
    at_end_ = position_ == bytes.size();
    if (at_end_) return;
    uint32_t length = 0;
    if (bytes.size() - position_ < kRunHead) cut_short();
    std::memcpy(&count_, bytes.data() + position_, sizeof count_);
    std::memcpy(&length, bytes.data() + position_ + sizeof count_, sizeof length);
    position_ += kRunHead;
    if (bytes.size() - position_ < length) cut_short();
    word_ = bytes.substr(position_, length);
    position_ += length;
  }

 private:
  [[noreturn]] void cut_short() const {
    throw RunError("io.read", cat(path_, ": ends inside a word: somebody has changed it"), "run the command again");
  }

  std::string path_;
  std::unique_ptr<MappedFile> file_;
  size_t position_ = 0;
  std::string_view word_;
  int64_t count_ = 0;
  bool at_end_ = false;
};

// From which count on words stay, and how many bytes of those that come exactly so often.
struct CountLimit {
  int64_t count = 0;
  size_t bytes = 0;
};

CountLimit limit_of(const std::map<int64_t, size_t>& bytes_by_count, size_t limit) {
  for (auto entry = bytes_by_count.rbegin(); entry != bytes_by_count.rend(); ++entry) {
    if (entry->second > limit) return {entry->first, limit};
    limit -= entry->second;
  }
  return {};
}

}  // namespace

void WordCounts::add(std::string_view word, int64_t count) {
  BROADSHEET_ASSERT(size() == 0 || this->word(size() - 1) < word);
  bytes_ += word;
  ends_.push_back(bytes_.size());
  counts_.push_back(count);
}

std::string_view WordCounts::word(size_t i) const {
  const size_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(bytes_).substr(begin, ends_[i] - begin);
}

WordTable::WordTable() : slots_(kFirstSlots) {}

void WordTable::add(std::string_view text, int64_t count) {
  const auto hash = static_cast<uint32_t>(std::hash<std::string_view>()(text));
  const size_t mask = slots_.size() - 1;
  size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash != hash || word(entry) != text) continue;
    entry.count += count;
    return;
  }
  entries_.push_back({bytes_.size(), static_cast<uint32_t>(text.size()), hash, count});
  bytes_ += text;
  slots_[slot] = static_cast<uint32_t>(entries_.size());
  if (2 * entries_.size() > slots_.size()) grow();
}

void WordTable::grow() {
  slots_.assign(2 * slots_.size(), 0);
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t slot = entries_[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<uint32_t>(i + 1);
  }
}

std::vector<WordTable::Entry> WordTable::in_order() const {
  std::vector<Entry> entries = entries_;
  std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) { return word(a) < word(b); });
  return entries;
}

void WordTable::write_run(const std::string& path, const std::string& tag) {
  RunFile run(path, tag);
  for (const Entry& entry : in_order()) run.add(word(entry), entry.count);
  run.finish();
  *this = {};
}

WordCounts WordTable::sorted() const {
  WordCounts words;
  for (const Entry& entry : in_order()) words.add(word(entry), entry.count);
  return words;
}

void merge_word_runs(const std::vector<std::string>& runs,
                     const std::function<void(std::string_view, int64_t)>& action) {
  std::vector<RunCursor> cursors;
  for (const std::string& run : runs) cursors.emplace_back(run);
  const auto later = [&](size_t a, size_t b) { return cursors[a].word() > cursors[b].word(); };
  std::priority_queue<size_t, std::vector<size_t>, decltype(later)> queue(later);
  for (size_t i = 0; i < cursors.size(); ++i)
    if (!cursors[i].at_end()) queue.push(i);
  while (!queue.empty()) {
    const std::string_view word = cursors[queue.top()].word();  // of a mapped file: stays
    int64_t count = 0;
    while (!queue.empty() && cursors[queue.top()].word() == word) {
      const size_t first = queue.top();
      queue.pop();
      count += cursors[first].count();
      cursors[first].next();
      if (!cursors[first].at_end()) queue.push(first);
    }
    action(word, count);
  }
}

void merge_word_runs(const std::vector<std::string>& runs, const std::string& path, const std::string& tag) {
  RunFile run(path, tag);
  merge_word_runs(runs, [&](std::string_view word, int64_t count) { run.add(word, count); });
  run.finish();
}

FrequentWords most_frequent_words(const std::vector<std::string>& runs, size_t limit) {
  std::map<int64_t, size_t> bytes_by_count;
  merge_word_runs(runs, [&](std::string_view word, int64_t count) { bytes_by_count[count] += size_of_word(word); });
  CountLimit last = limit_of(bytes_by_count, limit);
  FrequentWords result;
  merge_word_runs(runs, [&](std::string_view word, int64_t count) {
    if (count < last.count || (count == last.count && size_of_word(word) > last.bytes)) {
      ++result.left_out;
      last.bytes = count == last.count ? 0 : last.bytes;  // none behind the first that does not fit
      return;
    }
    if (count == last.count) last.bytes -= size_of_word(word);
    result.words.add(word, count);
  });
  return result;
}

}  // namespace broadsheet

#include "data/cleaning/repeated_lines.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "core/random.h"
#include "core/text.h"

namespace broadsheet {
namespace {

uint64_t hash_of_bytes(std::string_view bytes) {
  uint64_t hash = bytes.size();
  for (size_t i = 0; i < bytes.size(); i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min(sizeof word, bytes.size() - i));
    hash = mix(hash, word);
  }
  return hash;
}

// Calls `action` with each line, without its end.
template <class Action>
void each_line(std::string_view text, Action action) {
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    action(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

}  // namespace

uint64_t hash_of_line(std::string_view line) {
  return hash_of_bytes(trim(line));
}

std::vector<uint64_t> line_hashes(const std::vector<std::string_view>& texts) {
  std::vector<uint64_t> hashes;
  for (const std::string_view text : texts)
    each_line(text, [&](std::string_view line) {
      if (!trim(line).empty()) hashes.push_back(hash_of_line(line));
    });
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  return hashes;
}

uint64_t hash_of_lines(const std::vector<std::string_view>& texts) {
  uint64_t hash = texts.size();
  for (const std::string_view text : texts) hash = mix(hash, hash_of_bytes(text));
  return hash;
}

uint64_t line_part(uint64_t hash, uint64_t parts) {
  return parts <= 1 ? 0 : hash / (UINT64_MAX / parts + 1);
}

RepeatedLines::RepeatedLines(const std::vector<std::string>& files) {
  for (const std::string& file : files) parts_.push_back(std::make_unique<const MappedFile>(file));
}

bool RepeatedLines::contains(uint64_t hash) const {
  const std::string_view bytes = parts_[line_part(hash, parts_.size())]->bytes();
  const std::span hashes(reinterpret_cast<const uint64_t*>(bytes.data()), bytes.size() / sizeof(uint64_t));
  return std::binary_search(hashes.begin(), hashes.end(), hash);
}

std::string RepeatedLines::without(std::string_view text) const {
  std::vector<std::string_view> kept;
  bool removed = false, any = false;  // since the last line that stays and has a character; at all
  const auto at_gap = [&] { return kept.empty() || trim(kept.back()).empty(); };
  each_line(text, [&](std::string_view line) {
    const bool blank = trim(line).empty();
    if (!blank && contains(hash_of_line(line))) {
      removed = any = true;
      return;
    }
    if (blank && removed && at_gap()) return;
    if (!blank) removed = false;
    kept.push_back(line);
  });
  if (!any) return std::string(text);
  while (removed && !kept.empty() && trim(kept.back()).empty()) kept.pop_back();
  std::string result;
  for (size_t i = 0; i < kept.size(); ++i) {
    if (i > 0) result += '\n';
    result += kept[i];
  }
  return result;
}

}  // namespace broadsheet

#include "data/duplicates.h"

#include <charconv>

#include "core/checksum.h"
#include "core/text.h"

namespace broadsheet {
namespace {

uint64_t word_of(const std::string& hex, size_t index) {
  uint64_t word = 0;
  std::from_chars(hex.data() + 16 * index, hex.data() + 16 * (index + 1), word, 16);
  return word;
}

}  // namespace

Hash128 hash_texts(const std::vector<std::string_view>& parts) {
  Sha256 sha;
  for (const std::string_view part : parts) {
    const uint64_t size = part.size();
    sha.update(&size, sizeof size);
    sha.update(part);
  }
  const std::string hex = sha.hex();
  Hash128 hash = {word_of(hex, 0), word_of(hex, 1)};
  if (hash == Hash128{0, 0}) hash[1] = 1;  // the mark of a free slot
  return hash;
}

HashSet::HashSet() : slots_(size_t{1} << 12, Hash128{0, 0}) {}

size_t HashSet::slot(const Hash128& hash) const {
  size_t at = hash[0] & (slots_.size() - 1);
  while (slots_[at] != Hash128{0, 0} && slots_[at] != hash) at = (at + 1) & (slots_.size() - 1);
  return at;
}

bool HashSet::contains(const Hash128& hash) const {
  return slots_[slot(hash)] == hash;
}

void HashSet::insert(const Hash128& hash) {
  if (10 * (size_ + 1) > 7 * slots_.size()) grow();
  Hash128& place = slots_[slot(hash)];
  if (place != hash) ++size_;
  place = hash;
}

void HashSet::grow() {
  std::vector<Hash128> old(2 * slots_.size(), Hash128{0, 0});
  old.swap(slots_);
  for (const Hash128& hash : old)
    if (hash != Hash128{0, 0}) slots_[slot(hash)] = hash;
}

double split_place(std::string_view key, uint64_t seed) {
  const std::string salt = cat("split ", seed);
  return static_cast<double>(hash_texts({salt, key})[0] >> 11) * 0x1p-53;
}

Split split_of(std::string_view key, const SplitConfig& config) {
  const double place = split_place(key, config.seed);
  if (place < config.test) return Split::kTest;
  if (place < config.test + config.validation) return Split::kValidation;
  return Split::kTrain;
}

}  // namespace broadsheet

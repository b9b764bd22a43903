#include "data/cleaning/near_duplicates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "core/random.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

constexpr double kWantedChance = 0.98;
constexpr uint64_t kNoWord = 0xCBF29CE484222325ull;  // where FNV-1a begins

bool stands_alone(char32_t c) {
  return is_chinese(c) || (c >= 0x3040 && c <= 0x30FF) || (c >= 0xAC00 && c <= 0xD7A3);
}

// Hashes of the words, in order.
std::vector<uint64_t> words_of(std::string_view text) {
  std::vector<uint64_t> words;
  uint64_t word = kNoWord;
  std::u32string small;
  const auto end_word = [&] {
    if (word != kNoWord) words.push_back(mix64(word));
    word = kNoWord;
  };
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_code_point(text, i);
    if (!unicode_classes().is(c, CodePointClass::kWord)) {
      end_word();
      continue;
    }
    if (stands_alone(c)) end_word();
    small.clear();
    append_lower(c, small);
    for (const char32_t one : small) word = (word ^ one) * 0x100000001B3ull;
    if (stands_alone(c)) end_word();
  }
  end_word();
  return words;
}

struct HashFunction {
  uint64_t factor, summand;
};
// x -> (factor x + summand) mod 2^64, upper half (multiply-shift; Dietzfelbinger et al., 1997).
const std::array<HashFunction, kMinHashes>& hash_functions() {
  static const auto functions = [] {
    std::array<HashFunction, kMinHashes> all{};
    for (size_t i = 0; i < all.size(); ++i) all[i] = {mix(1, i) | 1, mix(2, i)};
    return all;
  }();
  return functions;
}

}  // namespace

std::vector<uint32_t> shingles_of(const std::vector<std::string_view>& texts) {
  std::vector<uint32_t> shingles;
  for (const std::string_view text : texts) {
    const std::vector<uint64_t> words = words_of(text);
    const size_t size = std::min<size_t>(words.size(), kShingleWords);
    for (size_t i = 0; size > 0 && i + size <= words.size(); ++i) {
      uint64_t hash = size;
      for (size_t k = 0; k < size; ++k) hash = mix(hash, words[i + k]);
      shingles.push_back(static_cast<uint32_t>(hash >> 32));
    }
  }
  std::sort(shingles.begin(), shingles.end());
  shingles.erase(std::unique(shingles.begin(), shingles.end()), shingles.end());
  return shingles;
}

double jaccard(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  size_t shared = 0;
  for (size_t i = 0, k = 0; i < a.size() && k < b.size();) {
    shared += a[i] == b[k] ? 1 : 0;
    const bool forward = a[i] <= b[k];
    k += b[k] <= a[i] ? 1 : 0;
    i += forward ? 1 : 0;
  }
  const size_t all = a.size() + b.size() - shared;
  return all == 0 ? 1 : static_cast<double>(shared) / static_cast<double>(all);
}

double Banding::chance(double similarity) const {
  return 1 - std::pow(1 - std::pow(similarity, rows), bands);
}

Banding banding_for(double threshold) {
  Banding best{kMinHashes, 1};
  for (int rows = 2; rows <= 32; ++rows) {
    const Banding banding{kMinHashes / rows, rows};
    if (banding.chance(threshold) >= kWantedChance) best = banding;
  }
  return best;
}

std::vector<uint64_t> band_hashes(std::span<const uint32_t> shingles, const Banding& banding) {
  std::vector<uint64_t> hashes;
  if (shingles.empty()) return hashes;
  std::vector<uint64_t> mixed;
  mixed.reserve(shingles.size());
  for (const uint32_t shingle : shingles) mixed.push_back(mix64(shingle));
  for (int band = 0; band < banding.bands; ++band) {
    uint64_t hash = static_cast<uint64_t>(band);
    for (int row = 0; row < banding.rows; ++row) {
      const HashFunction function =
          hash_functions()[static_cast<size_t>(band) * static_cast<size_t>(banding.rows) + static_cast<size_t>(row)];
      uint64_t least = std::numeric_limits<uint64_t>::max();
      for (const uint64_t x : mixed) least = std::min(least, (function.factor * x + function.summand) >> 32);
      hash = mix(hash, least);
    }
    hashes.push_back(hash);
  }
  return hashes;
}

}  // namespace broadsheet

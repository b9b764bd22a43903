#include "data/tokenizers/bpe_merger.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <queue>
#include <string>
#include <unordered_map>

#include "core/errors.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

// In a slot of the hash table.
constexpr uint32_t kRank = (uint32_t{1} << 24) - 1;
constexpr uint32_t kEmpty = UINT32_MAX;
constexpr char32_t kReplacement = 0xFFFD;  // also what malformed bytes are read as

uint32_t tag(uint64_t hashed) {
  return static_cast<uint32_t>(hashed >> 8) & 0x7F000000;
}

size_t byte_pair(std::string_view text, size_t first) {
  return size_t{static_cast<uint8_t>(text[first])} << 8 | static_cast<uint8_t>(text[first + 1]);
}

bool is_ascii(char byte) {
  return static_cast<uint8_t>(byte) < 0x80;
}

uint32_t load_four(const char* bytes) {
  uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

bool continues_character(char byte) {
  return (static_cast<uint8_t>(byte) & 0xC0) == 0x80;
}

// Whether a token begins or ends within a character.
bool has_a_piece(std::string_view token) {
  size_t last = token.size() - 1;
  while (last > 0 && continues_character(token[last])) --last;
  const auto lead = static_cast<uint8_t>(token[last]);
  const size_t wanted = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return continues_character(token[0]) || token.size() - last < wanted;
}

}  // namespace

void Neighbours::add(std::string_view token, size_t place) {
  if (token.size() < kWindow) {
    pairs_.set(byte_pair(token, place - 1));
    windows_.set(hash(short_window(token)));
    return;
  }
  for (auto [first, last] = windows(token, place, kWindow); first < last; ++first)
    windows_.set(hash(load_four(token.data() + first)));
}

bool Neighbours::may_join(std::string_view word, size_t place) const {
  for (auto [first, last] = windows(word, place, kWindow); first < last; ++first)
    if (windows_[hash(load_four(word.data() + first))]) return true;
  if (!pairs_[byte_pair(word, place - 1)]) return false;
  for (size_t length = 2; length < kWindow; ++length)
    for (auto [first, last] = windows(word, place, length); first < last; ++first)
      if (windows_[hash(short_window(word.substr(first, length)))]) return true;
  return false;
}

// The windows of a text that the bytes before and at `place` are both in.
std::pair<size_t, size_t> Neighbours::windows(std::string_view text, size_t place, size_t length) {
  if (text.size() < length) return {0, 0};
  return {place < length ? 0 : place - length + 1, std::min(place, text.size() - length + 1)};
}

// Different from every window of four bytes that UTF-8 has.
uint32_t Neighbours::short_window(std::string_view text) {
  uint32_t bytes = 0xFFFFFFFF;
  for (const char byte : text) bytes = bytes << 8 | static_cast<uint8_t>(byte);
  return bytes;
}

// The ranks of the merges that are possible in a short word: each stands at the place of its left token, with the place
// in its lowest bits, so that the least number is the merge to do, and says where.
class BpeMerger::Ranks {
 public:
  explicit Ranks(size_t places) : groups_((places + kGroup - 1) / kGroup) {
    std::fill_n(ranks_, groups_ * kGroup, kNone);
  }
  // Before the first least().
  void put(size_t place, int32_t rank) { ranks_[place] = with_place(rank, place); }
  void finish() {
    for (size_t group = 0; group < groups_; ++group) least_[group] = least_of(group);
  }
  void set(size_t place, int32_t rank) {
    put(place, rank);
    least_[place / kGroup] = least_of(place / kGroup);
  }
  int32_t least() const {
    int32_t least = kNone;
    for (size_t group = 0; group < groups_; ++group) least = std::min(least, least_[group]);
    return least;
  }
  static size_t place_of(int32_t rank) { return static_cast<size_t>(rank) % kShort; }
  static size_t merge_of(int32_t rank) { return static_cast<size_t>(rank) / kShort; }

 private:
  static constexpr size_t kGroup = 8;
  static int32_t with_place(int32_t rank, size_t place) {
    return rank == kNone ? kNone : rank * static_cast<int32_t>(kShort) + static_cast<int32_t>(place);
  }
  int32_t least_of(size_t group) const {
    const int32_t* ranks = ranks_ + group * kGroup;
    const int32_t first = std::min(std::min(ranks[0], ranks[1]), std::min(ranks[2], ranks[3]));
    return std::min(first, std::min(std::min(ranks[4], ranks[5]), std::min(ranks[6], ranks[7])));
  }

  size_t groups_;
  int32_t ranks_[kShort];
  int32_t least_[kShort / kGroup];
};

BpeMerger::BpeMerger(const BpeRules& rules, const std::vector<std::string>& bytes_of_token)
    : bytes_(rules.bytes),
      unknown_(rules.unknown),
      fuse_unknown_(rules.fuse_unknown),
      merges_(rules.merges),
      slots_(std::bit_ceil(2 * rules.merges.size() + 2), kEmpty),
      shift_(64 - static_cast<unsigned>(std::countr_zero(slots_.size()))),
      byte_pairs_(size_t{1} << 16, kNone),
      whole_(bytes_of_token.size()),
      characters_(kBasicPlane, -1) {
  BROADSHEET_ASSERT(merges_.size() <= kMaxMerges);
  for (const int32_t token : bytes_) all_bytes_ = all_bytes_ && token >= 0;
  for (size_t rank = 0; rank < merges_.size(); ++rank) {
    add_pair(merges_[rank], static_cast<uint32_t>(rank));
    note_neighbours(merges_[rank], bytes_of_token);
  }
  for (size_t left = 0; left < 256; ++left)
    for (size_t right = 0; right < 256; ++right) byte_pairs_[left << 8 | right] = rank_of(bytes_[left], bytes_[right]);
  in_order_ = in_order();
  index_whole(bytes_of_token);
}

void BpeMerger::note_neighbours(const BpeMerge& merge, const std::vector<std::string>& bytes_of_token) {
  const auto bytes = [&](int32_t token) -> const std::string& { return bytes_of_token[static_cast<size_t>(token)]; };
  const std::string &left = bytes(merge.left), &right = bytes(merge.right), &merged = bytes(merge.merged);
  if (left.empty() || right.empty() || continues_character(right[0]) || (is_ascii(left.back()) && is_ascii(right[0])))
    return;
  joined_.add(merged, left.size());
  if (has_a_piece(left) || has_a_piece(right)) broken_.add(merged, left.size());
}

bool BpeMerger::in_order() const {
  std::unordered_map<int32_t, size_t> made;
  for (size_t rank = 0; rank < merges_.size(); ++rank) made[merges_[rank].merged] = rank;  // the last time
  const auto before = [&made](int32_t token, size_t rank) {
    const auto found = made.find(token);
    return found == made.end() || found->second < rank;
  };
  for (size_t rank = 0; rank < merges_.size(); ++rank)
    if (!before(merges_[rank].left, rank) || !before(merges_[rank].right, rank)) return false;
  return true;
}

// Merges need not lead to a token, or may lead past it: each is tried.
void BpeMerger::index_whole(const std::vector<std::string>& bytes_of_token) {
  std::vector<int32_t> ids;
  for (size_t id = 0; id < bytes_of_token.size(); ++id) {
    const std::string& bytes = bytes_of_token[id];
    if (bytes.empty() || bytes.size() > ShortText::kLongest) continue;
    ids.clear();
    merge_part(bytes, ids);
    if (ids.size() != 1 || ids[0] != static_cast<int32_t>(id)) continue;
    whole_.add(ShortText(bytes), ids[0]);
    size_t end = 0;
    const char32_t c = next_code_point(bytes, end);
    if (end == bytes.size() && c < characters_.size() && c != kReplacement) characters_[c] = ids[0];
  }
}

uint64_t BpeMerger::hash(int32_t left, int32_t right) {
  const uint64_t key = uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  return (key ^ key >> 29) * 0x9E3779B97F4A7C15u;
}

void BpeMerger::add_pair(const BpeMerge& merge, uint32_t rank) {
  const uint64_t hashed = hash(merge.left, merge.right);
  size_t slot = hashed >> shift_;
  const auto same = [&](const BpeMerge& other) { return other.left == merge.left && other.right == merge.right; };
  while (slots_[slot] != kEmpty && !same(merges_[slots_[slot] & kRank])) slot = (slot + 1) & (slots_.size() - 1);
  slots_[slot] = tag(hashed) | rank;
}

int32_t BpeMerger::rank_of(int32_t left, int32_t right) const {
  const uint64_t hashed = hash(left, right);
  for (size_t slot = hashed >> shift_; slots_[slot] != kEmpty; slot = (slot + 1) & (slots_.size() - 1)) {
    if ((slots_[slot] & ~kRank) != tag(hashed)) continue;
    const uint32_t rank = slots_[slot] & kRank;
    if (merges_[rank].left == left && merges_[rank].right == right) return static_cast<int32_t>(rank);
  }
  return kNone;
}

BpeMerger::Part BpeMerger::first_part(std::string_view word) const {
  Part part{1, 1, in_order_};
  for (; part.size < word.size(); ++part.size) {
    const char before = word[part.size - 1], behind = word[part.size];
    if (continues_character(behind) || (is_ascii(before) && is_ascii(behind))) continue;  // hardly ever possible there
    if (!joined_.may_join(word, part.size)) break;
    ++part.characters;
    part.by_characters = part.by_characters && !broken_.may_join(word, part.size);
  }
  return part;
}

void BpeMerger::merge(std::string_view word, std::vector<int32_t>& ids) const {
  if (!all_bytes_) return merge_part(word, ids);  // the neighbours of bytes that are left out become neighbours
  while (!word.empty()) {
    const Part found = first_part(word);
    const std::string_view part = word.substr(0, found.size);
    word.remove_prefix(found.size);
    const int32_t id = part.size() <= ShortText::kLongest ? whole(ShortText(part)) : -1;
    if (id >= 0) {
      ids.push_back(id);
      continue;
    }
    const bool by_characters = found.by_characters && found.characters < found.size && found.characters <= kShort;
    if (!by_characters || !merge_characters(part, ids)) merge_part(part, ids);
  }
}

bool BpeMerger::merge_characters(std::string_view part, std::vector<int32_t>& ids) const {
  int32_t tokens[kShort];
  size_t count = 0;
  for (size_t position = 0; position < part.size();) {
    const size_t begin = position;
    const char32_t c = next_code_point(part, position);
    const int32_t token =
        c < characters_.size() ? characters_[c] : whole(ShortText(part.substr(begin, position - begin)));
    if (token < 0 || count == kShort) return false;
    tokens[count++] = token;
  }
  Ranks ranks(count);
  for (size_t i = 0; i + 1 < count; ++i) ranks.put(i, rank_of(tokens[i], tokens[i + 1]));
  merge_short(tokens, count, ranks, ids);
  return true;
}

size_t BpeMerger::read_bytes(std::string_view word, int32_t* tokens) const {
  size_t count = 0;
  bool after_unknown = false;
  for (const char byte : word) {
    const int32_t token = bytes_[static_cast<uint8_t>(byte)];
    const bool unknown = token < 0;
    if (unknown && (unknown_ < 0 || (fuse_unknown_ && after_unknown))) continue;
    tokens[count++] = unknown ? unknown_ : token;
    after_unknown = unknown;
  }
  return count;
}

void BpeMerger::merge_part(std::string_view part, std::vector<int32_t>& ids) const {
  if (part.size() > kShort) {
    std::vector<int32_t> tokens(part.size());
    tokens.resize(read_bytes(part, tokens.data()));
    merge_long(std::move(tokens), ids);
    return;
  }
  int32_t tokens[kShort];
  const size_t count = read_bytes(part, tokens);
  Ranks ranks(count);
  for (size_t i = 0; i + 1 < count; ++i)
    ranks.put(i, all_bytes_ ? byte_pairs_[byte_pair(part, i)] : rank_of(tokens[i], tokens[i + 1]));
  merge_short(tokens, count, ranks, ids);
}

void BpeMerger::merge_short(int32_t* tokens, size_t count, Ranks& ranks, std::vector<int32_t>& ids) const {
  ranks.finish();
  uint64_t there = count == kShort ? ~uint64_t{0} : (uint64_t{1} << count) - 1;  // the places that have a token
  for (int32_t best = ranks.least(); best != kNone; best = ranks.least()) {
    const size_t place = Ranks::place_of(best);
    const uint64_t before = there & ((uint64_t{1} << place) - 1);
    uint64_t behind = there & ~((uint64_t{2} << place) - 1);
    tokens[place] = merges_[Ranks::merge_of(best)].merged;
    const auto right = static_cast<size_t>(std::countr_zero(behind)) % kShort;
    there ^= uint64_t{1} << right;
    behind ^= uint64_t{1} << right;
    ranks.set(right, kNone);
    const auto next = static_cast<size_t>(std::countr_zero(behind));
    ranks.set(place, behind == 0 ? kNone : rank_of(tokens[place], tokens[next]));
    if (before == 0) continue;
    const auto previous = kShort - 1 - static_cast<size_t>(std::countl_zero(before));
    ranks.set(previous, rank_of(tokens[previous], tokens[place]));
  }
  for (; there != 0; there &= there - 1) ids.push_back(tokens[std::countr_zero(there)]);
}

void BpeMerger::merge_long(std::vector<int32_t> tokens, std::vector<int32_t>& ids) const {
  constexpr size_t kEnd = SIZE_MAX;
  const size_t count = tokens.size();
  std::vector<size_t> next(count), previous(count);
  for (size_t i = 0; i < count; ++i) {
    next[i] = i + 1 < count ? i + 1 : kEnd;
    previous[i] = i > 0 ? i - 1 : kEnd;
  }
  using Candidate = std::pair<int32_t, size_t>;  // rank and place of its left token
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto offer = [&](size_t place) {
    if (place == kEnd || next[place] == kEnd) return;
    const int32_t rank = rank_of(tokens[place], tokens[next[place]]);
    if (rank != kNone) queue.emplace(rank, place);
  };
  for (size_t i = 0; i < count; ++i) offer(i);
  while (!queue.empty()) {
    const auto [rank, place] = queue.top();
    queue.pop();
    // What was offered may have been overtaken by another merge.
    if (tokens[place] < 0 || next[place] == kEnd || rank_of(tokens[place], tokens[next[place]]) != rank) continue;
    const size_t right = next[place];
    tokens[place] = merges_[static_cast<size_t>(rank)].merged;
    tokens[right] = -1;
    next[place] = next[right];
    if (next[place] != kEnd) previous[next[place]] = place;
    offer(previous[place]);
    offer(place);
  }
  for (const int32_t token : tokens)
    if (token >= 0) ids.push_back(token);
}

}  // namespace broadsheet

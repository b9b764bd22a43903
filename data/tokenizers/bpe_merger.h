// Byte-pair encoding of one word. Private to data/tokenizers.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/tokenizers/short_texts.h"

namespace broadsheet {

// Two neighbours that become one token.
struct BpeMerge {
  int32_t left, right, merged;
};

struct BpeRules {
  std::array<int32_t, 256> bytes;  // the token of every byte, or -1
  std::vector<BpeMerge> merges;    // the first one is done first; of equal pairs the last counts
  int32_t unknown = -1;            // what a byte without a token becomes; -1: it is left out
  bool fuse_unknown = false;       // neighbouring ones become one
};
constexpr size_t kMaxMerges = size_t{1} << 24;

// Where in words two neighbouring tokens may be merged: what it says no to, no merge of the set does.
class Neighbours {
 public:
  // A merge that makes `token` of its bytes before `place` and the others.
  void add(std::string_view token, size_t place);
  bool may_join(std::string_view word, size_t place) const;

 private:
  static constexpr size_t kWindow = 4;  // bytes
  static std::pair<size_t, size_t> windows(std::string_view text, size_t place, size_t length);
  static uint32_t short_window(std::string_view text);
  static size_t hash(uint32_t window) { return window * uint32_t{0x9E3779B1} >> 12; }

  std::bitset<size_t{1} << 16> pairs_;    // where tokens are merged that become shorter than a window
  std::bitset<size_t{1} << 20> windows_;  // around the place, by hash; short tokens as a whole
};

// Does in a word the first possible merge of the list, of several the leftmost, until none is possible: what
// `tokenizers` does. A word is cut first where no merge can join what is before to what is behind; parts that become
// one token are looked up, others are merged: from characters where that is the same as from bytes, up to 64 tokens in
// registers and on the stack, longer ones with a queue. Immutable and thread-safe. About 5 MB for 50,000 tokens.
class BpeMerger {
 public:
  // `bytes_of_token` by id: what a token stands for.
  BpeMerger(const BpeRules& rules, const std::vector<std::string>& bytes_of_token);
  // Appends the ids of a word.
  void merge(std::string_view word, std::vector<int32_t>& ids) const;
  // The token that a word becomes, or -1 where they are several.
  int32_t whole(const ShortText& word) const { return whole_.find(word); }

 private:
  static constexpr size_t kShort = 64;  // tokens in a word whose places fit into a register
  class Ranks;
  static constexpr int32_t kNone = INT32_MAX;

  static uint64_t hash(int32_t left, int32_t right);
  void add_pair(const BpeMerge& merge, uint32_t rank);
  int32_t rank_of(int32_t left, int32_t right) const;
  void note_neighbours(const BpeMerge& merge, const std::vector<std::string>& bytes_of_token);
  void index_whole(const std::vector<std::string>& bytes_of_token);
  // Whether every merge comes after those that make its two tokens, as in a vocabulary that was learned.
  bool in_order() const;

  // The first part of a word that no merge can join to what follows.
  struct Part {
    size_t size, characters;  // neighbours in ASCII are one
    bool by_characters;       // no merge joins a piece of a character to a neighbour of it
  };
  Part first_part(std::string_view word) const;
  void merge_part(std::string_view part, std::vector<int32_t>& ids) const;
  // The tokens of single bytes; at most word.size().
  size_t read_bytes(std::string_view word, int32_t* tokens) const;
  // False where a character is not one token, with `ids` as they were.
  bool merge_characters(std::string_view part, std::vector<int32_t>& ids) const;
  void merge_short(int32_t* tokens, size_t count, Ranks& ranks, std::vector<int32_t>& ids) const;
  void merge_long(std::vector<int32_t> tokens, std::vector<int32_t>& ids) const;

  std::array<int32_t, 256> bytes_;
  int32_t unknown_;
  bool fuse_unknown_, all_bytes_ = true, in_order_;
  std::vector<BpeMerge> merges_;  // by rank
  std::vector<uint32_t> slots_;   // a hash table of pairs: seven bits of the hash, then the rank
  unsigned shift_;
  std::vector<int32_t> byte_pairs_;  // ranks by the bytes of two tokens of one byte each
  ShortTexts whole_;
  std::vector<int32_t> characters_;  // the token that a code point of the basic plane becomes, or -1
  Neighbours joined_;                // in any merged token
  Neighbours broken_;                // in those that begin or end within a character
};

}  // namespace broadsheet

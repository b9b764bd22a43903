// Learning of merges from counted words: byte-pair encoding (Sennrich et al., "Neural Machine Translation of Rare Words
// with Subword Units", ACL 2016), which is how `tokenizers` trains WordPiece vocabularies, too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// What is learned from: words as ids of the vocabulary that there is before the first merge. Learning changes it.
struct MergeInput {
  std::vector<std::string> vocabulary;  // by id, each token once
  std::vector<int32_t> symbols;         // of all words, end to end
  std::vector<size_t> offsets = {0};    // words + 1: where each one's symbols begin
  std::vector<int64_t> counts;          // by word, positive
  std::string_view continuing_prefix;   // that the second part of a merge loses: "##", or nothing

  void end_word(int64_t count) {
    offsets.push_back(symbols.size());
    counts.push_back(count);
  }
};

struct LearnedMerge {
  int32_t left = 0, right = 0, merged = 0;
  bool operator==(const LearnedMerge&) const = default;
};

// Merges the most frequent pair of neighbours in all words, again and again, until the vocabulary (to which the new
// tokens are appended) has `vocab_size` tokens or no pair comes `min_frequency` times. Of equally frequent pairs the
// one with the smaller left id goes first, then the one with the smaller right id. `progress`, unless empty, is called
// with the size of the vocabulary.
//
// Note [The order of `tokenizers`]
// The merges are those of BpeTrainer (`tokenizers` 0.23) on the same words and first ids, with its peculiarities: what
// was counted of a pair stays when it is merged, and a token that two pairs give is one token. When such a token brings
// a pair back that was queued or merged before, that pair stands in the queue twice, each time with other words, and
// may be merged twice; the list then has it where it came last, as theirs. Where two such entries have the same count,
// theirs come in the order of a hash table with a random seed; here the older goes first. Counts are 64 bits wide and
// do not wrap.
std::vector<LearnedMerge> learn_merges(MergeInput& input, int64_t vocab_size, int64_t min_frequency,
                                       const std::function<void(int64_t)>& progress = {});

}  // namespace broadsheet

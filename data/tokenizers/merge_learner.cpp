#include "data/tokenizers/merge_learner.h"

#include <algorithm>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/errors.h"
#include "core/random.h"
#include "core/text.h"

namespace broadsheet {
namespace {

// Two neighbours, so that the order of numbers is the order of pairs.
using SymbolPair = uint64_t;
SymbolPair symbol_pair(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}
int32_t left_of(SymbolPair pair) {
  return static_cast<int32_t>(pair >> 32);
}
int32_t right_of(SymbolPair pair) {
  return static_cast<int32_t>(pair & 0xFFFFFFFF);
}

struct PairHash {
  size_t operator()(SymbolPair pair) const { return mix64(pair); }
};

class MergeLearner {
 public:
  explicit MergeLearner(MergeInput& input) : input_(input), lengths_(input.counts.size()) {
    for (size_t id = 0; id < input.vocabulary.size(); ++id)
      ids_.emplace(input.vocabulary[id], static_cast<int32_t>(id));
    BROADSHEET_ASSERT(ids_.size() == input.vocabulary.size());
    BROADSHEET_ASSERT(input.counts.size() < UINT32_MAX);
    count_pairs();
  }

  std::vector<LearnedMerge> run(size_t vocab_size, int64_t min_frequency,
                                const std::function<void(int64_t)>& progress) {
    std::vector<LearnedMerge> merges;
    while (input_.vocabulary.size() < vocab_size && !queue_.empty()) {
      Candidate top = queue_.top();
      queue_.pop();
      if (const int64_t count = pairs_.at(top.pair).count; top.count != count) {
        top.count = count;
        queue_.push(top);
        continue;
      }
      if (top.count < std::max<int64_t>(min_frequency, 1)) break;
      const LearnedMerge merge = {left_of(top.pair), right_of(top.pair), merged_token(top.pair)};
      merges.push_back(merge);
      for (const uint32_t word : std::exchange(places_[top.places], {})) merge_in(word, merge);
      queue_new_pairs();
      if (progress) progress(static_cast<int64_t>(input_.vocabulary.size()));
    }
    return merges;
  }

 private:
  // A pair and words that may have it.
  struct Candidate {
    int64_t count = 0;  // of the pair in all words, when it was queued
    SymbolPair pair = 0;
    size_t places = 0;  // number of the list of words; the later, the younger
    bool operator<(const Candidate& other) const {
      if (count != other.count) return count < other.count;
      return pair != other.pair ? pair > other.pair : places > other.places;
    }
  };
  struct PairState {
    int64_t count = 0;
    int64_t new_places = -1;  // number of the list that is being filled
  };

  void count_pairs() {
    for (uint32_t word = 0; word < lengths_.size(); ++word) {
      const size_t begin = input_.offsets[word], end = input_.offsets[word + 1];
      lengths_[word] = static_cast<uint32_t>(end - begin);
      for (size_t i = begin; i + 1 < end; ++i)
        add(symbol_pair(input_.symbols[i], input_.symbols[i + 1]), input_.counts[word], word);
    }
    queue_new_pairs();
  }

  void add(SymbolPair pair, int64_t count, uint32_t word) {
    PairState& state = pairs_[pair];
    state.count += count;
    if (count <= 0) return;
    if (state.new_places < 0) {
      state.new_places = static_cast<int64_t>(places_.size());
      places_.emplace_back();
      new_pairs_.push_back(pair);
    }
    std::vector<uint32_t>& words = places_[static_cast<size_t>(state.new_places)];
    if (words.empty() || words.back() != word) words.push_back(word);
  }

  void queue_new_pairs() {
    for (const SymbolPair pair : new_pairs_) {
      PairState& state = pairs_.at(pair);
      if (state.count > 0) queue_.push({state.count, pair, static_cast<size_t>(state.new_places)});
      state.new_places = -1;
    }
    new_pairs_.clear();
  }

  int32_t merged_token(SymbolPair pair) {
    std::string_view tail = input_.vocabulary[static_cast<size_t>(right_of(pair))];
    const std::string_view prefix = input_.continuing_prefix;
    if (!prefix.empty() && starts_with(tail, prefix)) tail.remove_prefix(prefix.size());
    std::string token = input_.vocabulary[static_cast<size_t>(left_of(pair))];
    token += tail;
    const auto [entry, is_new] = ids_.emplace(std::move(token), static_cast<int32_t>(input_.vocabulary.size()));
    if (is_new) input_.vocabulary.push_back(entry->first);
    return entry->second;
  }

  void merge_in(uint32_t word, const LearnedMerge& merge) {
    int32_t* symbols = input_.symbols.data() + input_.offsets[word];
    const uint32_t length = lengths_[word];
    const int64_t count = input_.counts[word];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < length; ++kept) {
      if (i + 1 == length || symbols[i] != merge.left || symbols[i + 1] != merge.right) {
        symbols[kept] = symbols[i++];
        continue;
      }
      if (kept > 0) {
        add(symbol_pair(symbols[kept - 1], merge.left), -count, word);
        add(symbol_pair(symbols[kept - 1], merge.merged), count, word);
      }
      if (i + 2 < length) {
        add(symbol_pair(merge.right, symbols[i + 2]), -count, word);
        add(symbol_pair(merge.merged, symbols[i + 2]), count, word);
      }
      symbols[kept] = merge.merged;
      i += 2;
    }
    lengths_[word] = kept;
  }

  MergeInput& input_;
  std::vector<uint32_t> lengths_;  // of each word by now
  std::unordered_map<std::string, int32_t> ids_;
  std::unordered_map<SymbolPair, PairState, PairHash> pairs_;
  std::vector<std::vector<uint32_t>> places_;
  std::vector<SymbolPair> new_pairs_;  // since the last merge
  std::priority_queue<Candidate> queue_;
};

// A pair that was merged twice stays where it came last.
std::vector<LearnedMerge> each_pair_once(const std::vector<LearnedMerge>& merges) {
  std::unordered_set<SymbolPair, PairHash> seen;
  std::vector<LearnedMerge> once;
  for (size_t i = merges.size(); i-- > 0;)
    if (seen.insert(symbol_pair(merges[i].left, merges[i].right)).second) once.push_back(merges[i]);
  std::reverse(once.begin(), once.end());
  return once;
}

}  // namespace

std::vector<LearnedMerge> learn_merges(MergeInput& input, int64_t vocab_size, int64_t min_frequency,
                                       const std::function<void(int64_t)>& progress) {
  MergeLearner learner(input);
  return each_pair_once(learner.run(static_cast<size_t>(std::max<int64_t>(vocab_size, 0)), min_frequency, progress));
}

}  // namespace broadsheet

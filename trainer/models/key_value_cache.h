// What a causal model keeps of the sequences that it goes on writing, so that only new tokens pass through it.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace broadsheet {

// The keys and values of every sequence in every layer. Each sequence has memory of its own, which grows with it:
// sequences may be of any lengths, and nothing is padded.
class KeyValueCache {
 public:
  explicit KeyValueCache(int64_t sequences) : sequences_(static_cast<size_t>(sequences)) {}

  int64_t sequences() const { return static_cast<int64_t>(sequences_.size()); }
  int64_t length(int64_t sequence) const { return sequences_.at(static_cast<size_t>(sequence)).length; }

  // Puts one layer's keys and values [heads, new, head size] of new tokens behind those that are there. Gives all of
  // them, [heads, length + new, head size]: views, good until the next call. The length stays until advance().
  std::pair<at::Tensor, at::Tensor> add(int64_t layer, int64_t sequence, const at::Tensor& keys,
                                        const at::Tensor& values);
  // Every layer has the new tokens of every sequence: boundaries[s + 1] - boundaries[s] of sequence s.
  void advance(const std::vector<int64_t>& boundaries);

  // Sequence i is from now on what sequence rows[i] was. A row may be named several times, or never.
  void keep(const std::vector<int64_t>& rows);

 private:
  struct Part {
    at::Tensor keys, values;  // [heads, room, head size]
  };
  struct Sequence {
    int64_t length = 0;
    std::vector<Part> layers;
  };
  static Sequence copy_of(const Sequence& sequence);

  std::vector<Sequence> sequences_;
};

}  // namespace broadsheet

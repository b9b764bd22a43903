#include "trainer/models/key_value_cache.h"

#include <algorithm>
#include <utility>

namespace broadsheet {
namespace {

constexpr int64_t kLeastRoom = 32;  // tokens

// `rows` behind the first `length` of `held` [heads, room, head size], which is made larger where it must.
at::Tensor put_behind(at::Tensor& held, int64_t length, const at::Tensor& rows) {
  const int64_t whole = length + rows.size(1);
  if (!held.defined() || held.size(1) < whole) {
    const int64_t room = std::max({kLeastRoom, 2 * length, whole});
    const at::Tensor larger = at::empty({rows.size(0), room, rows.size(2)}, rows.options());
    if (length > 0) larger.narrow(1, 0, length).copy_(held.narrow(1, 0, length));
    held = larger;
  }
  held.narrow(1, length, rows.size(1)).copy_(rows);
  return held.narrow(1, 0, whole);
}

}  // namespace

std::pair<at::Tensor, at::Tensor> KeyValueCache::add(int64_t layer, int64_t sequence, const at::Tensor& keys,
                                                     const at::Tensor& values) {
  Sequence& one = sequences_.at(static_cast<size_t>(sequence));
  if (one.layers.size() <= static_cast<size_t>(layer)) one.layers.resize(static_cast<size_t>(layer) + 1);
  Part& part = one.layers[static_cast<size_t>(layer)];
  return {put_behind(part.keys, one.length, keys), put_behind(part.values, one.length, values)};
}

void KeyValueCache::advance(const std::vector<int64_t>& boundaries) {
  for (size_t s = 0; s < sequences_.size(); ++s) sequences_[s].length += boundaries.at(s + 1) - boundaries[s];
}

KeyValueCache::Sequence KeyValueCache::copy_of(const Sequence& sequence) {
  Sequence copy{sequence.length, {}};
  const auto copied = [&](const at::Tensor& held) {
    const at::Tensor fresh = at::empty_like(held);
    fresh.narrow(1, 0, sequence.length).copy_(held.narrow(1, 0, sequence.length));
    return fresh;
  };
  for (const Part& part : sequence.layers) copy.layers.push_back({copied(part.keys), copied(part.values)});
  return copy;
}

void KeyValueCache::keep(const std::vector<int64_t>& rows) {
  std::vector<int64_t> uses(sequences_.size());
  for (const int64_t row : rows) ++uses.at(static_cast<size_t>(row));
  std::vector<Sequence> kept;
  for (const int64_t row : rows) {
    Sequence& source = sequences_[static_cast<size_t>(row)];
    const bool last = --uses[static_cast<size_t>(row)] == 0;
    kept.push_back(last ? std::move(source) : copy_of(source));
  }
  sequences_ = std::move(kept);
}

}  // namespace broadsheet

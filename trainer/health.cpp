#include "trainer/health.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr size_t kShown = 5;

// Multiply and xor over 64-bit words, eight lanes wide so that the compiler can keep them apart. Every lane's step is a
// bijection of its state, so one flipped bit always changes the result.
uint64_t fold_bytes(const std::byte* bytes, size_t size, uint64_t seed) {
  constexpr size_t kLanes = 8;
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  uint64_t lanes[kLanes];
  for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = seed + lane * kOdd;
  const auto step = [](uint64_t state, uint64_t word) {
    state = (state ^ word) * kOdd;
    return state ^ (state >> 32);
  };
  size_t at = 0;
  for (; at + kLanes * 8 <= size; at += kLanes * 8) {
    uint64_t words[kLanes];
    std::memcpy(words, bytes + at, sizeof words);
    for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = step(lanes[lane], words[lane]);
  }
  for (size_t lane = 0; at < size; at += 8, ++lane) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + at, std::min<size_t>(8, size - at));
    lanes[lane] = step(lanes[lane], word);
  }
  uint64_t hash = seed;
  for (const uint64_t lane : lanes) hash = step(hash, lane);
  return hash;
}

std::string first_few(const std::vector<std::string>& names) {
  std::vector<std::string> shown(names.begin(), names.begin() + static_cast<int64_t>(std::min(names.size(), kShown)));
  if (names.size() > kShown) shown.push_back(cat("and ", names.size() - kShown, " more"));
  return join(shown, ", ");
}

}  // namespace

uint64_t replica_hash(const ParameterList& parameters) {
  uint64_t hash = 1;
  for (const Parameter& parameter : parameters) {
    const at::Tensor& tensor = parameter.tensor;
    BROADSHEET_ASSERT(tensor.is_contiguous() && tensor.is_cpu());
    hash = fold_bytes(static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes(), hash);
  }
  return hash;
}

std::string find_odd_replicas(const ParameterList& parameters, Communicator& ranks) {
  const std::vector<std::string> all = ranks.all_gather(cat(replica_hash(parameters)));
  std::map<std::string, size_t> counts;
  for (const std::string& hash : all) ++counts[hash];
  if (counts.size() == 1) return "";
  size_t most = 0;
  for (const auto& [hash, count] : counts) most = std::max(most, count);
  const bool majority = 2 * most > all.size();
  std::vector<std::string> odd;
  for (size_t rank = 0; rank < all.size(); ++rank)
    if (!majority || counts[all[rank]] < most) odd.push_back(cat("rank ", rank));
  return cat("the weights of ", first_few(odd), majority ? " differ from those of the other ranks" : " differ");
}

std::vector<std::string> non_finite_gradients(const std::vector<Parameter>& trained) {
  std::vector<std::string> tensors;
  for (const Parameter& parameter : trained)
    if (!parameter.tensor.grad().isfinite().all().item<bool>()) tensors.push_back(parameter.name);
  return tensors;
}

void zero_gradients(const std::vector<Parameter>& trained) {
  const at::NoGradGuard no_grad;
  for (const Parameter& parameter : trained) parameter.tensor.mutable_grad().zero_();
}

namespace {

std::string describe_culprit(const Culprit& culprit) {
  std::vector<std::string> examples;
  for (const int64_t example : culprit.examples) examples.push_back(cat(example));
  return cat(
      culprit.loss ? "the loss" : "",
      culprit.tensors.empty() ? "" : cat(culprit.loss ? " and " : "", "the gradient of ", first_few(culprit.tensors)),
      " in the micro-batch with examples ", join(examples, " "), " of the train split");
}

}  // namespace

std::string describe_non_finite(const std::vector<std::string>& tensors, const std::vector<Culprit>& culprits,
                                Communicator& ranks) {
  std::vector<std::string> mine;
  for (const Culprit& culprit : culprits) mine.push_back(describe_culprit(culprit));
  const std::vector<std::string> all = ranks.all_gather(join(mine, "; "));
  std::string text = cat("not finite: the gradient of ", tensors.empty() ? "no tensor alone" : first_few(tensors));
  bool found = false;
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank].empty()) continue;
    text += cat("; rank ", rank, ": ", all[rank]);
    found = true;
  }
  if (!found)
    text +=
        "; computed once more, no rank's own gradient is at fault: it came from the sum over ranks or over "
        "micro-batches, or from memory or a wire that lost a bit";
  return text;
}

}  // namespace broadsheet

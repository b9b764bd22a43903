#include "trainer/tasks/class_losses.h"

#include <optional>

namespace broadsheet {
namespace {

// Above 0, because a power below 1 has no slope there.
constexpr double kLeastMiss = 1e-7;

std::optional<at::Tensor> optional_weights(const ClassLossOptions& options) {
  return options.weights.defined() ? std::optional<at::Tensor>(options.weights) : std::nullopt;
}

at::Tensor weighted_sum(const at::Tensor& losses, const at::Tensor& labels, const ClassLossOptions& options) {
  return options.weights.defined() ? (losses * options.weights.index_select(0, labels)).sum() : losses.sum();
}

}  // namespace

at::Tensor single_label_loss(const at::Tensor& logits, const at::Tensor& labels, const ClassLossOptions& options) {
  constexpr int64_t kIgnoreNone = -100;
  if (options.focal_gamma == 0) {
    return at::cross_entropy_loss(logits, labels, optional_weights(options), at::Reduction::Sum, kIgnoreNone,
                                  options.label_smoothing);
  }
  const at::Tensor log_p = at::log_softmax(logits, 1).gather(1, labels.unsqueeze(1)).squeeze(1);
  const at::Tensor missed = at::clamp_min(-at::expm1(log_p), kLeastMiss);
  return weighted_sum(-missed.pow(options.focal_gamma) * log_p, labels, options);
}

at::Tensor multi_label_loss(const at::Tensor& logits, const at::Tensor& targets, const ClassLossOptions& options) {
  const at::Tensor wanted =
      options.label_smoothing == 0 ? targets : targets * (1 - options.label_smoothing) + options.label_smoothing / 2;
  const bool focal = options.focal_gamma != 0;
  const at::Tensor losses = at::binary_cross_entropy_with_logits(logits, wanted, {}, optional_weights(options),
                                                                 focal ? at::Reduction::None : at::Reduction::Sum);
  if (!focal) return losses;
  const at::Tensor missed = at::clamp_min(at::sigmoid(logits * (1 - 2 * wanted)), kLeastMiss);
  return (losses * missed.pow(options.focal_gamma)).sum();
}

at::Tensor ordinal_loss(const at::Tensor& logits, const at::Tensor& labels, const ClassLossOptions& options) {
  const int64_t steps = logits.size(1) - 1;
  const at::Tensor found = at::softmax(logits, 1).cumsum(1).narrow(1, 0, steps);
  const at::Tensor wanted = at::arange(steps, labels.options()).unsqueeze(0).ge(labels.unsqueeze(1)).to(found.dtype());
  return weighted_sum((found - wanted).square().sum(1), labels, options);
}

}  // namespace broadsheet

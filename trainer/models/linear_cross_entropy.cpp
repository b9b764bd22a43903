#include "trainer/models/linear_cross_entropy.h"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "core/errors.h"

namespace broadsheet {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kChunkLogits = int64_t{1} << 22;
constexpr int64_t kFewestRows = 16;  // a product of fewer is slow

// What products run in.
at::ScalarType product_type(const at::Tensor& hidden) {
  return at::autocast::is_autocast_enabled(at::kCPU) ? at::autocast::get_autocast_dtype(at::kCPU)
                                                     : hidden.scalar_type();
}

at::Tensor log_probabilities(const at::Tensor& hidden, const at::Tensor& weight) {
  const at::Tensor logits = at::mm(hidden, weight.t());
  return at::_log_softmax(logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat), 1, false);
}

// Calls step(first row, rows) for every chunk.
template <class Step>
void for_chunks(int64_t rows, int64_t classes, const Step& step) {
  const int64_t chunk = cross_entropy_chunk(classes);
  for (int64_t begin = 0; begin < rows; begin += chunk) step(begin, std::min(chunk, rows - begin));
}

class CrossEntropyFunction : public torch::autograd::Function<CrossEntropyFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden, const at::Tensor& weight,
                            const at::Tensor& labels, bool for_hidden, bool for_weight) {
    const at::ScalarType type = product_type(hidden);
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const at::Tensor of_hidden = for_hidden ? at::empty_like(hidden) : at::Tensor();
    const at::Tensor of_weight = for_weight ? at::zeros_like(weight) : at::Tensor();
    const at::Tensor classes = weight.to(type);
    double sum = 0;
    for_chunks(hidden.size(0), weight.size(0), [&](int64_t begin, int64_t rows) {
      const at::Tensor chunk = hidden.narrow(0, begin, rows).to(type);
      const at::Tensor wanted = labels.narrow(0, begin, rows).unsqueeze(1);
      at::Tensor gradient = log_probabilities(chunk, classes);
      sum -= gradient.gather(1, wanted).sum(at::kDouble).item<double>();
      if (!for_hidden && !for_weight) return;
      // softmax - one-hot, in the logarithms' memory
      gradient.exp_().scatter_add_(1, wanted, at::full_like(wanted, -1, gradient.options()));
      gradient = gradient.to(type);
      if (for_hidden) of_hidden.narrow(0, begin, rows).copy_(at::mm(gradient, classes));
      if (for_weight && type == weight.scalar_type()) of_weight.addmm_(gradient.t(), chunk);
      if (for_weight && type != weight.scalar_type()) of_weight.add_(at::mm(gradient.t(), chunk));
    });
    context->save_for_backward({of_hidden, of_weight});
    return at::full({}, sum, hidden.options());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const variable_list saved = context->get_saved_variables();
    const auto scaled = [&](const at::Tensor& x) { return x.defined() ? x * gradients[0] : x; };
    return {scaled(saved[0]), scaled(saved[1]), {}, {}, {}};
  }
};

void check_shapes(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& labels) {
  BROADSHEET_ASSERT(hidden.dim() == 2 && weight.dim() == 2 && hidden.size(1) == weight.size(1));
  BROADSHEET_ASSERT(labels.dim() == 1 && labels.size(0) == hidden.size(0));
}

}  // namespace

int64_t cross_entropy_chunk(int64_t classes) {
  return std::max(kFewestRows, kChunkLogits / classes);
}

at::Tensor linear_cross_entropy(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& labels) {
  check_shapes(hidden, weight, labels);
  const bool graph = at::GradMode::is_enabled();
  return CrossEntropyFunction::apply(hidden.contiguous(), weight, labels, graph && hidden.requires_grad(),
                                     graph && weight.requires_grad());
}

at::Tensor linear_nll(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& labels) {
  check_shapes(hidden, weight, labels);
  const at::NoGradGuard no_grad;
  const at::ScalarType type = product_type(hidden);
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor terms = at::empty({hidden.size(0)}, hidden.options());
  const at::Tensor classes = weight.to(type);
  for_chunks(hidden.size(0), weight.size(0), [&](int64_t begin, int64_t rows) {
    const at::Tensor wanted = labels.narrow(0, begin, rows).unsqueeze(1);
    const at::Tensor chosen =
        log_probabilities(hidden.narrow(0, begin, rows).to(type), classes).gather(1, wanted).squeeze(1);
    terms.narrow(0, begin, rows).copy_(chosen.neg());
  });
  return terms;
}

}  // namespace broadsheet

#include "trainer/optim/optimizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "core/text.h"
#include "trainer/fresh_memory.h"
#include "trainer/optim/kernels.h"
#include "trainer/optim/twin_buffers.h"

namespace broadsheet {

namespace {

// Elements that one thread takes at a time: all streams of a piece fit in its cache.
constexpr int64_t kPiece = int64_t{1} << 16;

struct Piece {
  size_t parameter = 0;
  int64_t begin = 0, count = 0;
};

std::vector<Piece> cut(const std::vector<Parameter>& parameters) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const int64_t elements = parameters[i].tensor.numel();
    for (int64_t begin = 0; begin < elements; begin += kPiece)
      pieces.push_back({i, begin, std::min(kPiece, elements - begin)});
  }
  return pieces;
}

// The values of all parameters, then each kind of state of all parameters: tensor kind * n + i is parameter i's.
std::vector<at::Tensor> all_tensors(const std::vector<Parameter>& parameters,
                                    const std::vector<std::vector<at::Tensor>>& states) {
  std::vector<at::Tensor> all;
  for (const Parameter& parameter : parameters) all.push_back(parameter.tensor.detach());
  for (const std::vector<at::Tensor>& state : states) all.insert(all.end(), state.begin(), state.end());
  return all;
}

std::vector<at::Tensor> zeros_like_all(const std::vector<Parameter>& parameters) {
  std::vector<std::vector<int64_t>> shapes;
  for (const Parameter& parameter : parameters) shapes.push_back(parameter.tensor.sizes().vec());
  return fresh_zeros(shapes);
}

// What the two optimizers share: parameters, their states, the twin buffers, and the walk over all of it.
class ElementwiseOptimizer : public Optimizer {
 public:
  ElementwiseOptimizer(const std::vector<Parameter>& parameters, const TrainConfig& config,
                       std::vector<std::vector<at::Tensor>> states)
      : parameters_(parameters),
        config_(config),
        states_(std::move(states)),
        pieces_(cut(parameters)),
        buffers_(all_tensors(parameters, states_)) {}

  void hold() override { buffers_.hold(); }
  void release() override { buffers_.release(); }

 protected:
  // Calls update_piece(piece, values, gradients, targets by kind) for every piece, on all threads.
  template <class Function>
  void for_each_piece(const Function& update_piece) {
    const size_t count = parameters_.size();
    std::vector<float*> targets(buffers_.size());
    for (size_t i = 0; i < targets.size(); ++i) targets[i] = buffers_.target(i);
    at::parallel_for(0, static_cast<int64_t>(pieces_.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const Piece& piece = pieces_[static_cast<size_t>(i)];
        const Parameter& parameter = parameters_[piece.parameter];
        const at::Tensor& gradient = parameter.tensor.grad();
        BROADSHEET_ASSERT(gradient.defined() && gradient.is_contiguous());
        const auto target = [&](size_t kind) { return targets[kind * count + piece.parameter] + piece.begin; };
        const auto state = [&](size_t kind) {
          return states_[kind][piece.parameter].template const_data_ptr<float>() + piece.begin;
        };
        update_piece(piece, parameter, parameter.tensor.template const_data_ptr<float>() + piece.begin,
                     gradient.template const_data_ptr<float>() + piece.begin, state, target);
      }
    });
    buffers_.flip();
  }

  std::vector<Parameter> parameters_;
  TrainConfig config_;
  std::vector<std::vector<at::Tensor>> states_;  // by kind, then by parameter

 private:
  std::vector<Piece> pieces_;
  TwinBuffers buffers_;
};

class AdamW : public ElementwiseOptimizer {
 public:
  AdamW(const std::vector<Parameter>& parameters, const TrainConfig& config)
      : ElementwiseOptimizer(parameters, config, {zeros_like_all(parameters), zeros_like_all(parameters)}),
        updates_(at::zeros({1}, at::kLong)) {}

  void update(double learning_rate, double gradient_scale) override {
    const at::NoGradGuard no_grad;
    updates_.add_(1);
    const auto count = static_cast<double>(updates_.item<int64_t>());
    AdamWFactors factors;
    factors.scale = static_cast<float>(gradient_scale);
    factors.one_minus_beta1 = static_cast<float>(1 - config_.adam_beta1);
    factors.beta2 = static_cast<float>(config_.adam_beta2);
    factors.one_minus_beta2 = static_cast<float>(1 - config_.adam_beta2);
    factors.step_size = static_cast<float>(learning_rate / (1 - std::pow(config_.adam_beta1, count)));
    factors.bias2_sqrt = static_cast<float>(std::sqrt(1 - std::pow(config_.adam_beta2, count)));
    factors.epsilon = static_cast<float>(config_.adam_epsilon);
    const auto decay = static_cast<float>(1 - learning_rate * config_.weight_decay);
    for_each_piece([&](const Piece& piece, const Parameter& parameter, const float* value, const float* gradient,
                       const auto& state, const auto& target) {
      AdamWFactors own = factors;
      own.decay = parameter.decay ? decay : 1.0f;
      adamw_update({value, gradient, state(0), state(1)}, {target(0), target(1), target(2)}, piece.count, own);
    });
  }

  std::vector<NamedState> state() override {
    std::vector<NamedState> all{{"updates", updates_}};
    for (size_t i = 0; i < parameters_.size(); ++i) {
      all.push_back({cat("exp_avg.", parameters_[i].name), states_[0][i]});
      all.push_back({cat("exp_avg_sq.", parameters_[i].name), states_[1][i]});
    }
    return all;
  }

 private:
  at::Tensor updates_;  // int64 [1]: exact for any number of updates
};

// theta <- theta - eta buffer - eta lambda theta, buffer <- momentum buffer + gradient.
class Sgd : public ElementwiseOptimizer {
 public:
  Sgd(const std::vector<Parameter>& parameters, const TrainConfig& config)
      : ElementwiseOptimizer(parameters, config, states_for(parameters, config)) {}

  void update(double learning_rate, double gradient_scale) override {
    const at::NoGradGuard no_grad;
    SgdFactors factors;
    factors.scale = static_cast<float>(gradient_scale);
    factors.momentum = static_cast<float>(config_.momentum);
    factors.rate = static_cast<float>(learning_rate);
    const auto decay = static_cast<float>(1 - learning_rate * config_.weight_decay);
    const bool buffered = !states_.empty();
    for_each_piece([&](const Piece& piece, const Parameter& parameter, const float* value, const float* gradient,
                       const auto& state, const auto& target) {
      SgdFactors own = factors;
      own.decay = parameter.decay ? decay : 1.0f;
      sgd_update({value, gradient, buffered ? state(0) : nullptr}, {target(0), buffered ? target(1) : nullptr},
                 piece.count, own);
    });
  }

  std::vector<NamedState> state() override {
    std::vector<NamedState> all;
    if (states_.empty()) return all;
    for (size_t i = 0; i < parameters_.size(); ++i)
      all.push_back({cat("momentum_buffer.", parameters_[i].name), states_[0][i]});
    return all;
  }

 private:
  static std::vector<std::vector<at::Tensor>> states_for(const std::vector<Parameter>& parameters,
                                                         const TrainConfig& config) {
    if (config.momentum == 0) return {};
    return {zeros_like_all(parameters)};
  }
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const std::vector<Parameter>& parameters, const TrainConfig& config) {
  if (config.optim == "adamw") return std::make_unique<AdamW>(parameters, config);
  if (config.optim == "sgd") return std::make_unique<Sgd>(parameters, config);
  throw UserError("config.optim", cat("optim is \"", config.optim, "\""), "use adamw or sgd");
}

std::vector<TensorView> optimizer_views(const std::vector<Optimizer::NamedState>& state) {
  std::vector<TensorView> views;
  for (const Optimizer::NamedState& entry : state) {
    BROADSHEET_ASSERT(entry.tensor.is_contiguous() && entry.tensor.is_cpu());
    const bool is_count = entry.tensor.scalar_type() == at::kLong;
    BROADSHEET_ASSERT(is_count || entry.tensor.scalar_type() == at::kFloat);
    views.push_back({entry.name,
                     is_count ? DType::kInt64 : DType::kFloat32,
                     entry.tensor.sizes().vec(),
                     {static_cast<const std::byte*>(entry.tensor.data_ptr()), entry.tensor.nbytes()}});
  }
  return views;
}

namespace {

// Sixteen running sums in double: wide enough for the compiler's vectors, and fixed.
double sum_of_squares(const float* data, int64_t count) {
  constexpr int64_t kLanes = 16;
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const double value = data[i + lane];
      lanes[lane] += value * value;
    }
  for (int64_t lane = 0; i < count; ++i, ++lane) lanes[lane] += static_cast<double>(data[i]) * data[i];
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

double global_gradient_norm(const std::vector<Parameter>& parameters) {
  std::vector<double> squares(parameters.size());
  at::parallel_for(0, static_cast<int64_t>(parameters.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const at::Tensor& gradient = parameters[static_cast<size_t>(i)].tensor.grad();
      BROADSHEET_ASSERT(gradient.defined() && gradient.is_contiguous());
      squares[static_cast<size_t>(i)] = sum_of_squares(gradient.const_data_ptr<float>(), gradient.numel());
    }
  });
  double sum = 0;
  for (const double square : squares) sum += square;
  return std::sqrt(sum);
}

double clip_factor(double norm, double max_norm) {
  return max_norm <= 0 ? 1.0 : std::min(1.0, max_norm / (norm + 1e-6));
}

}  // namespace broadsheet

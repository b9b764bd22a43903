#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/durable.h"
#include "core/errors.h"
#include "trainer/fresh_memory.h"
#include "trainer/optim/kernels.h"
#include "trainer/optim/optimizer.h"

namespace broadsheet {
namespace {

nlohmann::json optim_golden() {
  return nlohmann::json::parse(read_file(BROADSHEET_SOURCE_DIR "/tests/golden/optim.json"));
}

at::Tensor tensor_of(const nlohmann::json& values, const std::vector<int64_t>& shape) {
  const std::vector<float> numbers = values;
  return at::tensor(numbers).reshape(shape).clone();
}

TrainConfig config_of(const nlohmann::json& expected) {
  const nlohmann::json& settings = expected.at("settings");
  TrainConfig config;
  config.optim = expected.at("optim");
  config.weight_decay = settings.at("weight_decay");
  config.adam_beta1 = settings.at("adam_beta1");
  config.adam_beta2 = settings.at("adam_beta2");
  config.adam_epsilon = settings.at("adam_epsilon");
  config.momentum = settings.at("momentum");
  config.max_grad_norm = settings.at("max_grad_norm");
  return config;
}

std::vector<Parameter> parameters_of(const nlohmann::json& expected) {
  std::vector<Parameter> parameters;
  for (const std::string name : {"dense.weight", "dense.bias"}) {
    Parameter parameter;
    parameter.name = name;
    parameter.tensor = tensor_of(expected.at("start").at(name), expected.at("shapes").at(name)).requires_grad_(true);
    parameter.decay = name == "dense.weight";
    parameters.push_back(parameter);
  }
  return parameters;
}

void set_gradients(std::vector<Parameter>& parameters, const nlohmann::json& step) {
  for (Parameter& parameter : parameters)
    parameter.tensor.mutable_grad() =
        tensor_of(step.at("gradients").at(parameter.name), parameter.tensor.sizes().vec());
}

void run_step(std::vector<Parameter>& parameters, Optimizer& optimizer, const TrainConfig& config,
              const nlohmann::json& step) {
  set_gradients(parameters, step);
  const double norm = global_gradient_norm(parameters);
  EXPECT_NEAR(norm, step.at("norm").get<double>(), 1e-5);
  optimizer.update(step.at("learning_rate"), clip_factor(norm, config.max_grad_norm));
}

TEST(Optimizer, TrajectoriesAreThoseOfTorchOptim) {
  int64_t compared = 0;
  const nlohmann::json file = optim_golden();
  for (const nlohmann::json& expected : file.at("trajectories")) {
    std::vector<Parameter> parameters = parameters_of(expected);
    const TrainConfig config = config_of(expected);
    const auto optimizer = make_optimizer(parameters, config);
    for (const nlohmann::json& step : expected.at("steps")) {
      run_step(parameters, *optimizer, config, step);
      for (const Parameter& parameter : parameters) {
        const at::Tensor after = tensor_of(step.at("after").at(parameter.name), parameter.tensor.sizes().vec());
        EXPECT_LT((parameter.tensor - after).abs().max().item<float>(), 2e-6) << config.optim << " " << parameter.name;
        ++compared;
      }
    }
  }
  EXPECT_EQ(compared, 4 * 8 * 2);
}

// Saved in the middle and restored into a new optimizer, the rest of the trajectory has the same bits.
TEST(Optimizer, StateRestoresToTheSameBits) {
  int64_t compared = 0;
  const nlohmann::json file = optim_golden();
  for (const nlohmann::json& expected : file.at("trajectories")) {
    const TrainConfig config = config_of(expected);
    std::vector<Parameter> straight = parameters_of(expected), resumed = parameters_of(expected);
    const auto first = make_optimizer(straight, config);
    const auto second = make_optimizer(resumed, config);
    const nlohmann::json& steps = expected.at("steps");
    for (size_t i = 0; i < 3; ++i) run_step(straight, *first, config, steps[i]);
    for (size_t i = 0; i < resumed.size(); ++i) {
      const at::NoGradGuard no_grad;
      resumed[i].tensor.copy_(straight[i].tensor);
    }
    const std::vector<Optimizer::NamedState> from = first->state(), to = second->state();
    const std::vector<TensorView> sources = optimizer_views(from), targets = optimizer_views(to);
    ASSERT_EQ(sources.size(), targets.size());
    for (size_t i = 0; i < sources.size(); ++i) {
      ASSERT_EQ(sources[i].name, targets[i].name);
      std::memcpy(const_cast<std::byte*>(targets[i].bytes.data()), sources[i].bytes.data(), sources[i].bytes.size());
    }
    for (size_t i = 3; i < steps.size(); ++i) {
      run_step(straight, *first, config, steps[i]);
      run_step(resumed, *second, config, steps[i]);
    }
    for (size_t i = 0; i < resumed.size(); ++i) {
      EXPECT_TRUE(resumed[i].tensor.equal(straight[i].tensor)) << config.optim;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 4 * 2);
}

// While a checkpoint is being written the old state stays where it is, and the new one has the same bits as without.
TEST(Optimizer, HeldStateStaysAndTheTrajectoryIsTheSame) {
  int64_t compared = 0;
  const nlohmann::json file = optim_golden();
  for (const nlohmann::json& expected : file.at("trajectories")) {
    const TrainConfig config = config_of(expected);
    std::vector<Parameter> plain = parameters_of(expected), held = parameters_of(expected);
    const auto first = make_optimizer(plain, config), second = make_optimizer(held, config);
    const nlohmann::json& steps = expected.at("steps");
    for (size_t i = 0; i < steps.size(); ++i) {
      std::vector<TensorView> views = tensor_views(held);
      const std::vector<Optimizer::NamedState> state = second->state();
      for (const TensorView& view : optimizer_views(state))
        if (view.dtype == DType::kFloat32) views.push_back(view);
      std::vector<std::vector<std::byte>> before;
      for (const TensorView& view : views) before.emplace_back(view.bytes.begin(), view.bytes.end());
      const bool holds = i % 3 != 2;
      if (holds) second->hold();
      run_step(plain, *first, config, steps[i]);
      run_step(held, *second, config, steps[i]);
      for (size_t j = 0; holds && j < views.size(); ++j) {
        EXPECT_EQ(std::memcmp(views[j].bytes.data(), before[j].data(), before[j].size()), 0) << views[j].name;
        ++compared;
      }
      if (holds) second->release();
      for (size_t j = 0; j < plain.size(); ++j) EXPECT_TRUE(held[j].tensor.equal(plain[j].tensor)) << config.optim;
    }
  }
  EXPECT_GT(compared, 4 * 5 * 2);
}

// The same bits at any place of an array, in place or not: vectors and their remainders alike.
TEST(OptimizerKernels, AnElementsBitsDoNotDependOnItsPlace) {
  constexpr int64_t kCount = 133;
  const at::Tensor numbers = at::randn({4, kCount}).abs();
  const float *value = numbers[0].const_data_ptr<float>(), *gradient = numbers[1].const_data_ptr<float>(),
              *first = numbers[2].const_data_ptr<float>(), *second = numbers[3].const_data_ptr<float>();
  AdamWFactors factors{0.37f, 0.1f, 0.999f, 0.001f, 0.99f, 0.01f, 0.3f, 1e-8f};
  std::vector<float> whole(3 * kCount), single(3 * kCount), inplace(3 * kCount);
  float *w = whole.data(), *s = single.data(), *p = inplace.data();
  adamw_update({value, gradient, first, second}, {w, w + kCount, w + 2 * kCount}, kCount, factors);
  for (int64_t i = 0; i < kCount; ++i)
    adamw_update({value + i, gradient + i, first + i, second + i}, {s + i, s + kCount + i, s + 2 * kCount + i}, 1,
                 factors);
  std::copy(value, value + kCount, p);
  std::copy(first, first + kCount, p + kCount);
  std::copy(second, second + kCount, p + 2 * kCount);
  adamw_update({p, gradient, p + kCount, p + 2 * kCount}, {p, p + kCount, p + 2 * kCount}, kCount, factors);
  EXPECT_EQ(whole, single);
  EXPECT_EQ(whole, inplace);
}

TEST(FreshMemory, IsZeroAlignedAndAsLongLivedAsAnyPieceOfIt) {
  std::vector<at::Tensor> zeros = fresh_zeros({{3, 5}, {0}, {1'000'000}});
  for (const at::Tensor& tensor : zeros) {
    EXPECT_EQ(tensor.count_nonzero().item<int64_t>(), 0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data_ptr()) % FreshMemory::kAlignment, 0);
    EXPECT_EQ(tensor.storage().nbytes(), tensor.nbytes()) << "each is alone in its storage";
  }
  EXPECT_EQ(zeros[0].sizes().vec(), (std::vector<int64_t>{3, 5}));
  const at::Tensor last = zeros[2];
  zeros.clear();
  last.fill_(2);
  EXPECT_EQ(last.sum().item<double>(), 2e6);
}

TEST(Optimizer, AnUnknownNameIsTheUsersError) {
  TrainConfig config;
  config.optim = "lamb";
  EXPECT_THROW(make_optimizer({}, config), UserError);
}

// Decoupled: with a zero gradient a decayed weight shrinks by exactly eta lambda, others stay.
TEST(Optimizer, DecayIsDecoupledAndSparesBiases) {
  for (const std::string optim : {"adamw", "sgd"}) {
    TrainConfig config;
    config.optim = optim;
    config.weight_decay = 0.5;
    std::vector<Parameter> parameters(2);
    for (Parameter& parameter : parameters) {
      parameter.tensor = at::ones({9}).requires_grad_(true);
      parameter.tensor.mutable_grad() = at::zeros({9});
    }
    parameters[1].decay = false;
    make_optimizer(parameters, config)->update(0.1);
    EXPECT_TRUE(parameters[0].tensor.equal(at::full({9}, 0.95f))) << optim;
    EXPECT_TRUE(parameters[1].tensor.equal(at::ones({9}))) << optim;
  }
}

TEST(GradientNorm, DoesNotDependOnWhereTheGradientLies) {
  // The same numbers in a buffer of their own and as a view at an odd offset, as after a rebuilding of buckets.
  const at::Tensor numbers = at::randn({1003});
  const at::Tensor bucket = at::zeros({1100});
  bucket.slice(0, 13, 13 + 1003).copy_(numbers);
  std::vector<Parameter> parameters(1);
  parameters[0].tensor = at::zeros({1003}).requires_grad_(true);
  parameters[0].tensor.mutable_grad() = numbers;
  const double own = global_gradient_norm(parameters);
  parameters[0].tensor.mutable_grad() = bucket.slice(0, 13, 13 + 1003);
  EXPECT_EQ(global_gradient_norm(parameters), own);
  EXPECT_NEAR(own, numbers.to(at::kDouble).norm().item<double>(), 1e-9);
}

TEST(GradientNorm, IsNotFiniteWhenOneElementIsNot) {
  std::vector<Parameter> parameters(1);
  parameters[0].tensor = at::zeros({5}).requires_grad_(true);
  parameters[0].tensor.mutable_grad() = at::tensor({1.0f, 2.0f, std::numeric_limits<float>::quiet_NaN(), 0.0f, 0.0f});
  EXPECT_FALSE(std::isfinite(global_gradient_norm(parameters)));
}

}  // namespace
}  // namespace broadsheet

#include "trainer/best_weights.h"

#include <ATen/core/grad_mode.h>

#include <utility>

#include "checkpoints/huggingface.h"
#include "core/durable.h"
#include "trainer/resume.h"

namespace broadsheet {
namespace {

constexpr char kStep[] = "step";

// The step whose weights lie in `folder`; -1: none.
int64_t step_in(const std::string& folder) {
  const std::string file = folder + "/broadsheet.json";
  if (!exists(file)) return -1;
  const nlohmann::json json = nlohmann::json::parse(read_file(file, 16 << 20), nullptr, /*allow_exceptions=*/false);
  const auto step = json.is_object() ? json.find(kStep) : json.end();
  return json.is_object() && step != json.end() && step->is_number_integer() ? step->get<int64_t>() : -1;
}

}  // namespace

BestWeights::BestWeights(std::string folder, Task& task, Communicator& ranks,
                         const std::vector<std::string>& tokenizer_files)
    : folder_(std::move(folder)), task_(task), ranks_(ranks), tokenizer_files_(tokenizer_files) {}

void BestWeights::take(int64_t step) {
  if (!kept()) return;
  step_ = step;
  size_t index = 0;
  for (const Parameter& parameter : task_.parameters()) {
    if (!parameter.tensor.requires_grad()) continue;
    if (index == copies_.size()) copies_.push_back(at::empty_like(parameter.tensor.detach()));
    copies_[index++].copy_(parameter.tensor.detach());
  }
}

void BestWeights::put_away(const Fence& fence) {
  if (!kept() || step_ < 0 || written_ == step_) return;
  ParameterList best = saved_parameters(task_);
  size_t index = 0;
  for (Parameter& parameter : best)
    if (parameter.tensor.requires_grad()) parameter.tensor = copies_[index++];
  nlohmann::json description = task_.broadsheet_config();
  description[kStep] = step_;
  publish_model_folder(fence, folder_, task_.model_config(), tensor_views(best), tokenizer_files_, description,
                       task_.adapter_config());
  written_ = step_;
}

bool BestWeights::restore(int64_t step) {
  if (!kept()) return false;
  if (step_ != step) return load(step);
  at::NoGradGuard no_gradients;
  size_t index = 0;
  for (Parameter& parameter : task_.parameters())
    if (parameter.tensor.requires_grad()) parameter.tensor.copy_(copies_[index++]);
  return true;
}

bool BestWeights::load(int64_t step) {
  const bool there = ranks_.first() && step_in(folder_) == step;
  if (ranks_.max(there ? 1 : 0) == 0) return false;
  if (!task_.adapter_config().is_null()) {
    load_checkpoint_weights(folder_, task_);
    return true;
  }
  const LoadReport report = load_parameters(task_.parameters(), WeightFiles::open(folder_), {});
  return report.missing.empty();
}

}  // namespace broadsheet

#include "trainer/models/model.h"

#include <set>
#include <utility>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

// nullopt: no type that weights come in.
std::optional<at::ScalarType> weight_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return at::kFloat;
    case DType::kFloat16:
      return at::kHalf;
    case DType::kBFloat16:
      return at::kBFloat16;
    case DType::kFloat64:
      return at::kDouble;
    default:
      return std::nullopt;
  }
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const int64_t size : shape) sizes.push_back(std::to_string(size));
  return cat("[", join(sizes, ", "), "]");
}

std::string old_spelling(const std::string& name) {
  constexpr std::string_view kWeight = "LayerNorm.weight", kBias = "LayerNorm.bias";
  if (ends_with(name, kWeight)) return name.substr(0, name.size() - kWeight.size()) + "LayerNorm.gamma";
  if (ends_with(name, kBias)) return name.substr(0, name.size() - kBias.size()) + "LayerNorm.beta";
  return name;
}

at::Tensor long_tensor(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(at::ArrayRef<int64_t>(values), at::kLong).to(device);
}

}  // namespace

PackedInput to_input(const Batch& batch, at::Device device) {
  const size_t total = batch.tokens.size();
  BROADSHEET_ASSERT(batch.positions.size() == total && batch.token_types.size() == total);
  BROADSHEET_ASSERT(batch.boundaries.size() == batch.examples.size() + 1);
  BROADSHEET_ASSERT(batch.boundaries.front() == 0 && batch.boundaries.back() == batch.total());
  return {long_tensor(batch.tokens, device), long_tensor(batch.positions, device),
          long_tensor(batch.token_types, device), batch.boundaries, batch.examples};
}

const TensorView* find_weight(const WeightFiles& files, const std::string& name,
                              const std::vector<std::string>& aliases) {
  std::vector<std::string> names = {name};
  const size_t dot = name.find('.');
  if (dot != std::string::npos) {
    for (const std::string& alias : aliases) names.push_back(alias + name.substr(dot + 1));
  }
  for (const std::string& candidate : names) {
    if (const TensorView* found = files.find(candidate)) return found;
    if (const TensorView* found = files.find(old_spelling(candidate))) return found;
  }
  return nullptr;
}

void check_weight(const std::string& name, const std::vector<int64_t>& shape, const TensorView& found, Faults& faults) {
  const std::string as = found.name == name ? "" : cat(" (for ", name, ")");
  if (!weight_type(found.dtype)) {
    faults.add({"model.dtype",
                {},
                "",
                cat("tensor ", found.name, as, " has type ", dtype_name(found.dtype), ", wanted F32, F16, BF16 or F64"),
                "quantised weights are not in this version; convert them to float32"});
  }
  if (found.shape != shape) {
    faults.add({"model.shape",
                {},
                "",
                cat("tensor ", found.name, as, " has shape ", shape_text(found.shape), ", wanted ", shape_text(shape)),
                "the weights and config.json do not belong together; correct config.json"});
  }
}

LoadReport load_parameters(ParameterList& parameters, const WeightFiles& files, const std::vector<std::string>& aliases,
                           ModelValues values) {
  const at::NoGradGuard no_grad;
  LoadReport report;
  Faults faults;
  std::vector<const TensorView*> sources;
  std::set<std::string> taken;
  // The aliases stand for the base model's prefix only: a head's name without its prefix could be anything.
  const std::string base = parameters.empty() ? "" : parameters[0].name.substr(0, parameters[0].name.find('.') + 1);
  for (const Parameter& parameter : parameters) {
    const bool of_base = starts_with(parameter.name, base);
    const TensorView* found = find_weight(files, parameter.name, of_base ? aliases : std::vector<std::string>{});
    sources.push_back(found);
    if (found == nullptr) {
      report.missing.push_back(parameter.name);
    } else {
      taken.insert(found->name);
      check_weight(parameter.name, parameter.tensor.sizes().vec(), *found, faults);
    }
  }
  faults.throw_if_any();
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (sources[i] == nullptr || values == ModelValues::kFollow) continue;
    at::Tensor& target = parameters[i].tensor;
    const at::ScalarType type = *weight_type(sources[i]->dtype);
    const bool straight = type == target.scalar_type() && target.is_cpu() && target.is_contiguous();
    const at::Tensor read = straight ? target : at::empty(sources[i]->shape, at::dtype(type));
    copy_bytes(*sources[i], static_cast<std::byte*>(read.data_ptr()));
    if (!straight) target.copy_(read);
  }
  for (const std::string& name : files.names()) {
    // position_ids is a buffer (0, 1, 2, ...) that old folders saved along.
    if (taken.count(name) == 0 && !ends_with(name, "embeddings.position_ids")) report.unused.push_back(name);
  }
  return report;
}

std::vector<TensorView> tensor_views(const ParameterList& parameters) {
  std::vector<TensorView> views;
  for (const Parameter& parameter : parameters) {
    const at::Tensor& tensor = parameter.tensor;
    BROADSHEET_ASSERT(tensor.is_contiguous() && tensor.is_cpu() && tensor.scalar_type() == at::kFloat);
    const auto* bytes = static_cast<const std::byte*>(tensor.const_data_ptr());
    views.push_back({parameter.name, DType::kFloat32, tensor.sizes().vec(), {bytes, tensor.nbytes()}});
  }
  return views;
}

}  // namespace broadsheet

#include "trainer/adapters/targets_config.h"

#include <algorithm>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr const char* kAllLinear = "all-linear";

std::vector<std::string> usual_targets(const std::string& model_type) {
  if (model_type == "gpt2") return {"c_attn"};
  if (model_type == "distilbert") return {"q_lin", "v_lin"};
  return {"query", "value"};
}

bool answers_to(const std::string& module, const std::string& name) {
  return module == name || ends_with(module, "." + name);
}

}  // namespace

TargetModules::TargetModules(const AdapterConfig& adapter, const std::string& model_type)
    : all_(adapter.target_pattern == kAllLinear), names_(adapter.target_modules) {
  if (!adapter.target_pattern.empty() && !all_) pattern_ = std::regex(adapter.target_pattern);
  if (adapter.target_pattern.empty() && names_.empty()) names_ = usual_targets(model_type);
}

bool TargetModules::has(const std::string& module) const {
  if (all_) return true;
  if (names_.empty()) return std::regex_match(module, pattern_);
  return std::any_of(names_.begin(), names_.end(), [&](const std::string& name) { return answers_to(module, name); });
}

std::vector<std::string> TargetModules::unmatched(const std::vector<std::string>& modules) const {
  std::vector<std::string> none;
  for (const std::string& name : names_) {
    const bool found =
        std::any_of(modules.begin(), modules.end(), [&](const std::string& one) { return answers_to(one, name); });
    if (!found) none.push_back(name);
  }
  return none;
}

bool trains_head(const std::string& first_component) {
  return first_component == "classifier" || first_component == "pre_classifier" || first_component == "score";
}

}  // namespace broadsheet

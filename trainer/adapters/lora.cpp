#include "trainer/adapters/lora.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "checkpoints/peft.h"
#include "core/errors.h"
#include "core/text.h"
#include "trainer/adapters/targets_config.h"
#include "trainer/fresh_memory.h"
#include "trainer/models/initialise.h"

namespace broadsheet {
namespace {

bool is_branch(const std::string& parameter) {
  return starts_with(parameter, kAdapterPrefix);
}

std::string first_component(const std::string& name) {
  return name.substr(0, name.find('.'));
}

// "bert.encoder.layer.3.output.dense" -> "bert.encoder.layer.*.output.dense".
std::string without_numbers(const std::string& name) {
  std::vector<std::string> parts = split(name, '.');
  for (std::string& part : parts)
    if (std::all_of(part.begin(), part.end(), [](unsigned char letter) { return std::isdigit(letter) != 0; }))
      part = "*";
  return join(parts, ".");
}

// Trains the classifier and a pooler that the base lacks, nothing else.
void freeze_base(LanguageModel& model) {
  const std::vector<std::string>& drawn = model.load_report().missing;
  const std::string trunk = first_component(model.parameters().front().name);
  std::vector<std::string> untrained;
  for (Parameter& parameter : model.parameters()) {
    const std::string part = first_component(parameter.name);
    const bool is_new = std::find(drawn.begin(), drawn.end(), parameter.name) != drawn.end();
    const bool trained = parameter.layer == kHeadLayer && (trains_head(part) || (is_new && part == trunk));
    if (is_new && !trained) untrained.push_back(parameter.name);
    parameter.tensor.requires_grad_(trained);
  }
  if (untrained.empty()) return;
  throw UserError(
      {"adapter.new_head",
       {},
       "adapter",
       cat("the model's folder lacks ", join(untrained, ", "), ", and an adapter leaves this head as it is"),
       "train the head first, without an adapter, or choose a model that has it"});
}

bool is_trained(const ParameterList& parameters, const std::string& name) {
  return std::any_of(parameters.begin(), parameters.end(),
                     [&](const Parameter& p) { return p.name == name && p.tensor.requires_grad(); });
}

// The layers that may have a branch: not those that are trained themselves.
std::vector<Linear*> candidates_of(LanguageModel& model) {
  std::vector<Linear*> all = model.branch_points();
  std::erase_if(all, [&](const Linear* layer) { return is_trained(model.parameters(), layer->name + ".weight"); });
  return all;
}

std::vector<Linear*> choose_targets(LanguageModel& model, const TargetModules& targets) {
  std::vector<Linear*> chosen;
  std::vector<std::string> modules, kinds;
  for (Linear* layer : candidates_of(model)) {
    modules.push_back(layer->name);
    const std::string kind = without_numbers(layer->name);
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
    if (targets.has(layer->name)) chosen.push_back(layer);
  }
  const std::vector<std::string> unmatched = targets.unmatched(modules);
  if (!chosen.empty() && unmatched.empty()) return chosen;
  throw UserError({"adapter.target_modules",
                   {},
                   "adapter.target_modules",
                   unmatched.empty() ? "the pattern matches no whole name of a linear layer"
                                     : cat("found ", join(unmatched, ", "), ", which no linear layer is called"),
                   cat("the model has ", join(kinds, ", "), "; name the ends of such, or write all-linear")});
}

int64_t layer_of(const ParameterList& parameters, const std::string& name) {
  const auto found =
      std::find_if(parameters.begin(), parameters.end(), [&](const Parameter& p) { return p.name == name; });
  BROADSHEET_ASSERT(found != parameters.end());
  return found->layer;
}

// Whether peft, which looks at all of the model's modules, chooses by these names what we did.
bool name_the_same(const ParameterList& parameters, const TargetModules& targets, const std::set<std::string>& chosen) {
  return !targets.names().empty() && std::none_of(parameters.begin(), parameters.end(), [&](const Parameter& p) {
    if (p.tensor.dim() != 2 || !ends_with(p.name, ".weight") || is_branch(p.name)) return false;
    const std::string module = p.name.substr(0, p.name.size() - std::string_view(".weight").size());
    return targets.has(module) && chosen.count(module) == 0;
  });
}

// The modules that are trained whole: those of the classifier, and of the trunk (a pooler) by their last name.
std::vector<std::string> saved_modules(const ParameterList& parameters) {
  std::set<std::string> modules;
  const std::string trunk = first_component(parameters.front().name);
  for (const Parameter& parameter : parameters) {
    if (!parameter.tensor.requires_grad() || is_branch(parameter.name)) continue;
    const std::vector<std::string> parts = split(parameter.name, '.');
    modules.insert(parts[0] == trunk ? parts[1] : parts[0]);
  }
  return {modules.begin(), modules.end()};
}

nlohmann::json task_type_of(const std::string& architecture) {
  if (ends_with(architecture, "ForSequenceClassification")) return "SEQ_CLS";
  if (ends_with(architecture, "ForTokenClassification")) return "TOKEN_CLS";
  return ends_with(architecture, "LMHeadModel") ? nlohmann::json("CAUSAL_LM") : nlohmann::json();
}

}  // namespace

void attach_lora(LanguageModel& model, const AdapterConfig& adapter, const std::string& model_type, uint64_t seed) {
  freeze_base(model);
  const std::vector<Linear*> chosen = choose_targets(model, TargetModules(adapter, model_type));
  std::vector<std::vector<int64_t>> shapes;
  for (const Linear* layer : chosen) {
    const int64_t in = layer->weight.size(layer->transposed ? 0 : 1),
                  out = layer->weight.size(layer->transposed ? 1 : 0);
    shapes.push_back({adapter.r, in});
    shapes.push_back({out, adapter.r});
  }
  std::vector<at::Tensor> tensors = fresh_zeros(shapes);
  for (size_t i = 0; i < chosen.size(); ++i) {
    Linear& layer = *chosen[i];
    at::Tensor &a = tensors[2 * i], &b = tensors[2 * i + 1];
    const int64_t number = layer_of(model.parameters(), layer.name + ".weight");
    const std::string name_a = cat(kAdapterPrefix, layer.name, kBranchA),
                      name_b = cat(kAdapterPrefix, layer.name, kBranchB);
    fill_uniform(a, seed, name_a, 1 / std::sqrt(static_cast<double>(a.size(1))));
    layer.lora = LoraBranch{a.requires_grad_(true), b.requires_grad_(true),
                            adapter.lora_alpha / static_cast<double>(adapter.r), adapter.lora_dropout};
    model.parameters().push_back({name_a, a, true, number});
    model.parameters().push_back({name_b, b, true, number});
  }
}

nlohmann::json lora_config(LanguageModel& model, const AdapterConfig& adapter, const std::string& model_type,
                           const std::string& architecture, const std::string& base_folder) {
  std::set<std::string> chosen;
  for (const Linear* layer : model.branch_points())
    if (layer->lora) chosen.insert(layer->name);
  const TargetModules targets(adapter, model_type);
  const std::vector<std::string> saved = saved_modules(model.parameters());
  const bool whole_alpha = adapter.lora_alpha == std::floor(adapter.lora_alpha) && adapter.lora_alpha < 1e9;
  nlohmann::json config = {{"peft_type", "LORA"},
                           {"task_type", task_type_of(architecture)},
                           {"base_model_name_or_path", base_folder},
                           {"r", adapter.r},
                           {"lora_alpha", adapter.lora_alpha},
                           {"lora_dropout", adapter.lora_dropout},
                           {"target_modules", chosen},
                           {"modules_to_save", nullptr},
                           {"fan_in_fan_out", model_type == "gpt2"},
                           {"bias", "none"},
                           {"init_lora_weights", true},
                           {"inference_mode", true}};
  if (whole_alpha) config["lora_alpha"] = static_cast<int64_t>(adapter.lora_alpha);
  if (name_the_same(model.parameters(), targets, chosen)) config["target_modules"] = targets.names();
  if (!saved.empty()) config["modules_to_save"] = saved;
  return config;
}

ParameterList adapter_parameters(const ParameterList& parameters) {
  ParameterList kept;
  for (Parameter parameter : parameters) {
    if (!parameter.tensor.requires_grad()) continue;
    if (!is_branch(parameter.name)) parameter.name = kAdapterPrefix + parameter.name;
    kept.push_back(std::move(parameter));
  }
  return kept;
}

}  // namespace broadsheet

#include "checkpoints/peft.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "checkpoints/json_file.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {

// adapter_config.json, as far as it matters here.
struct AdapterFacts {
  std::string base;
  double lora_alpha = 0;
  bool by_root = false;     // branches count lora_alpha / sqrt(r)
  bool transposed = false;  // weights are [in, out]
  std::string task_type;
  double scaling(int64_t r) const {
    return lora_alpha / (by_root ? std::sqrt(static_cast<double>(r)) : static_cast<double>(r));
  }
};

namespace {

using nlohmann::json;

constexpr uint64_t kMaxAdapterConfigBytes = uint64_t{16} << 20;

[[noreturn]] void refuse_adapter(const std::string& folder, const std::string& key, std::string what,
                                 const char* remedy = "merge it with peft (merge_and_unload) and use the whole model") {
  throw UserError(Fault{"adapter.config", {cat(folder, "/", kAdapterConfigFile)}, key, std::move(what), remedy});
}

[[noreturn]] void refuse_tensor(const std::string& folder, const std::string& name, const std::string& what) {
  throw UserError(Fault{"adapter.tensor",
                        {cat(folder, "/", kAdapterWeightsFile)},
                        "",
                        cat("tensor \"", printable(name), "\" ", what),
                        "save the adapter again with peft, or use the base that it was trained on"});
}

bool asks_for_nothing(const json& config, const char* key) {
  const auto found = config.find(key);
  return found == config.end() || found->is_null() || (found->is_boolean() && !found->get<bool>()) ||
         (found->is_structured() && found->empty());
}

AdapterFacts read_facts(const std::string& folder) {
  const json config = read_adapter_config(folder);
  const auto text_at = [&](const char* key) {
    const auto found = config.find(key);
    return found != config.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (text_at("peft_type") != "LORA")
    refuse_adapter(folder, "peft_type", cat("found \"", printable(text_at("peft_type")), "\", wanted LORA"));
  for (const char* key : {"use_dora", "alpha_pattern", "lora_bias", "use_qalora", "target_parameters"})
    if (!asks_for_nothing(config, key)) refuse_adapter(folder, key, "is not in this version");
  AdapterFacts facts;
  facts.base = text_at("base_model_name_or_path");
  facts.task_type = text_at("task_type");
  if (facts.base.empty() || facts.base.find('\0') != std::string::npos)
    refuse_adapter(folder, "base_model_name_or_path", "names no base model", "write the path of the base's folder");
  const auto alpha = config.find("lora_alpha");
  if (alpha == config.end() || !alpha->is_number())
    refuse_adapter(folder, "lora_alpha", "is no number", "save the adapter again with peft");
  facts.lora_alpha = alpha->get<double>();
  facts.by_root = !asks_for_nothing(config, "use_rslora");
  facts.transposed = !asks_for_nothing(config, "fan_in_fan_out");
  return facts;
}

std::string find_base(const std::string& folder, const std::string& name) {
  std::vector<std::string> places = {absolute_path(name), absolute_path(name, folder)};
  const bool hub_name = looks_like_hub_name(name);
  if (hub_name) places.push_back(absolute_path("models/" + name));
  const auto found = std::find_if(places.begin(), places.end(), [](const std::string& path) { return exists(path); });
  const std::string file = cat(folder, "/", kAdapterConfigFile);
  if (found == places.end()) {
    throw UserError(
        Fault{"adapter.base",
              {file},
              "base_model_name_or_path",
              cat("the adapter in ", folder, " belongs to the base model ", printable(name), ", which is not there"),
              hub_name ? cat("download it once with: ", hub_download_command(name))
                       : "put the base model there again, or correct its path in this file"});
  }
  if (is_adapter_folder(*found)) {
    throw UserError(Fault{"adapter.base",
                          {file},
                          "base_model_name_or_path",
                          cat(*found, " is the folder of an adapter itself"),
                          "merge that one first: broadsheet export DIR --merge-adapters --out NEW"});
  }
  return *found;
}

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000U) << 16, exponent = half >> 10 & 0x1FU;
  const uint32_t fraction = half & 0x3FFU;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000U | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = std::ldexp(static_cast<float>(fraction), -24);
  return sign != 0 ? -small : small;
}

template <class T, class Convert>
std::vector<float> converted(const TensorView& tensor, const Convert& convert) {
  std::vector<T> read(tensor.bytes.size() / sizeof(T));
  copy_bytes(tensor, reinterpret_cast<std::byte*>(read.data()));
  std::vector<float> values(read.size());
  std::transform(read.begin(), read.end(), values.begin(), convert);
  return values;
}

std::vector<float> floats_of(const TensorView& tensor, const std::string& folder) {
  switch (tensor.dtype) {
    case DType::kFloat32:
      return converted<float>(tensor, [](float value) { return value; });
    case DType::kFloat16:
      return converted<uint16_t>(tensor, half_to_float);
    case DType::kBFloat16:
      return converted<uint16_t>(
          tensor, [](uint16_t value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); });
    case DType::kFloat64:
      return converted<double>(tensor, [](double value) { return static_cast<float>(value); });
    default:
      refuse_tensor(folder, tensor.name, cat("has type ", dtype_name(tensor.dtype), ", wanted F32, F16, BF16 or F64"));
  }
}

// broadsheet.json; an empty object in the folder of somebody else.
json read_ours(const std::string& folder) {
  const std::string file = folder + "/broadsheet.json";
  return exists(file) ? read_json_object(file, "model.config", kMaxAdapterConfigBytes) : json::object();
}

SafetensorsFile open_adapter_file(const std::string& folder) {
  const std::string file = cat(folder, "/", kAdapterWeightsFile);
  if (exists(file)) return SafetensorsFile::open(file);
  const bool pickled = exists(folder + "/adapter_model.bin");
  throw UserError(Fault{pickled ? "model.pickle" : "model.weights",
                        {folder},
                        "",
                        cat("holds no ", kAdapterWeightsFile,
                            pickled ? "; its adapter is a pickle (adapter_model.bin), which is never read" : ""),
                        pickled ? "load it with peft where you trust it, and save_pretrained() it again"
                                : "give the complete folder of an adapter"});
}

// weight += scaling * B A; weight is [out, in], or [in, out] where `transposed`.
void add_product(std::vector<float>& weight, const std::vector<float>& a, const std::vector<float>& b, int64_t r,
                 float scaling, bool transposed) {
  const auto rank = static_cast<size_t>(r), in = a.size() / rank, out = b.size() / rank;
  const size_t width = transposed ? out : in, rows = transposed ? in : out;
  std::vector<float> columns(rank * width);  // A, or B transposed: [r, width]
  for (size_t k = 0; k < rank; ++k)
    for (size_t c = 0; c < width; ++c) columns[k * width + c] = transposed ? b[c * rank + k] : a[k * in + c];
  for (size_t row = 0; row < rows; ++row) {
    float* target = weight.data() + row * width;
    for (size_t k = 0; k < rank; ++k) {
      const float factor = scaling * (transposed ? a[k * in + row] : b[row * rank + k]);
      const float* source = columns.data() + k * width;
      for (size_t c = 0; c < width; ++c) target[c] += factor * source[c];
    }
  }
}

// "a.b.c" -> "b.c"; "c" -> "".
std::string without_first(const std::string& name) {
  const size_t dot = name.find('.');
  return dot == std::string::npos ? "" : name.substr(dot + 1);
}

}  // namespace

// Base and adapter become one name space.
class AdapterMerge {
 public:
  explicit AdapterMerge(const std::string& folder)
      : folder_(folder), facts_(read_facts(folder)), base_(find_base(folder, facts_.base)) {}

  WeightFiles run() {
    weights_ = WeightFiles::open_plain(base_);
    check_identity();
    const json config = read_model_config(base_);
    transposed_ = facts_.transposed || config.value("model_type", json()) == "gpt2";
    weights_.files_.push_back(open_adapter_file(folder_));
    sort_tensors(weights_.files_.back());
    give_prefix();
    drop_other_heads();
    for (const auto& [module, branch] : branches_) merge(module, branch);
    for (const auto& [name, tensor] : whole_) take(name, *tensor);
    return std::move(weights_);
  }

 private:
  struct Branch {
    const TensorView *a = nullptr, *b = nullptr;
  };

  // A folder of ours says which base it was trained on.
  void check_identity() const {
    const json ours = read_ours(folder_);
    const auto base = ours.find("base");
    if (base == ours.end() || !base->is_object()) return;
    const json wanted = base->value("weights", json());
    const std::string found = weights_.identity();
    if (wanted == found) return;
    throw UserError(
        Fault{"adapter.other_base",
              {folder_ + "/broadsheet.json"},
              "base.weights",
              cat("the adapter was trained on weights ", wanted.dump(), "; ", base_, " has \"", found, "\""),
              "restore the base that it was trained on, or correct base_model_name_or_path in " +
                  std::string(kAdapterConfigFile)});
  }

  void sort_tensors(const SafetensorsFile& file) {
    for (const TensorView& tensor : file.tensors()) {
      if (!starts_with(tensor.name, kAdapterPrefix))
        refuse_tensor(folder_, tensor.name, cat("does not begin with ", kAdapterPrefix));
      const std::string name = tensor.name.substr(std::string_view(kAdapterPrefix).size());
      const auto module = [&](std::string_view end) { return name.substr(0, name.size() - end.size()); };
      if (ends_with(name, kBranchA)) {
        branches_[module(kBranchA)].a = &tensor;
      } else if (ends_with(name, kBranchB)) {
        branches_[module(kBranchB)].b = &tensor;
      } else if (name.find("lora_") != std::string::npos) {
        refuse_tensor(folder_, tensor.name, "is a kind of branch that is not in this version");
      } else {
        whole_[name] = &tensor;
      }
    }
  }

  // Folders saved from the bare trunk leave the first component of every name out.
  void give_prefix() {
    if (branches_.empty()) return;
    const std::string module = branches_.begin()->first;
    const std::string prefix = module.substr(0, module.find('.') + 1);
    if (weights_.find(module + ".weight") != nullptr || weights_.find(without_first(module) + ".weight") == nullptr)
      return;
    std::map<std::string, const TensorView*> bare;
    bare.swap(weights_.tensors_);
    for (const auto& [name, tensor] : bare) take(starts_with(name, prefix) ? name : prefix + name, *tensor);
  }

  // A classifier takes the place of the head that the base was trained with.
  void drop_other_heads() {
    const auto is_classifier = [](const auto& one) {
      return starts_with(one.first, "classifier.") || starts_with(one.first, "score.");
    };
    if (std::none_of(whole_.begin(), whole_.end(), is_classifier)) return;
    std::erase_if(weights_.tensors_, [](const auto& one) {
      const auto is_of = [&](const char* head) { return starts_with(one.first, head); };
      return is_of("cls.") || is_of("lm_head.") || is_of("vocab_") || is_of("discriminator_predictions.");
    });
  }

  // Under this name from now on.
  void take(const std::string& name, const TensorView& tensor) {
    auto made = std::make_unique<WeightFiles::Made>();
    made->view = tensor;
    made->view.name = name;
    put(std::move(made));
  }

  void put(std::unique_ptr<WeightFiles::Made> made) {
    weights_.tensors_[made->view.name] = &made->view;
    weights_.made_.push_back(std::move(made));
  }

  void merge(const std::string& module, const Branch& branch) {
    const TensorView* one = branch.a != nullptr ? branch.a : branch.b;
    if (branch.a == nullptr || branch.b == nullptr)
      refuse_tensor(folder_, one->name, "has no other half of its branch");
    const TensorView* weight = weights_.find(module + ".weight");
    if (weight == nullptr)
      refuse_tensor(folder_, one->name, cat("belongs to the module ", module, ", which ", base_, " has not"));
    const TensorView &a = *branch.a, &b = *branch.b;
    const bool matrices = a.shape.size() == 2 && b.shape.size() == 2 && a.shape[0] > 0 && a.shape[0] == b.shape[1];
    std::vector<int64_t> wanted;
    if (matrices) wanted = {b.shape[0], a.shape[1]};
    if (transposed_) std::reverse(wanted.begin(), wanted.end());
    if (!matrices || weight->shape != wanted) {
      refuse_tensor(folder_, one->name,
                    cat("has shape ", json(a.shape).dump(), ", its other half ", json(b.shape).dump(),
                        "; the weight of ", module, " in ", base_, " has ", json(weight->shape).dump()));
    }
    auto made = std::make_unique<WeightFiles::Made>();
    made->values = floats_of(*weight, base_);
    add_product(made->values, floats_of(a, folder_), floats_of(b, folder_), a.shape[0],
                static_cast<float>(facts_.scaling(a.shape[0])), transposed_);
    made->view = {module + ".weight", DType::kFloat32, weight->shape, std::as_bytes(std::span(made->values))};
    put(std::move(made));
  }

  const std::string folder_;
  const AdapterFacts facts_;
  const std::string base_;
  bool transposed_ = false;
  WeightFiles weights_;
  std::map<std::string, Branch> branches_;
  std::map<std::string, const TensorView*> whole_;
};

bool is_adapter_folder(const std::string& folder) {
  return exists(cat(folder, "/", kAdapterConfigFile));
}

json read_adapter_config(const std::string& folder) {
  return read_json_object(cat(folder, "/", kAdapterConfigFile), "adapter.config", kMaxAdapterConfigBytes);
}

std::string adapter_base(const std::string& folder) {
  return find_base(folder, read_facts(folder).base);
}

WeightFiles WeightFiles::open(const std::string& folder) {
  return is_adapter_folder(folder) ? AdapterMerge(folder).run() : open_plain(folder);
}

WeightFiles WeightFiles::open_adapter(const std::string& folder) {
  WeightFiles weights;
  weights.files_.push_back(open_adapter_file(folder));
  weights.add(weights.files_.back(), folder);
  return weights;
}

namespace {

// "BertForMaskedLM", "BertModel" -> "Bert"; "GPT2LMHeadModel" -> "GPT2".
std::string class_stem(const json& config) {
  const auto classes = config.find("architectures");
  if (classes == config.end() || !classes->is_array() || classes->empty() || !classes->front().is_string()) return "";
  std::string name = classes->front().get<std::string>();
  for (const char* end : {"For", "LMHead", "Model"}) name = name.substr(0, name.find(end));
  return name;
}

const char* head_of(const std::string& task_type) {
  if (task_type == "SEQ_CLS") return "ForSequenceClassification";
  if (task_type == "TOKEN_CLS") return "ForTokenClassification";
  return task_type == "CAUSAL_LM" ? "LMHeadModel" : nullptr;
}

// Rows of the last layer of an adapter's head; 0: it has none.
int64_t head_classes(const WeightFiles& adapter) {
  for (const char* name : {"score.weight", "classifier.weight", "classifier.out_proj.weight"}) {
    const TensorView* found = adapter.find(cat(kAdapterPrefix, name));
    if (found != nullptr && found->shape.size() == 2) return found->shape[0];
  }
  return 0;
}

}  // namespace

json adapter_model_config(const std::string& folder) {
  const json ours = read_ours(folder);
  if (ours.contains("config") && ours["config"].is_object()) return ours["config"];
  json config = read_model_config(adapter_base(folder));
  const std::string stem = class_stem(config);
  const char* head = head_of(read_facts(folder).task_type);
  if (head != nullptr && !stem.empty()) config["architectures"] = {stem + head};
  const int64_t classes = head_classes(WeightFiles::open_adapter(folder));
  const auto names = config.find("id2label");
  const bool fits = names != config.end() && names->is_object() && static_cast<int64_t>(names->size()) == classes;
  if (classes > 0 && !fits) {
    config["num_labels"] = classes;
    config.erase("id2label");
    config.erase("label2id");
  }
  return config;
}

}  // namespace broadsheet

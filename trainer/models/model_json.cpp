#include "trainer/models/model_json.h"

#include <array>
#include <utility>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr std::array<std::pair<const char*, Activation>, 3> kActivations = {
    {{"gelu", Activation::kGelu}, {"gelu_new", Activation::kGeluTanh}, {"relu", Activation::kRelu}}};

std::string shown(const nlohmann::json& value) {
  std::string dump = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (dump.size() > 80) {
    dump.resize(77);
    dump.append("...");
  }
  return dump;
}

}  // namespace

const char* activation_name(Activation activation) {
  for (const auto& [name, known] : kActivations) {
    if (known == activation) return name;
  }
  assertion_failed("activation has a name", __FILE__, __LINE__);
}

ModelJsonReader::ModelJsonReader(const nlohmann::json& json, std::string source)
    : json_(json), source_(std::move(source)) {
  if (json.is_object()) return;
  throw UserError({"model.config", {source_}, "", "found no JSON object", "use a model folder with a config.json"});
}

const nlohmann::json* ModelJsonReader::find(const char* key) const {
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void ModelJsonReader::fault(const char* key, std::string what) {
  faults_.add({"model.config", {source_}, key, std::move(what), "correct the key, or use another model"});
}

void ModelJsonReader::integer(const char* key, int64_t low, int64_t high, int64_t& value) {
  const nlohmann::json* found = find(key);
  if (found == nullptr) return;
  if (!found->is_number_integer() || (found->is_number_unsigned() && found->get<uint64_t>() > uint64_t{1} << 62) ||
      found->get<int64_t>() < low || found->get<int64_t>() > high) {
    fault(key, cat("found ", shown(*found), ", wanted a whole number from ", low, " to ", high));
    return;
  }
  value = found->get<int64_t>();
}

void ModelJsonReader::number(const char* key, double low, double below, double& value) {
  const nlohmann::json* found = find(key);
  if (found == nullptr) return;
  if (!found->is_number() || !(found->get<double>() >= low) || !(found->get<double>() < below)) {
    fault(key, cat("found ", shown(*found), ", wanted a number of at least ", low, " and less than ", below));
    return;
  }
  value = found->get<double>();
}

void ModelJsonReader::boolean(const char* key, bool& value) {
  const nlohmann::json* found = find(key);
  if (found == nullptr) return;
  if (!found->is_boolean()) {
    fault(key, cat("found ", shown(*found), ", wanted true or false"));
    return;
  }
  value = found->get<bool>();
}

void ModelJsonReader::must_be(const char* key, const nlohmann::json& wanted, const char* why) {
  const nlohmann::json* found = find(key);
  if (found != nullptr && *found != wanted) {
    fault(key, cat("found ", shown(*found), ", wanted ", wanted.dump(), ": ", why));
  }
}

void ModelJsonReader::model_type(const std::string& wanted, bool required) {
  if (required && !json_.contains("model_type"))
    fault("model_type", cat("the key is missing, wanted \"", wanted, "\""));
  must_be("model_type", wanted, "the other keys are of this kind");
}

void ModelJsonReader::activation(const char* key, Activation& value) {
  const nlohmann::json* found = find(key);
  if (found == nullptr) return;
  for (const auto& [name, activation] : kActivations) {
    if (*found == name) {
      value = activation;
      return;
    }
  }
  fault(key, cat("found ", shown(*found), ", wanted gelu, gelu_new or relu"));
}

}  // namespace broadsheet

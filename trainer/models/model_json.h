// Reading the keys of a config.json that change a model's numbers: every fault is collected. No torch here.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "core/errors.h"

namespace broadsheet {

enum class Activation { kGelu, kGeluTanh, kRelu };  // "gelu" (erf), "gelu_new" (tanh approximation), "relu"

const char* activation_name(Activation activation);

class ModelJsonReader {
 public:
  // `source`: a path, or "model.config" of run.yaml. UserError("model.config") when `json` is no object. Borrows it.
  ModelJsonReader(const nlohmann::json& json, std::string source);

  // Each leaves `value` as it is where the key is absent or null, as in transformers.
  void integer(const char* key, int64_t low, int64_t high, int64_t& value);
  void number(const char* key, double low, double below, double& value);
  void boolean(const char* key, bool& value);
  void activation(const char* key, Activation& value);
  // A fault where the key is there with another value.
  void must_be(const char* key, const nlohmann::json& wanted, const char* why);
  void model_type(const std::string& wanted, bool required);

  void fault(const char* key, std::string what);
  const Faults& faults() const { return faults_; }

 private:
  const nlohmann::json* find(const char* key) const;

  const nlohmann::json& json_;
  std::string source_;
  Faults faults_;
};

}  // namespace broadsheet

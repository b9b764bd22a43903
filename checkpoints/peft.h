// Folders with a LoRA adapter in peft's layout: adapter_config.json and adapter_model.safetensors, which hold what was
// trained in the place of a base model's weights, and name the folder of that base.
//
// In the file a tensor of the base's module M is "base_model.model.M.weight" (a part of the model that was trained
// whole: a head), and a branch is "base_model.model.M.lora_A.weight" [r, in] with "....lora_B.weight" [out, r]. The
// model that they describe has (lora_alpha / r) * B A added to M's weight (Hu et al. 2021).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "checkpoints/huggingface.h"

namespace broadsheet {

inline constexpr const char* kAdapterConfigFile = "adapter_config.json";
inline constexpr const char* kAdapterWeightsFile = "adapter_model.safetensors";
inline constexpr const char* kAdapterPrefix = "base_model.model.";
inline constexpr const char* kBranchA = ".lora_A.weight";
inline constexpr const char* kBranchB = ".lora_B.weight";

// Whether the folder holds an adapter. Then WeightFiles::open() gives its base's weights with the branches added to
// them, and with the parts that were trained whole in the place of the base's.
bool is_adapter_folder(const std::string& folder);

// adapter_config.json. UserError("adapter.config") when it is no JSON object.
nlohmann::json read_adapter_config(const std::string& folder);

// The base's folder: base_model_name_or_path, as a path from the working directory, from the adapter's folder, or,
// where it is a name on the model hub, below models/. UserError: "adapter.config" for what this version does not read,
// "adapter.base" when the base is not there or is an adapter itself.
std::string adapter_base(const std::string& folder);

// What would be config.json of an adapter's folder, which has none: "config" of broadsheet.json in a folder of ours,
// else that of the base with as many classes as the adapter's head has.
nlohmann::json adapter_model_config(const std::string& folder);

}  // namespace broadsheet

// LoRA (Hu et al. 2021): what is trained of a model is a branch of two narrow matrices beside each chosen linear layer,
// and the classifier. Names, numbers and files are peft's (checkpoints/peft.h).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "trainer/config.h"
#include "trainer/models/language_model.h"

namespace broadsheet {

// Adds the branches' matrices to the model's parameters and hangs them into its layers; everything else but the
// classifier, and but a pooler that the base has not, is trained no more. A is drawn as peft draws it (uniform in
// +-1/sqrt(in)), by seed and name alone; B is zeros, so that the model begins as its base. UserError
// ("adapter.target_modules") with the names that there are when one of the targets is none; ("adapter.new_head") when
// the base lacks a head that would not be trained.
void attach_lora(LanguageModel& model, const AdapterConfig& adapter, const std::string& model_type, uint64_t seed);

// adapter_config.json of such a model. `architecture`: the class of transformers, which says what the head is for.
nlohmann::json lora_config(LanguageModel& model, const AdapterConfig& adapter, const std::string& model_type,
                           const std::string& architecture, const std::string& base_folder);

// Of such a model what its folder holds, under the names that it has there.
ParameterList adapter_parameters(const ParameterList& parameters);

}  // namespace broadsheet

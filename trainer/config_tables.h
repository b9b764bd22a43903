// The field tables of the trainer's sections: what run.yaml may say in each, and what is checked inside of one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "trainer/config.h"

namespace broadsheet {

const Section<ModelConfig>& model_section();
ConfigType<FreezeConfig> freeze_type();    // none | all_but_head | a map
ConfigType<AdapterConfig> adapter_type();  // a map
const Section<TaskConfig>& task_section();
const Section<DataConfig>& data_section();
const Section<TrainConfig>& train_section();
const Section<ValidationConfig>& validation_section();
const Section<CheckpointConfig>& checkpoint_section();
const Section<WatchdogConfig>& watchdog_section();
const Section<LaunchConfig>& launch_section();

// Metrics that a task measures; the first is its default. Empty: no such task.
std::vector<std::string> metrics_of(const TaskConfig& task);
// Whether more of a metric of ours is better; nothing for what is neither, and for metrics of others.
std::optional<bool> direction_of(const std::string& metric);
// Whether a metric is of texts that the model must write first.
bool measures_texts(const std::string& metric);

// The text fields that a sequence is made of, in its order; one perhaps twice. None where the prompt cannot be read.
std::vector<std::string> text_fields_of(const TaskConfig& task);

// Whether more of a metric is better, also of one that validation.external computes: validation.goal says so.
bool more_is_better(const ValidationConfig& validation, const std::string& metric);
bool is_external(const std::string& metric);  // "external.NAME"

}  // namespace broadsheet

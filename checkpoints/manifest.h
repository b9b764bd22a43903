// manifest.json of a checkpoint: what it consists of. Inside checkpoints/ only; described in docs/checkpoint_format.md.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoints/snapshot.h"

namespace broadsheet {

inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kCheckpointFormat = "broadsheet-checkpoint";
inline constexpr int kCheckpointVersion = 2;  // 1: one optimizer.safetensors, whatever the ranks; still read

// The file's text, its own SHA-256 filled in: computed over the text with 64 zeros in that place, so that a changed
// byte anywhere in the manifest is found too. Every version of the format keeps this field and its rule.
std::string manifest_text(int64_t step, const std::vector<PartRecord>& parts, const nlohmann::json& summary);

// Reads and checks everything: its checksum, format, version, step, plain and unique part names.
// Throws UserError("checkpoint.damaged") or, for a newer version, UserError("checkpoint.version").
nlohmann::json read_manifest(const std::string& path);

// The parts of a manifest that read_manifest accepted.
std::vector<PartRecord> manifest_parts(const nlohmann::json& manifest);

}  // namespace broadsheet

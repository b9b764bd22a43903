#include "checkpoints/manifest.h"

#include <set>

#include "checkpoints/json_file.h"
#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxManifestBytes = uint64_t{64} << 20;
constexpr const char* kSumKey = "\"manifest_sha256\": \"";
constexpr size_t kDigits = 64;

// The key of a part's checksum, by the format's version, and how many digits it has.
struct SumKind {
  const char* key;
  size_t digits;
};
SumKind sum_kind(const json& manifest) {
  return manifest.at("version") == 1 ? SumKind{"sha256", 64} : SumKind{"xxh3", 32};
}

bool is_sum(const json& part, const SumKind& kind) {
  const auto value = part.find(kind.key);
  if (value == part.end() || !value->is_string()) return false;
  const auto& text = value->get_ref<const std::string&>();
  return text.size() == kind.digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

[[noreturn]] void refuse_manifest(const std::string& path, std::string what) {
  throw UserError(Fault{"checkpoint.damaged", {path}, "", std::move(what), "use another checkpoint"});
}

// Where the manifest's own checksum stands in its text. It is written first; a later look-alike in `summary` is text.
size_t sum_position(std::string_view text) {
  const size_t key = text.find(kSumKey);
  if (key == std::string_view::npos) return std::string_view::npos;
  const size_t position = key + std::string_view(kSumKey).size();
  return position + kDigits <= text.size() ? position : std::string_view::npos;
}

void check_parts(const json& manifest, const std::string& path) {
  const auto parts = manifest.find("parts");
  if (parts == manifest.end() || !parts->is_array()) refuse_manifest(path, "has no list of parts");
  std::set<std::string> names;
  const SumKind kind = sum_kind(manifest);
  for (const json& part : *parts) {
    const bool good = part.is_object() && part.contains("file") && part["file"].is_string() && part.contains("size") &&
                      part["size"].is_number_unsigned() && is_sum(part, kind);
    if (!good) refuse_manifest(path, cat("a part is not {file, size, ", kind.key, "}: ", printable(part.dump())));
    const auto& name = part["file"].get_ref<const std::string&>();
    if (!is_plain_file_name(name) || name == kManifestFile) {
      refuse_manifest(path, cat("the part \"", printable(name), "\" is no plain file name"));
    }
    if (!names.insert(name).second) refuse_manifest(path, cat("the part \"", printable(name), "\" stands twice"));
  }
}

}  // namespace

std::string manifest_text(int64_t step, const std::vector<PartRecord>& parts, const json& summary) {
  // ordered: the checksum comes before anything that the caller chose.
  nlohmann::ordered_json manifest;
  manifest["format"] = kCheckpointFormat;
  manifest["version"] = kCheckpointVersion;
  manifest["manifest_sha256"] = std::string(kDigits, '0');
  manifest["step"] = step;
  manifest["parts"] = nlohmann::ordered_json::array();
  for (const PartRecord& part : parts) {
    manifest["parts"].push_back({{"file", part.file}, {"size", part.size}, {"xxh3", part.sum}});
  }
  manifest["summary"] = nlohmann::ordered_json(summary);
  std::string text = manifest.dump(2) + "\n";
  text.replace(sum_position(text), kDigits, sha256_hex(text));
  return text;
}

json read_manifest(const std::string& path) {
  std::string text;
  try {
    text = read_file(path, kMaxManifestBytes);
  } catch (const RunError& error) {
    throw UserError("checkpoint.damaged", error.faults().front().what, "use another checkpoint");
  }
  json manifest = parse_json_object(text, path, "checkpoint.damaged");
  if (manifest.value("format", json()) != kCheckpointFormat)
    refuse_manifest(path, "is not the manifest of a checkpoint");
  const size_t position = sum_position(text);
  if (position == std::string::npos) refuse_manifest(path, "has no checksum of its own");
  const std::string said = text.substr(position, kDigits);
  text.replace(position, kDigits, std::string(kDigits, '0'));
  if (sha256_hex(text) != said) refuse_manifest(path, "its SHA-256 differs from the one it states");
  const json version = manifest.value("version", json());
  if (version.is_number_integer() && version.get<int64_t>() > kCheckpointVersion) {
    throw UserError(Fault{"checkpoint.version",
                          {path},
                          "",
                          cat("is of format version ", version.dump(), ", this program reads ", kCheckpointVersion),
                          "use the newer program that wrote it"});
  }
  if (!version.is_number_integer() || version.get<int64_t>() < 1) refuse_manifest(path, "has no format version");
  const json step = manifest.value("step", json());
  if (!step.is_number_unsigned() || step.get<uint64_t>() > uint64_t{INT64_MAX}) refuse_manifest(path, "has no step");
  if (!manifest.contains("summary")) refuse_manifest(path, "has no summary");
  check_parts(manifest, path);
  return manifest;
}

std::vector<PartRecord> manifest_parts(const json& manifest) {
  std::vector<PartRecord> parts;
  const char* sum = sum_kind(manifest).key;
  for (const json& part : manifest.at("parts")) {
    parts.push_back(
        {part.at("file").get<std::string>(), part.at("size").get<uint64_t>(), part.at(sum).get<std::string>()});
  }
  return parts;
}

}  // namespace broadsheet

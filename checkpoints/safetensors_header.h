// The JSON header of a safetensors file, read and checked. Inside checkpoints/ only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/safetensors.h"

namespace broadsheet {

// The limit of the reference implementation.
inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

struct HeaderEntry {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // range in the data that follows the header
};

struct SafetensorsHeader {
  std::vector<HeaderEntry> entries;  // in header order
  std::map<std::string, std::string> metadata;
};

// Parses `text` and checks every rule: the ranges fill exactly `data_size` bytes with no hole and no overlap, each as
// long as its shape and dtype say. Throws UserError("safetensors.*") with `path`, the tensor and what was found.
SafetensorsHeader parse_safetensors_header(std::string_view text, uint64_t data_size, const std::string& path);

// Says what a pickle by content is ("a zip archive as torch.save writes it", "a raw pickle"), or "" for anything else.
// `start`: the first bytes of the file, at least 16 where the file has them.
std::string pickle_kind(std::string_view start);

}  // namespace broadsheet

// Files that only live while a corpus is being prepared: whole when they have their name, but not synced. After a power
// loss their checksums tell which ones are still good.
#pragma once

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/durable.h"

namespace broadsheet {

// RunError("io.write") with errno's reason.
[[noreturn]] void cannot_write_scratch(const std::string& path);
void rename_over(const std::string& from, const std::string& to);
// Through a file whose name ends with `tag`, which no other process uses.
void write_scratch(const std::string& path, const std::string& tag, std::string_view bytes);

nlohmann::json read_json(const std::string& file);
template <class T>
std::vector<T> read_array(const std::string& file) {
  const std::string bytes = read_file(file, uint64_t{1} << 40);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(static_cast<void*>(values.data()), bytes.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace broadsheet

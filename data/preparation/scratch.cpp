#include "data/preparation/scratch.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {

void cannot_write_scratch(const std::string& path) {
  throw RunError("io.write", cat(path, ": cannot be written: ", std::strerror(errno)),
                 "make space on the disk; the same command goes on from what is done");
}

void rename_over(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) cannot_write_scratch(to);
}

void write_scratch(const std::string& path, const std::string& tag, std::string_view bytes) {
  std::ofstream file(path + tag, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) cannot_write_scratch(path + tag);
  rename_over(path + tag, path);
}

nlohmann::json read_json(const std::string& file) {
  return nlohmann::json::parse(read_file(file));
}

}  // namespace broadsheet

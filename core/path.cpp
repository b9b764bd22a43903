#include "core/path.h"

#include <filesystem>

#include "core/errors.h"

namespace broadsheet {
namespace {

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

std::string parent_folder(const std::string& path) {
  const std::string name = without_trailing_slashes(path);
  const size_t slash = name.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : without_trailing_slashes(name.substr(0, slash));
}

std::string file_name(const std::string& path) {
  const std::string name = without_trailing_slashes(path);
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? name : name.substr(slash + 1);
}

std::string absolute_path(const std::string& path, const std::string& folder) {
  std::error_code error;
  std::filesystem::path base = folder;
  if (base.is_relative()) {
    const std::filesystem::path here = std::filesystem::current_path(error);
    if (error) throw RunError("io.working_directory", "cannot find the working directory: " + error.message());
    base = here / base;
  }
  return without_trailing_slashes((base / path).lexically_normal().string());
}

}  // namespace broadsheet

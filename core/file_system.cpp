#include "core/file_system.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr const char* kUnknown = "an unknown file system";

// Spaces and the like are written as \040 there.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size();
    plain +=
        escape ? static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')) : text[i];
    if (escape) i += 3;
  }
  return plain;
}

bool lies_under(const std::string& path, const std::string& folder) {
  return folder == "/" || path == folder || starts_with(path, folder + "/");
}

}  // namespace

std::string file_system_of(const std::string& path, const std::string& mountinfo) {
  std::string found = kUnknown, point;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    // id, parent, device, root, mount point, options, any number of fields, "-", type, source, options
    std::istringstream words(line);
    std::string word, mounted, type, source;
    for (int i = 0; i < 5 && words >> word; ++i) mounted = unescaped(word);
    while (words >> word && word != "-") {
    }
    if (!(words >> type >> source) || !lies_under(path, mounted) || mounted.size() < point.size()) continue;
    point = mounted;  // of equal ones the last lies on top
    found = cat(mounted, " (", type, ", ", unescaped(source), ")");
  }
  return found;
}

std::string file_system_of(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  std::ifstream file("/proc/self/mountinfo");
  std::stringstream text;
  text << file.rdbuf();
  return error ? kUnknown : file_system_of(real.string(), text.str());
}

}  // namespace broadsheet

// What the fuzz targets share: a folder in memory, and the rule that a bad file is a UserError and nothing else.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/errors.h"

namespace broadsheet {

// A folder of this process, whose files are replaced for each input. It stays behind: fuzz.py removes it.
class FuzzFolder {
 public:
  FuzzFolder() {
    const char* root = std::getenv("FUZZ_FOLDER");
    path_ = std::string(root ? root : "/dev/shm") + "/broadsheet-fuzz-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  void put(const std::string& name, std::string_view bytes) const {
    const int descriptor = ::open((*this / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0 || ::write(descriptor, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      std::abort();
    }
    ::close(descriptor);
  }
  void remove(const std::string& name) const { ::unlink((*this / name).c_str()); }

 private:
  std::string path_;
};

// Any other exception ends the program, which is what the fuzzer looks for.
template <class Call>
void refused_or_read(const Call& call) {
  try {
    call();
  } catch (const UserError& error) {
    if (error.faults().empty() || error.faults().front().what.empty()) std::abort();
  }
}

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace broadsheet

// What the tests of checkpoints/ share: folders that clean up, raw safetensors files, the error that a call throws.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "checkpoints/safetensors.h"
#include "core/errors.h"
#include "core/fence.h"

namespace broadsheet {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    // In memory where possible: thousands of real fsyncs take minutes and prove nothing more.
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    std::string name =
        (memory ? "/dev/shm" : std::filesystem::temp_directory_path().string()) + "/broadsheet-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// For tensors of four elements.
inline const std::vector<float> kFourValues = {1, 2, 3, 4};

// Sorted.
inline std::vector<std::string> listing_of(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    found.push_back(entry.path().filename().string());
  std::sort(found.begin(), found.end());
  return found;
}

inline void put_file(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string get_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::string little_endian_size(uint64_t size) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(size >> (8 * i) & 0xFF);
  return bytes;
}

// A new attempt under `root`, newer than those that have left something there; its folder goes with it.
class Attempt {
 public:
  explicit Attempt(const std::string& root) : fence_(Fence::raise(root, newest(root) + 1)) {}
  ~Attempt() { fence_.lower(); }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  const Fence& fence() const { return fence_; }

 private:
  static int64_t newest(const std::string& root) {
    int64_t found = 0;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(root, ignored)) {
      const std::string name = entry.path().filename().string();
      if (name.rfind(".attempt-", 0) == 0) found = std::max<int64_t>(found, std::atoll(name.c_str() + 9));
    }
    return found;
  }
  Fence fence_;
};

// A file with this header and this much data, whatever the header says.
inline std::string raw_safetensors(const std::string& header, size_t data_bytes) {
  return little_endian_size(header.size()) + header + std::string(data_bytes, '\x11');
}

template <class Values>
TensorView view_of(const std::string& name, DType dtype, std::vector<int64_t> shape, const Values& values) {
  return {name, dtype, std::move(shape), std::as_bytes(std::span(values))};
}

// The code of the UserError that `call` throws; "" when it throws none. Anything else goes through and fails the test.
template <class Call>
std::string user_error_code(const Call& call, std::string* message = nullptr) {
  try {
    call();
  } catch (const UserError& error) {
    if (message != nullptr) *message = error.what();
    return error.faults().front().code;
  }
  return "";
}

}  // namespace broadsheet

// A file, memory-mapped read-only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace broadsheet {

class MappedFile {
 public:
  // RunError("io.map") with path and reason. An empty file is an empty view.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Begins at a page: whatever is aligned in the file is aligned in memory. Valid while the object lives.
  std::string_view bytes() const { return {base_, size_}; }

 private:
  const char* base_ = nullptr;
  size_t size_ = 0;
};

}  // namespace broadsheet

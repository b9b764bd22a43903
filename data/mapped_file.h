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
  // Reads the pages that hold these bytes, which lie in bytes(). RunError("io.read") with path and file system when
  // they cannot be read (a failing disk, a file cut short by somebody), where a look at them would end the process by
  // SIGBUS. Does nothing before Linux 5.14.
  void require_readable(const void* begin, size_t size) const;
  // Its pages are this process's memory no more, until the next look at them.
  void forget() const;

 private:
  const std::string path_;
  const char* base_ = nullptr;
  size_t size_ = 0;
};

// Bytes of a mapped file will be read soon: the system may begin.
void read_ahead(const void* begin, size_t size);

}  // namespace broadsheet

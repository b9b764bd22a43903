// A file that is held open while it is read. Inside checkpoints/ only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>

namespace broadsheet {

// Note [A file that changes under us]
//
// A mapping is the cheapest way to look at a file, but where another process truncates the file the kernel has no page
// to show: touching the place raises SIGBUS, which no caller can handle. A copy of all bytes at the start would take
// the memory of a second model on every rank. So what is loaded is copied with pread(2), straight to where it belongs:
// no slower than through a mapping, and a file that has become shorter is a short count. A file that is rewritten in
// place is found by its size and time of modification, looked at after each copy: weights half of one file and half of
// another never come back as if they were good. A file that is replaced by rename(2) stays as it was for us.
class OpenedFile {
 public:
  // UserError("safetensors.open") when it cannot be opened or is no regular file: a FIFO would hang, a device could
  // answer anything.
  explicit OpenedFile(std::string path);
  ~OpenedFile();
  OpenedFile(const OpenedFile&) = delete;
  OpenedFile& operator=(const OpenedFile&) = delete;

  const std::string& path() const { return path_; }
  size_t size() const { return size_; }  // when it was opened
  // All bytes, mapped at the first call. Valid while the object lives; see the note.
  std::span<const std::byte> mapped();
  // Where in the file a place of the mapping is.
  uint64_t offset_of(const std::byte* place) const { return static_cast<uint64_t>(place - mapping_); }
  // Copies `size` bytes from `offset`. RunError("io.changed") when the file is not any more what was opened.
  void read(uint64_t offset, std::byte* target, size_t size) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  size_t size_ = 0;
  timespec modified_{};
  const std::byte* mapping_ = nullptr;
};

}  // namespace broadsheet

#include "data/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/errors.h"
#include "core/file_system.h"
#include "core/text.h"

namespace broadsheet {

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  void* base = MAP_FAILED;
  const bool known = descriptor >= 0 && ::fstat(descriptor, &status) == 0;
  size_ = known ? static_cast<size_t>(status.st_size) : 0;
  if (size_ > 0) base = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const std::string why = std::strerror(errno);
  if (descriptor >= 0) ::close(descriptor);
  if (!known || (size_ > 0 && base == MAP_FAILED)) throw RunError("io.map", cat("cannot map ", path, ": ", why));
  if (size_ > 0) base_ = static_cast<const char*>(base);
}

MappedFile::~MappedFile() {
  if (base_) ::munmap(const_cast<char*>(base_), size_);
}

namespace {

// Of the pages that hold these bytes.
int advise(const void* begin, size_t size, int advice) {
  static const auto kPage = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin) / kPage * kPage;
  const size_t length = reinterpret_cast<uintptr_t>(begin) + size - first;
  return ::madvise(reinterpret_cast<void*>(first), length, advice);
}

}  // namespace

void read_ahead(const void* begin, size_t size) {
  if (size > 0) advise(begin, size, MADV_WILLNEED);  // advice: what fails is read when it is needed
}

void MappedFile::forget() const {
  if (size_ > 0) ::madvise(const_cast<char*>(base_), size_, MADV_DONTNEED);
}

void MappedFile::require_readable(const void* begin, size_t size) const {
  if (size == 0) return;
  if (advise(begin, size, MADV_POPULATE_READ) == 0) return;
  if (errno == EINVAL) return;  // an older kernel
  const int64_t offset = static_cast<const char*>(begin) - base_;
  throw RunError("io.read",
                 cat("cannot read ", size, " bytes at ", offset, " of ", path_, " on ", file_system_of(path_),
                     ": the disk fails, or the file was cut short (", std::strerror(errno), ")"),
                 "look at the kernel's log on this machine; `broadsheet verify` checks a corpus");
}

}  // namespace broadsheet

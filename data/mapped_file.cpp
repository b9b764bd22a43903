#include "data/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {

MappedFile::MappedFile(const std::string& path) {
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

}  // namespace broadsheet

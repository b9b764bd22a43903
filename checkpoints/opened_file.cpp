#include "checkpoints/opened_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

[[noreturn]] void refuse_file(const std::string& path, std::string what, const char* remedy) {
  throw UserError(Fault{"safetensors.open", {path}, "", std::move(what), remedy});
}

}  // namespace

OpenedFile::OpenedFile(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) refuse_file(path_, cat("cannot be opened: ", std::strerror(errno)), "check the path");
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    refuse_file(path_, "is not a regular file", "give a *.safetensors file");
  }
  size_ = static_cast<size_t>(status.st_size);
  modified_ = status.st_mtim;
}

OpenedFile::~OpenedFile() {
  if (mapping_ != nullptr) ::munmap(const_cast<std::byte*>(mapping_), size_);
  ::close(descriptor_);
}

std::span<const std::byte> OpenedFile::mapped() {
  if (mapping_ == nullptr && size_ > 0) {
    void* mapping = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (mapping == MAP_FAILED) throw RunError("io.mmap", cat("cannot map ", path_, ": ", std::strerror(errno)));
    mapping_ = static_cast<const std::byte*>(mapping);
  }
  return {mapping_, size_};
}

void OpenedFile::read(uint64_t offset, std::byte* target, size_t size) const {
  BROADSHEET_ASSERT(offset <= size_ && size <= size_ - offset);
  const auto changed = [this] {
    throw RunError("io.changed", path_ + ": somebody changed it while it was read",
                   "start again when nobody writes there");
  };
  while (size > 0) {
    const ssize_t count = ::pread(descriptor_, target, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw RunError("io.read", cat("cannot read ", path_, ": ", std::strerror(errno)));
    if (count == 0) changed();
    offset += static_cast<uint64_t>(count);
    target += count;
    size -= static_cast<size_t>(count);
  }
  struct stat status {};
  const bool same = ::fstat(descriptor_, &status) == 0 && static_cast<size_t>(status.st_size) == size_ &&
                    status.st_mtim.tv_sec == modified_.tv_sec && status.st_mtim.tv_nsec == modified_.tv_nsec;
  if (!same) changed();
}

}  // namespace broadsheet

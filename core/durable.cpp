#include "core/durable.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>

#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr size_t kBlock = 4096, kBulkBuffer = size_t{4} << 20;

[[noreturn]] void fail(const char* operation, const std::string& path, int error) {
  const char* remedy = "";
  if (error == ENOSPC || error == EDQUOT) remedy = "free some space and try again";
  if (error == EACCES || error == EPERM || error == EROFS)
    remedy = "check who owns the folder and whether it is writable";
  throw RunError(cat("io.", operation), cat("cannot ", operation, " ", path, ": ", std::strerror(error)), remedy);
}

void sync_descriptor(int descriptor, const std::string& path) {
  int result = 0;
  do {
    result = ::fsync(descriptor);
  } while (result != 0 && errno == EINTR);
  if (result != 0) fail("fsync", path, errno);
}

// A name beside `path` that no other process uses; `count` tells apart several of this process.
std::string temporary_name(const std::string& path, const char* purpose) {
  static std::atomic<uint64_t> count = 0;
  const std::string folder = parent_folder(path);
  return cat(folder, "/.", file_name(path), ".", ::getpid(), ".", count.fetch_add(1), ".", purpose);
}

}  // namespace

DurableFile::DurableFile(std::string path, Kind kind) : path_(std::move(path)) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  if (kind == Kind::kBulk) {
    buffer_.reset(static_cast<char*>(std::aligned_alloc(kBlock, kBulkBuffer)));
    if (buffer_ == nullptr) throw std::bad_alloc();
    descriptor_ = ::open(path_.c_str(), kFlags | O_DIRECT, 0600);
    direct_ = descriptor_ >= 0;
    const int error = errno;
    if (!direct_ && error != EINVAL) fail("create", path_, error);
    // A file system without it may have made the file all the same.
    if (!direct_) ::unlink(path_.c_str());
  }
  if (descriptor_ < 0) descriptor_ = ::open(path_.c_str(), kFlags, 0600);
  if (descriptor_ < 0) fail("create", path_, errno);
}

DurableFile::~DurableFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!closed_) ::unlink(path_.c_str());
}

void DurableFile::leave_direct_mode() {
  direct_ = false;
  const int flags = ::fcntl(descriptor_, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor_, F_SETFL, flags & ~O_DIRECT) != 0) fail("fcntl", path_, errno);
}

void DurableFile::write_out(const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t count = ::write(descriptor_, bytes, std::min(size, size_t{1} << 30));
    if (count < 0 && errno == EINTR) continue;
    // Some file systems take the flag and refuse the write; after a short write the rest is not aligned any more.
    if (count < 0 && errno == EINVAL && direct_) {
      leave_direct_mode();
      continue;
    }
    if (count < 0) fail("write", path_, errno);
    bytes += count;
    size -= static_cast<size_t>(count);
  }
}

void DurableFile::flush_blocks() {
  const size_t whole = buffered_ / kBlock * kBlock;
  write_out(buffer_.get(), whole);
  std::memmove(buffer_.get(), buffer_.get() + whole, buffered_ - whole);
  buffered_ -= whole;
}

void DurableFile::write(const void* bytes, size_t size) {
  BROADSHEET_ASSERT(descriptor_ >= 0);
  const auto* next = static_cast<const char*>(bytes);
  size_ += size;
  if (buffer_ == nullptr) return write_out(next, size);
  while (size > 0) {
    const size_t count = std::min(size, kBulkBuffer - buffered_);
    std::memcpy(buffer_.get() + buffered_, next, count);
    buffered_ += count;
    next += count;
    size -= count;
    if (buffered_ == kBulkBuffer) flush_blocks();
  }
}

void DurableFile::close() {
  BROADSHEET_ASSERT(descriptor_ >= 0);
  if (buffer_ != nullptr) {
    flush_blocks();
    if (direct_) leave_direct_mode();
    write_out(buffer_.get(), buffered_);
    buffered_ = 0;
  }
  sync_descriptor(descriptor_, path_);
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0 && errno != EINTR) fail("close", path_, errno);
  closed_ = true;
}

void write_file_durably(const std::string& path, std::string_view text) {
  const std::string temporary = temporary_name(path, "writing");
  DurableFile file(temporary);
  file.write(text);
  file.close();
  try {
    rename_durably(temporary, path);
  } catch (const RunError&) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void sync_folder(const std::string& folder) {
  const std::string name = folder.empty() ? "." : folder;
  const int descriptor = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("open", name, errno);
  int result = 0;
  do {
    result = ::fsync(descriptor);
  } while (result != 0 && errno == EINTR);
  const int error = errno;
  ::close(descriptor);
  // Some network file systems cannot sync a folder and say so; they order renames themselves.
  if (result != 0 && error != EINVAL && error != EROFS) fail("fsync", name, error);
}

void sync_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("open", path, errno);
  struct Close {
    int descriptor;
    ~Close() { ::close(descriptor); }
  } const close{descriptor};
  sync_descriptor(descriptor, path);
}

void rename_durably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail("rename", cat(from, " to ", to), errno);
  const std::string target = parent_folder(to), source = parent_folder(from);
  sync_folder(target);
  if (source != target) sync_folder(source);
}

void remove_folder_durably(const std::string& folder) {
  const std::string doomed = temporary_name(folder, "removing");
  if (::rename(folder.c_str(), doomed.c_str()) != 0) {
    if (errno == ENOENT) return;
    fail("rename", cat(folder, " to ", doomed), errno);
  }
  sync_folder(parent_folder(folder));
  std::error_code error;
  std::filesystem::remove_all(doomed, error);
  if (error) fail("remove", doomed, error.value());
}

std::string read_file(const std::string& path, uint64_t max_bytes) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("open", path, errno);
  std::string text;
  char buffer[1 << 16];
  while (true) {
    const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      ::close(descriptor);
      fail("read", path, error);
    }
    if (count == 0) break;
    if (text.size() + static_cast<uint64_t>(count) > max_bytes) {
      ::close(descriptor);
      throw RunError("io.too_large", cat(path, " is larger than the ", human_bytes(max_bytes), " allowed here"));
    }
    text.append(buffer, static_cast<size_t>(count));
  }
  ::close(descriptor);
  return text;
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

uint64_t free_bytes(const std::string& folder) {
  struct statvfs status {};
  if (::statvfs(folder.c_str(), &status) != 0 || status.f_blocks == 0) return UINT64_MAX;
  return uint64_t{::geteuid() == 0 ? status.f_bfree : status.f_bavail} * status.f_frsize;
}

void make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error && !std::filesystem::is_directory(path)) fail("create", path, error.value());
}

}  // namespace broadsheet

// Files that are whole or absent, also after a power loss: write, fsync, rename, fsync the folder.
// Every function throws RunError ("io.*") with path, operation and errno text; a failed fsync is a failed write.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace broadsheet {

// A new file, written sequentially. The destructor closes it and, unless commit() or close() succeeded, removes it.
class DurableFile {
 public:
  // kBulk: hundreds of megabytes that nobody reads soon. They go past the page cache where the file system can do that
  // (O_DIRECT), at about a tenth of the CPU time, and push nothing useful out of it. write() then buffers up to 4 MiB.
  enum class Kind { kSmall, kBulk };
  explicit DurableFile(std::string path, Kind kind = Kind::kSmall);  // O_CREAT|O_EXCL|O_NOFOLLOW, mode 0600 & ~umask
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;
  void write(const void* bytes, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void close();  // fsync + close: the bytes are on disk, the name is whatever the caller makes of it
  uint64_t size() const { return size_; }

 private:
  void write_out(const char* bytes, size_t size);
  void flush_blocks();
  void leave_direct_mode();
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  std::string path_;
  std::unique_ptr<char, Free> buffer_;  // aligned; only of a bulk file
  size_t buffered_ = 0;
  bool direct_ = false;
  int descriptor_ = -1;
  uint64_t size_ = 0;
  bool closed_ = false;
};

// Replaces `path` by `text`: temporary beside it, fsync, rename, fsync of the folder.
void write_file_durably(const std::string& path, std::string_view text);
void sync_folder(const std::string& folder);
// fsync of a file that another part of this process, or another process, appends to.
void sync_file(const std::string& path);
// rename(2) and fsync of both parents.
void rename_durably(const std::string& from, const std::string& to);
// Renames `folder` to a temporary name beside it first, so that a half-removed folder never has the old name.
void remove_folder_durably(const std::string& folder);

std::string read_file(const std::string& path, uint64_t max_bytes = uint64_t{1} << 30);
bool exists(const std::string& path);
// What an ordinary write may still take on the file system of `folder` (root: all of it); the largest number when it
// does not say.
uint64_t free_bytes(const std::string& folder);
void make_folders(const std::string& path);  // mkdir -p, mode 0777 & ~umask

// One start of a job that a batch system starts again, perhaps elsewhere and while the start before still lives.
struct Incarnation {
  std::string job;      // the same in every start of the job; empty: none
  int64_t restart = 0;  // 0, 1, ...
};

// Who holds a lock, for people who ask.
struct LockHolder {
  std::string host, command, job;
  int64_t process = 0;
  bool here = false;  // on this machine, so that `gone` is known
  bool gone = false;  // its process has ended
};
std::optional<LockHolder> look_at_lock(const std::string& path);  // nullopt: there is none

// An advisory lock that says who holds it: `path` holds JSON {"host","pid","start_time","boot_id",
// "pid_namespace","command","job","restart"}.
// A lock whose process is gone (same host and boot: checked by pid and start time) is stale and is taken over; so is,
// with a warning, one of an earlier start of the same job, alive or not: see core/fence.h for why that is safe.
// acquire throws UserError("lock.held") naming the holder. Works where flock does not (no flock is used).
class FolderLock {
 public:
  static FolderLock acquire(const std::string& path, const Incarnation& self = {});
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();      // releases, unless another has taken it over
  bool held() const;  // still, and not taken over

 private:
  FolderLock(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}
  std::string path_, text_;
};

}  // namespace broadsheet

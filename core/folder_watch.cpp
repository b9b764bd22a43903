#include "core/folder_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/text.h"

namespace broadsheet {

std::string file_identity(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return "";
  return cat(info.st_ino, ":", info.st_mtim.tv_sec, ":", info.st_mtim.tv_nsec, ":", info.st_size);
}

FolderWatch::FolderWatch() : descriptor_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

FolderWatch::~FolderWatch() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FolderWatch::add(const std::string& folder) {
  if (descriptor_ < 0 || watches_.count(folder) > 0) return;
  const int watch = ::inotify_add_watch(descriptor_, folder.c_str(), IN_MOVED_TO | IN_ONLYDIR);
  if (watch >= 0) watches_[folder] = watch;
}

void FolderWatch::remove(const std::string& folder) {
  const auto found = watches_.find(folder);
  if (found == watches_.end()) return;
  ::inotify_rm_watch(descriptor_, found->second);
  watches_.erase(found);
}

void FolderWatch::wait(double seconds) {
  const int milliseconds = static_cast<int>(std::clamp(seconds, 0.0, 3600.0) * 1000);
  if (descriptor_ < 0) {
    ::poll(nullptr, 0, milliseconds);
    return;
  }
  pollfd ready{descriptor_, POLLIN, 0};
  if (::poll(&ready, 1, milliseconds) <= 0) return;
  alignas(inotify_event) char events[16384];
  while (::read(descriptor_, events, sizeof events) > 0) {
  }
}

}  // namespace broadsheet

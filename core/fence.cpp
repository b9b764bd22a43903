#include "core/fence.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <thread>
#include <vector>

#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = ".attempt-", kTakenPrefix = "attempt-", kFenced = ".fenced";

std::vector<std::string> names_in(const std::string& root) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error && error != std::errc::no_such_file_or_directory)
    throw RunError("io.list", cat("cannot list ", root, ": ", error.message()));
  return names;
}

// The number in ".attempt-7", 0 for any other name.
int64_t attempt_of(std::string_view name, std::string_view prefix) {
  if (!starts_with(name, prefix)) return 0;
  name.remove_prefix(prefix.size());
  int64_t attempt = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), attempt);
  return error == std::errc() && end == name.data() + name.size() && attempt > 0 ? attempt : 0;
}

bool was_renamed_away(const std::string& name) {
  return starts_with(name, kPrefix) && attempt_of(name, kPrefix) == 0 && name.find(kFenced) != std::string::npos;
}

void remove_quietly(const std::string& path) {
  std::error_code ignored;  // the next attempt tries again
  fs::remove_all(path, ignored);
}

// While a client of a network file system still has the old name, files may appear in it as they are removed.
void remove_insistently(const std::string& path) {
  constexpr int kTries = 20;
  std::error_code error;
  for (int i = 0; i < kTries; ++i) {
    fs::remove_all(path, error);
    if (!error) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  log_warning(cat("cannot remove ", path, ": ", error.message(), "; the next attempt tries again"));
}

// Out of the way of the listing of checkpoints and of later attempts alike. Returns the new name; "": it was gone.
std::string rename_away(const std::string& root, const std::string& name, int64_t newer) {
  const std::string away = cat(name, kFenced, "-", newer, "-", ::getpid());
  if (::rename(cat(root, "/", name).c_str(), cat(root, "/", away).c_str()) == 0) return away;
  if (errno == ENOENT) return "";
  throw RunError("io.rename", cat("cannot rename ", root, "/", name, ": ", std::strerror(errno)));
}

[[noreturn]] void throw_fenced(const std::string& root, int64_t mine, int64_t newer) {
  throw RunError(
      "run.fenced",
      cat(root, ": attempt ", mine, " of this run was taken over by ",
          newer > 0 ? cat("attempt ", newer) : std::string("a newer one"), ": nothing of this one is published"),
      "leave the run to the newer attempt");
}

}  // namespace

bool is_fenced_off(const Error& error) {
  return error.faults().front().code == "run.fenced";
}

Fence::Fence(std::string root, int64_t attempt)
    : root_(std::move(root)), folder_(cat(root_, "/", kPrefix, attempt)), attempt_(attempt) {
  BROADSHEET_ASSERT(attempt >= 1);
}

Fence Fence::join(const std::string& root, int64_t attempt) {
  return Fence(root, attempt);
}

int64_t Fence::newest(const std::string& root, const std::string& taken) {
  int64_t newest = 0;
  for (const std::string& name : names_in(root)) newest = std::max(newest, attempt_of(name, kPrefix));
  if (taken.empty()) return newest;
  for (const std::string& name : names_in(taken)) newest = std::max(newest, attempt_of(name, kTakenPrefix));
  return newest;
}

Fence Fence::raise(const std::string& root, int64_t attempt, const std::string& taken) {
  Fence fence(root, attempt);
  const bool first = !exists(root);
  make_folders(root);
  if (first) sync_folder(parent_folder(root));
  // First one's own, then a look at the others': the order matters, see Note [Fencing].
  if (::mkdir(fence.folder_.c_str(), 0777) != 0 && errno != EEXIST)
    throw RunError("io.mkdir", cat("cannot create ", fence.folder_, ": ", std::strerror(errno)),
                   "check who owns the folder and whether it is writable");
  if (const int64_t highest = newest(root, taken); highest > attempt) {
    remove_quietly(fence.folder_);
    throw_fenced(root, attempt, highest);
  }
  std::vector<std::string> doomed;
  for (const std::string& name : names_in(root)) {
    const int64_t other = attempt_of(name, kPrefix);
    if (other > 0 && other < attempt) doomed.push_back(rename_away(root, name, attempt));
    if (was_renamed_away(name)) doomed.push_back(name);
  }
  sync_folder(root);
  for (const std::string& name : doomed)
    if (!name.empty()) remove_insistently(cat(root, "/", name));
  return fence;
}

void Fence::check() const {
  struct stat status {};
  // Only a folder that is gone says so; a disk in trouble does not.
  if (::stat(folder_.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR && errno != ESTALE)) return;
  const int64_t newer = newest(root_, "");
  throw_fenced(root_, attempt_, newer > attempt_ ? newer : 0);
}

void Fence::guard(const std::function<void()>& body) const {
  try {
    body();
  } catch (const RunError&) {
    check();
    throw;
  }
}

void Fence::publish(const std::string& name, const std::string& target) const {
  guard([&] { rename_durably(cat(folder_, "/", name), target); });
}

void Fence::publish_text(const std::string& target, std::string_view text) const {
  const std::string name = file_name(target), made = cat(folder_, "/", name);
  ::unlink(made.c_str());  // of a try that failed
  guard([&] {
    DurableFile file(made);
    file.write(text);
    file.close();
  });
  publish(name, target);
}

void Fence::replace_folder(const std::string& name, const std::string& target) const {
  if (!exists(target)) return publish(name, target);
  const std::string made = cat(folder_, "/", name), old = made + ".old";
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    guard([&] {
      sync_folder(parent_folder(target));
      sync_folder(folder_);
    });
    return remove_quietly(made);
  }
  guard([&] { rename_durably(target, old); });
  try {
    publish(name, target);
  } catch (const RunError&) {
    ::rename(old.c_str(), target.c_str());  // fails when fenced off, as it should
    throw;
  }
  remove_quietly(old);
}

void Fence::withdraw(const std::string& path) const {
  const std::string away = cat(folder_, "/", file_name(path), ".old");
  guard([&] { rename_durably(path, away); });
  remove_quietly(away);
}

void Fence::lower() const noexcept {
  remove_quietly(folder_);
}

}  // namespace broadsheet

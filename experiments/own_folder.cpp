#include "experiments/own_folder.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

[[noreturn]] void refuse(const char* code, const std::string& path, std::string what, std::string remedy) {
  throw UserError(Fault{code, {path}, "", std::move(what), std::move(remedy)});
}

std::string user_name(uid_t user) {
  std::vector<char> buffer(1 << 14);
  passwd entry{}, *found = nullptr;
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return cat("user ", user);
  return cat(found->pw_name, " (user ", user, ")");
}

bool forbids(const std::error_code& error) {
  return error == std::errc::permission_denied || error == std::errc::operation_not_permitted ||
         error == std::errc::read_only_file_system;
}

[[noreturn]] void fail_to_make(const std::string& path, const std::error_code& error) {
  if (forbids(error))
    refuse("run.read_only", path, cat("cannot be made: ", error.message()),
           "choose another place with --run-dir or runs_dir");
  throw RunError("io.mkdir", cat("cannot create ", path, ": ", error.message()));
}

std::string mode_text(mode_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

}  // namespace

void check_own_folder(const std::string& path) {
  const std::string folder = absolute_path(path);  // a slash at its end would follow a link
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0) {
    if (errno == ENOENT) return;
    throw RunError("io.stat", cat("cannot look at ", folder, ": ", std::strerror(errno)));
  }
  if (S_ISLNK(status.st_mode))
    refuse("run.symlink", folder, "is a symbolic link; a run's directory must be a folder of its own",
           "name the folder itself, or another one");
  if (!S_ISDIR(status.st_mode))
    refuse("run.not_a_folder", folder, "is not a folder", "choose another place with --run-dir");
  if (status.st_uid != ::geteuid())
    refuse("run.foreign", folder, cat("belongs to ", user_name(status.st_uid), ", not to ", user_name(::geteuid())),
           "choose a directory of your own with --run-dir, or have its owner changed");
  constexpr mode_t kWritable = S_IWUSR | S_IXUSR;
  const bool by_mode = (status.st_mode & kWritable) == kWritable;
  if (by_mode && ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return;
  const std::string why = by_mode ? std::strerror(errno) : cat("its mode is ", mode_text(status.st_mode));
  refuse("run.read_only", folder, cat("is read-only: ", why),
         "make it writable, or choose another place with --run-dir");
}

void make_own_folder(const std::string& path) {
  const std::string folder = absolute_path(path);
  std::error_code error;
  std::filesystem::create_directories(parent_folder(folder), error);
  if (error && !std::filesystem::is_directory(parent_folder(folder))) fail_to_make(parent_folder(folder), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) fail_to_make(folder, {errno, std::generic_category()});
  check_own_folder(folder);
}

}  // namespace broadsheet

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>

#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/rank_status.h"
#include "core/text.h"

namespace broadsheet {
namespace {

struct Holder {
  std::string host, boot_id, command;
  int64_t pid = 0;
  std::string start_time;     // field 22 of /proc/<pid>/stat, clock ticks since boot
  std::string pid_namespace;  // "" in a lock of an earlier version
  Incarnation incarnation;    // none in a lock of an earlier version
};

std::string read_small(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The command's name in field 2 may hold blanks and parentheses: fields are counted from the last ')'.
std::string start_time_of(int64_t pid) {
  const std::string text = read_small(cat("/proc/", pid, "/stat"));
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return "";
  std::istringstream fields(text.substr(end + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return fields ? field : "";
}

// "pid:[4026531836]": in a container, numbers of processes mean something else.
std::string pid_namespace() {
  char name[64] = {};
  return ::readlink("/proc/self/ns/pid", name, sizeof name - 1) > 0 ? name : "";
}

Holder this_process(const Incarnation& incarnation) {
  Holder holder;
  holder.incarnation = incarnation;
  holder.host = this_host();
  holder.boot_id = std::string(trim(read_small("/proc/sys/kernel/random/boot_id")));
  holder.pid = ::getpid();
  holder.start_time = start_time_of(holder.pid);
  holder.pid_namespace = pid_namespace();
  std::string command = read_small("/proc/self/cmdline");
  for (char& byte : command) {
    if (byte == '\0') byte = ' ';
  }
  holder.command = std::string(trim(command));
  return holder;
}

std::string to_text(const Holder& holder) {
  const nlohmann::json value = {{"host", holder.host},
                                {"pid", holder.pid},
                                {"start_time", holder.start_time},
                                {"boot_id", holder.boot_id},
                                {"pid_namespace", holder.pid_namespace},
                                {"command", holder.command},
                                {"job", holder.incarnation.job},
                                {"restart", holder.incarnation.restart}};
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::optional<Holder> parse_holder(const std::string& lock) {
  const auto value = nlohmann::json::parse(lock, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return std::nullopt;
  const auto text = [&](const char* key) {
    const auto found = value.find(key);
    return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto number = [&](const char* key) {
    const auto found = value.find(key);
    return found != value.end() && found->is_number_integer() ? found->get<int64_t>() : int64_t{0};
  };
  return Holder{text("host"),
                text("boot_id"),
                text("command"),
                number("pid"),
                text("start_time"),
                text("pid_namespace"),
                {text("job"), number("restart")}};
}

// Only a lock of this host can be judged; one of an earlier boot has no living holder.
bool is_stale(const Holder& holder, const Holder& self) {
  if (holder.host != self.host || holder.pid <= 0) return false;
  if (!holder.boot_id.empty() && !self.boot_id.empty() && holder.boot_id != self.boot_id) return true;
  if (!holder.pid_namespace.empty() && holder.pid_namespace != self.pid_namespace) return false;
  const bool gone = ::kill(static_cast<pid_t>(holder.pid), 0) != 0 && errno == ESRCH;
  return gone || start_time_of(holder.pid) != holder.start_time;
}

// Wherever it runs, and whether it still does.
bool is_earlier_start(const Holder& holder, const Holder& self) {
  const Incarnation &its = holder.incarnation, &ours = self.incarnation;
  return !ours.job.empty() && its.job == ours.job && its.restart < ours.restart;
}

std::string describe(const Holder& holder) {
  const std::string& job = holder.incarnation.job;
  const std::string start = job.empty() ? "" : cat(", job ", job, ", restart ", holder.incarnation.restart);
  return cat("process ", holder.pid, " on ", holder.host, " (", holder.command, start, ")");
}

// Held while a stale lock is removed. Who removes one must be sure that it is still the one that was judged, and no
// sequence of rename, link and unlink says so. Only processes of this host judge a lock, so an abstract socket's name
// will do: one process has it, it goes with that process, and no file system needs to support it.
class Takeover {
 public:
  explicit Takeover(const std::string& path) {
    struct stat folder = {};
    if (::stat(parent_folder(path).c_str(), &folder) != 0) return;
    descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) return;
    const std::string name = cat("broadsheet-takeover-", folder.st_dev, "-", folder.st_ino);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, sizeof address.sun_path - 1);  // a leading NUL: no file
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    mine_ = ::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), size) == 0;
  }
  ~Takeover() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Takeover(const Takeover&) = delete;
  Takeover& operator=(const Takeover&) = delete;
  bool mine() const { return mine_; }

 private:
  int descriptor_ = -1;
  bool mine_ = false;
};

// Removes the lock if its holder is gone and no other process is about to.
void remove_if_stale(const std::string& path, const Holder& self) {
  const Takeover takeover(path);
  if (!takeover.mine()) return;
  const std::optional<Holder> holder = parse_holder(read_small(path));
  if (holder && is_stale(*holder, self)) ::unlink(path.c_str());
}

// Removes the lock if it still holds `text`. It is moved aside before it is compared: between a look and an unlink it
// may have become another's. Then it is put back, unless somebody has a new one already.
void remove_if_still(const std::string& path, const std::string& text, const Holder& self) {
  if (read_small(path) != text) return;
  const std::string aside = cat(path, ".", self.host, ".", self.pid, ".aside");
  if (::rename(path.c_str(), aside.c_str()) != 0) return;
  if (read_small(aside) != text && ::link(aside.c_str(), path.c_str()) != 0 && errno != EEXIST)
    log_warning(cat("cannot put the lock ", path, " back: ", std::strerror(errno)));
  ::unlink(aside.c_str());
}

// What a process of this host left that was killed while it took the lock.
void remove_temporaries_of_the_dead(const std::string& path, const Holder& self) {
  const std::string prefix = cat(file_name(path), ".", self.host, ".");
  std::error_code error;
  std::filesystem::directory_iterator entry(parent_folder(path), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string file = entry->path(), name = file_name(file);
    if (!starts_with(name, prefix)) continue;
    const std::optional<Holder> owner = parse_holder(read_small(file));
    const auto pid = static_cast<pid_t>(std::atoi(name.c_str() + prefix.size()));
    const bool gone = pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
    if (owner ? is_stale(*owner, self) : gone) ::unlink(file.c_str());
  }
}

[[noreturn]] void throw_held(const std::string& path, const std::optional<Holder>& holder) {
  if (!holder || holder->pid <= 0) {
    throw UserError("lock.held", cat(path, " is a lock that does not say who holds it"),
                    "make sure that nothing uses the folder, then remove that file");
  }
  throw UserError("lock.held", cat(parent_folder(path), " is in use by ", describe(*holder)),
                  holder->host == this_host()
                      ? "wait for it or stop it, then run the same command again"
                      : cat("wait for it or stop it; if it is certain that it no longer runs, remove ", path));
}

}  // namespace

std::optional<LockHolder> look_at_lock(const std::string& path) {
  const std::optional<Holder> holder = parse_holder(read_small(path));
  if (!holder) return std::nullopt;
  const Holder self = this_process({});
  const bool here = holder->host == self.host && holder->pid_namespace == self.pid_namespace;
  return LockHolder{
      holder->host, holder->command, holder->incarnation.job, holder->pid, here, here && is_stale(*holder, self)};
}

FolderLock FolderLock::acquire(const std::string& path, const Incarnation& incarnation) {
  using namespace std::chrono_literals;
  const Holder self = this_process(incarnation);
  const std::string text = to_text(self);
  // link(2) is atomic on every file system that we know of, over NFS too, and the lock is never seen half-written.
  const std::string temporary = cat(path, ".", self.host, ".", self.pid);
  ::unlink(temporary.c_str());
  DurableFile file(temporary);
  file.write(text);
  file.close();
  struct Remove {
    const std::string& path;
    ~Remove() { ::unlink(path.c_str()); }
  } const remove{temporary};

  const auto deadline = std::chrono::steady_clock::now() + 2s;
  for (;; std::this_thread::sleep_for(1ms)) {
    if (::link(temporary.c_str(), path.c_str()) == 0) {
      remove_temporaries_of_the_dead(path, self);
      return FolderLock(path, text);
    }
    if (const int error = errno; error != EEXIST) {
      throw RunError("io.link", cat("cannot create the lock ", path, ": ", std::strerror(error)));
    }
    const std::string lock = read_small(path);
    const std::optional<Holder> holder = parse_holder(lock);
    const bool late = std::chrono::steady_clock::now() > deadline;
    if (lock.empty() && !late) continue;  // released in between, most likely
    if (late || !holder) throw_held(path, holder);
    if (is_stale(*holder, self)) {
      remove_if_stale(path, self);
    } else if (is_earlier_start(*holder, self)) {
      log_warning(cat(parent_folder(path), ": taken over from ", describe(*holder),
                      "; if that one still runs, nothing of it is published any more"));
      remove_if_still(path, lock, self);
    } else {
      throw_held(path, holder);
    }
  }
}

FolderLock::FolderLock(FolderLock&& other) noexcept : path_(std::move(other.path_)), text_(std::move(other.text_)) {
  other.path_.clear();
}

FolderLock::~FolderLock() {
  if (path_.empty()) return;
  try {
    remove_if_still(path_, text_, this_process({}));
  } catch (const std::exception&) {
    // It stays, and is stale as soon as this process has ended.
  }
}

bool FolderLock::held() const {
  return read_small(path_) == text_;
}

}  // namespace broadsheet

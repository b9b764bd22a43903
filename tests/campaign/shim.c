// A preloaded library that lets file system calls and MPI calls fail, kills or signals the process at a chosen one, or
// writes down every change to files, so that a power loss can be played back (power.py).
//
// CAMPAIGN_SHIM="key=value;key=value;..."; without it nothing here does anything.
//   program=NAME     only in the program of that name (the last part of /proc/self/exe)
//   rank=N           only in that rank (OMPI_COMM_WORLD_RANK; 0 where there is none)
//   path=REGEX       only calls on such a path (extended regular expression; either path of a rename or link)
//   calls=A,B        which calls: create open write fsync rename close unlink mkdir rmdir link truncate, and send, sum,
//                    gather, broadcast (MPI). Nothing: all but open and close.
//   from=REGEX       counting begins with the first call on such a path
//   nth=N            the Nth of those calls, from 1
//   always=1         that one and all after it
//   do=error:ERRNO | short | kill | exit:CODE | signal:NUMBER | sleep:MILLISECONDS
//   when=before | middle | after      for kill, exit, signal and sleep; middle: half of a write is done
//   mark=FILE        gets one line for each call that was hit, and with do=count for each that would count
//   log=PREFIX       every change to a path that matches `path` goes to PREFIX.<pid>, with data: see log_change()
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// With _FORTIFY_SOURCE the compiler turns open() into these.
int __open_2(const char* path, int flags);
int __open64_2(const char* path, int flags);

enum Action { kNothing, kError, kShort, kKill, kExit, kSignal, kSleep, kCount };
enum When { kBefore, kMiddle, kAfter };

static struct {
  int active, always, matches_all;
  long nth;
  int number;  // of the error, signal, exit code, or milliseconds
  enum Action action;
  enum When when;
  int has_path, has_from;
  regex_t path, from;
  char calls[256];
  char mark[PATH_MAX];
  int log;
  long seen;
  int armed;
} plan = {.log = -1};

// The last `real` is the C library's own.
#define REAL(name) ((__typeof__(&name))real(#name))
static void* real(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (found == NULL) _exit(99);
  return found;
}

static const char* value_of(const char* key, char* into, size_t size) {
  const char* text = getenv("CAMPAIGN_SHIM");
  const size_t length = strlen(key);
  while (text != NULL && *text != '\0') {
    const char* end = strchrnul(text, ';');
    if (strncmp(text, key, length) == 0 && text[length] == '=') {
      snprintf(into, size, "%.*s", (int)(end - text - (long)length - 1), text + length + 1);
      return into;
    }
    text = *end == ';' ? end + 1 : end;
  }
  return NULL;
}

static int is_this_process(void) {
  char wanted[256], exe[PATH_MAX];
  if (value_of("program", wanted, sizeof wanted) != NULL) {
    const ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (length < 0) return 0;
    exe[length] = '\0';
    const char* name = strrchr(exe, '/');
    if (name == NULL || strcmp(name + 1, wanted) != 0) return 0;
  }
  if (value_of("rank", wanted, sizeof wanted) != NULL) {
    const char* rank = getenv("OMPI_COMM_WORLD_RANK");
    if (strcmp(rank == NULL ? "0" : rank, wanted) != 0) return 0;
  }
  return 1;
}

static void read_action(const char* text) {
  const char* colon = strchr(text, ':');
  plan.number = colon == NULL ? 0 : atoi(colon + 1);
  static const char* const kNames[] = {"nothing", "error", "short", "kill", "exit", "signal", "sleep", "count"};
  for (int action = kError; action <= kCount; ++action)
    if (strncmp(text, kNames[action], strlen(kNames[action])) == 0) plan.action = (enum Action)action;
}

static int open_for_append(const char* path) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

__attribute__((constructor)) static void read_plan(void) {
  if (getenv("CAMPAIGN_SHIM") == NULL || !is_this_process()) return;
  char text[PATH_MAX], path[PATH_MAX + 32];
  plan.nth = value_of("nth", text, sizeof text) != NULL ? atol(text) : 1;
  plan.always = value_of("always", text, sizeof text) != NULL;
  if (value_of("do", text, sizeof text) != NULL) read_action(text);
  if (value_of("when", text, sizeof text) != NULL)
    plan.when = text[0] == 'a' ? kAfter : text[0] == 'm' ? kMiddle : kBefore;
  plan.has_path = value_of("path", text, sizeof text) != NULL;
  if (plan.has_path && regcomp(&plan.path, text, REG_EXTENDED | REG_NOSUB) != 0) _exit(98);
  plan.has_from = value_of("from", text, sizeof text) != NULL;
  if (plan.has_from && regcomp(&plan.from, text, REG_EXTENDED | REG_NOSUB) != 0) _exit(98);
  plan.matches_all = value_of("calls", text, sizeof text) == NULL;
  snprintf(plan.calls, sizeof plan.calls, ",%.200s,", text);
  value_of("mark", plan.mark, sizeof plan.mark);
  if (value_of("log", text, sizeof text) != NULL) {
    snprintf(path, sizeof path, "%s.%d", text, (int)getpid());
    plan.log = open_for_append(path);
  }
  plan.active = 1;
}

// --- what a call is about ------------------------------------------------------------------------------------------
struct Call {
  const char* name;
  char path[PATH_MAX], second[PATH_MAX];
  int hit;
  int64_t begun;  // nanoseconds
};

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void name_descriptor(int descriptor, char* into) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, into, PATH_MAX - 1);
  into[length < 0 ? 0 : length] = '\0';
}

static void name_path(int folder, const char* path, char* into) {
  into[0] = '\0';
  if (path[0] != '/') {
    if (folder == AT_FDCWD) {
      if (getcwd(into, PATH_MAX) == NULL) into[0] = '\0';
    } else {
      name_descriptor(folder, into);
    }
    strncat(into, "/", PATH_MAX - strlen(into) - 1);
  }
  strncat(into, path, PATH_MAX - strlen(into) - 1);
}

static int fits(const regex_t* wanted, const struct Call* call) {
  return regexec(wanted, call->path, 0, NULL, 0) == 0 ||
         (call->second[0] != '\0' && regexec(wanted, call->second, 0, NULL, 0) == 0);
}

static int is_chosen(const char* name) {
  char word[64];
  if (plan.matches_all) return strcmp(name, "open") != 0 && strcmp(name, "close") != 0;
  snprintf(word, sizeof word, ",%s,", name);
  return strstr(plan.calls, word) != NULL;
}

static void mark(const struct Call* call, long number) {
  if (plan.mark[0] == '\0') return;
  char line[2 * PATH_MAX + 100];
  const int length = snprintf(line, sizeof line, "%ld %s %s %s\n", number, call->name, call->path, call->second);
  const int file = open_for_append(plan.mark);
  syscall(SYS_write, file, line, (size_t)length);
  syscall(SYS_close, file);
}

static void strike(void) {
  if (plan.action == kKill) syscall(SYS_kill, getpid(), SIGKILL);
  if (plan.action == kExit) syscall(SYS_exit_group, plan.number);
  if (plan.action == kSignal) syscall(SYS_kill, getpid(), plan.number);
  if (plan.action == kSleep) {
    const struct timespec time = {plan.number / 1000, plan.number % 1000 * 1000000L};
    nanosleep(&time, NULL);
  }
}

// Counts the call. Negative: it must fail with errno set.
static int before(struct Call* call) {
  call->hit = 0;
  call->begun = now();
  if (plan.action == kNothing || !is_chosen(call->name)) return 0;
  if (plan.has_from && !plan.armed && fits(&plan.from, call)) plan.armed = 1;
  if ((plan.has_from && !plan.armed) || (plan.has_path && !fits(&plan.path, call))) return 0;
  const long number = __atomic_add_fetch(&plan.seen, 1, __ATOMIC_SEQ_CST);
  if (plan.action == kCount) mark(call, number);
  call->hit = plan.action != kCount && (plan.always ? number >= plan.nth : number == plan.nth);
  if (!call->hit) return 0;
  mark(call, number);
  if (plan.when == kBefore && plan.action >= kKill) strike();
  if (plan.action != kError) return 0;
  errno = plan.number;
  return -1;
}

static void after(const struct Call* call) {
  const int error = errno;
  if (call->hit && plan.when != kBefore && plan.action >= kKill) strike();
  errno = error;
}

// --- the log -------------------------------------------------------------------------------------------------------
// One record: a line of fields parted by tabs, then `size` bytes of data:
//   nanoseconds, call, path, second path or "-", inode (0: unknown), offset, size
static void log_change(const struct Call* call, int descriptor, int64_t offset, const void* data, size_t size) {
  if (plan.log < 0 || (plan.has_path && !fits(&plan.path, call))) return;
  const int error = errno;
  struct stat status;
  // What another process does because of a change has a later beginning; an fsync counts once it is done.
  const int64_t when = strcmp(call->name, "fsync") == 0 ? now() : call->begun;
  const int known = descriptor >= 0 ? fstat(descriptor, &status) == 0
                                    : lstat(call->second[0] != '\0' ? call->second : call->path, &status) == 0;
  const size_t room = 2 * PATH_MAX + 200;
  char* record = malloc(room + size);
  if (record == NULL) _exit(97);
  const int length = snprintf(record, room, "%lld\t%s\t%s\t%s\t%llu\t%lld\t%zu\n", (long long)when, call->name,
                              call->path, call->second[0] != '\0' ? call->second : "-",
                              known ? (unsigned long long)status.st_ino : 0ULL, (long long)offset, size);
  if (size > 0) memcpy(record + length, data, size);
  syscall(SYS_write, plan.log, record, (size_t)length + size);
  free(record);
  errno = error;
}

// --- the calls -----------------------------------------------------------------------------------------------------
static int open_at(int folder, const char* path, int flags, mode_t mode) {
  if (!plan.active) return (int)syscall(SYS_openat, folder, path, flags, mode);
  struct Call call = {(flags & O_CREAT) != 0 ? "create" : "open", "", "", 0, 0};
  name_path(folder, path, call.path);
  if (before(&call) != 0) return -1;
  struct stat status;
  const int is_new = (flags & O_CREAT) != 0 && lstat(call.path, &status) != 0;
  const int result = (int)syscall(SYS_openat, folder, path, flags, mode);
  if (result >= 0 && is_new) log_change(&call, result, 0, NULL, 0);
  if (result >= 0 && !is_new && (flags & O_TRUNC) != 0) {
    call.name = "truncate";
    log_change(&call, result, 0, NULL, 0);
  }
  after(&call);
  return result;
}

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                 \
  int name(const char* path, int flags, ...) {     \
    va_list arguments;                             \
    va_start(arguments, flags);                    \
    const mode_t mode = mode_of(flags, arguments); \
    va_end(arguments);                             \
    return open_at(AT_FDCWD, path, flags, mode);   \
  }
#define OPENAT(name)                                       \
  int name(int folder, const char* path, int flags, ...) { \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    const mode_t mode = mode_of(flags, arguments);         \
    va_end(arguments);                                     \
    return open_at(folder, path, flags, mode);             \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
int __open_2(const char* path, int flags) {
  return open_at(AT_FDCWD, path, flags, 0);
}
int __open64_2(const char* path, int flags) {
  return open_at(AT_FDCWD, path, flags, 0);
}

// In whole pages where there are some: what O_DIRECT would leave.
static size_t half(size_t size) {
  return size >= 8192 ? size / 2 & ~(size_t)4095 : size / 2;
}

static ssize_t write_at(int descriptor, const void* bytes, size_t size, off_t offset, int positioned) {
  struct Call call = {"write", "", "", 0, 0};
  name_descriptor(descriptor, call.path);
  if (before(&call) != 0) return -1;
  size_t wanted = size;
  if (call.hit && (plan.action == kShort || (plan.action >= kKill && plan.when == kMiddle)) && size > 1)
    wanted = half(size);
  const ssize_t result = positioned ? syscall(SYS_pwrite64, descriptor, bytes, wanted, offset)
                                    : syscall(SYS_write, descriptor, bytes, wanted);
  if (result > 0) {
    const off_t begin = positioned ? offset : lseek(descriptor, 0, SEEK_CUR) - result;
    log_change(&call, descriptor, begin, bytes, (size_t)result);
  }
  after(&call);
  return result;
}
ssize_t write(int descriptor, const void* bytes, size_t size) {
  if (!plan.active || descriptor <= 2) return syscall(SYS_write, descriptor, bytes, size);
  return write_at(descriptor, bytes, size, 0, 0);
}
ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  if (!plan.active) return syscall(SYS_pwrite64, descriptor, bytes, size, offset);
  return write_at(descriptor, bytes, size, offset, 1);
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off_t offset) {
  return pwrite(descriptor, bytes, size, offset);
}

static int sync_with(int descriptor, long number) {
  if (!plan.active) return (int)syscall(number, descriptor);
  struct Call call = {"fsync", "", "", 0, 0};
  name_descriptor(descriptor, call.path);
  if (before(&call) != 0) return -1;
  const int result = (int)syscall(number, descriptor);
  if (result == 0) log_change(&call, descriptor, 0, NULL, 0);
  after(&call);
  return result;
}
int fsync(int descriptor) {
  return sync_with(descriptor, SYS_fsync);
}
int fdatasync(int descriptor) {
  return sync_with(descriptor, SYS_fdatasync);
}

int ftruncate(int descriptor, off_t size) {
  if (!plan.active) return (int)syscall(SYS_ftruncate, descriptor, size);
  struct Call call = {"truncate", "", "", 0, 0};
  name_descriptor(descriptor, call.path);
  if (before(&call) != 0) return -1;
  const int result = (int)syscall(SYS_ftruncate, descriptor, size);
  if (result == 0) log_change(&call, descriptor, size, NULL, 0);
  after(&call);
  return result;
}
int ftruncate64(int descriptor, off_t size) {
  return ftruncate(descriptor, size);
}

int close(int descriptor) {
  if (!plan.active) return (int)syscall(SYS_close, descriptor);
  struct Call call = {"close", "", "", 0, 0};
  name_descriptor(descriptor, call.path);
  const int failed = before(&call);  // the descriptor is gone all the same
  const int result = (int)syscall(SYS_close, descriptor);
  if (failed != 0) errno = plan.number;
  after(&call);
  return failed != 0 ? -1 : result;
}

// A call on one or two paths that changes a folder.
static int on_paths(const char* name, int folder, const char* path, int second_folder, const char* second, long number,
                    long flags) {
  struct Call call = {name, "", "", 0, 0};
  name_path(folder, path, call.path);
  if (second != NULL) name_path(second_folder, second, call.second);
  if (before(&call) != 0) return -1;
  const int result = (int)(second != NULL ? syscall(number, folder, path, second_folder, second, flags)
                                          : syscall(number, folder, path, flags));
  // RENAME_EXCHANGE is another operation.
  if (number == SYS_renameat2 && (flags & 2) != 0) call.name = "exchange";
  if (result == 0) log_change(&call, -1, 0, NULL, 0);
  after(&call);
  return result;
}
int rename(const char* from, const char* to) {
  return on_paths("rename", AT_FDCWD, from, AT_FDCWD, to, SYS_renameat2, 0);
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  return on_paths("rename", from_folder, from, to_folder, to, SYS_renameat2, 0);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  return on_paths("rename", from_folder, from, to_folder, to, SYS_renameat2, (long)flags);
}
int link(const char* from, const char* to) {
  return on_paths("link", AT_FDCWD, from, AT_FDCWD, to, SYS_linkat, 0);
}
int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  return on_paths("link", from_folder, from, to_folder, to, SYS_linkat, flags);
}
int unlinkat(int folder, const char* path, int flags) {
  return on_paths((flags & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink", folder, path, 0, NULL, SYS_unlinkat, flags);
}
int unlink(const char* path) {
  return unlinkat(AT_FDCWD, path, 0);
}
int rmdir(const char* path) {
  return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
int mkdir(const char* path, mode_t mode) {
  return on_paths("mkdir", AT_FDCWD, path, 0, NULL, SYS_mkdirat, mode);
}
int mkdirat(int folder, const char* path, mode_t mode) {
  return on_paths("mkdir", folder, path, 0, NULL, SYS_mkdirat, mode);
}

// MPI's handles are pointers in Open MPI; nothing here looks into them.
int MPI_Isend(const void* data, int count, void* type, int to, int tag, void* ranks, void** request);
int MPI_Iallreduce(const void* from, void* to, int count, void* type, void* op, void* ranks, void** request);
int MPI_Iallgather(const void* from, int count, void* type, void* to, int to_count, void* to_type, void* ranks,
                   void** request);
int MPI_Ibcast(void* data, int count, void* type, int root, void* ranks, void** request);

#define MESSAGE(name, function, ...)               \
  struct Call call = {name, "", "", 0, 0};         \
  if (plan.active && before(&call) != 0) return 1; \
  const int result = REAL(function)(__VA_ARGS__);  \
  after(&call);                                    \
  return result

int MPI_Isend(const void* data, int count, void* type, int to, int tag, void* ranks, void** request) {
  MESSAGE("send", MPI_Isend, data, count, type, to, tag, ranks, request);
}
int MPI_Iallreduce(const void* from, void* to, int count, void* type, void* op, void* ranks, void** request) {
  MESSAGE("sum", MPI_Iallreduce, from, to, count, type, op, ranks, request);
}
int MPI_Iallgather(const void* from, int count, void* type, void* to, int to_count, void* to_type, void* ranks,
                   void** request) {
  MESSAGE("gather", MPI_Iallgather, from, count, type, to, to_count, to_type, ranks, request);
}
int MPI_Ibcast(void* data, int count, void* type, int root, void* ranks, void** request) {
  MESSAGE("broadcast", MPI_Ibcast, data, count, type, root, ranks, request);
}

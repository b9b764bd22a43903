// A file system that shows another folder as it is, only slower, staler and less reliable: what network file systems
// and failing disks do. FUSE 3, high-level interface.
//
//   slow_disk -f -s -o allow_other,attr_timeout=3,entry_timeout=3,negative_timeout=3 MOUNTPOINT
// CAMPAIGN_DISK="key=value;key=value;..."
//   folder=DIR         what it shows
//   delay=MS           every call takes that long
//   call=NAME          which calls may fail: open create read write fsync getattr rename mkdir unlink lock
//   path=TEXT          only on paths that hold this text
//   nth=N, error=ERRNO the Nth of those calls fails
//   lose=1             and the file's bytes are zeros from then on, as after a failed write-back
//   mark=FILE          gets a line when it does
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static struct {
  char folder[PATH_MAX], call[32], path[256], mark[PATH_MAX];
  long delay, nth, error, lose, seen;
} plan;

static void value_of(const char* key, char* into, size_t size) {
  const char* text = getenv("CAMPAIGN_DISK");
  const size_t length = strlen(key);
  into[0] = '\0';
  while (text != NULL && *text != '\0') {
    const char* end = strchrnul(text, ';');
    if (strncmp(text, key, length) == 0 && text[length] == '=')
      snprintf(into, size, "%.*s", (int)(end - text - (long)length - 1), text + length + 1);
    text = *end == ';' ? end + 1 : end;
  }
}

static long number_of(const char* key) {
  char text[32];
  value_of(key, text, sizeof text);
  return atol(text);
}

// Takes its time; 0, or the negative error with which the call must fail.
static int trouble(const char* call, const char* path) {
  const struct timespec time = {plan.delay / 1000, plan.delay % 1000 * 1000000L};
  if (plan.delay > 0) nanosleep(&time, NULL);
  if (plan.error == 0 || strcmp(call, plan.call) != 0 || strstr(path, plan.path) == NULL) return 0;
  if (__atomic_add_fetch(&plan.seen, 1, __ATOMIC_SEQ_CST) != plan.nth) return 0;
  FILE* mark = fopen(plan.mark, "a");
  if (mark != NULL) {
    fprintf(mark, "%s %s\n", call, path);
    fclose(mark);
  }
  return (int)-plan.error;
}

#define TROUBLE(call, path)              \
  const int wrong = trouble(call, path); \
  if (wrong != 0) return wrong
#define ANSWER(result) return (result) < 0 ? -errno : 0

struct Place {
  char path[2 * PATH_MAX];
};
static struct Place real(const char* path) {
  struct Place place;
  snprintf(place.path, sizeof place.path, "%s%.4000s", plan.folder, path);
  return place;
}

static int do_getattr(const char* path, struct stat* status, struct fuse_file_info* file) {
  TROUBLE("getattr", path);
  ANSWER(file != NULL ? fstat((int)file->fh, status) : lstat(real(path).path, status));
}
static int do_readlink(const char* path, char* into, size_t size) {
  const ssize_t length = readlink(real(path).path, into, size - 1);
  if (length < 0) return -errno;
  into[length] = '\0';
  return 0;
}
static int do_mkdir(const char* path, mode_t mode) {
  TROUBLE("mkdir", path);
  ANSWER(mkdir(real(path).path, mode));
}
static int do_unlink(const char* path) {
  TROUBLE("unlink", path);
  ANSWER(unlink(real(path).path));
}
static int do_rmdir(const char* path) {
  TROUBLE("unlink", path);
  ANSWER(rmdir(real(path).path));
}
static int do_symlink(const char* target, const char* path) {
  ANSWER(symlink(target, real(path).path));
}
static int do_link(const char* from, const char* to) {
  ANSWER(link(real(from).path, real(to).path));
}
static int do_rename(const char* from, const char* to, unsigned flags) {
  TROUBLE("rename", to);
  ANSWER(renameat2(AT_FDCWD, real(from).path, AT_FDCWD, real(to).path, flags));
}
static int do_chmod(const char* path, mode_t mode, struct fuse_file_info* file) {
  (void)file;
  ANSWER(chmod(real(path).path, mode));
}
static int do_chown(const char* path, uid_t user, gid_t group, struct fuse_file_info* file) {
  (void)file;
  ANSWER(lchown(real(path).path, user, group));
}
static int do_truncate(const char* path, off_t size, struct fuse_file_info* file) {
  ANSWER(file != NULL ? ftruncate((int)file->fh, size) : truncate(real(path).path, size));
}
static int do_utimens(const char* path, const struct timespec times[2], struct fuse_file_info* file) {
  (void)file;
  ANSWER(utimensat(AT_FDCWD, real(path).path, times, AT_SYMLINK_NOFOLLOW));
}

static int open_it(const char* path, struct fuse_file_info* file, int flags, mode_t mode) {
  // What the kernel hands on is not aligned as O_DIRECT wants it here, and has offsets of its own.
  const int descriptor = open(real(path).path, flags & ~(O_DIRECT | O_APPEND), mode);
  if (descriptor < 0) return -errno;
  file->fh = (uint64_t)descriptor;
  return 0;
}
static int do_open(const char* path, struct fuse_file_info* file) {
  TROUBLE("open", path);
  return open_it(path, file, file->flags, 0);
}
static int do_create(const char* path, mode_t mode, struct fuse_file_info* file) {
  TROUBLE("create", path);
  return open_it(path, file, file->flags | O_CREAT, mode);
}
static int do_read(const char* path, char* into, size_t size, off_t offset, struct fuse_file_info* file) {
  TROUBLE("read", path);
  const ssize_t count = pread((int)file->fh, into, size, offset);
  return count < 0 ? -errno : (int)count;
}
static int do_write(const char* path, const char* bytes, size_t size, off_t offset, struct fuse_file_info* file) {
  TROUBLE("write", path);
  const ssize_t count = pwrite((int)file->fh, bytes, size, offset);
  return count < 0 ? -errno : (int)count;
}
static int do_statfs(const char* path, struct statvfs* status) {
  ANSWER(statvfs(real(path).path, status));
}
static int do_release(const char* path, struct fuse_file_info* file) {
  (void)path;
  close((int)file->fh);
  return 0;
}
static int do_fsync(const char* path, int data_only, struct fuse_file_info* file) {
  (void)data_only;
  const int wrong = trouble("fsync", path);
  if (wrong != 0 && plan.lose) {
    struct stat status;
    const int descriptor = open(real(path).path, O_WRONLY);
    const int lost = descriptor >= 0 && fstat(descriptor, &status) == 0 && ftruncate(descriptor, 0) == 0 &&
                     ftruncate(descriptor, status.st_size) == 0;
    close(descriptor);
    if (!lost) return -EBADF;  // the case sees another error than it asked for
  }
  if (wrong != 0) return wrong;
  ANSWER(fsync((int)file->fh));
}

static int do_opendir(const char* path, struct fuse_file_info* file) {
  DIR* folder = opendir(real(path).path);
  if (folder == NULL) return -errno;
  file->fh = (uint64_t)(uintptr_t)folder;
  return 0;
}
static int do_readdir(const char* path, void* buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info* file,
                      enum fuse_readdir_flags flags) {
  (void)path, (void)offset, (void)flags;
  DIR* folder = (DIR*)(uintptr_t)file->fh;
  rewinddir(folder);
  for (const struct dirent* entry; (entry = readdir(folder)) != NULL;) fill(buffer, entry->d_name, NULL, 0, 0);
  return 0;
}
static int do_releasedir(const char* path, struct fuse_file_info* file) {
  (void)path;
  closedir((DIR*)(uintptr_t)file->fh);
  return 0;
}
static int do_fsyncdir(const char* path, int data_only, struct fuse_file_info* file) {
  (void)data_only;
  TROUBLE("fsync", path);
  ANSWER(fsync(dirfd((DIR*)(uintptr_t)file->fh)));
}
static int do_lock(const char* path, struct fuse_file_info* file, int command, struct flock* lock) {
  (void)path, (void)file, (void)command, (void)lock;
  return -ENOLCK;
}
static int do_flock(const char* path, struct fuse_file_info* file, int operation) {
  (void)path, (void)file, (void)operation;
  return -ENOLCK;
}

static void* start(struct fuse_conn_info* connection, struct fuse_config* config) {
  (void)connection;
  // The options of the command line say how long names and sizes may be stale.
  config->use_ino = 1;
  return NULL;
}

int main(int argc, char** argv) {
  value_of("folder", plan.folder, sizeof plan.folder);
  value_of("call", plan.call, sizeof plan.call);
  value_of("path", plan.path, sizeof plan.path);
  value_of("mark", plan.mark, sizeof plan.mark);
  plan.delay = number_of("delay");
  plan.nth = number_of("nth");
  plan.error = number_of("error");
  plan.lose = number_of("lose");
  umask(0);
  static const struct fuse_operations kOperations = {
      .init = start,
      .getattr = do_getattr,
      .readlink = do_readlink,
      .mkdir = do_mkdir,
      .unlink = do_unlink,
      .rmdir = do_rmdir,
      .symlink = do_symlink,
      .link = do_link,
      .rename = do_rename,
      .chmod = do_chmod,
      .chown = do_chown,
      .truncate = do_truncate,
      .utimens = do_utimens,
      .open = do_open,
      .create = do_create,
      .read = do_read,
      .write = do_write,
      .statfs = do_statfs,
      .release = do_release,
      .fsync = do_fsync,
      .opendir = do_opendir,
      .readdir = do_readdir,
      .releasedir = do_releasedir,
      .fsyncdir = do_fsyncdir,
      .lock = do_lock,
      .flock = do_flock,
  };
  return fuse_main(argc, argv, &kOperations, NULL);
}

#include "experiments/tracking_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{8} << 30;
constexpr size_t kMostWaiting = size_t{64} << 20;

bool belongs(std::string_view line, int64_t step) {
  const auto record = nlohmann::json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return false;
  const auto found = record.find("step");
  return found != record.end() && found->is_number_integer() && found->get<int64_t>() <= step;
}

// By a new file: an older attempt that is still alive keeps the old one. A full disk leaves only cutting it in place.
void replace(const std::string& path, const Fence& fence, const std::string& before, const std::string& after) {
  try {
    fence.publish_text(path, after);
  } catch (const RunError& error) {
    if (is_fenced_off(error)) throw;
    if (!starts_with(before, after) || ::truncate(path.c_str(), static_cast<off_t>(after.size())) != 0) throw;
  }
}

}  // namespace

AppendFile::AppendFile(std::string path, Fence fence) : fence_(std::move(fence)), path_(std::move(path)) {
  open();
}

AppendFile::AppendFile(AppendFile&& other) noexcept {
  *this = std::move(other);
}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(fence_, other.fence_);
  std::swap(path_, other.path_);
  std::swap(waiting_, other.waiting_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(warned_, other.warned_);
  return *this;
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool AppendFile::open() {
  if (descriptor_ >= 0) return true;
  if (path_.empty()) return false;
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    const int error = errno;
    fence_->check();
    warn("open", error);
    return false;
  }
  try {
    fence_->check();
  } catch (...) {
    ::close(std::exchange(descriptor_, -1));
    throw;
  }
  return true;
}

void AppendFile::publish(const std::string& path) {
  fence_->publish(file_name(path_), path);
  path_ = path;
}

void AppendFile::append(std::string_view record) {
  if (path_.empty()) return;
  if (waiting_.size() + record.size() <= kMostWaiting) waiting_ += record;
  write_waiting();
}

void AppendFile::write_waiting() {
  if (waiting_.empty() || !open()) return;
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  size_t done = 0;
  while (done < waiting_.size()) {
    const ssize_t count = ::write(descriptor_, waiting_.data() + done, waiting_.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      const bool taken_back = done == 0 || (before >= 0 && ::ftruncate(descriptor_, before) == 0);
      if (!taken_back) waiting_.erase(0, done);  // the rest will follow it
      warn("write", error);
      return;
    }
    done += static_cast<size_t>(count);
  }
  waiting_.clear();
  warned_ = false;
}

void AppendFile::sync() {
  write_waiting();
  if (descriptor_ >= 0 && ::fsync(descriptor_) != 0 && errno != EINVAL) warn("fsync", errno);
}

void AppendFile::warn(const char* operation, int error) {
  if (!std::exchange(warned_, true)) {
    log_warning(
        cat("cannot ", operation, " ", path_, ": ", std::strerror(error), "; training goes on, its records wait"));
  }
}

void cut_back_lines(const std::string& path, int64_t step, const Fence& fence,
                    const std::function<void(const std::string&)>& kept) {
  if (!exists(path)) return;
  try {
    const std::string before = read_file(path, kMaxBytes);
    std::string after;
    for (size_t begin = 0; begin < before.size();) {
      const size_t end = before.find('\n', begin);
      if (end == std::string::npos) break;
      const std::string line = before.substr(begin, end - begin);
      if (belongs(line, step)) {
        kept(line);
        after += line + "\n";
      }
      begin = end + 1;
    }
    replace(path, fence, before, after);
  } catch (const Error& error) {
    if (is_fenced_off(error)) throw;
    log_warning(cat("records after step ", step, " stay in ", path, ": ", error.what()));
  }
}

}  // namespace broadsheet

#include "experiments/sweep/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr size_t kDigits = 16;
constexpr uint64_t kMostBytes = uint64_t{4} << 30;
constexpr char kSuffix[] = ".jsonl", kMore[] = "more";

std::string segment(const std::string& folder, int64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "/%06lld", static_cast<long long>(number));
  return folder + name + kSuffix;
}

std::vector<int64_t> segments_in(const std::string& folder) {
  std::vector<int64_t> numbers;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (ends_with(name, kSuffix)) numbers.push_back(std::atoll(name.c_str()));
  }
  return numbers;
}

int64_t newest_of(const std::vector<int64_t>& numbers) {
  return numbers.empty() ? 0 : *std::max_element(numbers.begin(), numbers.end());
}

std::string line_of(const std::string& text) {
  return cat(xxh3_hex(text).substr(0, kDigits), " ", text, "\n");
}

std::string line_of(const nlohmann::json& event) {
  return line_of(event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

bool is_whole(std::string_view line) {
  return line.size() > kDigits + 1 && line[kDigits] == ' ' &&
         xxh3_hex(line.substr(kDigits + 1)).compare(0, kDigits, line.substr(0, kDigits)) == 0;
}

// Returns the lines that count, as they stand.
std::string read_segment(const std::string& path, const Journal::Apply& apply) {
  const std::string text = read_file(path, kMostBytes);
  std::vector<nlohmann::json> group;
  size_t begin = 0, counted = 0;
  for (int64_t number = 1; begin < text.size(); ++number) {
    const size_t end = text.find('\n', begin);
    const bool last = end == std::string::npos || end + 1 == text.size();
    const std::string_view line = std::string_view(text).substr(begin, end == std::string::npos ? end : end - begin);
    if (end == std::string::npos || !is_whole(line)) {
      if (last) break;
      throw UserError(Fault{"sweep.damaged",
                            {path, static_cast<int>(number), 1},
                            "",
                            "this line of the sweep's journal is damaged",
                            "restore the file from a backup, or begin again with --fresh"});
    }
    group.push_back(nlohmann::json::parse(line.substr(kDigits + 1)));
    begin = end + 1;
    if (group.back().value(kMore, false)) continue;
    for (const nlohmann::json& event : group) apply(event);
    group.clear();
    counted = begin;
  }
  return text.substr(0, counted);
}

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw RunError("io.journal", cat(path, ": ", what, ": ", std::strerror(errno)),
                 "make room, or mend the disk; the same command goes on from what is written");
}

}  // namespace

bool Journal::read(const std::string& folder, const Apply& apply) {
  // A driver that starts at this moment may replace the file between the two looks.
  for (int tries = 0; tries < 3; ++tries) {
    const int64_t newest = newest_of(segments_in(folder));
    if (newest == 0) return false;
    const std::string path = segment(folder, newest);
    std::vector<nlohmann::json> events;
    try {
      read_segment(path, [&](const nlohmann::json& event) { events.push_back(event); });
    } catch (const RunError&) {
      if (exists(path)) throw;
      continue;
    }
    for (const nlohmann::json& event : events) apply(event);
    return true;
  }
  return false;
}

Journal Journal::open(const std::string& folder, const Apply& apply) {
  make_folders(folder);
  const std::vector<int64_t> present = segments_in(folder);
  const int64_t newest = newest_of(present);
  const std::string before = newest == 0 ? "" : read_segment(segment(folder, newest), apply);
  const std::string path = segment(folder, newest + 1), temporary = path + ".writing";
  ::unlink(temporary.c_str());
  {
    DurableFile file(temporary);
    file.write(before);
    file.close();
  }
  rename_durably(temporary, path);
  // More than one, where a start died at this place.
  for (const int64_t number : present) ::unlink(segment(folder, number).c_str());
  return Journal(folder, newest + 1);
}

Journal::Journal(const std::string& folder, int64_t number)
    : path_(segment(folder, number)), next_(segment(folder, number + 1)), number_(number) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor_ < 0) fail(path_, "cannot be opened");
}

Journal::Journal(Journal&& other) noexcept
    : path_(std::move(other.path_)),
      next_(std::move(other.next_)),
      number_(other.number_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      broken_(other.broken_) {}

Journal::~Journal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Journal::append(const std::vector<nlohmann::json>& events) {
  if (events.empty()) return;
  check_not_taken_over();
  if (broken_) throw RunError("io.journal", cat(path_, ": takes no more after a write that failed"), "start again");
  std::string text;
  for (size_t i = 0; i < events.size(); ++i) {
    nlohmann::json event = events[i];
    if (i + 1 < events.size()) event[kMore] = true;
    text += line_of(event);
  }
  broken_ = true;
  for (size_t written = 0; written < text.size();) {
    const ssize_t size = ::write(descriptor_, text.data() + written, text.size() - written);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) fail(path_, "cannot be written");
    written += static_cast<size_t>(size);
  }
  while (::fdatasync(descriptor_) != 0)
    if (errno != EINTR) fail(path_, "fsync");
  // A disk can hold a call back for minutes, in which another driver has begun.
  check_not_taken_over();
  broken_ = false;
}

// The next start puts its file beside this one, and removes this one; the start after it removes that file too.
void Journal::check_not_taken_over() const {
  if (exists(next_) || !exists(path_))
    throw RunError("sweep.fenced", cat(path_, ": another driver has taken this sweep over"), "leave it to that one");
}

}  // namespace broadsheet

#include "core/rank_status.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr size_t kLine = 768;           // of the file, padded: written at once, over the same bytes
constexpr double kSilentSeconds = 2.0;  // ten heartbeats, or four of the file

nlohmann::json to_json(const RankStatus& status) {
  const bool waits = !status.operation.empty();
  return {{"rank", status.rank},
          {"host", status.host},
          {"place", status.place},
          {"pid", status.process},
          {"activity", status.descriptor},
          {"phase", phase_name(waits ? Phase::kCollective : status.phase)},
          {"within", phase_name(status.phase)},
          {"operation", status.operation},
          {"step", status.step},
          {"stalled", status.stalled},
          {"beat", status.beat}};
}

Phase phase_named(const std::string& name) {
  for (size_t phase = 0; phase < kPhases; ++phase)
    if (name == phase_name(static_cast<Phase>(phase))) return static_cast<Phase>(phase);
  return Phase::kStart;
}

RankStatus from_json(const nlohmann::json& json) {
  RankStatus status;
  status.rank = json.at("rank");
  status.host = json.at("host");
  status.place = json.at("place");
  status.process = json.at("pid");
  status.descriptor = json.at("activity");
  status.phase = phase_named(json.at("within"));
  status.operation = json.at("operation");
  status.step = json.at("step");
  status.stalled = json.at("stalled");
  status.beat = json.at("beat");
  return status;
}

void fill_in(RankStatus& status, const Activity& activity) {
  status.phase = activity.phase;
  status.operation = activity.operation();
  status.step = activity.step;
  status.stalled = static_cast<double>(activity.stalled_ms) / 1e3;
  status.beat = activity.beat;
}

std::string read_line(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

std::string status_path(const std::string& folder, int rank) {
  char name[32];
  std::snprintf(name, sizeof name, "rank-%05d.status", rank);
  return folder + "/" + name;
}

std::string this_host() {
  char name[HOST_NAME_MAX + 1] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

std::string this_place() {
  char space[64] = {};
  if (::readlink("/proc/self/ns/pid", space, sizeof space - 1) < 0) return "";
  return cat(read_line("/proc/sys/kernel/random/boot_id"), " ", space);
}

RankStatus own_status(int rank) {
  RankStatus status;
  status.rank = rank;
  status.host = this_host();
  status.place = this_place();
  status.process = ::getpid();
  status.descriptor = activity_descriptor();
  fill_in(status, present_activity());
  return status;
}

// Opened and closed each time: other clients of a network file system see what is in a file that was closed.
void write_status(const std::string& folder, const RankStatus& status) noexcept {
  try {
    std::string line = to_json(status).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    line.resize(std::max(line.size(), kLine - 1), ' ');
    line += '\n';
    const int file = ::open(status_path(folder, status.rank).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) return;
    if (::pwrite(file, line.data(), line.size(), 0) < 0) {
      // The next one may succeed.
    }
    ::close(file);
  } catch (...) {
  }
}

std::optional<RankStatus> read_status(const std::string& folder, int rank) {
  try {
    return from_json(nlohmann::json::parse(read_line(status_path(folder, rank))));
  } catch (const std::exception&) {
    return std::nullopt;  // not there, or half-written
  }
}

char process_state(int64_t process) {
  const std::string stat = read_line(cat("/proc/", process, "/stat"));
  const size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || name_end + 2 >= stat.size() ? 'X' : stat[name_end + 2];
}

bool RankView::silent() const {
  return std::string("TtZX").find(state) != std::string::npos || silent_seconds >= kSilentSeconds;
}

Onlooker::Onlooker(std::string folder, int ranks)
    : folder_(std::move(folder)), place_(this_place()), ranks_(static_cast<size_t>(std::max(ranks, 0))) {
  for (size_t rank = 0; rank < ranks_.size(); ++rank) ranks_[rank].status.rank = static_cast<int>(rank);
}

void Onlooker::look(double seconds_since_last_look) {
  for (RankView& view : ranks_) look_at(view, seconds_since_last_look);
}

void Onlooker::look_at(RankView& view, double seconds) const {
  const uint64_t beat = view.status.beat;
  const bool first = !view.known;
  if (const std::optional<RankStatus> told = read_status(folder_, view.status.rank)) {
    view.status = *told;
    view.known = true;
  }
  if (!view.known) return;
  view.here = !place_.empty() && view.status.place == place_;
  if (view.here) {
    view.state = process_state(view.status.process);
    if (const auto now = activity_of(view.status.process, view.status.descriptor)) fill_in(view.status, *now);
  }
  view.silent_seconds = first || view.status.beat != beat ? 0 : view.silent_seconds + seconds;
}

}  // namespace broadsheet

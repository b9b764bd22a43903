#include "slurm/job_record.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr uint64_t kMostRecordBytes = uint64_t{64} << 20;

nlohmann::json parse(const std::string& text) {
  return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string text_in(const nlohmann::json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t number_in(const nlohmann::json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

std::vector<std::string> texts_in(const nlohmann::json& value, const char* key) {
  std::vector<std::string> texts;
  const auto found = value.find(key);
  if (found == value.end() || !found->is_array()) return texts;
  for (const nlohmann::json& one : *found) {
    if (one.is_string()) texts.push_back(one.get<std::string>());
  }
  return texts;
}

std::string dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string events_file(const std::string& folder) {
  return folder + "/events.jsonl";
}

[[noreturn]] void fail(const std::string& path) {
  throw RunError("io.write", cat(path, ": ", std::strerror(errno)), "is the disk full?");
}

}  // namespace

std::string job_folder(const std::string& run_dir) {
  return run_dir + "/job";
}

std::string cancel_mark(const std::string& run_dir) {
  return run_dir + "/cancelled";
}

std::optional<JobRecord> read_job_record(const std::string& folder) {
  const std::string path = folder + "/job.json";
  if (!exists(path)) return std::nullopt;
  const nlohmann::json value = parse(read_file(path, kMostRecordBytes));
  if (!value.is_object()) return std::nullopt;
  return JobRecord{text_in(value, "token"),     text_in(value, "id"),       text_in(value, "kind"),
                   text_in(value, "submitted"), texts_in(value, "command"), texts_in(value, "after")};
}

void write_job_record(const std::string& folder, const JobRecord& record) {
  const nlohmann::json value = {{"token", record.token},         {"id", record.id},           {"kind", record.kind},
                                {"submitted", record.submitted}, {"command", record.command}, {"after", record.after}};
  write_file_durably(folder + "/job.json", value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::vector<JobEvent> read_job_events(const std::string& folder) {
  std::vector<JobEvent> events;
  if (!exists(events_file(folder))) return events;
  for (const std::string& line : split(read_file(events_file(folder), kMostRecordBytes), '\n')) {
    const nlohmann::json value = parse(line);
    if (!value.is_object()) continue;
    events.push_back({text_in(value, "event"), text_in(value, "token"), text_in(value, "job"),
                      number_in(value, "restart"), text_in(value, "nodes"), text_in(value, "time"),
                      static_cast<int>(number_in(value, "code")), text_in(value, "cause"), text_in(value, "action"),
                      text_in(value, "detail"), number_in(value, "step")});
  }
  return events;
}

int64_t count_starts(const std::vector<JobEvent>& events) {
  return std::count_if(events.begin(), events.end(), [](const JobEvent& event) { return event.event == "start"; });
}

void append_job_event(const std::string& folder, const JobEvent& event) {
  nlohmann::json value = {{"event", event.event},
                          {"token", event.token},
                          {"job", event.job},
                          {"restart", event.restart},
                          {"time", event.time}};
  if (!event.nodes.empty()) value["nodes"] = event.nodes;
  if (event.event != "start")
    value.update({{"code", event.code},
                  {"cause", event.cause},
                  {"action", event.action},
                  {"detail", event.detail},
                  {"step", event.step}});
  const std::string path = events_file(folder);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file < 0) fail(path);
  // One write: two jobs that append at once do not mix their lines. A line that was cut off before gets its end.
  const off_t size = ::lseek(file, 0, SEEK_END);
  char last = '\n';
  if (size > 0 && ::pread(file, &last, 1, size - 1) != 1) last = '\n';
  const std::string text = (last == '\n' ? "" : "\n") + dump(value) + "\n";
  const bool good = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  ::close(file);
  if (!good) fail(path);
}

std::string take_lease(const std::string& folder, const std::string& token, const std::string& job) {
  const std::string path = folder + "/lease", mine = cat(token, " ", job, "\n");
  const std::string temporary = cat(path, ".", job, ".writing");
  while (true) {
    if (exists(path)) {
      const std::string held(trim(read_file(path, kMostRecordBytes)));
      const size_t blank = held.find(' ');
      if (blank != std::string::npos && held.substr(0, blank) == token) return held.substr(blank + 1);
      // Of a submission before this one, which is over: submit() makes sure of that.
      ::unlink(path.c_str());
    }
    // Whole from the first moment, and only one can be first.
    write_file_durably(temporary, mine);
    const int linked = ::link(temporary.c_str(), path.c_str()), why = errno;
    ::unlink(temporary.c_str());
    if (linked == 0) return job;
    if (why != EEXIST) {
      errno = why;
      fail(path);
    }
  }
}

std::vector<std::string> excluded_nodes(const std::string& folder) {
  const std::string path = folder + "/excluded";
  std::vector<std::string> nodes;
  if (!exists(path)) return nodes;
  for (const std::string& line : split(read_file(path, kMostRecordBytes), '\n')) {
    if (!line.empty()) nodes.push_back(line);
  }
  return nodes;
}

void exclude_node(const std::string& folder, const std::string& node) {
  std::vector<std::string> nodes = excluded_nodes(folder);
  if (std::find(nodes.begin(), nodes.end(), node) != nodes.end()) return;
  nodes.push_back(node);
  write_file_durably(folder + "/excluded", join(nodes, "\n") + "\n");
}

}  // namespace broadsheet

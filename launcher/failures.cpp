// How ranks tell the launcher what happened: failure-<rank>.json, and mpirun's own words about a killed rank.
#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <regex>
#include <utility>

#include "core/durable.h"
#include "core/text.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"

namespace broadsheet {
namespace {

// The same clock for every process of a machine, and never set back.
int64_t monotonic_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::vector<std::string> failure_files(const std::string& folder) {
  std::vector<std::string> files;
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return files;
  while (const dirent* entry = readdir(directory)) {
    if (starts_with(entry->d_name, "failure-") && ends_with(entry->d_name, ".json")) {
      files.push_back(folder + "/" + entry->d_name);
    }
  }
  closedir(directory);
  return files;
}

}  // namespace

bool record_failure(const std::string& attempt_folder, int rank, const Failure& failure) noexcept {
  try {
    nlohmann::json record = to_json(failure);
    record["exit_code"] = failure.exit_code;
    record["rank"] = rank;
    record["host"] = host_name();
    const char* node = std::getenv("SLURMD_NODENAME");
    record["node"] = node == nullptr ? host_name() : node;
    record["pid"] = getpid();
    record["monotonic_ns"] = monotonic_nanoseconds();
    const std::string text = record.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    // Renamed into place, because the launcher may look at any moment.
    const std::string path = cat(attempt_folder, "/failure-", rank, ".json"), temporary = path + ".writing";
    const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) return false;
    const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    close(file);
    return written && rename(temporary.c_str(), path.c_str()) == 0;
  } catch (...) {
    return false;
  }
}

std::string job_start_folder() {
  const char *job = std::getenv(kJobVariable), *start = std::getenv(kStartVariable);
  return job == nullptr || start == nullptr ? "" : cat(job, "/starts/", start);
}

void record_job_end(int exit_code) noexcept {
  try {
    const std::string folder = job_start_folder();
    if (!folder.empty()) write_file_durably(folder + "/end", cat(exit_code, "\n"));
  } catch (...) {
    // srun's own code is what is left.
  }
}

std::optional<int> recorded_job_end(const std::string& start_folder) {
  const std::string path = start_folder + "/end";
  if (!exists(path)) return std::nullopt;
  return std::atoi(read_file(path, 1 << 10).c_str());
}

bool blames_another(const Failure& failure) {
  return starts_with(failure.fault.code, "mpi.");
}

bool find_first_failure(const std::string& attempt_folder, Failure* failure, std::string* node) {
  std::pair<bool, int64_t> earliest(true, INT64_MAX);
  for (const std::string& file : failure_files(attempt_folder)) {
    try {
      const nlohmann::json record = nlohmann::json::parse(read_file(file, 1 << 20));
      Failure found = failure_from_json(record);
      const std::pair place(blames_another(found), record.at("monotonic_ns").get<int64_t>());
      if (place >= earliest) continue;
      // What every rank found alike needs no rank's name, nor does what says whom it is about; what one met does.
      const int rank = record.at("rank").get<int>();
      if (rank >= 0 && found.exit_code != static_cast<int>(ExitCode::kUser) &&
          found.exit_code != static_cast<int>(ExitCode::kHang)) {
        found.message = cat("rank ", rank, " (", record.at("host").get<std::string>(), ", process ",
                            record.at("pid").get<int64_t>(), "): ", found.message);
      }
      *failure = found;
      earliest = place;
      if (node != nullptr) *node = record.value("node", "");
    } catch (const std::exception&) {
      continue;  // cut off by the end of its writer
    }
  }
  return earliest.second != INT64_MAX;
}

std::optional<int64_t> recorded_process(const std::string& attempt_folder, int rank) {
  try {
    const nlohmann::json listed = nlohmann::json::parse(read_file(attempt_folder + "/ranks.json", 1 << 20));
    for (const nlohmann::json& entry : listed.at("ranks")) {
      if (entry.at("rank").get<int>() == rank) return entry.at("pid").get<int64_t>();
    }
  } catch (const std::exception&) {
    // Killed before it was written.
  }
  return std::nullopt;
}

bool find_killed_rank(const std::string& mpirun_stderr, KilledRank* killed) {
  // mpirun breaks the sentence where it likes.
  static const std::regex sentence(
      R"(process\s+rank\s+(\d{1,7})\s+with\s+PID\s+(\d{1,9})\s+on\s+node\s+(\S+)\s+exited\s+on\s+signal\s+(\d{1,3}))");
  std::smatch match;
  if (!std::regex_search(mpirun_stderr, match, sentence)) return false;
  *killed = {std::stoi(match[1]), std::stoi(match[2]), std::stoi(match[4]), match[3]};
  return true;
}

}  // namespace broadsheet

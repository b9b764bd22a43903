#include "launcher/program.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

std::string hex(const unsigned char* bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::string build_id_in(const char* note, size_t size) {
  const auto padded = [](size_t length) { return (length + 3) & ~size_t{3}; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, note, sizeof header);
    const size_t whole = sizeof header + padded(header.n_namesz) + padded(header.n_descsz);
    if (whole > size) break;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(note + sizeof header, "GNU", 4) == 0) {
      return hex(reinterpret_cast<const unsigned char*>(note + sizeof header + 4), header.n_descsz);
    }
    note += whole;
    size -= whole;
  }
  return "";
}

int find_build_id(dl_phdr_info* info, size_t, void* out) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const std::string id =
        build_id_in(reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr), segment.p_memsz);
    if (!id.empty()) {
      *static_cast<std::string*>(out) = id;
      break;
    }
  }
  return 1;  // the first object is the executable itself
}

uint64_t control_group_limit() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  uint64_t limit = 0;
  return file >> limit ? limit : 0;
}

}  // namespace

std::string program_version() {
  return BROADSHEET_VERSION;
}

std::string program_build_id() {
  std::string id;
  dl_iterate_phdr(&find_build_id, &id);
  return id;
}

std::string program_path() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0 || static_cast<size_t>(size) == sizeof path) {
    throw RunError("install.self", cat("/proc/self/exe: ", std::strerror(errno)), "is /proc mounted?");
  }
  return std::string(path, static_cast<size_t>(size));
}

namespace {

std::string sibling(const std::string& name) {
  const std::string folder = program_path().substr(0, program_path().rfind('/'));
  for (const std::string& candidate : {folder + "/" + name, folder + "/../libexec/broadsheet/" + name}) {
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  throw UserError("install.no_engine", cat(folder, "/", name, ": not found; it must lie beside broadsheet"),
                  "build or install again, all programs together");
}

}  // namespace

std::string engine_path() {
  return sibling("broadsheet-engine");
}

std::string term_guard_path() {
  return sibling("broadsheet-term-guard.so");
}

std::string job_tool_path() {
  return sibling("broadsheet-job");
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = "";
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (starts_with(line, "model name") && line.find(':') != std::string::npos) {
      return std::string(trim(std::string_view(line).substr(line.find(':') + 1)));
    }
  }
  return "unknown";
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

uint64_t memory_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
  const uint64_t machine = pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : 0;
  const uint64_t group = control_group_limit();
  return group > 0 && group < machine ? group : machine;
}

double job_end_time() {
  const char* text = std::getenv("SLURM_JOB_END_TIME");
  return text == nullptr ? 0 : std::strtod(text, nullptr);
}

Incarnation job_incarnation() {
  const char *job = std::getenv("SLURM_JOB_ID"), *cluster = std::getenv("SLURM_CLUSTER_NAME");
  if (job == nullptr || *job == '\0') return {};
  const char *submitted = std::getenv(kJobVariable), *start = std::getenv(kStartVariable);
  if (submitted != nullptr && start != nullptr)
    return {cat("submitted in ", submitted), std::strtoll(start, nullptr, 10)};
  const char* restart = std::getenv("SLURM_RESTART_COUNT");  // absent in the first start
  const std::string name = cluster == nullptr ? std::string(job) : cat(job, " of ", cluster);
  return {name, restart == nullptr ? 0 : std::strtoll(restart, nullptr, 10)};
}

nlohmann::json slurm_ids() {
  nlohmann::json ids = nlohmann::json::object();
  const std::pair<const char*, const char*> names[] = {{"job_id", "SLURM_JOB_ID"},
                                                       {"job_name", "SLURM_JOB_NAME"},
                                                       {"array_job_id", "SLURM_ARRAY_JOB_ID"},
                                                       {"array_task_id", "SLURM_ARRAY_TASK_ID"},
                                                       {"restart_count", "SLURM_RESTART_COUNT"},
                                                       {"nodes", "SLURM_JOB_NODELIST"}};
  for (const auto& [key, variable] : names) {
    if (const char* value = std::getenv(variable)) ids[key] = value;
  }
  return ids;
}

}  // namespace broadsheet

#include "slurm/job_script.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

void check_path(const std::string& what, const std::string& path) {
  const bool bad =
      std::any_of(path.begin(), path.end(), [](unsigned char c) { return std::iscntrl(c) != 0 || c == '\\'; });
  if (!bad) return;
  throw UserError("slurm.path",
                  cat(what, ": found ", printable(path), ", wanted a path without line breaks and backslashes"),
                  "Slurm and the job's script cannot hold it; rename the folder");
}

bool is_plain(const std::string& word) {
  static const std::string_view kPlain = "_-./=:,%+@[]";
  return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || kPlain.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

std::string joined_ids(const std::vector<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += ":" + id;
  return text;
}

std::vector<std::string> exported(const SlurmConfig& config) {
  std::vector<std::string> names = travelling_variables();
  for (const std::string& name : config.export_variables) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace

const std::string& job_script() {
  static const std::string script =
#include <job_script.inc>  // slurm/job.sh, as CMake wraps it
      ;
  return script;
}

std::string comment_of(const std::string& token) {
  return "broadsheet:" + token;
}

std::string new_token() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw RunError("io.random", cat("getrandom: ", std::strerror(errno)));
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string log_pattern() {
  return "logs/job-%j.log";
}

std::string log_file(const std::string& place, const std::string& job_id) {
  return cat(place, "/logs/job-", job_id.substr(0, job_id.find('_')), ".log");
}

std::string job_parameters(const JobSpec& spec) {
  std::vector<std::pair<std::string, std::string>> lines = {
      {"tool", spec.tool},     {"verb", spec.kind},         {"program", spec.program},
      {"config", spec.config}, {"launcher", spec.launcher}, {"cpus_per_task", cat(spec.threads)},
      {"token", spec.token}};
  if (spec.launcher == "srun" && !spec.guard.empty()) lines.emplace_back("guard", spec.guard);
  if (!spec.run_dir.empty()) lines.emplace_back("run_dir", spec.run_dir);
  if (!spec.slurm.scratch.empty()) lines.emplace_back("scratch", spec.slurm.scratch);
  if (spec.resume) lines.emplace_back("resume", "yes");
  for (const std::string& word : spec.slurm.container) lines.emplace_back("container", word);
  std::string text;
  for (const auto& [key, value] : lines) {
    check_path(key, value);
    text += cat(key, " ", value, "\n");
  }
  return text;
}

std::vector<std::string> sbatch_command(const JobSpec& spec) {
  const SlurmConfig& config = spec.slurm;
  for (const std::string* path : {&spec.folder, &spec.place}) check_path("the job's folder", *path);
  std::vector<std::string> command = {"sbatch",
                                      "--parsable",
                                      "--job-name=" + spec.name,
                                      "--comment=" + comment_of(spec.token),
                                      "--chdir=" + spec.place,
                                      "--output=" + log_pattern(),
                                      "--export=" + join(exported(config), ","),
                                      cat("--signal=B:USR1@", config.signal_before)};
  const auto option = [&](const char* name, const std::string& value) {
    if (!value.empty()) command.push_back(cat("--", name, "=", value));
  };
  const auto number = [&](const char* name, int64_t value) {
    if (value > 0) command.push_back(cat("--", name, "=", value));
  };
  option("partition", config.partition);
  option("account", config.account);
  option("qos", config.qos);
  option("constraint", config.constraint);
  const bool ranks = spec.launcher != "none";
  number("nodes", ranks ? config.nodes : 1);
  number("ntasks-per-node", ranks ? tasks_per_node(config) : 1);
  number("cpus-per-task", spec.threads);
  if (ranks) number("gpus-per-node", config.gpus_per_node);
  option("mem", config.mem);
  option("time", config.time);
  std::string exclude = config.exclude;
  if (!spec.exclude.empty()) exclude += (exclude.empty() ? "" : ",") + spec.exclude;
  option("exclude", exclude);
  if (!spec.after.empty()) option("dependency", cat("after", spec.after_how, joined_ids(spec.after)));
  command.insert(command.end(), config.extra.begin(), config.extra.end());
  command.insert(command.end(), {spec.folder + "/job.sh", spec.folder});
  return command;
}

std::string shell_line(const std::vector<std::string>& command) {
  std::string line;
  for (const std::string& word : command) {
    std::string quoted = "'";
    for (const char letter : word) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    line += (line.empty() ? "" : " ") + (is_plain(word) ? word : quoted + "'");
  }
  return line;
}

void write_job(const JobSpec& spec) {
  const std::string parameters = job_parameters(spec);
  make_folders(spec.folder);
  make_folders(spec.place + "/logs");
  write_file_durably(spec.folder + "/job.sh", job_script());
  write_file_durably(spec.folder + "/parameters", parameters);
  const std::string preamble = spec.folder + "/preamble.sh";
  if (!spec.slurm.preamble.empty()) {
    write_file_durably(preamble, spec.slurm.preamble + "\n");
  } else if (exists(preamble)) {
    std::remove(preamble.c_str());
  }
}

}  // namespace broadsheet

#include "slurm/client.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/process.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr char kUnreachable[] = "slurm.unreachable";
constexpr size_t kQueueFields = 6;

std::string user_name() {
  const passwd* entry = getpwuid(geteuid());
  return entry == nullptr ? cat(geteuid()) : entry->pw_name;
}

[[noreturn]] void fail(const std::string& program, const ProgramAnswer& answer) {
  const std::string words = answer.last_words();
  if (answer.status == -1)
    throw UserError("slurm.not_installed", cat(program, ": not found in PATH"),
                    "work on a login node of the cluster, or try slurm/testcluster");
  if (answer.timed_out || means_unreachable(answer.err))
    throw RunError(kUnreachable,
                   cat("Slurm cannot be reached: ", program, ": ", answer.timed_out ? "no answer in time" : words),
                   "jobs that run go on; try again when its controller is back");
  throw RunError("slurm.refused", cat(program, ": ", words.empty() ? cat("exit ", answer.status) : words));
}

bool means_unknown_job(const std::string& words) {
  return words.find("Invalid job id") != std::string::npos || words.find("already completed") != std::string::npos ||
         words.find("already completing") != std::string::npos;
}

std::string known(const std::string& value) {
  return value == "(null)" || value == "N/A" ? "" : value;
}

}  // namespace

const char kQueueFormat[] = "%i|%T|%r|%N|%S|%k";

bool is_unreachable(const Error& error) {
  return error.faults().at(0).code == kUnreachable;
}

bool means_unreachable(const std::string& words) {
  static const std::array kWords = {"Unable to contact slurm controller",
                                    "Socket timed out",
                                    "Connection refused",
                                    "Communication connection failure",
                                    "Zero Bytes were transmitted",
                                    "Munge ",
                                    "munge",
                                    "Protocol authentication error",
                                    "authentication credential",
                                    "slurm_persist_conn",
                                    "Slurm backup controller in standby mode",
                                    "Unexpected message received",
                                    "Transport endpoint is not connected",
                                    "Insane message length",
                                    "Message receive failure",
                                    "Slurm temporarily unable to accept job",
                                    "Resource temporarily unavailable",
                                    "slurm_msg_sendto",
                                    "missing socket"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](const char* part) { return words.find(part) != std::string::npos; });
}

bool QueuedJob::lives() const {
  static const std::array kEnded = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE",      "FAILED",
                                    "NODE_FAIL", "PREEMPTED", "TIMEOUT",   "OUT_OF_MEMORY", "REVOKED"};
  return std::find(kEnded.begin(), kEnded.end(), state) == kEnded.end();
}

std::vector<QueuedJob> parse_queue(const std::string& text) {
  std::vector<QueuedJob> jobs;
  for (const std::string& line : split(text, '\n')) {
    std::vector<std::string> fields = split(line, '|');
    if (fields.size() < kQueueFields) continue;
    // The comment comes last, and may hold anything.
    std::vector<std::string> rest(fields.begin() + kQueueFields - 1, fields.end());
    jobs.push_back(
        {fields[0], fields[1], known(fields[2]), known(fields[3]), known(fields[4]), known(join(rest, "|"))});
  }
  return jobs;
}

std::map<std::string, std::string> parse_fields(const std::string& text) {
  std::map<std::string, std::string> fields;
  std::string last;
  const std::string line = text.substr(0, text.find('\n'));
  for (const std::string& word : split(line, ' ')) {
    const size_t equals = word.find('=');
    // A word that is no "Key=..." belongs to the value before it.
    const bool key = equals != std::string::npos && equals > 0 && word[0] >= 'A' && word[0] <= 'Z';
    if (key) {
      last = word.substr(0, equals);
      fields.emplace(last, word.substr(equals + 1));
    } else if (!last.empty() && !word.empty()) {
      fields[last] += " " + word;
    }
  }
  return fields;
}

bool SlurmClient::installed() {
  return !find_in_path("sbatch").empty();
}

std::vector<QueuedJob> SlurmClient::queue() const {
  const ProgramAnswer answer = ask_program(
      {"squeue", "--noheader", "--array", "--states=all", "--user", user_name(), "--format", kQueueFormat}, patience_);
  if (!answer.good()) fail("squeue", answer);
  return parse_queue(answer.out);
}

std::optional<std::map<std::string, std::string>> SlurmClient::job(const std::string& id) const {
  const ProgramAnswer answer = ask_program({"scontrol", "--oneliner", "show", "job", id}, patience_);
  if (answer.good()) return parse_fields(answer.out);
  if (means_unknown_job(answer.err)) return std::nullopt;
  fail("scontrol", answer);
}

std::map<std::string, std::string> SlurmClient::node_states(const std::string& nodes) const {
  const ProgramAnswer answer =
      ask_program({"sinfo", "--noheader", "--Node", "--nodes", nodes, "--format", "%N %t"}, patience_);
  if (!answer.good()) fail("sinfo", answer);
  std::map<std::string, std::string> states;
  for (const std::string& line : split(answer.out, '\n')) {
    const size_t blank = line.find(' ');
    if (blank != std::string::npos) states[line.substr(0, blank)] = std::string(trim(line.substr(blank)));
  }
  return states;
}

std::vector<std::string> SlurmClient::node_names(const std::string& nodes) const {
  const ProgramAnswer answer = ask_program({"scontrol", "show", "hostnames", nodes}, patience_);
  if (!answer.good()) fail("scontrol", answer);
  std::vector<std::string> names;
  for (const std::string& line : split(answer.out, '\n')) {
    if (!trim(line).empty()) names.emplace_back(trim(line));
  }
  return names;
}

bool SlurmClient::has_node(const std::string& host) const {
  const ProgramAnswer answer = ask_program({"sinfo", "--noheader", "--Node", "--format", "%N %n %o"}, patience_);
  if (!answer.good()) fail("sinfo", answer);
  const std::string name = host.substr(0, host.find('.'));
  for (const std::string& line : split(answer.out, '\n')) {
    for (const std::string& word : split(line, ' '))
      if (word.substr(0, word.find('.')) == name) return true;
  }
  return false;
}

void SlurmClient::cancel(const std::string& id) const {
  const ProgramAnswer answer = ask_program({"scancel", id}, patience_);
  if (!answer.good() && !means_unknown_job(answer.err)) fail("scancel", answer);
}

void SlurmClient::signal_batch(const std::string& id, const std::string& signal) const {
  const ProgramAnswer answer = ask_program({"scancel", "--batch", "--signal", signal, id}, patience_);
  if (!answer.good() && !means_unknown_job(answer.err)) fail("scancel", answer);
}

std::vector<std::string> SlurmClient::mpi_types() const {
  const ProgramAnswer answer = ask_program({"srun", "--mpi=list"}, patience_);
  std::vector<std::string> types;
  if (!answer.good()) return types;
  for (const std::string& line : split(answer.out + "\n" + answer.err, '\n')) {
    // "MPI plugin types are...\n\tpmix\n\tnone" and "specific pmix plugin versions available: pmix_v4"
    for (const std::string& word : split(line, ' ')) {
      const std::string name(trim(word));
      const bool type = starts_with(name, "pmi") || name == "none" || name == "cray_shasta";
      if (type && std::find(types.begin(), types.end(), name) == types.end()) types.push_back(name);
    }
  }
  return types;
}

std::map<std::string, std::string> SlurmClient::settings() const {
  const ProgramAnswer answer = ask_program({"scontrol", "show", "config"}, patience_);
  if (!answer.good()) fail("scontrol", answer);
  std::map<std::string, std::string> settings;
  for (const std::string& line : split(answer.out, '\n')) {
    const size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    settings[std::string(trim(line.substr(0, equals)))] = std::string(trim(line.substr(equals + 1)));
  }
  return settings;
}

std::string SlurmClient::version() const {
  const ProgramAnswer answer = ask_program({"sbatch", "--version"}, patience_);
  return answer.good() ? std::string(trim(answer.out)) : "";
}

}  // namespace broadsheet

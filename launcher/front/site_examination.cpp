#include "launcher/front/site_examination.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/process.h"
#include "core/text.h"
#include "experiments/run_status.h"
#include "experiments/site.h"
#include "launcher/program.h"
#include "slurm/client.h"
#include "slurm/job_record.h"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;

constexpr double kHelloPatience = 30, kJobPatience = 90;  // seconds
constexpr double kSkewAllowed = 60;                       // munge refuses at 300
constexpr size_t kLastLines = 200;
constexpr uint64_t kMostCopied = 1 << 20;

using Json = nlohmann::json;

// Words after which Open MPI says which of its transports it took.
std::vector<std::string> with_verbose_mpi(std::vector<std::string> command) {
  std::vector<std::string> words = {"env", "OMPI_MCA_pml_base_verbose=10", "OMPI_MCA_btl_base_verbose=10",
                                    "OMPI_MCA_rmaps_base_oversubscribe=1"};
  if (geteuid() == 0) {
    words.emplace_back("OMPI_ALLOW_RUN_AS_ROOT=1");
    words.emplace_back("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1");
  }
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

std::vector<std::string> transports(const std::string& words) {
  std::set<std::string> found;
  const auto collect = [&](const std::string& before, const std::string& after) {
    for (size_t at = words.find(before); at != std::string::npos; at = words.find(before, at + 1)) {
      const size_t name = at + before.size(), end = words.find(' ', name);
      if (end != std::string::npos && words.compare(end, after.size(), after) == 0)
        found.insert(words.substr(name, end - name));
    }
  };
  collect("select: component ", " selected");
  collect("select: init of component ", " returned success");
  found.erase("self");
  return {found.begin(), found.end()};
}

// {"works", ...} of a launcher that was tried.
Json tried(const std::vector<std::string>& command, double patience) {
  const ProgramAnswer answer = ask_program(with_verbose_mpi(command), patience);
  const size_t begin = answer.out.find('{');
  Json said = begin == std::string::npos ? Json() : Json::parse(answer.out.substr(begin), nullptr, false);
  if (!said.is_object()) {
    const std::string words = answer.timed_out ? "no answer in time" : answer.last_words();
    return {{"works", false}, {"words", words}};
  }
  said["works"] = said.value("adds_right", false) && said.value("ranks", Json::array()).size() == 2;
  for (const Json& rank : said.value("ranks", Json::array())) {
    std::string names;
    for (const Json& name : rank.value("interfaces", Json::array()))
      names += (names.empty() ? "" : ", ") + name.get<std::string>();
    said["interfaces"][rank.value("host", "")] = names;
  }
  said["transports"] = transports(answer.err + answer.out);
  return said;
}

class SiteExamination {
 public:
  explicit SiteExamination(bool start_jobs) : start_jobs_(start_jobs) {}

  SiteFindings look() {
    local_hello();
    const std::optional<Site> site = find_site();
    findings_.found["site_file"] = site ? Json(site->file) : Json();
    if (SlurmClient::installed()) slurm(site ? site->defaults : SlurmConfig{});
    return findings_;
  }

 private:
  void note(const std::string& text) { findings_.notes.push_back(text); }

  void local_hello() {
    Json& launchers = findings_.found["launchers"];
    launchers["mpirun_here"] =
        tried({"mpirun", "-np", "2", "--bind-to", "none", engine_path(), "--hello"}, kHelloPatience);
    if (!launchers["mpirun_here"]["works"].get<bool>())
      note(cat("two ranks of mpirun on this machine do not find each other: ",
               launchers["mpirun_here"].value("words", ""), "; try OMPI_MCA_btl=self,vader or another MPI module"));
  }

  void slurm(const SlurmConfig& defaults) {
    const SlurmClient client;
    Json& found = findings_.found["site"];
    try {
      const auto settings = client.settings();
      for (const char* key : {"ClusterName", "SLURM_VERSION", "MaxArraySize", "MaxJobCount", "MinJobAge", "KillWait",
                              "PreemptType", "PreemptMode", "JobRequeue", "MpiDefault", "SlurmctldParameters",
                              "AccountingStorageType", "ProctrackType"}) {
        const auto value = settings.find(key);
        if (value != settings.end()) found[key] = value->second;
      }
      partitions(found);
      judge(settings);
    } catch (const Error& error) {
      note(error.what());
      return;
    }
    const std::vector<std::string> types = client.mpi_types();
    found["mpi_types"] = types;
    const bool pmix =
        std::any_of(types.begin(), types.end(), [](const auto& type) { return starts_with(type, "pmix"); });
    if (!pmix)
      note(
          "srun knows no PMIx (srun --mpi=list): jobs are started with mpirun; ask for Slurm built with PMIx, since "
          "mpirun cannot save when every process gets TERM");
    if (start_jobs_) try_jobs(defaults, pmix);
  }

  static void partitions(Json& found) {
    const ProgramAnswer answer =
        ask_program({"sinfo", "--noheader", "--format", "%R|%a|%l|%D|%c|%m|%G"}, kHelloPatience);
    found["partitions"] = Json::array();
    for (const std::string& line : split(answer.out, '\n')) {
      const std::vector<std::string> fields = split(line, '|');
      if (fields.size() < 7) continue;
      found["partitions"].push_back({{"name", fields[0]},
                                     {"state", fields[1]},
                                     {"time_limit", fields[2]},
                                     {"nodes", fields[3]},
                                     {"cores", fields[4]},
                                     {"memory_mb", fields[5]},
                                     {"gres", fields[6]}});
    }
  }

  void judge(const std::map<std::string, std::string>& settings) {
    const auto value = [&](const char* key) {
      const auto found = settings.find(key);
      return found == settings.end() ? std::string() : found->second;
    };
    const bool preempts = value("PreemptType") != "preempt/none" && !value("PreemptType").empty();
    if (preempts && value("SlurmctldParameters").find("preempt_send_user_signal") == std::string::npos)
      note(cat("a preempted job is told by TERM alone here: it has the partition's GraceTime and KillWait (",
               value("KillWait"), ") to save; checkpoints.every_minutes bounds what a longer save would lose"));
    if (value("AccountingStorageType") == "accounting_storage/none" || value("AccountingStorageType") == "(null)")
      note("there is no accounting (sacct): what became of a job is told from the run's own records");
  }

  static std::vector<std::string> asked_for(const SlurmConfig& defaults) {
    std::vector<std::string> words = {"--nodes=2", "--ntasks-per-node=1", "--time=2", "--immediate=30",
                                      "--job-name=broadsheet-doctor"};
    if (!defaults.partition.empty()) words.push_back("--partition=" + defaults.partition);
    if (!defaults.account.empty()) words.push_back("--account=" + defaults.account);
    if (!defaults.qos.empty()) words.push_back("--qos=" + defaults.qos);
    return words;
  }

  void try_jobs(const SlurmConfig& defaults, bool pmix) {
    const std::string folder = absolute_path(cat(".broadsheet-doctor-", getpid()));
    make_folders(folder);
    Json& launchers = findings_.found["launchers"];
    if (pmix) {
      std::vector<std::string> words = {"srun", "--mpi=pmix"};
      const std::vector<std::string> options = asked_for(defaults);
      words.insert(words.end(), options.begin(), options.end());
      words.insert(words.end(), {engine_path(), "--hello", folder});
      launchers["srun"] = tried(words, kJobPatience);
      judge_launcher("srun", launchers["srun"]);
    }
    std::vector<std::string> words = {"salloc", "--quiet"};
    const std::vector<std::string> options = asked_for(defaults);
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"mpirun", "--bind-to", "none", engine_path(), "--hello", folder});
    launchers["mpirun"] = tried(words, kJobPatience);
    judge_launcher("mpirun", launchers["mpirun"]);
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  void judge_launcher(const std::string& name, const Json& answer) {
    if (!answer.value("works", false)) {
      note(cat(name, " does not start two ranks on two nodes that find each other: ", answer.value("words", ""),
               name == "srun" ? "; use slurm.launcher: mpirun, or load the MPI that Slurm's PMIx was built with"
                              : "; use slurm.launcher: srun"));
      return;
    }
    if (const double skew = answer.value("clock_skew_seconds", 0.0); skew > kSkewAllowed)
      note(cat("the nodes' clocks differ by ", shortest(skew), " s: munge refuses at 300; ask for NTP"));
    if (const double seen = answer.value("shared_folder_seconds", 0.0); seen < 0)
      note(
          "a file that one node writes in the working directory is not seen by the other: runs_dir must lie on a file "
          "system that all nodes share");
    if (!answer.value("locks_between_ranks", true))
      note(
          "a lock in the working directory does not keep another node out: two jobs could train in one directory; "
          "put runs_dir on another file system");
  }

  bool start_jobs_;
  SiteFindings findings_;
};

// --- The bundle -----------------------------------------------------------------------------------------------------

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

void copy_without_secrets(const std::string& from, const std::string& to, size_t last_lines) {
  std::ifstream in(from, std::ios::binary);
  std::vector<std::string> lines;
  uint64_t size = 0;
  for (std::string line; std::getline(in, line) && size < 64 * kMostCopied;) {
    size += line.size();
    lines.push_back(without_secrets(line.substr(0, 4096)));
    if (last_lines > 0 && lines.size() > 2 * last_lines)
      lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(last_lines));
  }
  if (last_lines > 0 && lines.size() > last_lines)
    lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(last_lines));
  make_folders(parent_folder(to));
  write_file_durably(to, join(lines, "\n") + "\n");
}

std::string said(const std::vector<std::string>& command) {
  const ProgramAnswer answer = ask_program(command, kHelloPatience);
  std::string text;
  for (const std::string& line : split(answer.out + answer.err, '\n')) text += without_secrets(line) + "\n";
  return text;
}

}  // namespace

SiteFindings examine_site(bool start_jobs) {
  return SiteExamination(start_jobs).look();
}

std::string without_secrets(const std::string& line) {
  static const std::array kWords = {"token",  "secret",  "password",   "passwd",       "api_key",
                                    "apikey", "api-key", "credential", "authorization"};
  std::string lower = line;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  std::string result = line;
  for (const char* word : kWords) {
    for (size_t at = lower.find(word); at != std::string::npos; at = lower.find(word, at + 1)) {
      size_t end = at + std::string_view(word).size();
      while (end < lower.size() && (is_word(lower[end]) || lower[end] == '"' || lower[end] == '\'')) ++end;
      while (end < lower.size() && lower[end] == ' ') ++end;
      // "tokens/s" and the like say nothing secret: only what is given a value does.
      if (end < lower.size() && (lower[end] == '=' || lower[end] == ':'))
        return result.substr(0, end + 1) + " <removed>";
    }
  }
  return result;
}

std::string write_support_bundle(const std::string& run_folder, const std::string& doctors_answer) {
  const std::string folder = absolute_path(run_folder);
  if (!is_run_folder(folder))
    throw UserError("run.not_found", cat(folder, ": not the directory of a run"), "name a run's directory");
  const std::string name = cat("broadsheet-", file_name(folder), "-support"), root = absolute_path(name);
  if (exists(root) || exists(root + ".tar.gz"))
    throw UserError("bundle.exists", cat(root, ".tar.gz: exists already"), "remove it, or work in another directory");
  write_file_durably((make_folders(root), root + "/doctor.json"), doctors_answer);
  for (const char* file : {"run.yaml", "environment.json", "command.txt", "job/parameters", "job/job.json",
                           "job/events.jsonl", "job/slurm.yaml", "job/preamble.sh", "job/excluded", "results.json"}) {
    if (exists(folder + "/" + file)) copy_without_secrets(folder + "/" + file, root + "/" + file, 0);
  }
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder + "/logs", error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const std::string path = entry->path();
    if (ends_with(path, ".log") || ends_with(path, ".json"))
      copy_without_secrets(path, root + path.substr(folder.size()), kLastLines);
  }
  if (exists(folder + "/metrics.jsonl"))
    copy_without_secrets(folder + "/metrics.jsonl", root + "/metrics.jsonl", kLastLines);
  if (SlurmClient::installed()) {
    const std::optional<JobRecord> record = read_job_record(job_folder(folder));
    std::string view = said({"sinfo", "--long", "--Node"}) + said({"squeue", "--long", "--me"});
    if (record && !record->id.empty()) view += said({"scontrol", "show", "job", record->id});
    write_file_durably(root + "/slurm.txt", view);
  }
  const ProgramAnswer packed =
      ask_program({"tar", "--create", "--gzip", "--file", root + ".tar.gz", "--directory", parent_folder(root), name},
                  kJobPatience);
  fs::remove_all(root, error);
  if (!packed.good()) throw RunError("bundle.tar", cat("tar: ", packed.last_words()), "is tar installed?");
  ::chmod((root + ".tar.gz").c_str(), 0600);
  return root + ".tar.gz";
}

}  // namespace broadsheet

#include "slurm/config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr int64_t kMostAllowed = 1'000'000;
constexpr int64_t kMinute = 60, kHour = 3600, kDay = 86400;

// A text of which `good` holds.
template <class Good>
ConfigType<std::string> text_that(const std::string& words, const std::string& remedy, Good good) {
  ConfigType<std::string> type = text();
  type.words = words;
  type.read = [inner = text(), words, remedy, good](const ConfigNode& node, const std::string& key,
                                                    ConfigReader& reader, std::string& value) {
    std::string found;
    if (!inner.read(node, key, reader, found)) return false;
    if (!good(found)) return fault_wanted(node, key, reader, words, remedy);
    value = found;
    return true;
  };
  return type;
}

// A text without line breaks and other control characters: it becomes one argument of sbatch's, or one line.
ConfigType<std::string> word(const std::string& words, const std::string& remedy) {
  return text_that(words, remedy, [](const std::string& found) {
    return std::none_of(found.begin(), found.end(), [](unsigned char c) { return std::iscntrl(c) != 0; });
  });
}

// Slurm's own names: none of them begins like an option or holds what a list or a shell would take apart.
ConfigType<std::string> slurm_name(const std::string& what) {
  return text_that(what + ", of letters, digits and _ . , & | * : [ ] ( ) -",
                   "write it as `sinfo` or `sacctmgr` shows it", [](const std::string& found) {
                     const auto allowed = [](unsigned char c) {
                       return std::isalnum(c) != 0 ||
                              std::string_view("_.,&|*:[]()-").find(static_cast<char>(c)) != std::string::npos;
                     };
                     return found[0] != '-' && std::all_of(found.begin(), found.end(), allowed);
                   });
}

ConfigType<std::string> variable_name() {
  return text_that("the name of a variable",
                   "name it alone, without its value: the value is taken from the submitter's environment",
                   [](const std::string& found) {
                     const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
                     return std::isdigit(static_cast<unsigned char>(found[0])) == 0 &&
                            std::all_of(found.begin(), found.end(), allowed);
                   });
}

ConfigType<std::string> duration() {
  return text_that(
      "a time as sbatch has it: \"04:00:00\" (hours:minutes:seconds), \"90\" (minutes) or \"2-12\" (days-hours)",
      "write time: \"04:00:00\"", [](const std::string& found) { return time_seconds(found) >= 0; });
}

const Section<RetryConfig>& retry_section() {
  static const auto section =
      Section<RetryConfig>()
          .key("out_of_memory", &RetryConfig::out_of_memory, integer(0, 20),
               "How often a run that was out of memory goes on with half the micro-batch.")
          .key("node_failure", &RetryConfig::node_failure, integer(0, 1000),
               "How often a run goes on without a node that failed.")
          .key("failure", &RetryConfig::failure, integer(0, 1000),
               "How often a run goes on after another failure; never after exit 2 or a diverged loss.");
  return section;
}

void check_extra(const SlurmConfig& config, const std::string& prefix, ConfigReader& reader) {
  // What the script and the look-up of a lost answer rest on.
  static const std::array kOurs = {"--comment", "--parsable", "--requeue", "--no-requeue", "--open-mode", "--output",
                                   "--error",   "--export",   "--signal",  "--chdir",      "--wrap",      "--job-name"};
  for (size_t i = 0; i < config.extra.size(); ++i) {
    const std::string key = cat(join_key(prefix, "extra"), "[", i, "]"), &found = config.extra[i];
    const std::string name = found.substr(0, found.find('='));
    if (!starts_with(found, "--") || found.size() < 4) {
      reader.fault(key, "config.value",
                   cat("found ", printable(found), ", wanted one long option: --name or --name=value"),
                   "write each option as one item: [\"--reservation=news\"]");
    } else if (std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end()) {
      reader.fault(key, "config.conflict", cat(name, " is set by submit itself"), "remove it");
    }
  }
}

// 1..3 numbers with colons between; empty: not that.
std::vector<int64_t> numbers_of(const std::string& text) {
  std::vector<int64_t> numbers;
  for (const std::string& part : split(text, ':')) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (part.empty() || part.size() > 9 || error != std::errc() || end != part.data() + part.size() || number < 0)
      return {};
    numbers.push_back(number);
  }
  return numbers.size() <= 3 ? numbers : std::vector<int64_t>{};
}

}  // namespace

int64_t time_seconds(const std::string& text) {
  if (text == "UNLIMITED" || text == "INFINITE") return 0;
  const size_t dash = text.find('-');
  if (dash == std::string::npos) {
    const std::vector<int64_t> n = numbers_of(text);
    if (n.size() == 1) return n[0] * kMinute;
    if (n.size() == 2) return n[0] * kMinute + n[1];
    if (n.size() == 3) return n[0] * kHour + n[1] * kMinute + n[2];
    return -1;
  }
  const std::vector<int64_t> days = numbers_of(text.substr(0, dash)), n = numbers_of(text.substr(dash + 1));
  if (days.size() != 1 || n.empty()) return -1;
  return days[0] * kDay + n[0] * kHour + (n.size() > 1 ? n[1] * kMinute : 0) + (n.size() > 2 ? n[2] : 0);
}

int64_t tasks_per_node(const SlurmConfig& config) {
  if (config.ntasks_per_node > 0) return config.ntasks_per_node;
  return std::max<int64_t>(1, config.gpus_per_node);
}

int64_t world_size(const SlurmConfig& config) {
  return config.nodes * tasks_per_node(config);
}

const std::vector<std::string>& travelling_variables() {
  static const std::vector<std::string> names = {
      "HOME", "USER", "LOGNAME", "SHELL", "PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ",
      // Where the site keeps Slurm's configuration and ours, and its modules.
      "SLURM_CONF", "BROADSHEET_SITE", "MODULEPATH", "MODULESHOME", "LMOD_CMD", "LMOD_DIR", "LMOD_PKG"};
  return names;
}

const Section<SlurmConfig>& slurm_section() {
  static const auto section =
      Section<SlurmConfig>()
          .key("partition", &SlurmConfig::partition, slurm_name("a partition"), "sbatch --partition.")
          .key("account", &SlurmConfig::account, slurm_name("an account"), "sbatch --account: who pays.")
          .key("qos", &SlurmConfig::qos, slurm_name("a quality of service"), "sbatch --qos.")
          .key("constraint", &SlurmConfig::constraint, slurm_name("features of nodes"), "sbatch --constraint.")
          .key("nodes", &SlurmConfig::nodes, integer(1, kMostAllowed), "How many nodes.")
          .key("ntasks_per_node", &SlurmConfig::ntasks_per_node, integer(0, kMostAllowed),
               "Ranks on each node; 0: one per GPU, or one. Ranks in all are nodes x ntasks_per_node.")
          .key("cpus_per_task", &SlurmConfig::cpus_per_task, integer(0, kMostAllowed),
               "Cores for each rank; 0: launch.threads_per_rank.")
          .key("gpus_per_node", &SlurmConfig::gpus_per_node, integer(0, kMostAllowed), "sbatch --gpus-per-node.")
          .key("mem", &SlurmConfig::mem, slurm_name("memory per node, like 16G"), "sbatch --mem.")
          .key("time", &SlurmConfig::time, duration(),
               "The job's time limit. A run that needs longer saves, is requeued and goes on.")
          .key("exclude", &SlurmConfig::exclude, slurm_name("a list of nodes"), "sbatch --exclude.")
          .key("extra", &SlurmConfig::extra,
               list_of(word("an option of sbatch's", "write each option as one item, without line breaks")),
               "Further options of sbatch's, one per item.")
          .key("export", &SlurmConfig::export_variables, list_of(variable_name()),
               "Variables that travel with the job, beside a short list of harmless ones; nothing else does.")
          .key("preamble", &SlurmConfig::preamble, text(),
               "Shell lines that the job runs first: module loads. What they export, every rank sees.")
          .key("container", &SlurmConfig::container,
               list_of(word("a word of a command line", "write [apptainer, exec, image.sif]")),
               "A command line in front of the program on every rank.")
          .key("scratch", &SlurmConfig::scratch, path(), "A folder that every node has for itself: the ranks' TMPDIR.")
          .key("launcher", &SlurmConfig::launcher, one_of({{"auto", "srun", "mpirun"}}),
               "What starts the ranks; auto is srun where it knows PMIx, else mpirun.")
          .key("signal_before", &SlurmConfig::signal_before, integer(1, 65535),
               "Seconds before the time limit at which the job is told to save and leave.")
          .key("max_requeues", &SlurmConfig::max_requeues, integer(0, kMostAllowed),
               "How often the job puts itself back into the queue after a time limit or a signal. Preemptions do not "
               "count.")
          .key("retries", &SlurmConfig::retries, nested(retry_section()), "How often each kind of failure is retried.")
          .check(check_extra);
  return section;
}

const Section<SlurmLimits>& slurm_limits_section() {
  static const auto section =
      Section<SlurmLimits>()
          .key("nodes", &SlurmLimits::nodes, integer(0, kMostAllowed), "Most nodes of a job; 0: any number.")
          .key("ntasks_per_node", &SlurmLimits::ntasks_per_node, integer(0, kMostAllowed), "Most ranks on a node.")
          .key("gpus_per_node", &SlurmLimits::gpus_per_node, integer(0, kMostAllowed), "Most GPUs of a node.")
          .key("max_requeues", &SlurmLimits::max_requeues, integer(0, kMostAllowed), "Most requeues of a run.")
          .key("time", &SlurmLimits::time, duration(), "Longest time limit.");
  return section;
}

void check_limits(const SlurmConfig& config, const SlurmLimits& limits, const std::string& site, ConfigReader& reader) {
  const auto check = [&](const char* name, int64_t found, int64_t most) {
    if (most <= 0 || found <= most) return;
    reader.fault(cat("slurm.", name), "config.site_limit",
                 cat("found ", found, ", this site allows ", most, " (", site, ")"), cat("write at most ", most));
  };
  check("nodes", config.nodes, limits.nodes);
  check("ntasks_per_node", tasks_per_node(config), limits.ntasks_per_node);
  check("gpus_per_node", config.gpus_per_node, limits.gpus_per_node);
  check("max_requeues", config.max_requeues, limits.max_requeues);
  const int64_t most = limits.time.empty() ? 0 : time_seconds(limits.time);
  const int64_t found = config.time.empty() ? -1 : time_seconds(config.time);
  if (most > 0 && (found == 0 || found > most)) {
    reader.fault("slurm.time", "config.site_limit",
                 cat("found ", config.time, ", this site allows ", limits.time, " (", site, ")"),
                 cat("write at most time: \"", limits.time, "\""));
  }
}

}  // namespace broadsheet

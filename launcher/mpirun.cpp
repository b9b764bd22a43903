#include "launcher/mpirun.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "core/errors.h"
#include "core/log.h"
#include "core/process.h"
#include "core/text.h"
#include "launcher/program.h"

namespace broadsheet {
namespace {

constexpr char kTemporaryRoot[] = "/tmp";
constexpr char kSharedMemoryRoot[] = "/dev/shm";

std::string folder_prefix() {
  return cat("broadsheet-", getuid(), "-");
}

void remove_folders_of_the_dead(const std::string& root) {
  DIR* directory = opendir(root.c_str());
  if (directory == nullptr) return;
  std::vector<std::string> dead;
  const std::string prefix = folder_prefix();
  while (const dirent* entry = readdir(directory)) {
    if (!starts_with(entry->d_name, prefix)) continue;
    const pid_t pid = std::atoi(entry->d_name + prefix.size());
    struct stat info {};
    const std::string path = root + "/" + entry->d_name;
    const bool ours = lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == getuid();
    if (ours && pid > 0 && kill(pid, 0) != 0 && errno == ESRCH) dead.push_back(path);
  }
  closedir(directory);
  std::error_code ignored;
  for (const std::string& path : dead) std::filesystem::remove_all(path, ignored);
}

std::string make_job_folder(const std::string& root) {
  const std::string path = cat(root, "/", folder_prefix(), getpid());
  std::error_code ignored;
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0 && info.st_uid == getuid()) std::filesystem::remove_all(path, ignored);
  return mkdir(path.c_str(), 0700) == 0 ? path : "";
}

// Containers often forbid reading another process's memory; Open MPI finds out only by failing.
bool may_read_other_processes() {
  char from = 1, to = 0;
  iovec local{&to, 1}, remote{&from, 1};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
}

bool spans_nodes() {
  const char* nodes = std::getenv("SLURM_JOB_NUM_NODES");
  return nodes != nullptr && std::atoi(nodes) > 1;
}

}  // namespace

JobFolders::JobFolders() {
  if (spans_nodes()) return;  // the other nodes would lack them
  for (const char* root : {kTemporaryRoot, kSharedMemoryRoot}) remove_folders_of_the_dead(root);
  temporary_ = make_job_folder(kTemporaryRoot);
  shared_memory_ = make_job_folder(kSharedMemoryRoot);
}

JobFolders::~JobFolders() {
  std::error_code ignored;
  if (!temporary_.empty()) std::filesystem::remove_all(temporary_, ignored);
  if (!shared_memory_.empty()) std::filesystem::remove_all(shared_memory_, ignored);
}

std::vector<std::string> launch_command(const RankLaunch& launch) {
  std::vector<std::string> command;
  if (launch.ranks > 1) {
    const std::string mpirun = find_in_path("mpirun");
    if (mpirun.empty()) {
      throw UserError("launch.no_mpirun", "mpirun: not found in PATH; it starts the ranks",
                      "install Open MPI (Debian: openmpi-bin), load its module, or train with --ranks 1");
    }
    command = {mpirun, "-np", std::to_string(launch.ranks), "--bind-to", "none"};
    for (const char* name :
         {kAttemptVariable, kWatchdogVariable, kParentVariable, kBindVariable, "OMP_NUM_THREADS", "MKL_NUM_THREADS"}) {
      command.insert(command.end(), {"-x", name});
    }
  }
  command.push_back(launch.engine);
  command.insert(command.end(), launch.arguments.begin(), launch.arguments.end());
  return command;
}

std::map<std::string, std::string> launch_environment(const RankLaunch& launch, const JobFolders& folders) {
  const int wanted = launch.ranks * launch.threads_per_rank, cores = available_cores();
  const std::string threads = std::to_string(launch.threads_per_rank);
  std::map<std::string, std::string> environment = {
      {kAttemptVariable, launch.attempt_folder},
      {"OMP_NUM_THREADS", threads},
      {"MKL_NUM_THREADS", threads},
      {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
      {kBindVariable, "0"},
      {kWatchdogVariable, to_text(launch.limits)},
  };
  if (launch.ranks == 1) return environment;
  if (wanted <= cores) {
    environment[kBindVariable] = "1";
  } else {
    log_warning(cat(launch.ranks, " ranks of ", launch.threads_per_rank, " thread(s) share ", cores, " core(s)"));
  }
  if (wanted >= cores) environment["OMPI_MCA_mpi_yield_when_idle"] = "1";  // leave a core to those who compute
  if (geteuid() == 0) {
    environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1";
    environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
  }
  // On one machine shared memory is all that is needed. Left to itself Open MPI opens every network library there is:
  // a fifth of a second, seen with PSM2. In a Slurm job ranks may be on several nodes, and the site knows best.
  if (std::getenv("OMPI_MCA_pml") == nullptr && std::getenv("SLURM_JOB_ID") == nullptr)
    environment["OMPI_MCA_pml"] = "ob1";
  if (!may_read_other_processes()) environment["OMPI_MCA_btl_vader_single_copy_mechanism"] = "none";
  if (!folders.temporary().empty()) environment["OMPI_MCA_orte_tmpdir_base"] = folders.temporary();
  if (!folders.shared_memory().empty()) environment["OMPI_MCA_btl_vader_backing_directory"] = folders.shared_memory();
  return environment;
}

}  // namespace broadsheet

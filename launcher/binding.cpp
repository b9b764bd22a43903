// What a rank does first: it ends with its parent and takes cores of its own.
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>

#include "core/text.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"

namespace broadsheet {
namespace {

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Position of `core` among the hardware threads of its physical core: 0, 1, ...
int sibling_index(int core) {
  std::ifstream file(cat("/sys/devices/system/cpu/cpu", core, "/topology/thread_siblings_list"));
  std::string list;
  if (!std::getline(file, list)) return 0;
  int index = 0;
  for (const std::string& part : split(list, ',')) {
    const size_t dash = part.find('-');
    const int first = std::atoi(part.c_str()),
              last = dash == std::string::npos ? first : std::atoi(part.c_str() + dash + 1);
    for (int other = first; other <= last && other < core; ++other) ++index;
  }
  return index;
}

void end_with_parent() {
  const std::string parent = variable(kParentVariable);
  if (parent.empty()) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the line above. On another host, and inside a Slurm job on this one too, the parent
  // is a daemon of mpirun's, which ends with it.
  const size_t colon = parent.rfind(':');
  const bool here = colon != std::string::npos && parent.substr(0, colon) == host_name();
  if (!here || std::to_string(getppid()) == parent.substr(colon + 1)) return;
  const int pid = std::atoi(parent.c_str() + colon + 1);
  if (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH)) _exit(128 + SIGKILL);
}

void take_cores() {
  if (variable(kBindVariable) != std::string("1")) return;
  const int local_rank = std::max(0, std::atoi(variable("OMPI_COMM_WORLD_LOCAL_RANK")));
  const int threads = std::max(1, std::atoi(variable("OMP_NUM_THREADS")));
  const std::vector<int> cores = cores_in_order();
  if (static_cast<size_t>((local_rank + 1) * threads) > cores.size()) return;
  cpu_set_t mine;
  CPU_ZERO(&mine);
  for (int i = 0; i < threads; ++i) CPU_SET(cores[static_cast<size_t>(local_rank * threads + i)], &mine);
  sched_setaffinity(0, sizeof mine, &mine);  // a refusal costs speed only
}

}  // namespace

std::vector<int> cores_in_order() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  }
  std::vector<std::pair<int, int>> order;
  for (const int core : cores) order.emplace_back(sibling_index(core), core);
  std::sort(order.begin(), order.end());
  std::transform(order.begin(), order.end(), cores.begin(), [](const auto& pair) { return pair.second; });
  return cores;
}

void settle_as_rank() {
  end_with_parent();
  take_cores();
}

StartedAs started_as() {
  if (std::getenv("PMIX_RANK") != nullptr || std::getenv("OMPI_COMM_WORLD_RANK") != nullptr) return StartedAs::kRank;
  // SLURM_NTASKS alone is set by any allocation; only a step's processes have SLURM_PROCID and SLURM_STEP_ID. The batch
  // script has them too, but it is a step of one task.
  const bool in_step = std::getenv("SLURM_STEP_ID") != nullptr && std::getenv("SLURM_PROCID") != nullptr;
  const int tasks = std::atoi(variable("SLURM_STEP_NUM_TASKS"));
  return in_step && tasks > 1 ? StartedAs::kTasksWithoutPmix : StartedAs::kAlone;
}

}  // namespace broadsheet

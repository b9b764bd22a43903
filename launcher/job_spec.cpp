#include "launcher/job_spec.h"

#include <algorithm>

#include "core/text.h"
#include "launcher/program.h"
#include "slurm/client.h"
#include "slurm/job_record.h"

namespace broadsheet {
namespace {

bool is_given(const Origins& origins, const std::string& key) {
  const auto found = origins.find(key);
  return found != origins.end() && found->second != "default";
}

}  // namespace

Place place_of(const Origins& origins, const std::string& key) {
  return is_given(origins, key) ? Place{origins.at(key), 0, 0} : Place{};
}

void settle_ranks(RunConfig& config, const Origins& origins) {
  SlurmConfig& slurm = config.slurm;
  const bool tasks_given = is_given(origins, "slurm.ntasks_per_node") || is_given(origins, "slurm.gpus_per_node");
  const int64_t ranks = config.launch.ranks;
  if (is_given(origins, "launch.ranks")) {
    if (!tasks_given && ranks % slurm.nodes == 0) slurm.ntasks_per_node = ranks / slurm.nodes;
    if (ranks != world_size(slurm)) {
      throw UserError(Fault{"config.conflict", place_of(origins, "launch.ranks"), "launch.ranks",
                            cat("found ", ranks, " ranks, but slurm asks for ", slurm.nodes, " node(s) with ",
                                tasks_per_node(slurm), " rank(s) on each, ", world_size(slurm), " in all"),
                            "remove launch.ranks, or change slurm.nodes and slurm.ntasks_per_node"});
    }
  }
  config.launch.ranks = world_size(slurm);
  if (config.launch.ranks > most_examples(config.train)) {
    throw UserError(
        Fault{"config.conflict", place_of(origins, "slurm.nodes"), "slurm.nodes",
              cat("found ", config.launch.ranks, " ranks for train.global_batch_",
                  config.train.global_batch_tokens > 0 ? "tokens: " : "size: ", most_examples(config.train)),
              "some ranks would never get an example; ask for fewer, or use a larger batch"});
  }
  if (slurm.cpus_per_task == 0) {
    slurm.cpus_per_task = config.launch.threads_per_rank;
  } else if (!is_given(origins, "launch.threads_per_rank")) {
    config.launch.threads_per_rank = slurm.cpus_per_task;
  } else if (slurm.cpus_per_task < config.launch.threads_per_rank) {
    throw UserError(Fault{
        "config.conflict", place_of(origins, "slurm.cpus_per_task"), "slurm.cpus_per_task",
        cat("found ", slurm.cpus_per_task, " core(s) for launch.threads_per_rank: ", config.launch.threads_per_rank),
        "give every thread a core"});
  }
}

std::string settled_launcher(const SlurmConfig& slurm) {
  if (slurm.launcher != "auto") return slurm.launcher;
  const std::vector<std::string> types = SlurmClient().mpi_types();
  const bool pmix =
      std::any_of(types.begin(), types.end(), [](const std::string& type) { return starts_with(type, "pmix"); });
  return pmix ? "srun" : "mpirun";
}

JobSpec job_in(const std::string& place, const SlurmConfig& slurm) {
  JobSpec spec;
  spec.place = place;
  spec.folder = job_folder(place);
  spec.program = program_path();
  spec.tool = job_tool_path();
  spec.guard = term_guard_path();
  spec.slurm = slurm;
  spec.token = new_token();
  spec.exclude = join(excluded_nodes(spec.folder), ",");
  return spec;
}

void take_ranks(JobSpec& spec, const SlurmConfig& slurm, const Origins& origins) {
  spec.threads = slurm.cpus_per_task;
  spec.launcher = settled_launcher(slurm);
  if (spec.launcher == "mpirun" && !slurm.container.empty() && slurm.nodes > 1)
    throw UserError(Fault{"config.conflict", place_of(origins, "slurm.container"), "slurm.container",
                          "a container on several nodes needs srun to start the ranks in it",
                          "use slurm.launcher: srun, or one node"});
}

}  // namespace broadsheet

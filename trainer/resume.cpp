#include "trainer/resume.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "checkpoints/huggingface.h"
#include "checkpoints/parts.h"
#include "checkpoints/snapshot.h"
#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"

namespace broadsheet {

nlohmann::json TrainState::to_json() const {
  nlohmann::json json = {
      {"step", step},
      {"validation", best.to_json()},
      {"skipped_steps", skipped_steps},
      {"rollbacks", rollbacks},
      {"bits_differ_after", bits_differ_after},
      {"before", {{"validation", metrics_to_json(validation.before)}, {"test", metrics_to_json(test.before)}}}};
  if (!features.empty()) json["features"] = features;
  return json;
}

void TrainState::restore(const nlohmann::json& json) {
  step = json.at("step");
  best.restore(json.at("validation"));
  skipped_steps = json.at("skipped_steps").get<std::vector<int64_t>>();
  rollbacks = json.value("rollbacks", std::vector<int64_t>());
  bits_differ_after = json.value("bits_differ_after", int64_t{-1});
  features = json.value("features", "");
  validation.before = metrics_from_json(json.at("before").at("validation"));
  test.before = metrics_from_json(json.at("before").at("test"));
}

nlohmann::json run_identity(Task& task, const BatchPlan& plan, const std::string& corpus_fingerprint,
                            const TrainerOptions& options) {
  std::string parameters;
  for (const Parameter& parameter : task.parameters()) {
    parameters += cat(parameter.name, parameter.tensor.requires_grad() ? " trained" : " frozen");
    for (const int64_t size : parameter.tensor.sizes()) parameters += cat(' ', size);
    parameters += '\n';
  }
  nlohmann::json identity = options.identity.is_object() ? options.identity : nlohmann::json::object();
  identity["trainer"] = {{"corpus_fingerprint", corpus_fingerprint},    {"examples", plan.examples},
                         {"global_batch_size", plan.global_batch_size}, {"seed", plan.seed},
                         {"sample_order_version", kSampleOrderVersion}, {"optim", options.train.optim},
                         {"parameters", sha256_hex(parameters)}};
  // What is as it was before there was a choice is not named: checkpoints of then still go on.
  nlohmann::json& trainer = identity["trainer"];
  const nlohmann::json description = task.broadsheet_config();
  if (description.contains("base")) trainer["base"] = description.at("base");
  if (plan.bucketed) trainer["bucketed"] = true;
  if (plan.shuffle.block > 0) trainer["shuffle"] = {plan.shuffle.block, plan.shuffle.window};
  if (plan.global_batch_tokens > 0) trainer["global_batch_tokens"] = {plan.global_batch_tokens, plan.mean_length};
  return identity;
}

namespace {

void compare(const std::string& prefix, const nlohmann::json& saved, const nlohmann::json& present,
             const std::string& folder, Faults& faults) {
  nlohmann::json keys = saved;
  keys.update(present);
  for (const auto& [key, unused] : keys.items()) {
    const nlohmann::json before = saved.value(key, nlohmann::json()), now = present.value(key, nlohmann::json());
    if (before == now) continue;
    if (before.is_object() && now.is_object()) {
      compare(cat(prefix, key, "."), before, now, folder, faults);
      continue;
    }
    Fault fault;
    fault.code = "resume.identity";
    fault.place.file = folder;
    fault.key = prefix + key;
    fault.what = cat("the checkpoint was written with ", before.dump(), ", this run has ", now.dump());
    fault.remedy = "go on with the old value, or start anew beside it with --fresh";
    faults.add(std::move(fault));
  }
}

// An adapter goes on on the base that it was trained on, wherever that lies now.
void check_base(const nlohmann::json& saved, const nlohmann::json& present, const std::string& folder) {
  const auto before = saved.find("base"), now = present.find("base");
  if (before == saved.end() || now == present.end() || before->at("weights") == now->at("weights")) return;
  throw UserError(
      {"resume.base",
       {folder},
       "model.from",
       cat("the adapter of this checkpoint was trained on other weights than those of ",
           now->at("folder").get<std::string>(), "; then they lay in ", before->at("folder").get<std::string>()),
       "name the base that it was trained on, or start anew with --fresh"});
}

nlohmann::json read_json(const std::string& path) {
  try {
    return nlohmann::json::parse(read_file(path));
  } catch (const nlohmann::json::exception& error) {
    throw UserError("checkpoint.state", cat(path, ": not a state of ours: ", error.what()), "remove this checkpoint");
  }
}

// Calls work(i) for 0 <= i < count on this rank's threads, whoever is free taking the next: what one thread does alone
// here is mostly copying and page faults.
template <class Work>
void on_all_threads(size_t count, const Work& work) {
  std::atomic<size_t> next = 0;
  at::parallel_for(0, std::min<int64_t>(at::get_num_threads(), static_cast<int64_t>(count)), 1, [&](int64_t, int64_t) {
    for (size_t i; (i = next.fetch_add(1)) < count;) work(i);
  });
}

// The faults of a checkpoint's parts, each thread of each rank having read some of them; equal on every rank.
std::vector<std::string> verify_together(const std::string& folder, Communicator& ranks) {
  const int threads = at::get_num_threads();
  std::vector<std::vector<std::string>> faults(static_cast<size_t>(threads));
  on_all_threads(faults.size(), [&](size_t thread) {
    try {
      faults[thread] = verify_checkpoint(open_checkpoint(folder), ranks.rank() * threads + static_cast<int>(thread),
                                         ranks.size() * threads);
    } catch (const Error& error) {
      faults[thread].push_back(error.what());
    }
  });
  const std::string mine = nlohmann::json(faults).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::vector<std::string> all;
  for (const std::string& gathered : ranks.all_gather(mine))
    for (const nlohmann::json& of_thread : nlohmann::json::parse(gathered))
      for (const std::string fault : of_thread)
        if (std::find(all.begin(), all.end(), fault) == all.end()) all.push_back(fault);
  return all;
}

// Every rank must go on from the same checkpoint: the first one looks, all of them verify. Empty: there is none.
std::string choose_checkpoint(Communicator& ranks, const std::string& root) {
  nlohmann::json looked;
  if (ranks.first()) {
    std::vector<std::string> damaged, folders;
    for (const CheckpointInfo& checkpoint : list_checkpoints(root, &damaged)) folders.push_back(checkpoint.folder);
    for (const std::string& text : damaged) log_warning(text);
    looked = {{"folders", folders}, {"damaged", damaged}};
  }
  looked =
      nlohmann::json::parse(ranks.broadcast(looked.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 0));
  std::vector<std::string> damaged = looked.at("damaged");
  std::vector<std::string> folders = looked.at("folders");
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    const std::vector<std::string> faults = verify_together(*folder, ranks);
    if (faults.empty()) return *folder;
    damaged.push_back(cat("damaged checkpoint ", *folder, ": ", join(faults, "; ")));
    if (ranks.first()) log_warning(damaged.back() + "; passed over");
  }
  if (damaged.empty()) return "";
  throw_all_damaged(root, damaged);
}

// Equal bits need the same of these.
void note_changes(const nlohmann::json& before, const nlohmann::json& now, bool consistent, bool first,
                  TrainState& state) {
  nlohmann::json old = before, present = now;
  if (consistent) {
    old.erase("ranks");
    present.erase("ranks");
  }
  if (old == present) return;
  if (state.bits_differ_after < 0) state.bits_differ_after = state.step;
  if (first)
    log_warning(cat("from step ", state.step, " on bits may differ from an undisturbed run: it went on to here with ",
                    before.dump(), " and goes on with ", now.dump()));
}

}  // namespace

nlohmann::json runtime_facts(int world_size, const TrainerOptions& options) {
  nlohmann::json facts = options.runtime.is_object() ? options.runtime : nlohmann::json::object();
  facts["ranks"] = world_size;
  facts["threads_per_rank"] = at::get_num_threads();
  if (options.micro_batch_divisor > 1) facts["micro_batch_divisor"] = options.micro_batch_divisor;
  return facts;
}

bool resume(Task& task, Optimizer& optimizer, TrainState& state, const nlohmann::json& identity, Communicator& ranks,
            const TrainerOptions& options) {
  const std::string folder = choose_checkpoint(ranks, options.checkpoint_root);
  if (folder.empty()) return false;
  const nlohmann::json saved = read_json(folder + "/state.json");
  Faults faults;
  const nlohmann::json before = saved.value("identity", nlohmann::json::object());
  check_base(before.value("trainer", nlohmann::json::object()), identity.at("trainer"), folder);
  compare("", before, identity, folder, faults);
  faults.throw_if_any();
  try {
    state.restore(saved.at("state"));
  } catch (const nlohmann::json::exception& error) {
    throw UserError("checkpoint.state", cat(folder, "/state.json: ", error.what()), "remove this checkpoint");
  }
  load_checkpoint_weights(folder, task);
  load_checkpoint_optimizer(folder, optimizer);
  const nlohmann::json runtime = runtime_facts(ranks.size(), options);
  note_changes(saved.value("runtime", runtime), runtime, options.train.reduction == "consistent", ranks.first(), state);
  return true;
}

void load_checkpoint_optimizer(const std::string& folder, Optimizer& optimizer) {
  std::vector<std::string> files;
  for (const PartRecord& part : checkpoint_parts(open_checkpoint(folder))) files.push_back(part.file);
  const OptimizerParts parts = OptimizerParts::open(folder, files);
  const std::vector<Optimizer::NamedState> state = optimizer.state();
  const std::vector<TensorView> wanted = optimizer_views(state);
  on_all_threads(wanted.size(), [&](size_t i) { parts.read(wanted[i]); });
}

void load_checkpoint_weights(const std::string& folder, Task& task) {
  const bool adapter = !task.adapter_config().is_null();
  const WeightFiles files = adapter ? WeightFiles::open_adapter(folder) : WeightFiles::open(folder);
  const std::vector<TensorView> all = tensor_views(saved_parameters(task));
  on_all_threads(all.size(), [&](size_t i) {
    const TensorView& wanted = all[i];
    const TensorView* found = files.find(wanted.name);
    if (!found || found->dtype != wanted.dtype || found->shape != wanted.shape)
      throw UserError(
          "checkpoint.model",
          cat(folder, ": the checkpoint's model ", found ? "has another shape for " : "has no ", wanted.name),
          "the checkpoint belongs to another model; start anew with --fresh");
    copy_bytes(*found, const_cast<std::byte*>(wanted.bytes.data()));
  });
}

}  // namespace broadsheet

#include "launcher/engine/identity.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include "checkpoints/huggingface.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/library_version.h"
#include "launcher/program.h"
#include "trainer/parallel/library_version.h"

namespace broadsheet {
namespace {

void flatten(const std::string& prefix, const nlohmann::json& value, nlohmann::json& flat) {
  for (const auto& [key, child] : value.items()) {
    if (child.is_object()) {
      flatten(prefix + key + ".", child, flat);
    } else {
      flat[prefix + key] = child;
    }
  }
}

}  // namespace

std::string unlike_ranks(const std::vector<nlohmann::json>& identities) {
  nlohmann::json keys = nlohmann::json::object();
  for (const nlohmann::json& identity : identities) keys.update(identity);
  std::string table;
  for (const auto& [key, unused] : keys.items()) {
    const nlohmann::json first = identities[0].value(key, nlohmann::json());
    for (size_t rank = 1; rank < identities.size(); ++rank) {
      const nlohmann::json other = identities[rank].value(key, nlohmann::json());
      if (other != first) table += cat("\n  rank ", rank, ": ", key, " ", other.dump(), ", rank 0 has ", first.dump());
    }
  }
  return table;
}

namespace {

void agree(const nlohmann::json& mine, const char* remedy, Communicator& ranks) {
  std::vector<nlohmann::json> all;
  for (const std::string& text :
       ranks.all_gather(mine.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))) {
    all.push_back(nlohmann::json::parse(text));
  }
  const std::string table = unlike_ranks(all);
  if (!table.empty()) throw UserError("ranks.unlike", cat("the ranks differ, nothing was started:", table), remedy);
}

}  // namespace

void agree_on_identity(const RunConfig& config, Communicator& ranks) {
  nlohmann::json mine = {{"program", program_version()},        {"build", program_build_id()},
                         {"libtorch", TORCH_VERSION},           {"libtorch_features", at::get_cpu_capability()},
                         {"mpi", mpi_library_version()},        {"hdf5", hdf5_library_version()},
                         {"omp_threads", at::get_num_threads()}};
  flatten("config.", to_json(config), mine);
  agree(mine, "start every rank with the same program, libraries, threads and file", ranks);
}

void agree_on_inputs(const ShardSet& corpus, const Tokenizer& tokenizer, Communicator& ranks) {
  agree({{"corpus", corpus.fingerprint()}, {"tokenizer", tokenizer.fingerprint()}},
        "give every rank the same corpus and model folders; a copy on one machine may be old", ranks);
}

nlohmann::json runtime_identity() {
  return {{"build", program_build_id()}, {"cpu", cpu_model()}};
}

nlohmann::json checkpoint_identity(const RunConfig& config, const Tokenizer& tokenizer) {
  const nlohmann::json all = to_json(config);
  nlohmann::json flat = nlohmann::json::object(), kept = nlohmann::json::object();
  flatten("", all, flat);
  const nlohmann::json usual_order = {{"data.shuffle_block", DataConfig{}.shuffle_block},
                                      {"data.shuffle_window", DataConfig{}.shuffle_window},
                                      {"data.batches", DataConfig{}.batches},
                                      {"task.calibration", TaskConfig{}.calibration},
                                      {"task.max_new_tokens", TaskConfig{}.max_new_tokens},
                                      {"task.pieces", TaskConfig{}.pieces},
                                      {"adapter.kind", AdapterConfig{}.kind},
                                      {"train.global_batch_tokens", TrainConfig{}.global_batch_tokens}};
  for (const auto& [key, value] : flat.items()) {
    // Paths may change; what they hold is compared by fingerprint.
    const bool place =
        key == "name" || key == "runs_dir" || key == "data.corpus" || key == "model.from" || key == "model.tokenizer";
    // What is as it was before there was a choice is not named: checkpoints of then still go on.
    const auto usual = usual_order.find(key);
    const bool as_ever = usual != usual_order.end() && *usual == value;
    if (!place && !as_ever && !may_change_on_resume(key)) kept[key] = value;
  }
  return {{"config", kept}, {"tokenizer", tokenizer.fingerprint()}};
}

std::string tokenizer_folder_of(const ModelConfig& model) {
  if (!model.tokenizer.empty()) return model.tokenizer;
  return locate_model(model.from).tokenizer_folder;
}

std::vector<std::string> tokenizer_paths(const std::string& folder) {
  std::vector<std::string> paths;
  for (const std::string& name : tokenizer_files(folder)) paths.push_back(folder + "/" + name);
  return paths;
}

}  // namespace broadsheet

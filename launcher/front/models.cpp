// export and verify: model folders, checkpoints and corpora, without computing anything.
#include "checkpoints/huggingface.h"
#include "checkpoints/peft.h"
#include "checkpoints/snapshot.h"
#include "core/durable.h"
#include "core/path.h"
#include "core/text.h"
#include "data/prepare.h"
#include "data/tokenizers/tokenizer.h"
#include "experiments/sweep/mailbox.h"
#include "experiments/sweep/sweep_directory.h"
#include "experiments/sweep/sweep_results.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"

namespace broadsheet {
namespace {

struct Verified {
  std::string what;                 // "corpus", "checkpoint step-00000100", "model"
  std::vector<std::string> faults;  // empty: whole
  nlohmann::json holds = nullptr;   // of a checkpoint: step, epoch, loss, ranks, bytes, parts, format, build
};

nlohmann::json contents_of(const CheckpointInfo& checkpoint) {
  uint64_t bytes = 0;
  const std::vector<PartRecord> parts = checkpoint_parts(checkpoint);
  for (const PartRecord& part : parts) bytes += part.size;
  const nlohmann::json &summary = checkpoint.summary(), runtime = summary.value("runtime", nlohmann::json::object());
  return {{"step", checkpoint.step},
          {"epoch", summary.value("epoch", nlohmann::json())},
          {"loss", summary.value("loss", nlohmann::json())},
          {"best", summary.value("best", nlohmann::json())},
          {"ranks", runtime.value("ranks", nlohmann::json())},
          {"build", runtime.value("build", nlohmann::json())},
          {"parts", parts.size()},
          {"bytes", bytes},
          {"format_version", checkpoint.manifest.at("version")}};
}

std::string holds_text(const nlohmann::json& holds) {
  std::string text = cat("step ", holds["step"].dump());
  if (holds["loss"].is_number()) text += cat(", loss ", shortest(holds["loss"].get<double>()));
  if (holds["ranks"].is_number()) text += cat(", written by ", holds["ranks"].dump(), " rank(s)");
  return text + cat(", ", human_bytes(holds["bytes"].get<uint64_t>()), " in ", holds["parts"].dump(),
                    " files, format version ", holds["format_version"].dump());
}

Verified verify_one(const CheckpointInfo& checkpoint) {
  return {"checkpoint " + checkpoint.folder, verify_checkpoint(checkpoint), contents_of(checkpoint)};
}

Verified verify_model(const std::string& folder) {
  Verified verified{"model " + folder, {}};
  try {
    read_model_config(folder);
    WeightFiles::open(folder);
  } catch (const Error& error) {
    verified.faults.push_back(error.what());
  }
  return verified;
}

void verify_checkpoints(const std::string& root, std::vector<Verified>& all) {
  std::vector<std::string> unreadable;
  for (const CheckpointInfo& checkpoint : list_checkpoints(root, &unreadable)) all.push_back(verify_one(checkpoint));
  if (!unreadable.empty()) all.push_back({"checkpoints of " + root, unreadable});
}

std::vector<Verified> verify_folder(const std::string& folder) {
  if (exists(folder + "/corpus.json")) return {{"corpus " + folder, verify_corpus(folder)}};
  std::vector<Verified> all;
  if (exists(folder + "/manifest.json")) {
    all.push_back(verify_one(open_checkpoint(folder)));
  } else if (exists(folder + "/checkpoints")) {
    verify_checkpoints(folder + "/checkpoints", all);
    if (exists(folder + "/model")) all.push_back(verify_model(folder + "/model"));
  } else if (exists(folder + "/config.json") || is_adapter_folder(folder)) {
    all.push_back(verify_model(folder));
  } else {
    verify_checkpoints(folder, all);
  }
  if (all.empty()) {
    throw UserError("verify.nothing", cat(folder, ": neither a corpus, a run, a checkpoint nor a model"),
                    "name the folder that holds corpus.json, checkpoints/, manifest.json or config.json");
  }
  return all;
}

}  // namespace

int do_verify(const Command& command) {
  std::vector<Verified> all;
  for (const std::string& argument : command.positionals) {
    for (Verified& one : verify_folder(absolute_path(argument))) all.push_back(std::move(one));
  }
  bool whole = true;
  nlohmann::json answers = nlohmann::json::array();
  std::string text;
  for (const Verified& one : all) {
    whole = whole && one.faults.empty();
    answers.push_back(
        {{"what", one.what}, {"whole", one.faults.empty()}, {"faults", one.faults}, {"holds", one.holds}});
    text += one.what + ": " + (one.faults.empty() ? "whole" : "damaged") + "\n";
    if (!one.holds.is_null()) text += "  " + holds_text(one.holds) + "\n";
    for (const std::string& fault : one.faults) text += "  " + fault + "\n";
  }
  if (command.json) {
    print_json({{"whole", whole}, {"verified", answers}});
  } else {
    print_text(text);
  }
  return static_cast<int>(whole ? ExitCode::kDone : ExitCode::kUser);
}

namespace {

// The run that a sweep found to be the best.
std::string best_trial_of(const std::string& folder) {
  const SweepView view = read_sweep_view(folder, /*with_curves=*/false);
  if (!view.best)
    throw UserError("sweep.no_best", cat(folder, ": no trial of this sweep is done yet"),
                    "wait for it, or name a run's directory");
  return trial_folder(folder, *view.best);
}

}  // namespace

// An adapter goes out as it is, or merged into its base.
struct Exported {
  nlohmann::json config, broadsheet, adapter = nullptr;
  WeightFiles weights;
};

Exported read_exported(const ModelLocation& location, bool merge) {
  const std::string& folder = location.weights_folder;
  const bool adapter = is_adapter_folder(folder);
  if (merge && !adapter) {
    throw UserError("usage.merge_adapters", cat("broadsheet export: ", folder, " holds no adapter"),
                    "leave --merge-adapters out");
  }
  Exported exported{read_model_config(folder), location.broadsheet, nullptr, WeightFiles::open(folder)};
  if (merge && exported.broadsheet.is_object()) {
    exported.broadsheet.erase("base");
    exported.broadsheet.erase("config");
  }
  if (!adapter || merge) return exported;
  exported.adapter = read_adapter_config(folder);
  exported.weights = WeightFiles::open_adapter(folder);
  return exported;
}

int do_export(const Command& command) {
  if (!command.has("out"))
    throw UserError("usage.missing", "broadsheet export: --out is missing", "name the folder to write");
  const std::string out = absolute_path(command.value("out"));
  const std::string from = absolute_path(command.positionals[0]);
  if (is_sweep_folder(from) != command.has("best"))
    throw UserError("usage.best", cat("broadsheet export: ", from, is_sweep_folder(from) ? ": a sweep" : ": no sweep"),
                    "--best exports a sweep's best trial; without it, name a run");
  const ModelLocation location = locate_model(command.has("best") ? best_trial_of(from) : from);
  const Exported exported = read_exported(location, command.has("merge-adapters"));
  const WeightFiles& weights = exported.weights;
  if (exists(out)) throw UserError("export.exists", cat(out, ": exists already"), "choose another --out or remove it");
  std::vector<TensorView> tensors;
  for (const std::string& name : weights.names()) tensors.push_back(*weights.find(name));
  std::vector<std::string> files;
  for (const std::string& name : tokenizer_files(location.tokenizer_folder)) {
    files.push_back(location.tokenizer_folder + "/" + name);
  }
  const nlohmann::json answer = {
      {"out", out}, {"from", location.weights_folder}, {"tensors", tensors.size()}, {"dry_run", command.dry_run}};
  if (!command.dry_run) {
    make_folders(parent_folder(out));
    write_model_folder(out, exported.config, tensors, files, exported.broadsheet, kShardBytes, exported.adapter);
  }
  if (command.json) {
    print_json(answer);
  } else {
    print_text(cat(command.dry_run ? "would write " : "wrote ", out, ": ", tensors.size(), " tensors of ",
                   location.weights_folder, " and ", files.size(), " tokenizer files\n"));
  }
  return 0;
}

}  // namespace broadsheet

#include "experiments/sweep/sweep_config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "../core/scratch_folder.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "experiments/check.h"

namespace broadsheet {
namespace {

using nlohmann::json;

const std::string kGood = BROADSHEET_SOURCE_DIR "/tests/configs/good";

// A run file, and sweeps of it.
class SweepFile : public testing::Test {
 protected:
  SweepFile() {
    write_run("");
    for (const char* name : {"a", "b", "deeper"}) std::filesystem::create_directory(folder_ / name);
  }
  void write_run(const std::string& more) {
    write_file_durably(folder_ / "run.yaml",
                       "schema: 1\nkind: run\nname: r\nseed: 10\nmodel: {from: a}\n"
                       "task: {kind: classification, text: text, label: mood}\ndata: {corpus: corpus}\n" +
                           more);
  }
  // Line 5 is the first of `parameters`, which are indented; `more` follows them.
  std::string write_sweep(const std::string& parameters, const std::string& more = "") {
    const std::string path = folder_ / "sweep.yaml";
    write_file_durably(path, cat("schema: 1\nkind: sweep\nname: s\nrun: run.yaml\nparameters:\n", parameters, "\n",
                                 more.find("trials") == std::string::npos ? "trials: 9\n" : "", more, "\n"));
    return path;
  }
  Sweep load(const std::string& parameters, const std::string& more = "") {
    return load_sweep(write_sweep(parameters, more), {});
  }
  // Every fault, without the folder.
  std::string faults(const std::string& parameters, const std::string& more = "") {
    try {
      load(parameters, more);
    } catch (const UserError& error) {
      std::string text = error.what();
      const std::string folder = folder_ / "";
      for (size_t at = text.find(folder); at != std::string::npos; at = text.find(folder))
        text.erase(at, folder.size());
      return text;
    }
    return "";
  }
  std::vector<std::string> names(const Sweep& sweep) {
    std::vector<std::string> list;
    for (const SearchParameter& one : sweep.config.parameters) list.push_back(one.name);
    return list;
  }
  ScratchFolder folder_;
};

constexpr char kRate[] = "  train.learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-3}";

TEST(SweepConfigFile, EveryKeyReachesItsField) {
  const Sweep sweep = load_sweep(kGood + "/sweep_everything.yaml", {});
  const SweepConfig& config = sweep.config;
  EXPECT_EQ(config.name, "editorials-search");
  EXPECT_EQ(config.run, kGood + "/run_regression.yaml");
  EXPECT_EQ(config.sweep_dir(), BROADSHEET_SOURCE_DIR "/tests/configs/runs/editorials-search");
  EXPECT_EQ(config.seed, 7u);
  EXPECT_EQ(config.metric.name, "pearson");
  EXPECT_TRUE(sweep.maximize);
  EXPECT_EQ(config.parameters.size(), 12u);
  EXPECT_EQ(config.where.size(), 2u);
  EXPECT_EQ(config.points.at(0).at("train.adam_beta1"), 0.9);
  EXPECT_EQ(config.warm_start, std::vector<std::string>{BROADSHEET_SOURCE_DIR "/tests/configs/runs/last-year"});
  EXPECT_EQ(config.early_terminate.type, "asha");
  EXPECT_EQ(config.early_terminate.resource, "epochs");
  EXPECT_EQ(config.trials, 60);
  EXPECT_EQ(config.repeat, 2);
  EXPECT_EQ(config.concurrency, 4);
  EXPECT_EQ(config.on, "slurm");
  EXPECT_EQ(config.budget.hours, 12);
  EXPECT_EQ(config.budget.core_hours, 400.5);
  EXPECT_EQ(config.keep_best, 3);
  EXPECT_EQ(config.max_failures, 2);
  EXPECT_EQ(sweep.space.size(), 12u);
}

TEST(SweepConfigFile, TheResolvedFileLoadsToTheSame) {
  const ScratchFolder folder;
  for (const char* name : {"/sweep_everything.yaml", "/sweep_smallest.yaml", "/sweep_adapters.yaml"}) {
    const std::string text = to_yaml(load_sweep(kGood + name, {}).config);
    write_file_durably(folder / "again.yaml", text);
    EXPECT_EQ(to_yaml(load_sweep(folder / "again.yaml", {}).config), text) << name;
  }
}

TEST_F(SweepFile, LeavesToTheRunFileWhatItDoesNotSay) {
  const Sweep sweep = load(kRate);
  EXPECT_EQ(sweep.config.metric.name, "macro_f1");
  EXPECT_EQ(sweep.config.metric.goal, "maximize");
  EXPECT_TRUE(sweep.maximize);
  EXPECT_EQ(sweep.config.runs_dir, folder_ / "runs");
  EXPECT_EQ(sweep.max_resource, 0);
  write_run("validation: {metric: loss}\nruns_dir: elsewhere\ntrain: {max_steps: 90}\n");
  const Sweep other = load(kRate, "early_terminate: {type: asha, min: 10}");
  EXPECT_EQ(other.config.metric.goal, "minimize");
  EXPECT_FALSE(other.maximize);
  EXPECT_EQ(other.config.runs_dir, folder_ / "elsewhere");
  EXPECT_EQ(other.max_resource, 90);
}

TEST_F(SweepFile, DottedAndNestedParametersAreTheSame) {
  const Sweep sweep =
      load("  train: {weight_decay: {values: [0, 0.1]}}\n" + std::string(kRate) + "\n  freeze: {layers: {value: 2}}");
  EXPECT_EQ(names(sweep), (std::vector<std::string>{"train.weight_decay", "train.learning_rate", "freeze.layers"}));
  EXPECT_EQ(faults("  train: {learning_rate: {value: 1}}\n" + std::string(kRate)),
            "sweep.yaml:7:3: parameters.train.learning_rate: given twice, or as a section and a parameter; keep one of "
            "the two");
  EXPECT_NE(
      faults("  freeze: {values: [none]}\n  freeze.layers: {value: 2}").find("freeze, which is a parameter itself"),
      std::string::npos);
}

TEST_F(SweepFile, SetsReachIntoParameters) {
  const std::string path = write_sweep(kRate);
  const Sweep sweep = load_sweep(path, {{"parameters.train.learning_rate.max", "1e-2"},
                                        {"parameters.train.optim", "{values: [adamw, sgd]}"},
                                        {"trials", "3"}});
  EXPECT_EQ(sweep.config.parameters.at(0).distribution.max, 1e-2);
  EXPECT_EQ(sweep.config.parameters.at(1).name, "train.optim");
  EXPECT_EQ(sweep.config.trials, 3);
}

TEST_F(SweepFile, PathsBelongToTheSweepFilesFolder) {
  write_file_durably(folder_ / "deeper/sweep.yaml",
                     "schema: 1\nkind: sweep\nname: s\nrun: ../run.yaml\ntrials: 2\n"
                     "parameters: {model.from: {values: [../a, ../b]}}\npoints: [{model.from: ../b}]\n");
  const Sweep sweep = load_sweep(folder_ / "deeper/sweep.yaml", {});
  EXPECT_EQ(sweep.config.parameters.at(0).distribution.values, (std::vector<json>{folder_ / "a", folder_ / "b"}));
  EXPECT_EQ(sweep.config.points.at(0).at("model.from"), folder_ / "b");
  EXPECT_EQ(trial_config(sweep, {{"model.from", folder_ / "b"}}, 0, folder_ / "t/0000").model.from, folder_ / "b");
}

TEST_F(SweepFile, ATrialIsTheRunFileWithItsValues) {
  write_run("train: {optim: sgd, momentum: 0.5}\n");
  const Sweep sweep =
      load(std::string(kRate) +
               "\n  freeze: {values: [none, {embeddings: true, layers: 4}]}"
               "\n  train.global_batch_size: {distribution: q_log_uniform_values, min: 8, max: 64, q: 8}",
           "early_terminate: {type: asha, min: 50, max: 450}\nmetric: {name: loss}");
  const RunConfig trial = trial_config(sweep,
                                       {{"train.learning_rate", 3e-4},
                                        {"freeze", {{"embeddings", true}, {"layers", 4}}},
                                        {"train.global_batch_size", 16}},
                                       2, folder_ / "runs/s/trials/0007");
  EXPECT_EQ(trial.name, "0007");
  EXPECT_EQ(trial.run_dir(), folder_ / "runs/s/trials/0007");
  EXPECT_EQ(trial.seed, 12u);
  EXPECT_EQ(trial.train.learning_rate, 3e-4);
  EXPECT_EQ(trial.train.global_batch_size, 16);
  EXPECT_EQ(trial.freeze.layers, 4);
  EXPECT_TRUE(trial.freeze.embeddings);
  EXPECT_EQ(trial.train.momentum, 0.5);
  EXPECT_EQ(trial.validation.metric, "loss");
  EXPECT_EQ(trial.validation.every_steps, 50);
  EXPECT_EQ(trial.train.max_steps, 450);
  EXPECT_EQ(sweep.max_resource, 450);
  // Nothing else differs from the run file.
  std::set<std::string> keys;
  for (const Difference& one : differences(sweep.base, trial)) keys.insert(one.key);
  EXPECT_EQ(keys, (std::set<std::string>{"name", "runs_dir", "seed", "train.learning_rate", "train.global_batch_size",
                                         "freeze", "freeze.embeddings", "freeze.layers", "validation.metric",
                                         "validation.every_steps", "train.max_steps"}));
}

TEST_F(SweepFile, EpochsAsAResource) {
  const Sweep sweep = load(kRate, "early_terminate: {type: halving, resource: epochs, min: 1}");
  EXPECT_EQ(sweep.max_resource, 3);
  EXPECT_EQ(trial_config(sweep, {}, 0, "t").validation.every_epochs, 1);
  const Sweep ended = load(kRate, "early_terminate: {type: halving, resource: epochs, min: 2, max: 9}");
  EXPECT_EQ(trial_config(ended, {}, 0, "t").train.num_train_epochs, 9);
  write_run("validation: {every_epochs: 0.5}\n");
  EXPECT_EQ(trial_config(load(kRate, "early_terminate: {type: asha, resource: epochs, min: 1}"), {}, 0, "t")
                .validation.every_epochs,
            0.5);
}

TEST_F(SweepFile, ASearchedSeedIsTheFirstOfARepeatedTrial) {
  const Sweep sweep = load("  seed: {values: [100, 200]}", "repeat: 3");
  EXPECT_EQ(trial_config(sweep, {{"seed", 200}}, 2, "t").seed, 202u);
}

TEST_F(SweepFile, ATrialThatDoesNotFitNamesTheFileAndTheParameter) {
  const Sweep sweep = load("  train.optim: {values: [adamw, sgd]}");
  try {
    trial_config(sweep, {{"train.momentum", 0.9}, {"train.optim", "adamw"}}, 0, "t");
    FAIL() << "adamw has no momentum";
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults().at(0).place.file, sweep.file);
    EXPECT_EQ(error.faults().at(0).key, "parameters.train.momentum");
    EXPECT_NE(std::string(error.what()).find("with train.momentum 0.9, train.optim adamw: train.momentum: only optim"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(SweepFile, ConditionsSeeTheRunFile) {
  write_run("train: {optim: sgd}\n");
  const Sweep sweep = load(
      "  train.momentum: {values: [0.5, 0.9], when: train.optim == sgd and data.max_length > 64}\n"
      "  train.adam_beta1: {values: [0.8], when: train.optim == adamw}");
  EXPECT_EQ(sweep.space.at({0.9, 0}), (Assignment{{"train.momentum", 0.9}}));
}

TEST_F(SweepFile, EachValueMustBeOneThatTheKeyTakes) {
  EXPECT_EQ(faults("  train.learning_rate: {values: [1e-4, 0, fast]}"),
            "sweep.yaml:6:40: parameters.train.learning_rate.values[1]: found 0, wanted a number above 0 and at most "
            "1000; choose a value in that range\n"
            "sweep.yaml:6:43: parameters.train.learning_rate.values[2]: found fast, wanted a number; write it in "
            "digits, for example 0.1 or 5e-5");
  EXPECT_NE(faults("  train.weight_decay: {distribution: uniform, min: 0, max: 2}")
                .find("sweep.yaml:6:60: parameters.train.weight_decay.max: found 2, wanted a number of at least 0"),
            std::string::npos);
  EXPECT_NE(faults("  freeze: {values: [none, {layer: 4}]}").find("freeze.layer: unknown key; did you mean layers?"),
            std::string::npos);
  EXPECT_NE(faults("  train.global_batch_size: {distribution: uniform, min: 8, max: 64}")
                .find("found uniform, which gives fractions, where the run file wants an integer; write int_uniform"),
            std::string::npos);
  EXPECT_EQ(faults("  train.global_batch_size: {distribution: int_uniform, min: 8, max: 64}"), "");
  EXPECT_EQ(faults("  train.global_batch_size: {values: [8, \"16\"]}"),
            "sweep.yaml:6:41: parameters.train.global_batch_size.values[1]: found \"16\", wanted an integer from 1 to "
            "1000000000; write it without quotes");
}

TEST_F(SweepFile, ValuesThatDoNotFitEachOtherAreFoundByDrawing) {
  const std::string text = faults("  train.optim: {values: [adamw, sgd]}\n  train.momentum: {values: [0, 0.9]}");
  EXPECT_EQ(text.find("sweep.yaml:6:3: parameters.train.momentum: with train.momentum 0.9, train.optim adamw: "), 0u)
      << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << "the same fault once";
  EXPECT_EQ(faults("  train.optim: {values: [adamw, sgd]}\n"
                   "  train.momentum: {values: [0, 0.9], when: train.optim == sgd}"),
            "");
  EXPECT_EQ(faults("  train.optim: {values: [adamw, sgd]}\n  train.momentum: {values: [0, 0.9]}",
                   "where: train.momentum == 0 or train.optim == sgd"),
            "");
  EXPECT_NE(faults(kRate, "where: train.learning_rate > 1").find("none of 10000 configurations met the conditions"),
            std::string::npos);
  EXPECT_NE(faults(kRate, "where: train.optim < 1").find("found the text 'adamw' in a comparison by order"),
            std::string::npos);
}

TEST_F(SweepFile, PointsAreCheckedLikeTrials) {
  const std::string when = std::string(kRate) + "\n  train.optim: {values: [adamw, sgd]}";
  EXPECT_EQ(load(when, "points: [{train: {learning_rate: 1e-2, optim: sgd}}]").config.points.at(0),
            (json{{"train.learning_rate", 1e-2}, {"train.optim", "sgd"}}));
  EXPECT_NE(
      faults(when, "points: [{train.learning_rate: 1e-2}]").find("points[0]: the point has no value for train.optim"),
      std::string::npos);
  EXPECT_NE(faults(when, "points: [{train.lerning_rate: 1e-2}]").find("did you mean train.learning_rate?"),
            std::string::npos);
  EXPECT_NE(faults(when, "points: [{train.learning_rate: 0, train.optim: sgd}]")
                .find("sweep.yaml:9:32: points[0].train.learning_rate: found 0, wanted a number above 0"),
            std::string::npos);
  EXPECT_NE(faults(when, "where: train.optim == sgd\npoints: [{train.learning_rate: 1e-2, train.optim: adamw}]")
                .find("does not meet the conditions of where"),
            std::string::npos);
}

TEST_F(SweepFile, EarlyTerminationFitsTheRunsValidationsAndItsEnd) {
  write_run("validation: {every_steps: 40}\ntrain: {max_steps: 100}\n");
  EXPECT_NE(
      faults(kRate, "early_terminate: {type: asha, min: 50}").find("found 50, wanted a multiple of the run file's"),
      std::string::npos);
  EXPECT_EQ(load(kRate, "early_terminate: {type: asha, min: 80}").max_resource, 100);
  EXPECT_NE(faults(kRate, "early_terminate: {type: asha, min: 120}").find("found 120, but trials end after 100 steps"),
            std::string::npos);
  EXPECT_NE(faults(kRate, "early_terminate: {type: asha, min: 1, resource: epochs}")
                .find("counts epochs, but the run file validates by steps; write resource: steps"),
            std::string::npos);
  EXPECT_NE(faults("  train.max_steps: {values: [100, 200]}", "early_terminate: {type: asha, min: 40, max: 80}")
                .find("ends every trial, and so does the parameter train.max_steps"),
            std::string::npos);
  EXPECT_EQ(load("  train.max_steps: {values: [100, 200]}", "early_terminate: {type: asha, min: 40}").max_resource, 0);
}

TEST_F(SweepFile, TrialsAreComparedOnWhatTheyAreNotTrainedOn) {
  write_file_durably(folder_ / "run.yaml",
                     "schema: 1\nkind: run\nname: r\nmodel: {from: a}\n"
                     "task: {kind: classification, text: text, label: mood}\n"
                     "data: {corpus: corpus, train_on_validation: true}\n");
  EXPECT_NE(faults(kRate).find("the run file trains on the validation split, by which trials are compared"),
            std::string::npos);
  EXPECT_TRUE(load_run_config(folder_ / "run.yaml", {}).data.train_on_validation);
  for (const char* key :
       {"validation.every_steps=5", "validation.every_epochs=1", "validation.early_stopping.patience=2"}) {
    const std::string text = key;
    const size_t equals = text.find('=');
    EXPECT_THROW(load_run_config(folder_ / "run.yaml", {{text.substr(0, equals), text.substr(equals + 1)}}), UserError)
        << key;
  }
}

TEST_F(SweepFile, AGridNeedsAnEnd) {
  EXPECT_NE(faults(kRate, "method: grid\ntrials: 0").find("found log_uniform_values, of which a grid has no end"),
            std::string::npos);
  EXPECT_EQ(
      faults("  train.max_grad_norm: {distribution: q_uniform, min: 0, max: 1, q: 0.25}", "method: grid\ntrials: 0"),
      "");
}

TEST_F(SweepFile, TheFaultsOfBothFilesComeTogether) {
  write_run("train: {learning_rate: -1}\n");
  const std::string text = faults(kRate, "trails: 3\nmethod: bayes");
  EXPECT_NE(text.find("sweep.yaml:8:1: trails: unknown key; did you mean trials?"), std::string::npos) << text;
  EXPECT_NE(text.find("method: found bayes, wanted one of grid | random | sobol | tpe; write tpe"), std::string::npos);
  EXPECT_NE(text.find("run.yaml:8:24: train.learning_rate: found -1"), std::string::npos) << text;
  EXPECT_LT(text.find("sweep.yaml"), text.find("run.yaml"));
}

TEST_F(SweepFile, CheckGivesThePlan) {
  const std::string path = write_sweep(
      "  train.optim: {values: [adamw, sgd]}\n"
      "  train.weight_decay: {values: [0, 0.1, 0.2]}",
      "trials: 0\nmethod: grid\nrepeat: 2\n"
      "early_terminate: {type: asha, min: 10, max: 100}");
  write_file_durably(folder_ / "a/config.json", "{\"model_type\": \"bert\"}");
  const Sweep sweep = load_sweep(path, {});
  EXPECT_EQ(sweep.config.trials, 0);
  try {
    const CheckReport report = check_file(path, {});
    EXPECT_EQ(report.json["plan"]["configurations"], 6);
    EXPECT_EQ(report.json["plan"]["runs"], 12);
    EXPECT_EQ(report.json["plan"]["rungs"], (json{10, 30, 90}));
    EXPECT_EQ(report.json["origins"]["trials"], path + ":8:9");
    EXPECT_NE(report.text.find("grid over 2 parameters, 6 points"), std::string::npos) << report.text;
  } catch (const UserError& error) {
    ADD_FAILURE() << error.what();
  }
}

}  // namespace
}  // namespace broadsheet

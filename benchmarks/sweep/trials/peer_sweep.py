#!/usr/bin/env python3
"""The peer's sweep: Optuna's TPE with journal storage, trials as processes of submitit's LocalExecutor.

    peer_sweep.py VARIANT METHOD SEED TRIALS FOLDER      VARIANT: full | pruned | frozen | cost; METHOD: tpe | random

Two trials at a time, of one thread each. Each value that becomes known is a line {"trial", "value", "state"} in
FOLDER/values.jsonl; the best trial's model stays in FOLDER/best.
"""

import json
import os
import pathlib
import shutil
import sys
import time
import warnings

import optuna
import submitit

import train_trial

CONCURRENCY = 2
Float, Choice = optuna.distributions.FloatDistribution, optuna.distributions.CategoricalDistribution


def space(variant):
    low, high = (1e-4, 3e-2) if variant == "frozen" else (1e-5, 1e-3)
    return {"learning_rate": Float(low, high, log=True), "warmup_steps": Float(0.0, 0.3),
            "global_batch_size": Choice([32] if variant == "cost" else [16, 32]), "weight_decay": Float(0.0, 0.1), "dropout": Float(0.0, 0.3)}


def open_study(storage, name, seed, pruned, method="tpe"):
    sampler = optuna.samplers.TPESampler(seed=seed) if method == "tpe" else optuna.samplers.RandomSampler(seed=seed)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=27, reduction_factor=3) if pruned else \
        optuna.pruners.NopPruner()
    backend = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(storage))
    return optuna.create_study(storage=backend, study_name=name, sampler=sampler, pruner=pruner, direction="maximize",
                               load_if_exists=True)


def reports(study, trial):
    """What the pruner was told of it."""
    return study._storage.get_trial(trial._trial_id).intermediate_values


def main(variant, method, seed, trials, folder):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore")
    folder.mkdir(parents=True)
    os.environ["PYTHONPATH"] = str(train_trial.HERE)  # for the trials' processes
    storage = str(folder / "optuna.log")
    study = open_study(storage, variant, seed, variant == "pruned", method)
    executor = submitit.LocalExecutor(folder=folder / "submitit")
    executor.update_parameters(timeout_min=600, tasks_per_node=1)
    values = open(folder / "values.jsonl", "w", buffering=1)
    running, begun = {}, 0
    while begun < trials or running:
        while begun < trials and len(running) < CONCURRENCY:
            trial = study.ask(space(variant))
            model = folder / f"model-{trial.number}"
            job = executor.submit(train_trial.trial_process, storage, variant, trial._trial_id, trial.params,
                                  variant, str(model))
            running[trial.number] = (trial, job, model)
            begun += 1
        time.sleep(0.05)
        for number, (trial, job, model) in list(running.items()):
            if not job.done():
                continue
            score = job.result()
            best = max((t.value for t in study.get_trials(states=[optuna.trial.TrialState.COMPLETE])), default=-1)
            if score is None:
                at = max(reports(study, trial))
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                values.write(json.dumps({"trial": number, "value": reports(study, trial)[at], "state": "pruned"}) + "\n")
            else:
                study.tell(trial, score)
                values.write(json.dumps({"trial": number, "value": score, "state": "done"}) + "\n")
                if score > best:
                    shutil.rmtree(folder / "best", ignore_errors=True)
                    model.rename(folder / "best")
            shutil.rmtree(model, ignore_errors=True)
            del running[number]


if __name__ == "__main__":
    assert os.environ["OMP_NUM_THREADS"] == "1"
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), pathlib.Path(sys.argv[5]))

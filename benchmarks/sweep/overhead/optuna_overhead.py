#!/usr/bin/env python3
"""Time of one ask + tell of Optuna's TPE once so many trials are known, in the space of ../trials/full.yaml.

    optuna_overhead.py STORAGE TRIALS      STORAGE: journal | sqlite; prints one JSON line

The past is written first; the study is then opened anew, and the first ask, which reads the
whole past, is not counted.
"""

import json
import math
import pathlib
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "trials"))

import optuna

import peer_sweep


def storage_of(kind, folder):
    if kind == "journal":
        return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(f"{folder}/journal.log"))
    return optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db")


def score_of(parameters):
    rate = math.log10(parameters["learning_rate"])
    return 0.6 - 0.1 * (rate + 3.8) ** 2 - parameters["dropout"] ** 2


def write_past(kind, folder, trials, space):
    study = optuna.create_study(storage=storage_of(kind, folder), study_name="s", direction="maximize")
    draws = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=2))
    past = []
    for _ in range(trials):
        parameters = draws.ask(space).params
        past.append(optuna.trial.create_trial(params=parameters, distributions=space, value=score_of(parameters)))
    if kind == "journal":
        study.add_trials(past)
    else:
        study.add_trial(past[0])
        copy_rows(f"{folder}/study.db", past)


def copy_rows(path, past):
    """The rows that add_trial wrote for the first trial, for all others: add_trial takes ten minutes for 10,000."""
    with sqlite3.connect(path) as base:
        columns = {table: [row[1] for row in base.execute(f"PRAGMA table_info({table})")]
                   for table in ("trials", "trial_params", "trial_values")}
        first = {table: [dict(zip(names, row)) for row in base.execute(f"SELECT * FROM {table}")]
                 for table, names in columns.items()}
        for number, trial in enumerate(past[1:], 1):
            identity = first["trials"][0]["trial_id"] + number
            insert(base, "trials", first["trials"][0], trial_id=identity, number=number)
            for row in first["trial_params"]:
                value = trial.distributions[row["param_name"]].to_internal_repr(trial.params[row["param_name"]])
                insert(base, "trial_params", row, param_id=None, trial_id=identity, param_value=value)
            insert(base, "trial_values", first["trial_values"][0], trial_value_id=None, trial_id=identity,
                   value=trial.value)


def insert(base, table, row, **changed):
    row = {**row, **changed}
    base.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def main(kind, trials):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore")
    space = peer_sweep.space("full")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        write_past(kind, folder, trials, space)
        study = optuna.load_study(storage=storage_of(kind, folder), study_name="s",
                                  sampler=optuna.samplers.TPESampler(seed=1))
        assert len(study.get_trials(deepcopy=False)) == trials
        times = []
        for _ in range(6 if trials >= 10_000 else 21):
            begin = time.perf_counter()
            trial = study.ask(space)
            study.tell(trial, score_of(trial.params))
            times.append(1000 * (time.perf_counter() - begin))
    print(json.dumps({"side": kind, "trials": trials, "milliseconds": statistics.median(times[1:]), "start": times[0],
                      "resident": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

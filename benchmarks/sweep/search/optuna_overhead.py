"""Time of one ask + tell of Optuna's TPE once so many trials are known, by storage.

    optuna_overhead.py STORAGE TRIALS     STORAGE: memory | journal | sqlite; prints {"method", "trials", "milliseconds"}
"""
import json
import os
import statistics
import sys
import tempfile
import time
import warnings

import optuna

NAMES = [f"x{i}" for i in range(5)]


def value_of(x):
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(4))


def storage_of(kind, folder):
    if kind == "journal":
        return optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(os.path.join(folder, "journal.log")))
    return "sqlite:///" + os.path.join(folder, "study.db") if kind == "sqlite" else None


def main(kind, trials):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        study = optuna.create_study(storage=storage_of(kind, folder), sampler=optuna.samplers.TPESampler(seed=1))
        space = {name: optuna.distributions.FloatDistribution(-5, 10) for name in NAMES}
        draws = optuna.samplers.RandomSampler(seed=2)._rng.rng
        past = []
        for _ in range(trials):
            x = [draws.uniform(-5, 10) for _ in NAMES]
            past.append(optuna.trial.create_trial(params=dict(zip(NAMES, x)), distributions=space, value=value_of(x)))
        study.add_trials(past)
        times = []
        for _ in range(20):
            begin = time.perf_counter()
            trial = study.ask(space)
            study.tell(trial, value_of([trial.params[name] for name in NAMES]))
            times.append(1000 * (time.perf_counter() - begin))
        print(json.dumps({"method": "optuna-" + kind, "trials": trials, "milliseconds": statistics.median(times)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

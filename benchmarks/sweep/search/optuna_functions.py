"""Optuna's samplers on the functions of search_functions.cpp, in the same ranges and the same JSON lines.

    optuna_functions.py FUNCTION SAMPLER SEEDS TRIALS     SAMPLER: default | multivariate | independent | group | random
    optuna_functions.py check BINARY                      values of both sides at the same points: must agree
"""
import json
import math
import subprocess
import sys

import optuna
from optuna.samplers import RandomSampler, TPESampler


def branin(x):
    a = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return a**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


def hartmann6(x):
    alpha = [1.0, 1.2, 3.0, 3.2]
    a = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    p = [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
         [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]
    return -sum(alpha[i] * math.exp(-sum(a[i][j] * (x[j] - 1e-4 * p[i][j]) ** 2 for j in range(6))) for i in range(4))


def rosenbrock(x):
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


def ackley(x):
    n = len(x)
    return (-20 * math.exp(-0.2 * math.sqrt(sum(v * v for v in x) / n))
            - math.exp(sum(math.cos(2 * math.pi * v) for v in x) / n) + 20 + math.e)


def rastrigin(x):
    return 10 * len(x) + sum(v * v - 10 * math.cos(2 * math.pi * v) for v in x)


def levy(x):
    w = [1 + (v - 1) / 4 for v in x]
    return (math.sin(math.pi * w[0]) ** 2
            + sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
            + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2))


def styblinski_tang(x):
    return sum((v**4 - 16 * v * v + 5 * v) / 2 for v in x)


def camel(x, y):
    return (4 - 2.1 * x * x + x**4 / 3) * x * x + x * y + (-4 + 4 * y * y) * y * y


def beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y * y) ** 2 + (2.625 - x + x * y**3) ** 2


def box(value, dimensions, ranges):
    ranges = ranges if isinstance(ranges, list) else [ranges] * dimensions
    return lambda trial: value([trial.suggest_float(f"x{i}", *ranges[i]) for i in range(dimensions)])


def func2c(trial):
    x, y = trial.suggest_float("x0", -2, 2), trial.suggest_float("x1", -2, 2)

    def part(name):
        if name == "rosenbrock":
            return rosenbrock([x, y]) / 300
        return camel(x, y) / 10 if name == "camel" else beale(x, y) / 50

    return (part(trial.suggest_categorical("first", ["rosenbrock", "camel", "beale"]))
            + part(trial.suggest_categorical("second", ["rosenbrock", "camel", "beale1", "beale2", "beale3"])))


def jenatton(trial):
    if trial.suggest_categorical("c1", [0, 1]) == 0:
        r = trial.suggest_float("r8", 0, 1)
        leaf, floor = ("x4", 0.1) if trial.suggest_categorical("c2", [0, 1]) == 0 else ("x5", 0.2)
    else:
        r = trial.suggest_float("r9", 0, 1)
        leaf, floor = ("x6", 0.3) if trial.suggest_categorical("c3", [0, 1]) == 0 else ("x7", 0.4)
    return trial.suggest_float(leaf, -1, 1) ** 2 + floor + r


def mixed(trial):
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    layers = trial.suggest_int("layers", 1, 12)
    batch = trial.suggest_categorical("batch", [8, 16, 32, 64, 128, 256])
    decay = trial.suggest_float("decay", 0, 0.3, step=0.01)
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "adam", "lion"])
    scale = {"sgd": 1.5, "adam": 0.0, "lion": -0.5}[optimizer]
    bits = math.log2(batch)
    off = math.log10(rate) - (-4 + scale + 0.25 * (bits - 3) - 0.04 * layers)
    return (off**2 + 0.01 * (layers - 9) ** 2 + 20 * (decay - 0.1) ** 2 + 0.02 * (bits - 5) ** 2
            + {"sgd": 0.2, "adam": 0, "lion": 0.05}[optimizer])


FUNCTIONS = {
    "branin": box(branin, 2, [(-5, 10), (0, 15)]),
    "hartmann6": box(hartmann6, 6, (0, 1)),
    "rosenbrock5": box(rosenbrock, 5, (-5, 10)),
    "ackley5": box(ackley, 5, (-32.768, 32.768)),
    "rastrigin5": box(rastrigin, 5, (-5.12, 5.12)),
    "levy5": box(levy, 5, (-10, 10)),
    "styblinski_tang5": box(styblinski_tang, 5, (-5, 5)),
    "func2c": func2c,
    "jenatton": jenatton,
    "mixed": mixed,
}


def make_sampler(name, seed):
    if name == "random":
        return RandomSampler(seed=seed)
    if name == "multivariate":
        return TPESampler(seed=seed, multivariate=True, constant_liar=True)
    if name == "independent":
        return TPESampler(seed=seed, multivariate=False)
    if name == "group":
        return TPESampler(seed=seed, multivariate=True, group=True)
    return TPESampler(seed=seed)


def play(function, sampler, seeds, trials):
    for seed in range(1, seeds + 1):
        study = optuna.create_study(sampler=make_sampler(sampler, seed))
        study.optimize(FUNCTIONS[function], n_trials=trials)
        best = math.inf
        for trial in study.trials:
            best = min(best, trial.value)
            print(json.dumps({"function": function, "method": "optuna-" + sampler, "seed": seed,
                              "trial": trial.number, "value": trial.value, "best": best}), flush=True)


def check(binary):
    for name, function in FUNCTIONS.items():
        lines = subprocess.run([binary, name, "random", "2", "20"], check=True, capture_output=True, text=True).stdout
        for line in map(json.loads, lines.splitlines()):
            ours, theirs = line["value"], function(optuna.trial.FixedTrial(line["parameters"]))
            if not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9):
                sys.exit(f"{name}: {ours} here, {theirs} there, at {line['parameters']}")
    print("the functions agree")


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    import warnings

    warnings.filterwarnings("ignore")
    if sys.argv[1] == "check":
        check(sys.argv[2])
    else:
        play(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

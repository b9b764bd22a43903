"""Writes ped_anova.json: hyperparameter importance of made-up studies as Optuna's PedAnovaImportanceEvaluator sees it.

Run with a Python that has optuna 5:  python make_ped_anova_golden.py [ped_anova.json]
"""
import json
import math
import pathlib
import random
import sys
import warnings

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)

# Ours beside Optuna's: the words of a sweep file.
SPACE = {
    "rate": ({"kind": "log_uniform", "min": 1e-5, "max": 1e-2}, FloatDistribution(1e-5, 1e-2, log=True)),
    "decay": ({"kind": "uniform", "min": 0.0, "max": 0.3}, FloatDistribution(0.0, 0.3)),
    "warmup": ({"kind": "uniform", "min": 0.0, "max": 0.5, "q": 0.05}, FloatDistribution(0.0, 0.5, step=0.05)),
    "layers": ({"kind": "uniform", "min": 1, "max": 12, "integer": True}, IntDistribution(1, 12)),
    "long": ({"kind": "uniform", "min": 1, "max": 300, "integer": True}, IntDistribution(1, 300)),
    "batch": ({"kind": "log_uniform", "min": 8, "max": 256, "integer": True}, IntDistribution(8, 256, log=True)),
    "optimizer": ({"kind": "values", "values": ["adamw", "sgd", "lion"]}, CategoricalDistribution(["adamw", "sgd", "lion"])),
    "kind": ({"kind": "values", "values": ["none", "lora"]}, CategoricalDistribution(["none", "lora"])),
    "r": ({"kind": "values", "values": [4, 8, 16]}, CategoricalDistribution([4, 8, 16])),
}


def draw(generator, distribution):
    kind = distribution["kind"]
    if kind == "values":
        return generator.choice(distribution["values"])
    low, high = distribution["min"], distribution["max"]
    if kind == "log_uniform":
        value = math.exp(generator.uniform(math.log(low), math.log(high)))
        return max(low, min(high, round(value))) if distribution.get("integer") else value
    if distribution.get("integer"):
        return generator.randint(low, high)
    if "q" in distribution:
        return low + distribution["q"] * generator.randint(0, round((high - low) / distribution["q"]))
    return generator.uniform(low, high)


def objective(values, generator):
    loss = (math.log10(values["rate"]) + 3.5) ** 2 + 3 * abs(values["decay"] - 0.1) + 0.02 * values["layers"]
    loss += {"adamw": 0.0, "sgd": 0.6, "lion": 0.1}[values["optimizer"]]
    loss += 0.3 / values["r"] if "r" in values else 0.4
    return loss + generator.gauss(0, 0.05)


def study_of(seed, count, names, target, ties):
    generator = random.Random(seed)
    study = optuna.create_study(direction="minimize")
    points = []
    for _ in range(count):
        everything = {name: draw(generator, ours) for name, (ours, _) in SPACE.items()}
        if everything["kind"] == "none":
            del everything["r"]
        value = objective(everything, generator)
        value = round(value, 1) if ties else value
        chosen = {name: everything[name] for name in names if name in everything}
        study.add_trial(optuna.trial.create_trial(
            params=chosen, distributions={name: SPACE[name][1] for name in chosen}, value=value))
        points.append({"parameters": chosen, "value": value})
    importance = PedAnovaImportanceEvaluator(target_quantile=target).evaluate(study)
    return {"target": target, "parameters": [{"name": name, **SPACE[name][0]} for name in names], "points": points,
            "importance": {name: importance[name] for name in names}}


if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "ped_anova.json"
    plain = ["rate", "decay", "warmup", "layers", "long", "batch", "optimizer"]
    studies = [
        study_of(1, 12, ["rate", "optimizer"], 0.4, False),
        study_of(2, 60, plain, 0.1, False),
        study_of(3, 200, plain + ["kind", "r"], 0.1, False),
        study_of(4, 80, list(SPACE), 0.25, True),
        study_of(5, 40, ["kind", "r", "decay"], 0.125, False),
    ]
    golden = {"made_with": f"optuna {optuna.__version__}", "studies": studies}
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")

"""Optuna's SuccessiveHalvingPruner on the table of make_table.py, in the same orders, as search_table.cpp does.

    optuna_table.py TABLE.json BUDGET...     one JSON line {"method", "seed", "budget", "error"} for each of both
"""
import json
import math
import sys

import optuna


def spend(table, order, most):
    study = optuna.create_study(pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3))
    best, best_after = math.inf, []
    for configuration in order:
        if len(best_after) >= most:
            break
        trial = study.ask()
        for step, error in enumerate(table["curves"][configuration], 1):
            best = min(best, error)
            best_after.append(best)
            trial.report(error, step)
            if step < table["epochs"] and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, error)
    return best_after


def main(path, budgets):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with open(path) as file:
        table = json.load(file)
    for seed, order in enumerate(table["orders"]):
        best = spend(table, order, max(budgets))
        for budget in budgets:
            print(json.dumps({"method": "optuna-halving", "seed": seed, "budget": budget,
                              "error": best[min(budget, len(best)) - 1]}))


if __name__ == "__main__":
    main(sys.argv[1], [int(word) for word in sys.argv[2:]])

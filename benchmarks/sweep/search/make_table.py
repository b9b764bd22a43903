"""Learning curves that anyone can compute again: validation error after every epoch, of a grid of networks on the
digits that come with scikit-learn. Some minutes on one core.

    make_table.py TABLE.json     {"epochs", "configurations": [{...}], "curves": [[error after 1, 2, ... epochs]],
                                  "orders": [100 shuffles of the configurations], "versions"}
"""
import itertools
import json
import sys
import warnings

import numpy
import sklearn
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

EPOCHS = 27
GRID = {
    "hidden": [8, 32, 128],
    "learning_rate": [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1],
    "alpha": [1e-5, 1e-2, 1.0],
    "batch_size": [16, 64, 256],
}


def curve(x, y, train, validation, values):
    network = MLPClassifier(hidden_layer_sizes=(values["hidden"],), learning_rate_init=values["learning_rate"],
                            alpha=values["alpha"], batch_size=values["batch_size"], random_state=1)
    errors = []
    for _ in range(EPOCHS):
        network.partial_fit(x[train], y[train], classes=numpy.unique(y))
        errors.append(round(1 - float((network.predict(x[validation]) == y[validation]).mean()), 4))
    return errors


def main(path):
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    digits = load_digits()
    x, y = digits.data / 16, digits.target
    shuffled = numpy.random.RandomState(0).permutation(len(y))
    train, validation = shuffled[:1000], shuffled[1000:]
    configurations = [dict(zip(GRID, values)) for values in itertools.product(*GRID.values())]
    table = {
        "epochs": EPOCHS,
        "configurations": configurations,
        "curves": [curve(x, y, train, validation, values) for values in configurations],
        "orders": [numpy.random.RandomState(seed).permutation(len(configurations)).tolist() for seed in range(100)],
        "versions": {"numpy": numpy.__version__, "scikit-learn": sklearn.__version__},
    }
    with open(path, "w") as file:
        json.dump(table, file)
    best = sorted(min(one) for one in table["curves"])
    print(f"{len(configurations)} configurations; best error {best[0]}, median {best[len(best) // 2]}")


if __name__ == "__main__":
    main(sys.argv[1])

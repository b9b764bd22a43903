#!/usr/bin/env python3
"""Makes tests/golden/metrics.json: random predictions and what scikit-learn and scipy say about them.

    python tests/golden/make_metrics_golden.py         # needs benchmarks/peers/requirements.txt
"""

import json
import pathlib

import numpy as np
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score, log_loss, mean_absolute_error, mean_squared_error

OUT = pathlib.Path(__file__).resolve().parent / "metrics.json"


def rounded(values):
    return np.asarray(values, dtype=np.float32).round(3)


def classification(rng, count, classes, used):
    """Labels and predictions only from the first `used` classes: the others neither occur nor are predicted."""
    labels = rng.integers(0, used, count)
    logits = rng.normal(0, 1.5, (count, classes))
    logits[:, used:] -= 50
    logits[np.arange(count), labels] += 1
    logits = rounded(logits)
    wide = logits.astype(np.float64)
    probabilities = np.exp(wide - wide.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    predicted, names = logits.argmax(1), list(range(classes))
    return {
        "logits": logits.tolist(), "labels": labels.tolist(),
        "values": {
            "accuracy": accuracy_score(labels, predicted),
            "macro_f1": f1_score(labels, predicted, average="macro", labels=names, zero_division=0),
            "loss": log_loss(labels, probabilities, labels=names),
            "examples": count,
        },
    }


def regression(rng, count, offset):
    targets = rounded(rng.normal(offset, 2, count))
    predictions = rounded(0.6 * (targets - offset) + offset + rng.normal(0, 1, count))
    t, p = targets.astype(np.float64), predictions.astype(np.float64)
    return {
        "predictions": predictions.tolist(), "targets": targets.tolist(),
        "values": {"mse": mean_squared_error(t, p), "mae": mean_absolute_error(t, p),
                   "pearson": pearsonr(t, p).statistic, "examples": count},
    }


def main():
    rng = np.random.default_rng(1)
    golden = {
        "classification": [classification(rng, 60, 3, 3), classification(rng, 40, 5, 3), classification(rng, 7, 2, 2)],
        "regression": [regression(rng, 50, 0), regression(rng, 30, 2000)],
    }
    OUT.write_text(json.dumps(golden, default=float) + "\n")


if __name__ == "__main__":
    main()

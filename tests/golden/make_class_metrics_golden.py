#!/usr/bin/env python3
"""Makes tests/golden/metrics/classes.json: logits and what scikit-learn says about them. The calibration error is
computed here, as Guo et al. (2017) define it.

    pip install scikit-learn==1.9.1
    python tests/golden/make_class_metrics_golden.py
"""

import importlib.metadata
import json
import pathlib
import warnings

import numpy as np
from sklearn.metrics import (accuracy_score, confusion_matrix, f1_score, log_loss, mean_absolute_error, roc_auc_score)
from sklearn.utils.class_weight import compute_class_weight

OUT = pathlib.Path(__file__).resolve().parent / "metrics" / "classes.json"
BINS = 15


def mean_area(truths, scores):
    """Of each column against the rest, over the columns that have both sides."""
    areas = [roc_auc_score(truths[:, c], scores[:, c]) for c in range(scores.shape[1])
             if 0 < truths[:, c].sum() < len(truths)]
    return float(np.mean(areas)) if areas else None


def calibration_error(confidence, right):
    edges, error = np.linspace(0, 1, BINS + 1), 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += abs(right[inside].mean() - confidence[inside].mean()) * inside.mean()
    return error


def single(rng, count, classes, used, step):
    """Logits are multiples of `step`: a coarse one makes ties. Classes from `used` on neither occur nor are predicted."""
    labels = rng.integers(0, used, count)
    logits = rng.normal(0, 1.5, (count, classes))
    logits[:, used:] -= 50
    logits[np.arange(count), labels] += 1
    logits = (np.round(logits / step) * step).astype(np.float32).astype(np.float64)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    predicted, names = p.argmax(1), list(range(classes))
    median = (p.cumsum(1)[:, :-1] < 0.5).sum(1)
    truths = np.eye(classes)[labels]
    if classes == 2:
        area = roc_auc_score(labels, p[:, 1]) if len(set(labels)) == 2 else None
    else:
        area = mean_area(truths, p)
    if classes > 2 and used == classes:
        assert abs(area - roc_auc_score(labels, p, multi_class="ovr", average="macro")) < 1e-12
    return {
        "logits": logits.tolist(), "labels": labels.tolist(),
        "confusion": confusion_matrix(labels, predicted, labels=names).tolist(),
        "mae_of_median": mean_absolute_error(labels, median),
        "values": {
            "loss": log_loss(labels, p, labels=names), "accuracy": accuracy_score(labels, predicted),
            "macro_f1": f1_score(labels, predicted, average="macro", labels=names, zero_division=0),
            "micro_f1": f1_score(labels, predicted, average="micro", labels=names, zero_division=0),
            "auc": area, "calibration_error": calibration_error(p.max(1), predicted == labels), "examples": count,
        },
    }


def multi_label(rng, count, labels, step, never=0):
    """The last `never` labels do not occur."""
    truths = (rng.random((count, labels)) < 0.4).astype(int)
    truths[:, labels - never:] = 0
    logits = rng.normal(0, 1.5, (count, labels)) + truths - 0.5
    logits = (np.round(logits / step) * step).astype(np.float32).astype(np.float64)
    p = 1 / (1 + np.exp(-logits))
    said = (p >= 0.5).astype(int)
    return {
        "logits": logits.tolist(), "truths": truths.tolist(),
        "values": {
            "loss": float(np.mean([log_loss(truths[:, c], p[:, c], labels=[0, 1]) for c in range(labels)])),
            "accuracy": accuracy_score(truths, said),
            "macro_f1": f1_score(truths, said, average="macro", zero_division=0),
            "micro_f1": f1_score(truths, said, average="micro", zero_division=0),
            "auc": mean_area(truths, p), "examples": count,
        },
    }


def balanced(labels):
    weights = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    return {"labels": labels.tolist(), "weights": weights.tolist()}


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(5)
    golden = {
        "versions": {name: importlib.metadata.version(name) for name in ("scikit-learn", "numpy")},
        "single": [single(rng, 90, 3, 3, 2**-10), single(rng, 70, 5, 5, 0.5), single(rng, 60, 5, 3, 2**-10),
                   single(rng, 40, 2, 2, 0.5), single(rng, 50, 2, 2, 2**-10), single(rng, 9, 2, 1, 2**-10)],
        "multi_label": [multi_label(rng, 60, 4, 2**-10), multi_label(rng, 50, 3, 0.5), multi_label(rng, 30, 3, 0.25, 1)],
        "balanced": [balanced(rng.choice(3, 41, p=[0.6, 0.3, 0.1])), balanced(np.array([0, 0, 0, 1, 2, 2]))],
    }
    OUT.write_text(json.dumps(golden, default=float, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()

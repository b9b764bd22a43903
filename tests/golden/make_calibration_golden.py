#!/usr/bin/env python3
"""Makes tests/golden/metrics/calibration.json: logits, labels, and the temperature that makes torch's mean cross-entropy
least, as scipy finds it from autograd's derivative.

    pip install torch scipy
    python tests/golden/make_calibration_golden.py
"""

import json
import pathlib

import numpy as np
import torch
from scipy.optimize import brentq
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

OUT = pathlib.Path(__file__).resolve().parent / "metrics" / "calibration.json"


def fitted(logits, loss):
    """`logits` over T: {"temperature", "nll_before", "nll_after"}."""

    def slope(factor):
        variable = torch.tensor(factor, dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(loss(logits * variable), variable)[0].item()

    factor = brentq(slope, 0.01, 100, xtol=1e-14, rtol=1e-14)
    return {"temperature": 1 / factor, "nll_before": loss(logits).item(), "nll_after": loss(logits * factor).item()}


def sample(name, rng, rows, width, scale, each_label):
    """Labels are drawn from softmax or sigmoid of logits that are then multiplied by `scale`. Logits are multiples of
    1/64, which float32 holds."""
    honest = rng.normal(size=(rows, width)) * 1.5
    if each_label:
        labels = (rng.random((rows, width)) < 1 / (1 + np.exp(-honest))).astype(int)
    else:
        p = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
        labels = np.array([rng.choice(width, p=row) for row in p])
    logits = torch.tensor(np.round(honest * scale * 64) / 64, dtype=torch.float64)
    if each_label:
        truths = torch.tensor(labels, dtype=torch.float64)
        result = fitted(logits, lambda values: binary_cross_entropy_with_logits(values, truths))
    else:
        truths = torch.tensor(labels)
        result = fitted(logits, lambda values: cross_entropy(values, truths))
    return {"name": name, "each_label": each_label, "logits": logits.tolist(), "labels": labels.flatten().tolist(),
            **result}


def main():
    rng = np.random.default_rng(7)
    samples = [sample("too sure", rng, 80, 4, 4.0, False), sample("too unsure", rng, 80, 3, 0.2, False),
               sample("honest", rng, 60, 2, 1.0, False), sample("far too sure", rng, 60, 5, 30.0, False),
               sample("several labels, too sure", rng, 40, 3, 3.0, True),
               sample("several labels, too unsure", rng, 40, 2, 0.1, True)]
    OUT.write_text(json.dumps(samples) + "\n")


if __name__ == "__main__":
    main()

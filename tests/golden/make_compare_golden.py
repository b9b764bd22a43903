#!/usr/bin/env python3
"""Makes tests/golden/metrics/compare/: two models' predictions for the same texts, and the paired bootstrap of their
difference, computed here in plain Python.

    pip install numpy scikit-learn==1.9.1
    python tests/golden/make_compare_golden.py
"""

import json
import pathlib
import random

import numpy as np
from sklearn.metrics import f1_score

OUT = pathlib.Path(__file__).resolve().parent / "metrics" / "compare"
CLASSES = ["calm", "glad", "sad"]
MASK64, MASK32 = 2**64 - 1, 2**32 - 1


def mix64(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK64
    return x ^ (x >> 31)


def philox(counter, key):
    """Philox4x32-10."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK32, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK32]
        k = [(k[0] + 0x9E3779B9) & MASK32, (k[1] + 0xBB67AE85) & MASK32]
    return c


def draw(seed, sample, texts):
    key = mix64(seed ^ mix64(sample))
    words = [philox([block, 0, 0, 0], [key & MASK32, key >> 32]) for block in range((texts + 3) // 4)]
    return np.array([(words[i // 4][i % 4] * texts) >> 32 for i in range(texts)])


def macro_f1(truths, labels):
    return f1_score(truths, labels, labels=CLASSES, average="macro", zero_division=0)


def bootstrap(metric, higher, truths, a, b, samples, seed):
    differences = []
    for sample in range(samples):
        drawn = draw(seed, sample, len(truths))
        differences.append(metric(truths[drawn], b[drawn]) - metric(truths[drawn], a[drawn]))
    better = [0.5 if d == 0 else float((d > 0) == higher) for d in differences]
    return {"a": metric(truths, a), "b": metric(truths, b), "low": float(np.percentile(differences, 2.5)),
            "high": float(np.percentile(differences, 97.5)), "share_b_better": float(np.mean(better)),
            "samples": samples, "seed": seed}


def classes(rng, count):
    truths = np.array([rng.choice(CLASSES) for _ in range(count)])

    def model(skill):
        rows = []
        for truth in truths:
            weights = [rng.random() + (skill if name == truth else 0) for name in CLASSES]
            rows.append({name: weight / sum(weights) for name, weight in zip(CLASSES, weights)})
        return rows

    a, b = model(0.4), model(0.7)
    said = [np.array([max(row, key=row.get) for row in rows]) for rows in (a, b)]
    losses = [np.array([-np.log(row[truth]) for row, truth in zip(rows, truths)]) for rows in (a, b)]
    for name, rows, labels, order in (("a", a, said[0], range(count)), ("b", b, said[1], reversed(range(count)))):
        write(f"classes_{name}.jsonl", [{"id": f"t{i}", "truth": truths[i], "label": labels[i],
                                         "probabilities": rows[i]} for i in order])
    accuracy = lambda wanted, found: float(np.mean(wanted == found))
    return {"macro_f1": bootstrap(macro_f1, True, truths, *said, 300, 1),
            "accuracy": bootstrap(accuracy, True, truths, *said, 300, 7),
            "loss": bootstrap(lambda _, found: float(np.mean(found)), False, truths, *losses, 200, 3)}


def labels(rng, count):
    """Any number of labels for a text, none too."""
    truths = np.array([[rng.random() < 0.4 for _ in CLASSES] for _ in range(count)], dtype=int)
    said = []
    for name, skill in (("a", 0.25), ("b", 0.35)):
        p = np.array([[min(0.99, max(0.01, rng.random() * 0.7 + (skill if yes else 0))) for yes in row] for row in truths])
        said.append((p >= 0.5).astype(int))
        names = lambda row: [name for name, yes in zip(CLASSES, row) if yes]
        write(f"labels_{name}.jsonl", [{"id": f"t{i}", "truth": names(truths[i]), "labels": names(said[-1][i]),
                                        "probabilities": dict(zip(CLASSES, p[i]))} for i in range(count)])
    score = lambda average: lambda wanted, found: f1_score(wanted, found, average=average, zero_division=0)
    return {"macro_f1": bootstrap(score("macro"), True, truths, *said, 200, 5),
            "micro_f1": bootstrap(score("micro"), True, truths, *said, 200, 6),
            "accuracy": bootstrap(lambda wanted, found: float(np.mean((wanted == found).all(1))), True, truths, *said, 200, 8)}


def scores(rng, count):
    truths = np.array([round(rng.gauss(0, 2), 3) for _ in range(count)])
    a, b = (np.array([round(truth + rng.gauss(0, spread), 3) for truth in truths]) for spread in (1.0, 0.9))
    for name, values in (("a", a), ("b", b)):
        write(f"scores_{name}.jsonl", [{"row": i, "truth": truths[i], "score": values[i]} for i in range(count)])
    return {"mse": bootstrap(lambda t, p: float(np.mean((t - p) ** 2)), False, truths, a, b, 250, 2),
            "mae": bootstrap(lambda t, p: float(np.mean(abs(t - p))), False, truths, a, b, 250, 2)}


def write(name, rows):
    OUT.mkdir(exist_ok=True)
    (OUT / name).write_text("".join(json.dumps(row, default=lambda v: v.item()) + "\n" for row in rows))


def main():
    rng = random.Random(11)
    golden = {"classes": classes(rng, 60), "scores": scores(rng, 45), "labels": labels(rng, 40)}
    (OUT / "expected.json").write_text(json.dumps(golden, default=float, indent=1) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Turns runs into the table of compare.sh.

    summarize.py record RUN_DIR SEED BEGIN END OUT.json
    summarize.py table FOLDER SEED...
"""

import json
import pathlib
import statistics
import sys


def record(run, seed, begin, end, out):
    test = json.loads((pathlib.Path(run) / "results.json").read_text())["test"]
    pick = lambda scores: {key: scores[key] for key in ("accuracy", "macro_f1")}
    result = {"seed": int(seed), "before": pick(test["before"]), "after": pick(test["after"]),
              "seconds": float(end) - float(begin)}
    pathlib.Path(out).write_text(json.dumps(result) + "\n")


def spread(values):
    return statistics.stdev(values) if len(values) > 1 else 0.0


def table(folder, seeds):
    rows = {}
    print(f"{'':<12}{'seed':>6}{'accuracy':>10}{'macro-F1':>10}{'seconds':>10}")
    for side, title in (("ours", "broadsheet"), ("trainer", "HF Trainer")):
        rows[side] = [json.loads((pathlib.Path(folder) / f"{side}-{seed}.json").read_text()) for seed in seeds]
        for row in rows[side]:
            print(f"{title:<12}{row['seed']:>6}{row['after']['accuracy']:>10.4f}{row['after']['macro_f1']:>10.4f}"
                  f"{row['seconds']:>10.1f}")
    mean = {}
    for side, title in (("ours", "broadsheet"), ("trainer", "HF Trainer")):
        scores = [row["after"]["macro_f1"] for row in rows[side]]
        mean[side] = statistics.mean(scores)
        print(f"{title}: test macro-F1 {100 * mean[side]:.2f} ± {100 * spread(scores):.2f} (mean ± standard deviation)")
    difference = 100 * (mean["ours"] - mean["trainer"])
    ratios = [b["seconds"] / a["seconds"] for a, b in zip(rows["ours"], rows["trainer"])]
    print(f"difference {difference:+.2f} points; HF Trainer takes {statistics.median(ratios):.2f} x our wall time "
          f"({min(ratios):.2f} to {max(ratios):.2f})")
    if difference < -2:
        sys.exit("our mean is more than two points below HF Trainer's")


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"]:
        record(*sys.argv[2:])
    elif sys.argv[1:2] == ["table"]:
        table(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(__doc__)

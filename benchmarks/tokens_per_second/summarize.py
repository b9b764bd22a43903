#!/usr/bin/env python3
"""The table of run.sh.   summarize.py FOLDER ROUNDS

The first WARM_UP steps of every run are left out. Validation, test and saving are outside the steps on both sides.
"""

import json
import pathlib
import statistics
import sys

WARM_UP = 5


def rate(records):
    records = records[WARM_UP:]
    return sum(tokens for _, tokens in records) / sum(seconds for seconds, _ in records)


def ours(folder):
    lines = [json.loads(line) for line in (folder / "timings.jsonl").read_text().splitlines()]
    return [(line["seconds"], line["tokens"]) for line in lines if line.get("kind", "train") == "train" and line["tokens"]]


def main(folder, rounds):
    rates = {"broadsheet": [], "random": [], "group_by_length": []}
    for number in range(1, rounds + 1):
        rates["broadsheet"].append(rate(ours(folder / f"ours-{number}")))
        for sampling in ("random", "group_by_length"):
            rates[sampling].append(rate(json.loads((folder / f"{sampling}-{number}.json").read_text())))
    print(f"{'real tokens per second':<34}{'median':>10}{'least':>10}{'most':>10}")
    titles = {"broadsheet": "broadsheet", "random": "HF Trainer", "group_by_length": "HF Trainer, group_by_length"}
    for key, title in titles.items():
        values = rates[key]
        print(f"{title:<34}{statistics.median(values):>10.0f}{min(values):>10.0f}{max(values):>10.0f}")
    for key in ("random", "group_by_length"):
        ratios = [a / b for a, b in zip(rates["broadsheet"], rates[key])]
        print(f"broadsheet is {statistics.median(ratios):.2f} x {titles[key]} "
              f"({min(ratios):.2f} to {max(ratios):.2f} over {rounds} rounds)")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))

#!/usr/bin/env python3
"""summarize.py RUNS.jsonl: medians of both sides, and the ratio within a round, least to most."""
import json
import pathlib
import statistics
import sys

UNITS = {"seconds": 1, "cpu_seconds": 1, "peak_pss": 1e6, "peak_own": 1e6}


def main():
    runs = {}
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        run = json.loads(line)
        runs.setdefault(run["who"], []).append(run)
    print("| | " + " | ".join(runs) + " | ratio, least to most |")
    print("|---|" + "---:|" * len(runs) + "---|")
    for name, unit in UNITS.items():
        sides = [[run[name] / unit for run in side] for side in runs.values()]
        ratios = sorted(b / a for a, b in zip(*sides))
        cells = [f"{statistics.median(side):,.1f} [{min(side):,.1f}, {max(side):,.1f}]" for side in sides]
        label = name if unit == 1 else f"{name}, MB"
        print(f"| {label} | {' | '.join(cells)} | {statistics.median(ratios):.1f} [{ratios[0]:.1f}, {ratios[-1]:.1f}] |")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The tables of run.sh.   summarize.py OUT"""

import json
import pathlib
import statistics
import sys

FLOOR = 10


def rows(folder, side):
    found = {}
    for line in (folder / f"{side}.jsonl").read_text().splitlines():
        row = json.loads(line)
        found.setdefault(row["trials"], []).append(row)
    return found


def middle(some, key):
    return statistics.median(row[key] for row in some)


def text(some, key, scale=1.0, digits=1):
    values = [scale * row[key] for row in some]
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main(folder):
    ours, journal, sqlite = (rows(folder, side) for side in ("ours", "journal", "sqlite"))
    print("milliseconds per trial: median (least to most) over rounds\n")
    print("| known trials | ours, a decision | ours, all | Optuna, journal | ratio | Optuna, SQLite | ratio |")
    print("|---|---|---|---|---|---|---|")
    slow = []
    for trials in (300, 1000, 10000):
        mine = middle(ours[trials], "milliseconds")
        ratios = [middle(side[trials], "milliseconds") / mine for side in (journal, sqlite)]
        slow += [f"{trials} trials: {ratio:.1f}" for ratio in ratios if ratio < FLOOR]
        print(f"| {trials:,} | {text(ours[trials], 'milliseconds')} | {text(ours[trials], 'whole')} | "
              f"{text(journal[trials], 'milliseconds')} | {ratios[0]:.1f} | {text(sqlite[trials], 'milliseconds')} | "
              f"{ratios[1]:.1f} |")
    print("\n| known trials | parts of a decision: search | journal's syncs | our driver, MB | per trial, bytes | "
          "start, ms | a look, ms | Optuna, journal, MB | SQLite, MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    empty = middle(ours[0], "resident")
    for trials in (300, 1000, 10000):
        held = middle(ours[trials], "resident")
        print(f"| {trials:,} | {text(ours[trials], 'search', digits=2)} | {text(ours[trials], 'sync')} | "
              f"{held / 1e6:.1f} | {(held - empty) / trials:.0f} | {text(ours[trials], 'start', digits=0)} | "
              f"{text(ours[trials], 'look')} | {middle(journal[trials], 'resident') / 1e6:.0f} | "
              f"{middle(sqlite[trials], 'resident') / 1e6:.0f} |")
    if slow:
        sys.exit(f"less than {FLOOR} x: " + ", ".join(slow))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

#!/usr/bin/env python3
"""The table of run.sh.   summarize.py FOLDER ROUNDS

The first WARM_UP steps of every run are left out. Ratios are those within a round.
"""

import json
import pathlib
import statistics
import sys

WARM_UP = 5
TITLES = {"auto": "fast, micro-batches by tokens", "fast": "fast, micro-batches of 4",
          "consistent": "consistent, micro-batches of 4"}


def seconds_per_step(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return statistics.mean([line["seconds"] for line in lines if line["kind"] == "train"][WARM_UP:])


def main(folder, rounds):
    for ranks in (1, 2):
        times, peaks = {}, {}
        print(f"{f'{ranks} rank(s) of 1 thread':<34}{'ms a step':>10}{'least':>8}{'most':>8}{'peak MB':>10}")
        for side, title in TITLES.items():
            runs = [folder / f"{side}-{ranks}-{number}" for number in range(1, rounds + 1)]
            times[side] = [1000 * seconds_per_step(run.with_name(run.name + ".timings")) for run in runs]
            peaks[side] = statistics.median(int(run.with_name(run.name + ".peak").read_text()) for run in runs) / 1e6
            print(f"{title:<34}{statistics.median(times[side]):>10.0f}{min(times[side]):>8.0f}{max(times[side]):>8.0f}"
                  f"{peaks[side]:>10.0f}")
        for other in ("fast", "auto"):
            ratios = [a / b for a, b in zip(times["consistent"], times[other])]
            print(f"consistent takes {statistics.median(ratios):.2f} x the time of {TITLES[other]} ("
                  f"{min(ratios):.2f} to {max(ratios):.2f} over {rounds} rounds) and {peaks['consistent'] - peaks[other]:+.0f} MB")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))

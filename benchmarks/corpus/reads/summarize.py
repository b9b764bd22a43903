#!/usr/bin/env python3
"""summarize.py RUNS: samples per second and milliseconds to the first batch, medians, and how much faster ours is than
the run of the same round: the median, the least and the most. Fails where one has not read the same tokens."""
import json
import statistics
import sys


def main():
    runs = {}
    with open(sys.argv[1]) as lines:
        for run in map(json.loads, lines):
            runs.setdefault(run["who"], []).append(run)
    ours = runs["ours"]
    print(f"{'':30} {'samples/s':>12} {'first batch, ms':>16} {'ratio':>8}  least to most")
    for who, mine in runs.items():
        for run in mine:
            # All read whole epochs, so this is exact.
            if run["tokens"] * ours[0]["samples"] != ours[0]["tokens"] * run["samples"]:
                sys.exit(f"{who} read {run['tokens']} tokens in {run['samples']} samples, ours {ours[0]['tokens']} in "
                         f"{ours[0]['samples']}: not the same texts. Remove what OUT holds of them and run again")
        rates = [run["samples"] / run["seconds"] for run in mine]
        ratios = sorted(a["samples"] / a["seconds"] / rate for a, rate in zip(ours, rates, strict=True))
        first = statistics.median(run["first_batch"] for run in mine)
        print(f"{who:30} {statistics.median(rates):12,.0f} {1000 * first:16.2f} {statistics.median(ratios):8.1f}  "
              f"{ratios[0]:.1f} to {ratios[-1]:.1f}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The tables of run.sh.   summarize.py FOLDER

A sweep that was cut before it reached its target took "more than" what it had taken: its ratio is a lower bound.
"""

import json
import pathlib
import re
import statistics
import sys

FLOORS = {"full": 6, "pruned": 3, "frozen": 30}


def rows(folder):
    found = {}
    for path in sorted(folder.glob("*-*-*.json")):
        match = re.fullmatch(r"(\w+)-(ours|peer)-(\d+)", path.stem)
        if match:
            found.setdefault((match[1], int(match[3])), {})[match[2]] = json.loads(path.read_text())
    return found


def finished(row):
    return [one for one in row["values"] if one["state"] in ("done", "pruned", "paused")]


def span(row):
    """What the comparison is over: the time to the target, or to the end where there is none."""
    return row["reached"] if row["target"] is not None and row["reached"] is not None else row["seconds"]


def missed(row):
    return row["cut"] or (row["target"] is not None and row["reached"] is None)


def line(variant, seed, ours, peer):
    bound = ">= " if missed(peer) else ""
    wall, cpu = span(peer) / span(ours), peer["cpu_seconds"] / ours["cpu_seconds"]
    cells = [variant, str(seed)]
    for row in (ours, peer):
        best = max((one["value"] for one in row["values"]), default=float("nan"))
        test = f"{row['test']:.3f}" if "test" in row else "-"
        cells += [f"{len(finished(row))}{', not reached' if missed(row) else ''}", f"{span(row):.0f}",
                  f"{row['cpu_seconds']:.0f}", f"{best:.3f}, {test}"]
    print("| " + " | ".join(cells + [f"{bound}{wall:.1f}", f"{bound}{cpu:.1f}"]) + " |")
    return None if missed(ours) else wall, bound


def main(folder):
    print("time to the target (cost: to the end of the trials), seconds; best: validation macro-F1, and on the test split\n")
    print("| sweep | seed | ours: trials | wall | CPU | best | peer: trials | wall | CPU | best | ratio, wall | CPU |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    ratios, bounded = {}, {}
    for (variant, seed), sides in sorted(rows(folder).items()):
        if len(sides) < 2:
            continue
        ratio, bound = line(variant, seed, sides["ours"], sides["peer"])
        if ratio is not None:
            ratios.setdefault(variant, []).append(ratio)
            bounded[variant] = bounded.get(variant, "") or bound
    slow = []
    for variant, some in ratios.items():
        print(f"\n{variant}: median ratio {bounded[variant]}{statistics.median(some):.1f}, {min(some):.1f} to "
              f"{max(some):.1f} over {len(some)} seed(s)")
        if statistics.median(some) < FLOORS.get(variant, 0) and not bounded[variant]:
            slow.append(f"{variant} (wanted {FLOORS[variant]} x)")
    if slow:
        sys.exit("below what is wanted: " + ", ".join(slow))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

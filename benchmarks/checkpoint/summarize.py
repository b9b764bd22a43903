#!/usr/bin/env python3
"""The table of run.sh.   summarize.py FOLDER ROUNDS EVERY SIDE...

A window is the EVERY steps after a save. Its second half, in which no save runs any more, says what a step takes; what
the first half takes beyond that is the save's cost. Of the cost, the stall is what lies between steps, or is spent
waiting in one; the rest is steps that were slower while the checkpoint was written. Of what our program tells of a stall
and what was measured from outside, the larger counts.
"""

import json
import pathlib
import statistics
import sys

TITLES = {"ours-1": "broadsheet, 1 process", "ours-2": "broadsheet, 2 ranks", "torch_save": "torch.save + fsync",
          "dcp": "DCP async_save",
          "dcp_kept": "DCP async_save, memory kept", "dcp_overlap": "DCP async_save, copy overlapped"}
FLOORS = {"torch_save": 5, "dcp": 3, "dcp_kept": 3, "dcp_overlap": 3}
MOST_SHARE = 0.005
PERIOD = 10  # seconds from save to save


def windows(record, every):
    """(stall, cost, noise, seconds of a step) of each save."""
    steps = record["steps"]
    first = steps[0][0]
    for save in range(every, steps[-1][0] - every + 1, every):
        part = steps[save - first:save - first + every + 1]
        walls = [b[1] - a[1] for a, b in zip(part, part[1:])]
        gaps = [wall - own[2] for wall, own in zip(walls, part[1:])]
        half, quarter = every // 2, every // 4
        usual = statistics.mean(walls[half:])
        stall = sum(gaps[:half]) - half * statistics.mean(gaps[half:])
        cost = sum(walls[:half]) - half * usual
        noise = sum(walls[half:half + quarter]) - quarter * statistics.mean(walls[half + quarter:])
        yield stall, cost, noise, usual


def read(folder, side, rounds, every):
    result = {"rounds": [], "told": [], "written": []}
    for number in range(1, rounds + 1):
        record = json.loads((folder / f"{side}-{number}.json").read_text())
        found = list(windows(record, every))
        # Ours saves before the first step and after the last one as well.
        first = 1 if side.startswith("ours") else 0
        told = record["told"][first:first + len(found)]
        result["told"] += told
        result["written"] += record["written"][first:first + len(found)]
        result["rounds"].append([(max(stall, own), *rest) for (stall, *rest), own in zip(found, told, strict=True)])
    result["all"] = [window for one in result["rounds"] for window in one]
    return result


def milliseconds(values):
    return f"{1000 * statistics.median(values):8.1f} ({1000 * min(values):.1f} to {1000 * max(values):.1f})"


def print_side(side, data, every):
    stalls, costs, noises, usual = zip(*data["all"])
    print(f"{TITLES[side]:<32}{milliseconds(stalls):>28}{milliseconds(costs):>28}"
          f"{100 * statistics.median(costs) / PERIOD:8.2f} %{statistics.median(data['written']):8.2f} s"
          f"{1000 * statistics.median(usual):8.0f} ms{1000 * statistics.median(map(abs, noises)):7.0f} ms")
    if max(data["written"]) > statistics.median(usual) * every / 2:
        print(f"  (a save took {max(data['written']):.1f} s, longer than half a window: too slow or too busy a machine)")


def main(folder, rounds, every, sides):
    data = {side: read(folder, side, rounds, every) for side in sides}
    print(f"{'':<32}{'stall per save, ms':>28}{'cost per save, ms':>28}{'of 10 s':>10}{'written':>10}{'step':>11}"
          f"{'noise':>10}")
    for side in sides:
        print_side(side, data[side], every)
    faults = []
    for ours in [side for side in sides if side.startswith("ours")]:
        told = data[ours]["told"]
        print(f"{TITLES[ours]} itself tells of stalls of {milliseconds(told).strip()} ms")
        for peer in [side for side in sides if not side.startswith("ours")]:
            ratios = [statistics.median(w[0] for w in b) / statistics.median(w[0] for w in a)
                      for a, b in zip(data[ours]["rounds"], data[peer]["rounds"])]
            ratio = statistics.median(ratios)
            print(f"{TITLES[ours]}: stall {ratio:.0f} x shorter than {TITLES[peer]} ({min(ratios):.0f} to "
                  f"{max(ratios):.0f} over {rounds} rounds)")
            if ratio < FLOORS[peer]:
                faults.append(f"{TITLES[ours]}: less than {FLOORS[peer]} x shorter than {TITLES[peer]}")
        share = statistics.median(w[1] for w in data[ours]["all"]) / PERIOD
        if share > MOST_SHARE:
            faults.append(f"{TITLES[ours]}: {100 * share:.2f} % slower at one save in {PERIOD} s, wanted at most "
                          f"{100 * MOST_SHARE} %")
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])

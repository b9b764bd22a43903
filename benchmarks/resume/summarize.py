#!/usr/bin/env python3
"""The table of run.sh.   summarize.py FOLDER warm|cold"""

import pathlib
import statistics
import sys

FLOOR = 8


def main(folder, cache):
    print(f"from the command to the end of the first resumed step, page cache {cache}")
    print(f"{'seconds':<34}{'median':>10}{'least':>10}{'most':>10}")
    slow = []
    for processes, layout in ((1, "1 process of 2 threads"), (2, "2 processes of 1 thread")):
        seconds = {}
        for side, title in (("ours", "broadsheet"), ("trainer", "HF Trainer")):
            values = [float(line) for line in (folder / f"{side}-{processes}.seconds").read_text().split()]
            seconds[side] = values
            print(f"{title + ', ' + layout:<34}{statistics.median(values):>10.2f}{min(values):>10.2f}"
                  f"{max(values):>10.2f}")
        ratios = [b / a for a, b in zip(seconds["ours"], seconds["trainer"])]
        print(f"{layout}: broadsheet resumes {statistics.median(ratios):.1f} x faster than HF Trainer ("
              f"{min(ratios):.1f} to {max(ratios):.1f} over {len(ratios)} rounds)")
        if statistics.median(ratios) < FLOOR:
            slow.append(layout)
    if slow and cache == "warm":
        sys.exit(f"less than {FLOOR} x with {' and with '.join(slow)}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])

#!/usr/bin/env python3
"""The table of run.sh.   summarize.py FOLDER warm|cold"""

import pathlib
import statistics
import sys

FLOOR = 8
DEFAULT_BATCH = 8  # of HF Trainer


def seconds(folder, side, batch, processes):
    return [float(line) for line in (folder / f"{side}-{batch}-{processes}.seconds").read_text().split()]


def main(folder, cache):
    print(f"from the command to the end of the first resumed step, seconds, page cache {cache}")
    print(f"{'batch':<7}{'processes x threads':<21}{'broadsheet':>12}{'HF Trainer':>12}{'ratio':>8}   least to most")
    slow = []
    for batch in (8, 32):
        for processes in (1, 2):
            ours, theirs = (seconds(folder, side, batch, processes) for side in ("ours", "trainer"))
            ratios = [b / a for a, b in zip(ours, theirs)]
            ratio = statistics.median(ratios)
            print(f"{batch:<7}{f'{processes} x {2 // processes}':<21}{statistics.median(ours):>12.2f}"
                  f"{statistics.median(theirs):>12.2f}{ratio:>8.1f}   {min(ratios):.1f} to {max(ratios):.1f} over "
                  f"{len(ratios)} rounds")
            if batch == DEFAULT_BATCH and ratio < FLOOR:
                slow.append(f"{processes} x {2 // processes}")
    if slow and cache == "warm":
        sys.exit(f"less than {FLOOR} x with {' and with '.join(slow)}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])

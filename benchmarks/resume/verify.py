#!/usr/bin/env python3
"""What the checksums cost when a checkpoint is loaded.   verify.py BROADSHEET RUN_DIR [TIMES]

CPU time of `verify` less that of `--version`, for each checkpoint of the run, files in the page cache; beside it
SHA-256 of the same bytes.
"""

import hashlib
import pathlib
import resource
import statistics
import subprocess
import sys
import time


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(broadsheet, run, times=5):
    parts = [path for path in pathlib.Path(run).glob("checkpoints/step-*/*") if path.suffix == ".safetensors"]
    checkpoints = len({path.parent for path in parts})
    data = [path.read_bytes() for path in parts]
    megabytes = sum(map(len, data)) / 1e6
    start = statistics.median(cpu_seconds([broadsheet, "--version"]) for _ in range(times))
    verify = statistics.median(cpu_seconds([broadsheet, "verify", run]) for _ in range(times)) - start
    begin = time.process_time()
    for one in data:
        hashlib.sha256(one).digest()
    sha = time.process_time() - begin
    print(f"verifying a checkpoint of {megabytes / checkpoints:.0f} MB: {1000 * verify / checkpoints:.0f} ms of CPU "
          f"time, {megabytes / verify:.0f} MB/s, reading included; SHA-256 alone takes {1000 * sha / checkpoints:.0f} ms")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))

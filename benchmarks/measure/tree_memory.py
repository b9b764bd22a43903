#!/usr/bin/env python3
"""Runs a command and prints one JSON object about it and all processes that it starts.   tree_memory.py COMMAND...

seconds on the clock, cpu_seconds, and the most memory that the processes held together, in bytes: peak_pss is the sum of
their proportional set sizes (/proc/PID/smaps_rollup), peak_own the part of it that is not pages of files. Every 50 ms.
The command's output goes to standard error.
"""

import json
import pathlib
import resource
import subprocess
import sys
import time

from follow import descendants


def memory(pids):
    total = own = 0
    for pid in pids:
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it is gone
            continue
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
        total += kilobytes.get("Pss", 0)
        own += kilobytes.get("Pss", 0) - kilobytes.get("Pss_File", 0)
    return total * 1024, own * 1024


def main():
    begin = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
    peak, own = 0, 0
    while process.poll() is None:
        now = memory(descendants(process.pid))
        peak, own = max(peak, now[0]), max(own, now[1])
        time.sleep(0.05)
    seconds = time.perf_counter() - begin
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_pss": peak,
                      "peak_own": own}))
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()

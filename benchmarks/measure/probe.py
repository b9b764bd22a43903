#!/usr/bin/env python3
"""What this machine does now, one line, before a benchmark: figures mean little without.   probe.py FOLDER

FOLDER: on the disk that the benchmark writes to.
"""

import hashlib
import os
import sys
import time

import torch


def gigaflops(threads):
    torch.set_num_threads(threads)
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = min(_seconds(lambda: torch.mm(a, b)) for _ in range(30))
    return 2 * 1024**3 / best / 1e9


def disk(folder, megabytes=256):
    block, path = os.urandom(1 << 20), os.path.join(folder, ".probe")

    def write():
        with open(path, "wb", buffering=0) as file:
            for _ in range(megabytes):
                file.write(block)
            os.fsync(file.fileno())

    rates = []
    for _ in range(3):
        rates.append(megabytes * (1 << 20) / 1e6 / _seconds(write))
        os.unlink(path)
    return sorted(rates)[1]


def sha256(megabytes=256):
    data = bytes(megabytes << 20)
    return len(data) / 1e6 / min(_seconds(lambda: hashlib.sha256(data).digest()) for _ in range(3))


def _seconds(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def main(folder):
    cores = len(os.sched_getaffinity(0))
    before = os.getloadavg()[0]
    print(f"probe: {cores} cores, load {before:.2f}, sgemm {gigaflops(1):.0f} GF/s on one thread and "
          f"{gigaflops(cores):.0f} on {cores}, disk {disk(folder):.0f} MB/s with fsync, SHA-256 {sha256():.0f} MB/s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

#!/usr/bin/env python3
"""watch.py SOURCE_BYTES CORPUS COMMAND...: runs a `prepare` and prints its stages, its memory and its share of the disk's
rate. The stages are told by their lines of progress, so short ones may be missed; a stage lasts from the last line of the
one before to its own last line. What comes after the last stage, the commit, is "the rest"."""
import os
import pathlib
import resource
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "measure"))
import follow  # noqa: E402


def memory(pid):
    """The most resident bytes up to now, and those of them now that are no pages of files."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(("VmHWM", "RssAnon"))}
    return kilobytes.get("VmHWM", 0) * 1024, kilobytes.get("RssAnon", 0) * 1024


def watch_memory(process, peaks):
    while process.poll() is None:
        for pid in follow.descendants(process.pid):
            peaks[pid] = tuple(map(max, peaks.get(pid, (0, 0)), memory(pid)))
        time.sleep(0.1)


def disk_rate(folder, megabytes=256):
    path, block = folder / ".rate", bytes(1 << 20)
    begin = time.perf_counter()
    with open(path, "wb", buffering=0) as file:
        for _ in range(megabytes):
            file.write(block)
        os.fsync(file.fileno())
    rate = megabytes * (1 << 20) / (time.perf_counter() - begin)
    path.unlink()
    return rate


def main():
    source, corpus = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    rate = disk_rate(corpus.parent)
    begin, last, stages, peaks = time.perf_counter(), {}, [], {}
    process = subprocess.Popen(sys.argv[3:], stderr=subprocess.PIPE, text=True)
    thread = threading.Thread(target=watch_memory, args=(process, peaks))
    thread.start()
    for line in process.stderr:
        name, _, rest = line.partition(": ")
        if " of " in rest and "/s" in rest:
            if name not in last:
                stages.append(name)
            last[name] = time.perf_counter()
        else:
            print(line, end="", file=sys.stderr)
    code = process.wait()
    thread.join()
    seconds = time.perf_counter() - begin
    if code != 0:
        sys.exit(code)
    before = begin
    for name in stages:
        spent = max(last[name] - before, 1e-9)
        print(f"  {name}: {spent:.1f} s, {source / spent / 1e6:,.1f} MB of source a second")
        before = max(before, last[name])
    print(f"  the rest: {begin + seconds - before:.1f} s")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    made = sum(path.stat().st_size for path in corpus.iterdir() if path.is_file())
    print(f"  all: {seconds:.1f} s, {source / seconds / 1e6:,.1f} MB of source a second, CPU {usage.ru_utime + usage.ru_stime:.1f} s")
    print("  peak memory by process, MB (of it not of files): " +
          ", ".join(f"{peak / 1e6:.0f} ({own / 1e6:.0f})" for peak, own in sorted(peaks.values(), reverse=True)))
    print(f"  corpus {made / 1e6:,.0f} MB; read and written {(source + made) / seconds / 1e6:,.1f} MB/s, "
          f"{(source + made) / seconds / rate:.1%} of the {rate / 1e6:,.0f} MB/s that the disk takes with fsync")


if __name__ == "__main__":
    main()

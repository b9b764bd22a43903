#!/usr/bin/env python3
"""measure.py WHO KIND OUT COMMAND...: runs the command and appends its seconds and CPU seconds to OUT/runs.jsonl.
measure.py summary OUT TEXT: the table. Fails where the merges of the two BPEs differ."""
import collections
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time


def measure(who, kind, out, command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds, usage = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    run = {"who": who, "kind": kind, "seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime,
           "megabytes": usage.ru_maxrss / 1024}
    with open(out / "runs.jsonl", "a") as file:
        file.write(json.dumps(run) + "\n")


def spread(values, digits):
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def summary(out, text):
    models = [json.loads(pathlib.Path(path).read_text("utf-8"))["model"]
              for path in (out / "ours-bpe/tokenizer.json", out / "theirs-bpe.json")]
    if [list(map(tuple, model["merges"])) for model in models[:1]] != [list(map(tuple, model["merges"])) for model in models[1:]]:
        sys.exit("other merges than those of tokenizers")
    runs = collections.defaultdict(list)
    for line in (out / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        runs[run["kind"], run["who"]].append(run)
    print(f"{text.stat().st_size / 1e6:.1f} MB of text, 30,000 tokens; CPU seconds, median [least, most]\n")
    print("| kind | ours | `tokenizers` | ratio | ratio on the clock | memory, MB: ours, theirs |\n|---|---|---|---|---|---|")
    for kind in ("wordpiece", "bpe"):
        ours, theirs = runs[kind, "ours"], runs[kind, "tokenizers"]
        column = lambda some, key: [run[key] for run in some]
        ratio = lambda key: spread([b / a for a, b in zip(column(ours, key), column(theirs, key))], 1)
        print(f"| {kind} | {spread(column(ours, 'cpu_seconds'), 2)} | {spread(column(theirs, 'cpu_seconds'), 2)} "
              f"| {ratio('cpu_seconds')} | {ratio('seconds')} "
              f"| {max(column(ours, 'megabytes')):.0f}, {max(column(theirs, 'megabytes')):.0f} |")


def main():
    if sys.argv[1] == "summary":
        return summary(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    return measure(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""summarize.py OUT: the table of README.md from OUT/runs.jsonl. Fails where ids differ from ours."""
import collections
import json
import pathlib
import statistics
import sys


def spread(values, digits):
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def main():
    out = pathlib.Path(sys.argv[1])
    size = {language: (out / f"{language}.txt").stat().st_size / 1e6 for language in ("english", "chinese")}
    runs, ids = collections.defaultdict(lambda: collections.defaultdict(list)), {}
    for line in (out / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        key = run["kind"], run["language"], run["threads"]
        runs[key][run["who"]].append(run)
        known = ids.setdefault(key[:2], run["ids_sha256"])
        if known == run["ids_sha256"]:
            continue
        if run["who"] == "tokenizers":
            sys.exit(f"{key}: other ids than ours")
        print(f"{run['who']} gives other ids: {key[:2]}", file=sys.stderr)
    print("| tokenizer, texts | threads | ours | `tokenizers` | ratio | ratio on the clock | others |")
    print("|---|---|---|---|---|---|---|")
    for key, by in runs.items():
        def speeds(who, clock, key=key, by=by):
            return [size[key[1]] / run[clock] for run in by[who]]

        def ratios(clock):
            return spread([a / b for a, b in zip(speeds("broadsheet", clock), speeds("tokenizers", clock))], 0)

        others = ", ".join(f"{who} {speeds(who, 'cpu_seconds')[0]:.0f}" for who in by
                           if who not in ("broadsheet", "tokenizers"))
        print(f"| {key[0]}, {key[1]} | {key[2]} | {spread(speeds('broadsheet', 'cpu_seconds'), 0)} "
              f"| {spread(speeds('tokenizers', 'cpu_seconds'), 2)} | {ratios('cpu_seconds')} | {ratios('seconds')} "
              f"| {others} |")


if __name__ == "__main__":
    main()

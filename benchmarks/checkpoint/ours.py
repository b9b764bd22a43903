#!/usr/bin/env python3
"""Runs a Broadsheet training and notes when its steps ended.   ours.py RUN_DIR OUT.json LOG COMMAND...

The clock is outside: a line of timings.jsonl is seen when it is appended, so whatever holds up the loop between two
steps is in it. OUT.json: {"steps": [[step, time at its end, seconds of the step itself], ...], "told": [seconds that the
program itself says it stood still for a save], "written": [seconds until a checkpoint was on disk]}.
"""

import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "measure"))

import follow


def collect(file, process):
    lines = []
    while process.poll() is None:
        lines += file.lines(0.2)
    return lines + file.lines(0)


def main(run, out, log, command):
    pathlib.Path(run).mkdir(parents=True)
    file = follow.Follower(pathlib.Path(run) / "timings.jsonl")
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        lines = collect(file, process)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}; see {log}")
    records = [(now, json.loads(line)) for now, line in lines]
    steps = [[r["step"], now, r["seconds"]] for now, r in records if r["kind"] == "train"]
    told = [r["checkpoint"] for _, r in records if "checkpoint" in r]
    written = [float(s) for s in re.findall(r"saved in ([0-9.]+) s", pathlib.Path(log).read_text())]
    pathlib.Path(out).write_text(json.dumps({"steps": steps, "told": told, "written": written}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])

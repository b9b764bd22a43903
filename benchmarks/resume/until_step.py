#!/usr/bin/env python3
"""Starts a command, waits until it records a step, kills it with SIGKILL.   until_step.py FILE STEP LOG COMMAND...

FILE gets a JSON line {"step": …, "kind": "train"} for each step as it ends. Lines that are there now do not count.
Prints the seconds from the start of the command to the end of the step.
"""

import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "measure"))

import follow


def is_step(line, step):
    record = json.loads(line)
    return record["step"] == step and record.get("kind", "train") == "train"


def wait_for(file, step, process):
    while True:
        for now, line in file.lines(0.5):
            if is_step(line, step):
                return now
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode} before step {step}")


def main(path, step, log, command):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    file = follow.Follower(path)
    with open(log, "ab") as out:
        begin = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            end = wait_for(file, step, process)
        except RuntimeError as error:
            sys.exit(f"{command[0]}: {error}; see {log}")
        finally:
            follow.kill(process)
    print(f"{end - begin:.3f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:])

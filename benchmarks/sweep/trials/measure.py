#!/usr/bin/env python3
"""Runs one side's sweep until a value is reached, and writes down what it took.

    measure.py SIDE VARIANT METHOD SEED TRIALS TARGET LIMIT FOLDER      SIDE: ours | peer

TARGET: the sweep is ended as soon as a trial has at least this value ("none": after its last trial). LIMIT: seconds
after which it is ended in any case. Wall time is from the start of the command, CPU time (user and system) that of all
processes below it, workers and trials included. Writes FOLDER.json: both, and each value with the second it was known.
"""

import ctypes
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "measure"))

import follow

HERE = pathlib.Path(__file__).resolve().parent
PR_SET_CHILD_SUBREAPER = 36
LOOK_EVERY = 0.05


def command_of(side, variant, method, seed, trials, folder):
    if side == "peer":
        python = os.environ.get("BROADSHEET_PEERS_PYTHON", ".cache/peers/bin/python")
        return [python, str(HERE / "peer_sweep.py"), variant, method, str(seed), str(trials), str(folder)]
    sets = [f"method={method}", f"seed={seed}", f"trials={trials}"]
    return [os.environ.get("BROADSHEET", "./broadsheet"), "sweep", str(HERE / f"{variant}.yaml"), "--run-dir",
            str(folder), *(word for one in sets for word in ("--set", one))]


def values(side, folder):
    """All that are known now: [(trial, value, state)]."""
    if side == "peer":
        path = folder / "values.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(one["trial"], one["value"], one["state"]) for one in map(json.loads, lines)]
    found = []
    for path in sorted((folder / "journal").glob("*.jsonl"))[-1:]:
        for line in path.read_text().splitlines(keepends=True):
            if not line.endswith("\n"):
                break
            event = json.loads(line[17:])
            if event["event"] in ("report", "end") and event["value"] is not None:
                found.append((event["trial"], event["value"], event.get("state", "report")))
    return found


def reap():
    """Waits for every process that was left to us, so that its CPU time counts."""
    while True:
        for pid in follow.descendants(os.getpid())[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def ended(process):
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def main(side, variant, method, seed, trials, target, limit, folder):
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    known, reached = [], None
    with open(f"{folder}.log", "w") as log:
        begin = time.monotonic()
        process = subprocess.Popen(command_of(side, variant, method, seed, trials, folder), stdout=log, stderr=log,
                                   start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        while True:
            over = ended(process)
            seconds = time.monotonic() - begin
            for trial, value, state in values(side, folder)[len(known):]:
                known.append({"trial": trial, "value": value, "state": state, "seconds": seconds})
                if reached is None and target is not None and value >= target:
                    reached = seconds
            if over or reached is not None or seconds > limit:
                break
            time.sleep(LOOK_EVERY)
    if over and process.wait() != 0:
        sys.exit(f"{folder}.log: it ended with {process.returncode}")
    reap()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {"side": side, "variant": variant, "method": method, "seed": seed, "target": target, "reached": reached,
              "seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "cut": not over and reached is None,
              "values": known}
    pathlib.Path(f"{folder}.json").write_text(json.dumps(result) + "\n")
    best = max((one["value"] for one in known), default=None)
    print(f"{side} {variant} {method} seed {seed}: {len(known)} values, best {best}, target {target}, reached "
          f"{reached}, {seconds:.1f} s, {result['cpu_seconds']:.1f} s of CPU time")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(arguments[0], arguments[1], arguments[2], int(arguments[3]), int(arguments[4]),
         None if arguments[5] == "none" else float(arguments[5]), float(arguments[6]), pathlib.Path(arguments[7]))

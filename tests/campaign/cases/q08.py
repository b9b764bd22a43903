"""A site that takes 20 jobs and no arrays to speak of: more workers are wanted, and 200 trials."""
import math
import os
import time

import slurm_lab
from lab import DONE, check
from sweep_lab import Sweep, check_folder, check_legs, kept_if_broken, undisturbed

PROMISE = "Limits of the site are respected (200 trials, MaxJobCount=20)"
COUNTS = (0, 5)  # none in the slice, which has no four minutes to spare
LANES = 1

TRIALS, WORKERS, LIMIT = 200, 26, 20


def run(lab, seed, place):
    want = undisturbed(lab, 60, concurrency=2)  # the first of them, which are the same however many there are
    # A job's two cores: half a dozen of the workers run, the others wait in the queue or for a place in it.
    here = slurm_lab.place("MinJobAge=2", f"MaxJobCount={LIMIT}", "MaxArraySize=2")
    calls, stub = place / "calls", place / "sbatch"
    stub.write_text(f'#!/bin/sh\n[ "$1" = --version ] || echo sbatch >>{calls}\nexec /usr/bin/sbatch "$@"\n')
    stub.chmod(0o755)
    check(os.access("/usr/bin/sbatch", os.X_OK), "wanted Debian's sbatch")
    sweep = Sweep(here.workspace.folder, here.workspace.folder / f"q08-{seed}", TRIALS, WORKERS, on="slurm",
                  run_more='slurm: {partition: main, cpus_per_task: 2, time: "00:20:00"}\n',
                  env={"PATH": f"{place}:{os.environ['PATH']}"})
    try:
        with kept_if_broken(sweep, place):
            return drive(here, sweep, want, calls)
    finally:
        here.cluster.ask("scancel", "--user=root", good=False)


def drive(here, sweep, want, calls):
    began = time.monotonic()
    driver = sweep.drive()
    most = 0
    while not driver.ended():
        queued = len(here.cluster.ask("squeue", "--noheader", "--format=%i", good=False).split())
        most = max(most, queued)
        check(time.monotonic() - began < 1500, f"it does not end:\n{driver.said()}")
        time.sleep(0.5)
    seconds = time.monotonic() - began
    check(driver.wait() == DONE, f"the sweep ended with {driver.process.returncode}:\n{driver.said()}")
    check(most >= LIMIT - 2, f"the limit was never met: {most} jobs at once")
    check("is tried again" in driver.said(), f"it does not say that it waits:\n{driver.said()}")
    have = sweep.table()
    check(len(have) == TRIALS and all(trial[2] == "done" for trial in have), f"not all are done: {have}")
    for one, other in zip(want, have):
        check(one == other, f"not the table of an undisturbed sweep: wanted {one}, found {other}")
    check_legs(sweep)
    # One each, and what was refused again after 1, 2, 4, ... seconds, at last every minute.
    submitted = len(calls.read_text().split())
    allowed = WORKERS + 6 + math.ceil(seconds / 60) + math.log2(60)
    check(submitted <= allowed, f"{submitted} calls of sbatch in {seconds:.0f} s; {allowed:.0f} would do")
    here.cluster.ask("scancel", "--user=root", good=False)
    check_folder(sweep)
    return {"calls of sbatch": submitted}

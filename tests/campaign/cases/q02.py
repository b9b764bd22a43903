"""The controller does not answer while sbatch waits for it: the job is accepted all the same."""
import os
import signal
import threading
import time

import harness
import slurm_lab
from lab import check, generator

PROMISE = "A stalled controller makes no twin"
COUNTS = (2, 40)
LANES = 1

STALL = 15  # seconds; MessageTimeout is 10


def run(lab, seed, place):
    chance = generator("Q02", seed)
    here = slurm_lab.place("MinJobAge=60", "MessageTimeout=10")
    name = f"q02-{seed}"
    controller = here.cluster.daemon("slurmctld")
    # Before sbatch connects, or a moment later.
    delay = chance.choice([0, 0, chance.random() * 0.2])
    timer = threading.Timer(delay + STALL, os.kill, (controller, signal.SIGCONT))
    stop = threading.Timer(delay, os.kill, (controller, signal.SIGSTOP))
    stop.start()
    timer.start()
    if delay == 0:
        time.sleep(0.1)
    try:
        job = here.job(name)
    finally:
        stop.join()
        timer.join()
    time.sleep(2)
    ids = here.jobs_named(name)
    check(ids == [job.id], f"wanted job {job.id} alone, found {ids}")
    job.wait_until_finished()
    check(harness.kept(job.dir) == here.workspace.reference(), "not the bits of an undisturbed run")
    check(job.starts() == 1, f"{job.starts()} starts: {job.events()}")

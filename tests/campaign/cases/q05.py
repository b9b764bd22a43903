"""Slurm forgets jobs two seconds after their end: what became of them is in their own records."""
import time

import harness
import slurm_lab
from lab import check, generator

PROMISE = "Vanished records do not matter (10 runs at once)"
COUNTS = (2, 10)
LANES = 1


def run(lab, seed, place):
    chance = generator("Q05", seed)
    here = slurm_lab.place("MinJobAge=2")
    small = [*slurm_lab.ONE_NODE, "--set", "train.max_steps=10"]
    jobs = [here.job(f"q05-{seed}-{number}", *small) for number in range(9)]
    # One that must be given up: its corpus is gone when it starts.
    wrong = here.job(f"q05-{seed}-wrong", *small, "--set", "slurm.preamble=exit 2")
    for job in jobs:
        job.wait_until_finished()
    for job in [*jobs, wrong]:
        job.wait_for(lambda: here.cluster.job_state(job.id) is None, "Slurm to forget it")
    time.sleep(chance.random())
    for job in jobs:
        told = job.status()
        check(told["state"] == "finished" and told["step"] == 10, f"told as {told}")
        check(job.starts() == 1, f"{job.starts()} starts")
    told = wrong.status()
    check(told["state"] == "lost" and "never started" in told["why"], f"told as {told}")

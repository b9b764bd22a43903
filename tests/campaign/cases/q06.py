"""Nodes come and go, a user changes his mind."""
import os
import signal
import time

import harness
import slurm_lab
from lab import check, generator

PROMISE = "Nodes come and go"
COUNTS = (4, 60)
LANES = 1

KINDS = ["drain", "down", "scancel", "hold", "time limit", "slurmd killed"]
# Milliseconds a step: long enough for the clock, or for Slurm to notice.
SLOW = {"time limit": 250, "slurmd killed": 400}


def run(lab, seed, place):
    chance = generator("Q06", seed)
    here = slurm_lab.place("MinJobAge=60", "SlurmdTimeout=10")
    kind = KINDS[seed % len(KINDS)]
    limit = ["--set", "slurm.time=00:01:00", "--set", "slurm.signal_before=50"] if kind == "time limit" else []
    job = here.job(f"q06-{seed}", *slurm_lab.ONE_NODE, *limit, slow=SLOW.get(kind, 30))
    job.wait_for_step(chance.randrange(3, 60))
    node = job.events("start")[0]["nodes"]
    try:
        globals()[kind.replace(" ", "_")](here, job, node)
    finally:
        here.cluster.ask("scontrol", "update", f"NodeName={node}", "State=RESUME", good=False)
        slurm_lab.tidy(here, job)


def same(here, job, starts):
    job.wait_until_finished(180)
    check((job.dir / "results.json").exists(), f"it did not finish: {job.events()} {job.log()}")
    check(harness.kept(job.dir) == here.workspace.reference(), f"not the bits of an undisturbed run: {job.log()}")
    check(starts is None or job.starts() == starts, f"{job.starts()} starts, wanted {starts}: {job.events()}")


def drain(here, job, node):
    here.cluster.ask("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=campaign")
    same(here, job, 1)


def down(here, job, node):
    here.cluster.ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=campaign")
    same(here, job, 2)
    check(job.events("start")[1]["nodes"] != node, f"it went back to {node}")


def scancel(here, job, node):
    here.cluster.ask("scancel", job.id)
    job.wait_for(lambda: here.cluster.job_state(job.id) == "CANCELLED" and job.status()["state"] == "cancelled", "its end")
    time.sleep(8)
    check(here.cluster.job_state(job.id) == "CANCELLED", f"it came back: {job.log()}")
    check(job.starts() == 1, f"{job.starts()} starts: {job.events()}")
    # The user's next word brings it on.
    job.submit()
    same(here, job, 2)


def hold(here, job, node):
    here.cluster.ask("scontrol", "requeuehold", job.id)
    job.wait_for(lambda: job.status()["state"] == "waiting", "it to wait")
    check("scontrol release" in job.status()["why"], f"told as {job.status()}")
    here.cluster.ask("scontrol", "release", job.id)
    same(here, job, 2)


def time_limit(here, job, node):
    same(here, job, None)
    check(job.starts() > 1, "the time limit did not come")


def slurmd_killed(here, job, node):
    """Its job's processes live on: two incarnations at once."""
    here.cluster.call("node", node, "kill")
    try:
        # The older one may finish before the newer one is started, which then has nothing to do.
        job.wait_for(lambda: job.starts() > 1 or job.status()["state"] == "finished", "the other node", 180)
        job.wait_until_finished(180)
    finally:
        here.cluster.call("node", node, "start")
    # Both nodes are one machine: what Slurm ends of the older one has been seen to hit the newer one, which starts again.
    same(here, job, None)

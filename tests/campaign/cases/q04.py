"""The controller is killed and stays away for a while, or munge does: runs go on, and what is asked meanwhile waits."""
import os
import pathlib
import signal
import threading
import time

import harness
import slurm_lab
from lab import check, generator

PROMISE = "A controller that is down is weather"
COUNTS = (2, 30)
LANES = 1


def run(lab, seed, place):
    chance = generator("Q04", seed)
    here = slurm_lab.place("MinJobAge=60")
    name, down = f"q04-{seed}", chance.choice([0, 5, 25]) if seed > 1 else (25, 5)[seed]
    job = here.job(name, *slurm_lab.ONE_NODE, slow=40 if seed % 2 else 300)  # it must outlast the outage
    job.wait_for_step(chance.randrange(5, 40))
    if seed % 2:
        munge = here.cluster.daemon("munge/munged")
        os.kill(munge, signal.SIGSTOP)
        back = threading.Timer(down, os.kill, (munge, signal.SIGCONT))
    else:
        os.kill(here.cluster.daemon("slurmctld"), signal.SIGKILL)
        back = threading.Timer(down, here.cluster.start_controller)
    back.start()
    if down >= 20 and not seed % 2:
        told = job.status()
        check(told["state"] == "running" and "cannot be reached" in told["why"], f"down, and told as {told}")
    if not seed % 2:
        # A notice while it is away: the job asks until it can go back into the queue.
        os.kill(script_of(job), signal.SIGUSR1)
    other = here.job(f"{name}-other", *slurm_lab.ONE_NODE)
    back.join()
    began = time.monotonic()
    other.wait_for(lambda: other.starts() > 0 or other.status()["state"] == "waiting", "the other one's job", 30)
    job.wait_until_finished()
    other.wait_until_finished()
    for one in (job, other):
        check(harness.kept(one.dir) == here.workspace.reference(), f"{one.dir.name}: not the bits of an undisturbed run")
    check(job.starts() == 2 - seed % 2 and other.starts() == 1, f"{job.events()} {other.events()}")
    return {"seconds until it goes again": time.monotonic() - began}


def script_of(job):
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if len(words) > 2 and words[0] == b"/bin/bash" and words[2] == str(job.dir / "job").encode():
            return int(entry.name)
    raise AssertionError("the job's script does not run")

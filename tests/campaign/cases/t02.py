"""Everything is killed at once, and again while it recovers."""
import os
import signal
import time

import harness
from lab import DONE, Config, Run, check, generator, wait_until_gone

PROMISE = "So does losing all ranks, mpirun or the launcher, twice, or during recovery"
COUNTS = (8, 100)

VICTIMS = ["mpirun", "all ranks", "launcher", "shell and launcher"]


def run(lab, seed, place):
    chance = generator("T02", seed)
    config = Config(ranks=chance.choice([2, 3]))
    want, seconds = lab.reference(config)
    folder = place / "run"
    kill(lab, chance, config, folder, VICTIMS[seed % len(VICTIMS)], (0.2 + 0.7 * chance.random()) * seconds)
    # The second one falls within two seconds of the new start: often before it has resumed.
    kill(lab, chance, config, folder, chance.choice(VICTIMS), 2 * chance.random() ** 2)
    lab.finish(folder, config, want)


def kill(lab, chance, config, folder, victim, moment):
    shell = ("sh", "-c", '"$@"; exit $?', "job") if victim.startswith("shell") else ()
    job = Run(lab, folder, config, wrapper=shell)
    while not job.ended() and time.monotonic() - job.began < moment:
        time.sleep(0.002)
    for pid in victims(job, victim):
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, TypeError):
            pass
    code = job.wait()
    # Half of the time the next start comes at once, while the old processes may still be dying.
    if code != DONE and chance.random() < 0.5:
        wait_until_gone(folder)
    check(code in (DONE, 128 + signal.SIGKILL, -signal.SIGKILL), f"{victim} killed: exit {code}: {job.said()}")


def victims(job, victim):
    launcher = job.process.pid
    everything = [pid for pid, _ in harness.processes_of(job.dir)]
    if victim == "shell and launcher":
        return [launcher] + [pid for pid in everything if harness.parent_of(pid) == launcher]
    if victim == "launcher":
        return [launcher]
    ranks = list(job.engines().values())
    if victim == "all ranks" and ranks:
        return ranks
    children = [pid for pid in everything if harness.parent_of(pid) == launcher]
    return children or [launcher]

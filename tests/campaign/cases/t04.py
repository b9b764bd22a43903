"""A notice that the job will be stopped: a signal to one rank, or to the launcher."""
import os
import signal
import time

import harness
from lab import DONE, STOPPED, Config, Run, check, generator, newest_whole, shim, wait_until_gone

PROMISE = "A notice of preemption saves in time"
COUNTS = (6, 60)

SIGNALS = [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2]
SECONDS = 10


def run(lab, seed, place):
    chance = generator("T04", seed)
    config = Config(ranks=chance.choice([1, 2, 3]), checkpoints__every_steps=40)
    want, seconds = lab.reference(config)
    folder = place / "run"
    number = SIGNALS[seed % 3]
    if seed % 6 == 5:
        # A rank gets it in the middle of writing a checkpoint.
        rank = chance.randrange(config.ranks)
        calls = lab.calls(config, rank, calls="write,fsync", path="/checkpoints")
        check(calls, f"rank {rank} writes nothing")
        job = Run(lab, folder, config, env=shim(rank=rank, calls="write,fsync", path="/checkpoints", when="before",
                                                do=f"signal:{number}", nth=chance.randrange(len(calls)) + 1))
        code, took = job.wait(), 0.0
    else:
        job, code, took = at_a_moment(lab, chance, config, folder, number, chance.random() * seconds, seed % 2 == 0)
    if code == DONE:  # it came after the last step
        check(harness.last_step(folder) == 120, "done, but not to the end")
    else:
        check(code == STOPPED, f"{number.name}: exit {code}: {job.said()}")
        check(took < SECONDS, f"{number.name}: left after {took:.1f} s")
        wait_until_gone(folder)
        step = newest_whole(folder)
        check(step == max(0, harness.last_step(folder)), f"left at step {harness.last_step(folder)}, saved {step}")
    lab.finish(folder, config, want)
    return {"seconds until left": took}


def at_a_moment(lab, chance, config, folder, number, moment, to_launcher):
    job = Run(lab, folder, config)
    job.ranks()  # before that a rank has no handler yet
    while not job.ended() and time.monotonic() - job.began < moment:
        time.sleep(0.002)
    pids = list(job.engines().values())
    target = job.process.pid if to_launcher or not pids else chance.choice(pids)
    began = time.monotonic()
    try:
        os.kill(target, number)
    except ProcessLookupError:
        pass
    code = job.wait()
    return job, code, time.monotonic() - began

"""One rank gets half of the time only."""
import os
import pathlib
import re
import signal
import time

import harness
from lab import DONE, Broken, Config, Run, check, generator

PROMISE = "A slow rank is named"
COUNTS = (4, 60)
LANES = 1

STEPS = 20     # after so many it must have been named
BEAT = 0.05    # seconds that it runs, and stands still
# Steps of some fifty milliseconds: what else the machine does weighs less.
CONFIG = Config(ranks=2, model__config__hidden_size=128, model__config__num_hidden_layers=4, train__max_steps=36,
                model__config__intermediate_size=512, train__global_batch_size=64, train__micro_batch_size=32)


def run(lab, seed, place):
    chance = generator("T06", seed)
    # Two with a slow rank, one control.
    slow = chance.randrange(2) if seed % 3 < 2 else None
    for number in range(5):
        fault, steps, busy = once(lab, place / f"run{number}", slow)
        if not fault:
            return {"steps until named": steps} if slow is not None else {}
        # On a machine that others use a rank may really be slow: then nothing can be said, and it is done again.
        if busy < 3.0:
            raise Broken(fault)
        time.sleep(5)
    raise Broken(f"five times the machine was busy with other things; the last time: {fault}")


def once(lab, folder, slow):
    """(what is wrong, steps until the rank was named, processes that wanted to run, on average)."""
    job = Run(lab, folder, CONFIG)
    ranks = job.ranks()
    job.wait_for_step(4)
    begun, running, named = harness.last_step(folder), [], None
    with open(job.output.name, encoding="utf-8") as output:
        for turn in range(100000):
            if job.ended():
                break
            if slow is not None and named is None:
                beat(ranks[slow], turn % 2)
            running.append(int(re.search(r"procs_running (\d+)", pathlib.Path("/proc/stat").read_text())[1]))
            time.sleep(BEAT)
            if turn % 2 and named is None and " is slow: " in output.read():
                named = harness.last_step(folder) - begun
    check(job.wait() == DONE, job.stderr)
    found = re.findall(r"rank (\d+) \([^)]*\) is slow: ", job.stderr)
    wanted = [] if slow is None else [str(slow)]
    fault = f"slow: {wanted}, named: {found}" if found != wanted else ""
    # Of the two spans that are looked at the first had begun before.
    if not fault and slow is not None and named > STEPS + 8:
        fault = f"named after {named} steps"
    return fault, named, sum(running) / len(running)


def beat(pid, go):
    try:
        os.kill(pid, signal.SIGCONT if go else signal.SIGSTOP)
    except ProcessLookupError:
        pass

"""A rank stands still, in any phase; or only pauses."""
import os
import pathlib
import re
import signal
import socket
import time

import harness
from lab import EVERY, Config, Run, check, check_clean, check_same, generator, wait_until_gone

PROMISE = "A hang ends, by name"
COUNTS = (8, 80)

HANG = 124
LIMIT = 5      # seconds; the pauses are of three
PATIENCE = 5   # seconds over the limit; two are promised where the machine is not shared
PHASES = ["start", "data", "step", "collective", "validation", "save"]


def run(lab, seed, place):
    chance = generator("T05", seed)
    # Of eight runs six hang, each in another phase, and two are controls.
    kind = seed % 8
    config = Config(ranks=chance.choice([1, 2, 3] if kind < 6 else [2, 3]), watchdog__min_seconds=LIMIT,
                    watchdog__max_seconds=LIMIT)
    if kind >= 6:
        return pause(lab, chance, config, place / "run")
    return hang(lab, chance, config, place / "run", PHASES[kind])


def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return ""


def hang(lab, chance, config, folder, phase):
    want, _ = lab.reference(config)
    rank, step = chance.randrange(config.ranks), chance.randrange(2, 110)
    if phase == "collective" and config.ranks == 1:
        phase = "step"
    if phase == "start":
        job = Run(lab, folder, config)
        pid = job.wait_for_engine(rank)
        os.kill(pid, signal.SIGSTOP)
    else:
        step = {"validation": -(-step // 30) * 30, "save": -(-step // EVERY) * EVERY}.get(phase, step)
        job = Run(lab, folder, config, env={"BROADSHEET_FAULT": f"stop:rank={rank}:step={step}:phase={phase}"})
        pid = job.ranks()[rank]
        job.wait_for(lambda: state_of(pid) == "T", f"the stop in phase {phase}")
    began = time.monotonic()
    code = job.wait()
    took = time.monotonic() - began
    told = f"rank {rank} of {config.ranks} stopped in phase {phase} at step {step}"
    check(code == HANG, f"{told}: exit {code}: {job.stderr}")
    check(took < LIMIT + PATIENCE, f"{told}: ended after {took:.1f} s, the limit was {LIMIT}")
    wait_until_gone(folder)
    if f"rank {rank} has not started, in phase start" in job.said():  # it stood still before it could tell its number
        lab.finish(folder, config, want)
        return {"seconds over the limit": took - LIMIT}
    named = re.findall(r"rank (\d+) \(([^,]+), process (\d+)\) (.+?), in phase (\w+)", job.said())
    check([name[:3] for name in named] == [(str(rank), socket.gethostname(), str(pid))], f"{told}: {job.said()}")
    check(named[0][4] == phase, f"{told}: {job.said()}")
    lab.finish(folder, config, want)
    return {"seconds over the limit": took - LIMIT}


def pause(lab, chance, config, folder):
    """Three seconds are no hang."""
    want, _ = lab.reference(config)
    job = Run(lab, folder, config)
    ranks = job.ranks()
    job.wait_for_step(chance.randrange(1, 60))
    pid = chance.choice(list(ranks.values()))
    os.kill(pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(pid, signal.SIGCONT)
    check(job.wait() == 0, f"a pause of three seconds: {job.stderr}")
    check_same(want, folder)
    check_clean(job)
    check(not list(harness.newest_attempt(folder).glob("*.status")), "status files are left")

"""An older incarnation of the job is still alive while a newer one runs: no lock holds it back, as after a requeue."""
import os
import signal
import time

import harness
from lab import DONE, Config, Run, check, check_clean, check_same, checkpoints, generator

PROMISE = "The older incarnation can never harm (simulated: two at once without the lock)"
COUNTS = (5, 100)

SLOW = {"BROADSHEET_FAULT": "slow:rank=0:milliseconds=15"}


def run(lab, seed, place):
    chance = generator("T12", seed)
    config = Config(ranks=chance.choice([1, 2]))
    want, _ = lab.reference(config)
    folder = place / "run"
    older = Run(lab, folder, config, env=SLOW)
    older.ranks()
    older.wait_for_step(chance.randrange(1, 60))
    stopped = []
    if seed % 2:  # it is stopped now, and goes on when the newer one is long at work, or done
        stopped = [pid for pid, _ in harness.processes_of(folder)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
    (folder / "lock").unlink()  # as the lock of another host would be judged by hand, or by a requeue
    newer = Run(lab, folder, config, env=SLOW if seed % 3 else None)
    try:
        newer.ranks()
        if stopped:
            if chance.random() < 0.5:
                check(newer.wait() == DONE, newer.said())
            else:
                time.sleep(chance.random())
            wake(stopped)
        code = older.wait()
        check(code not in (0, 75), f"the older incarnation ended with {code}: {older.said()}")
        check("fenced" in older.stderr or "newer attempt" in older.stderr, f"it does not say why: {older.stderr}")
        newer.wait()
    finally:
        wake(stopped)
    check(newer.process.returncode == DONE, f"the newer one ended with {newer.process.returncode}: {newer.said()}")
    check_same(want, folder)
    check_clean(newer)
    check(len(checkpoints(folder)) >= 3, "checkpoints are missing")


def wake(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

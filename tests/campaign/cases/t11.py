"""Killed and resumed on another number of ranks, again and again."""
import json
import os
import signal

import harness
from lab import DONE, Broken, Config, Run, check, check_clean, check_same, generator, kept, wait_until_gone

PROMISE = "Another number of ranks continues"
COUNTS = (4, 40)

WAY = [4, 3, 1, 2]
LOSS_TOLERANCE = 1e-4  # relative; sums in another order, carried through 120 updates


def run(lab, seed, place):
    chance = generator("T11", seed)
    consistent = seed % 2 == 0
    sets = {"train__reduction": "consistent"} if consistent else {}
    way = WAY if seed < 4 else [chance.choice([n for n in (1, 2, 3, 4)]) for _ in range(4)]
    folder, step = place / "run", 0
    for ranks in way[:-1]:
        step += chance.randrange(12, 36)
        job = Run(lab, folder, Config(ranks=ranks, **sets), "--resume")
        job.wait_for(lambda: harness.last_step(folder) >= step, f"step {step}")
        os.kill(chance.choice(list(job.engines().values()) or [job.process.pid]), signal.SIGKILL)
        check(job.wait() != DONE, "it ended before it was killed")
        wait_until_gone(folder)
    last = Config(ranks=way[-1], **sets)
    job = Run(lab, folder, last, "--resume")
    check(job.wait() == DONE, f"on {way[-1]} ranks: {job.said()}")
    check_clean(job)
    want, _ = lab.reference(last)
    if consistent:
        check_same(want, folder)
        return {}
    return {"relative difference of the loss": compare(want, folder)}


def compare(want, folder):
    """The ledger must be exact; the losses may differ as sums in another order do."""
    have = kept(folder)
    check(have["ledger"] == want["ledger"], "other examples were read than in the undisturbed run")
    worst = 0.0
    for one, other in zip(want["metrics"].splitlines(), have["metrics"].splitlines()):
        one, other = json.loads(one), json.loads(other)
        if (one["step"], one["kind"]) != (other["step"], other["kind"]):
            raise Broken(f"metrics.jsonl: wanted {one}, found {other}")
        worst = max(worst, abs(one["loss"] - other["loss"]) / abs(one["loss"]))
    check(worst < LOSS_TOLERANCE, f"the losses differ by {worst:.2g}, relative")
    return worst

"""Killed again and again; and a fault that comes back at the same step for ever."""
import contextlib
import os
import signal
import time

import harness
from lab import DONE, EVERY, Config, Run, check, generator, newest_whole

PROMISE = "A crash loop stops, and progress never goes back"
COUNTS = (1, 20)

SLOW = {"BROADSHEET_FAULT": "slow:rank=0:milliseconds=20"}


def run(lab, seed, place):
    chance = generator("T03", seed)
    if seed % 2 == 0:
        killed_again_and_again(lab, chance, place / "run", 20 if seed > 0 else 10)
    else:
        dies_for_ever(lab, chance, place / "run")


def killed_again_and_again(lab, chance, folder, kills):
    """The undisturbed run of 600 steps lasts longer than any of these attempts."""
    config = Config(ranks=2, steps=600, validation__every_steps=200)
    want, _ = lab.reference(config)
    reached = 0
    for _ in range(kills):
        job = Run(lab, folder, config, env=SLOW)
        moment = 0.3 + 2 * chance.random()
        while not job.ended() and time.monotonic() - job.began < moment:
            time.sleep(0.01)
        ranks = list(job.engines().values())
        before = newest_whole(folder)
        with contextlib.suppress(ProcessLookupError):  # it may be done just now
            os.kill((ranks or [job.process.pid])[0], signal.SIGKILL)
        if job.wait() == DONE:
            break
        resumed = job.resumed_from()
        if "resumed from step" in job.log():
            check(resumed >= reached - 2 * EVERY, f"reached step {reached}, resumed from {resumed}")
        reached = max(reached, harness.last_step(folder))
        check(newest_whole(folder) >= before, f"checkpoint {before} is gone, {newest_whole(folder)} is the newest")
        check(newest_whole(folder) >= reached - 2 * EVERY, f"at step {reached} the newest is {newest_whole(folder)}")
    lab.finish(folder, config, want)


def dies_for_ever(lab, chance, folder):
    config = Config(ranks=chance.choice([1, 2, 3]))
    want, _ = lab.reference(config)
    rank, step = chance.randrange(config.ranks), chance.randrange(2, 120)
    fault = {"BROADSHEET_FAULT": f"die:rank={rank}:step={step}"}
    for expected in (128 + signal.SIGKILL, 128 + signal.SIGKILL, 1):
        job = Run(lab, folder, config, env=fault)
        code = job.wait()
        check(code == expected, f"a death at step {step}: exit {code}, wanted {expected}: {job.stderr}")
    check(f"died twice in a row in step {step}" in job.stderr, f"the third start does not warn: {job.stderr}")
    names_it(job, rank, step)
    # Now it is not even started.
    began = harness.metrics(folder)
    job = Run(lab, folder, config, env=fault)
    check(job.wait() == 1 and harness.metrics(folder) == began, f"it was started once more: {job.stderr}")
    names_it(job, rank, step)
    # Forced, it dies as before; with the fault gone, it goes on and is the same.
    job = Run(lab, folder, config, "--resume", env=fault)
    check(job.wait() == 1 and job.resumed_from() >= step - 2 * EVERY, f"not forced to another try: {job.stderr}")
    lab.finish(folder, config, want, "--resume")


def names_it(job, rank, step):
    for word in (f"in step {step}: ", f"rank {rank} ", "signal 9", "--resume"):
        check(word in job.stderr, f"{word!r} is not in: {job.stderr}")

"""A call of a save fails."""
import errno
import os
import random

from harness import last_step
from lab import (DONE, Config, Run, check, check_clean, check_same, checkpoints, is_whole, newest_whole, shim,
                 wait_until_gone)

PROMISE = "Every failing call of a save is survived"
COUNTS = (80, 600)

START, SAVED = 90, 100
BELOW = "/checkpoints(/|$)"
FROM = f"/step-{SAVED:08}"
ERRORS = [errno.ENOSPC, errno.EIO, errno.EDQUOT]
CALLS = "create,write,fsync,rename,close,unlink,rmdir,mkdir"


def run(lab, seed, place):
    points = all_points(lab)
    ranks, rank, number, call, action, always = points[seed % len(points)]
    config = Config(ranks=ranks)
    want, _ = lab.reference(config)
    folder = place / "run"
    lab.part_way(config, START, folder)
    values = dict(rank=rank, calls=CALLS, path=BELOW, **{"from": FROM}, nth=number, do=action, mark=place / "marks")
    if always:
        values["always"] = 1
    job = Run(lab, folder, config, env=shim(**values))
    code = job.wait()
    told = f"{action}{' from then on' if always else ''} at call {number} ({call}) of rank {rank} of {ranks}"
    check((place / "marks").exists(), f"{told}: never reached")
    wait_until_gone(folder)
    if always and code == 1:  # training is over, and the model could not be published on that disk either
        reason = os.strerror(int(action.split(":")[1]))
        check(reason in job.said() and "/checkpoints" in job.said(), f"{told}: exit 1: {job.said()}")
        check(last_step(folder) == config.steps, f"{told}: exit 1 after step {last_step(folder)}: {job.said()}")
        check(newest_whole(folder) >= START, f"{told}: the newest whole checkpoint is {newest_whole(folder)}")
        lab.finish(folder, config, want)
        return
    check(code == DONE, f"{told}: exit {code}: {job.said()}")
    if always and action != "short":
        check_same(want, folder, but=("last checkpoint", "last model", "last optimizer", "last state"))
        check(newest_whole(folder) >= START, f"{told}: the newest whole checkpoint is {newest_whole(folder)}")
    else:
        check_same(want, folder)
        check_clean(job)
    for checkpoint in checkpoints(folder):
        check(is_whole(checkpoint), f"{told}: {checkpoint.name} is damaged")
    if not (folder / f"checkpoints/step-{SAVED:08}").exists():
        reason = os.strerror(int(action.split(":")[1]))
        warned = [line for line in job.stderr.splitlines() if reason in line and "/checkpoints" in line]
        check(warned, f"{told}: no line on stderr names the path and {reason!r}:\n{job.stderr}")


def all_points(lab):
    """[(ranks, rank, number, call, action, always)] in an order that mixes them all."""
    points = []
    for ranks, rank in ((1, 0), (2, 0), (2, 1)):
        for number, call in enumerate(calls_of_the_save(lab, ranks, rank), 1):
            actions = [f"error:{error}" for error in ERRORS]
            points += [(ranks, rank, number, call, action, always) for action in actions for always in (False, True)]
            if call in ("create", "write", "fsync", "close"):
                points.append((ranks, rank, number, call, f"error:{errno.EINTR}", False))
            if call == "write":
                points += [(ranks, rank, number, call, "short", always) for always in (False, True)]
    random.Random("S02").shuffle(points)
    return points


def calls_of_the_save(lab, ranks, rank):
    config = Config(ranks=ranks)

    def make(made):
        lab.part_way(config, START, made / "run")
        job = Run(lab, made / "run", config, env=shim(rank=rank, do="count", mark=made / "marks", calls=CALLS, path=BELOW,
                                                      **{"from": FROM}))
        check(job.wait() == DONE, job.stderr)
        (made / "marks").touch()
    marks = (lab.once(f"save-{ranks}-{rank}", make) / "marks").read_text().splitlines()
    after = next((i for i, line in enumerate(marks) if f"/step-{SAVED + 10:08}" in line), len(marks))
    return [line.split()[1] for line in marks[:after]]

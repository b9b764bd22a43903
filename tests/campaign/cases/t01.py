"""One rank is killed: at a random moment, or at a chosen call of its own."""
import os
import signal
import time

from lab import DONE, GONE, PATIENCE, STOPPED, Config, Run, check, generator, shim, wait_until_gone

PROMISE = "Losing any rank at any moment costs only time"
COUNTS = (12, 200)

MESSAGES = ("sum", "gather", "broadcast", "send")
# (what, values for the shim): every fourth seed takes the next one.
PLACES = [
    ("before a write", dict(calls="write", path="/checkpoints/", when="before")),
    ("in the middle of a write", dict(calls="write", path="/checkpoints/", when="middle")),
    ("after an fsync", dict(calls="fsync", path="/checkpoints", when="after")),
    ("before an fsync", dict(calls="fsync", path="/checkpoints", when="before")),
    ("before a rename", dict(calls="rename", path="/checkpoints", when="before")),
    ("after a rename", dict(calls="rename", path="/checkpoints", when="after")),
    ("while the manifest is written", dict(calls="create,write,fsync", path="/manifest.json", when="after")),
    ("while an old checkpoint is removed", dict(calls="unlink,rmdir", path="/checkpoints/", when="after")),
    ("while metrics are written", dict(calls="write", path="/metrics.jsonl", when="middle")),
    ("in a sum over ranks", dict(calls="sum", when="after")),
    ("while gradients are exchanged", dict(calls="send", when="before")),
    ("in the data loader", None),
]


def run(lab, seed, place):
    chance = generator("T01", seed)
    config = Config(ranks=chance.choice([1, 2, 2, 3, 4]))
    want, seconds = lab.reference(config)
    folder = place / "run"
    if seed % 4 == 3:
        rank, ended, took = placed(lab, chance, config, folder, PLACES[seed // 4 % len(PLACES)])
    else:
        rank, ended, took = at_any_moment(lab, chance, config, folder, seconds)
    check(ended not in (DONE, STOPPED), f"the job that lost rank {rank} ended with {ended}")
    check(took < PATIENCE, f"the job was gone only after {took:.1f} s, wanted {GONE}")
    lab.finish(folder, config, want)
    return {"seconds until gone": took}


def named(job, rank):
    check(f"rank {rank} " in job.said(), f"rank {rank} was killed, the last line says: {job.said()}")
    wait_until_gone(job.dir)


def at_any_moment(lab, chance, config, folder, seconds):
    rank, moment = chance.randrange(config.ranks), chance.random() * seconds
    while True:
        job = Run(lab, folder, config)
        pid = job.wait_for_engine(rank)
        while not job.ended() and time.monotonic() - job.began < moment:
            time.sleep(0.002)
        try:
            os.kill(pid, signal.SIGKILL)
        except (TypeError, ProcessLookupError):
            pid = None
        began = time.monotonic()
        code = job.wait()
        took = time.monotonic() - began
        if pid and code != DONE:
            named(job, rank)
            return rank, code, took
        # It was faster this time: sooner, in a new folder.
        moment *= 0.8
        folder.rename(f"{folder}.{time.monotonic_ns()}")


def placed(lab, chance, config, folder, where):
    what, values = where
    rank = chance.randrange(config.ranks) if config.ranks > 1 and what.find("rank") >= 0 else 0
    if values is None:
        env = {"BROADSHEET_FAULT": f"die:rank={rank}:step={chance.randrange(1, 120)}"}
    else:
        if config.ranks == 1 and values["calls"] in MESSAGES:
            values, what = dict(calls="write", path="/checkpoints/", when="before"), "before a write"
        calls = lab.calls(config, rank, **{key: value for key, value in values.items() if key != "when"})
        check(calls, f"{what}: rank {rank} makes no such call")
        env = shim(rank=rank, do="kill", nth=chance.randrange(len(calls)) + 1, **values)
    job = Run(lab, folder, config, env=env)
    code = job.wait()
    check(code != DONE, f"{what} of rank {rank}: the run was never killed ({env})")
    named(job, rank)
    return rank, code, 0.0

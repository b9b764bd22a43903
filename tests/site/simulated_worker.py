"""A worker of a sweep that speaks its mailbox (experiments/sweep/mailbox.h) and trains nothing.

What a trial is worth is a function of its parameters and its steps, so that everybody can know what the table must say.
"""
import asyncio
import collections
import json
import math
import os
import pathlib
import random
import re
import time

BEAT = 2.0  # seconds
LOOK = 0.1  # seconds between two looks into the mailbox
CHECKPOINT = 10  # steps
OURS = ("done", "paused", "stopped")

# What may happen to a leg, once, at some moment of it.
#   crash      its process dies: its job ends with a code
#   failed     the trial fails for a cause that a retry may help; the worker goes on
#   memory     likewise, out of memory
#   diverged   the trial fails for good; the worker goes on
#   time_up    its job is told to leave, saves, and comes back
#   requeued   its job is taken away without a word and comes back
#   vanished   its job is gone: not in the queue, and it left no end
#   hung       it says nothing more, and does not listen
#   asleep     likewise; when it is given up, it wakes and puts an end down as if nothing had been
FATES = ("crash", "failed", "memory", "diverged", "time_up", "requeued", "vanished", "hung", "asleep")


class Fates:
    """The same for the same trial and leg, whatever the order in which they come."""

    def __init__(self, share, seed=1):
        self.share, self.seed = share, seed

    def of(self, trial, leg):
        """(fate or None, at which part of the leg)"""
        generator = random.Random(f"{self.seed} {trial} {leg}")
        fate = generator.choice(FATES) if generator.random() < self.share else None
        return fate, generator.random()


def parameters_of(config):
    """From the text of a run file."""
    rate = float(re.search(r"\blearning_rate: (\S+?)[,}\n]", config)[1])
    decay = float(re.search(r"\bweight_decay: (\S+?)[,}\n]", config)[1])
    return rate, decay, int(re.search(r"\bmax_steps: (\d+)", config)[1])


def value_of(rate, decay, step):
    best = 1 / (1 + (math.log10(rate) + 2.5) ** 2 + decay)
    return best * step / (step + 20)


Leg = collections.namedtuple("Leg", "trial leg worker job fate")


def put(path, value):
    path = pathlib.Path(path)
    temporary = path.with_name(path.name + ".writing")
    temporary.write_text(json.dumps(value))
    os.replace(temporary, path)


def read(path):
    try:
        return json.loads(pathlib.Path(path).read_text())
    except FileNotFoundError:
        return None


class Worker:
    def __init__(self, site, job, start):
        self.site, self.job, self.folder = site, job, job.folder.parent
        self.start = job.folder / "starts" / start
        self.name = self.folder.name
        self.sequence = self.driver = 0
        self.silent = False

    async def work(self):
        """Its exit code, as srun would give it."""
        heart = asyncio.create_task(self.beat())
        try:
            code = await self.serve()
        finally:
            heart.cancel()
        if code in (0, 75) and not self.job.taken_away:
            (self.start / "end").write_text(f"{code}\n")
        return code

    async def beat(self):
        while True:
            if not self.silent:
                (self.folder / "beat").touch()
            await asyncio.sleep(BEAT)

    def retired(self):
        return (self.folder / "retired").exists()

    async def serve(self):
        seen = None
        while True:
            if self.job.told.is_set():
                return 75
            if self.job.taken_away or self.retired():
                return 0
            try:
                info = os.stat(self.folder / "task.json")
                identity = (info.st_ino, info.st_mtime_ns)
            except FileNotFoundError:
                identity = None
            if identity is None or identity == seen:
                await self.rest(LOOK)
                continue
            seen = identity
            task = read(self.folder / "task.json")
            if task["sequence"] <= self.sequence or task["driver"] < self.driver:
                continue
            self.sequence, self.driver = task["sequence"], task["driver"]
            if task["leave"]:
                return 0
            if task["trial"] < 0:
                continue
            before = read(self.leg_file(task))
            if before and before["state"] != "at_rung":
                continue
            code = await self.train(task)
            if code is not None:
                return code

    async def rest(self, seconds):
        """Ends early when a signal comes."""
        try:
            await asyncio.wait_for(self.job.told.wait(), seconds)
        except asyncio.TimeoutError:
            pass

    def leg_file(self, task):
        return pathlib.Path(task["folder"]) / f"leg-{task['leg']}.json"

    def put_leg(self, task, state, step, value, began, failure=None, leaves=False):
        put(self.leg_file(task), {"state": state, "step": step, "value": value, "seconds": time.monotonic() - began,
                                  "worker": self.name, "cores": 1, "worker_leaves": leaves, "failure": failure})

    # None: the worker goes on; else the code that it ends with.
    async def train(self, task):
        trial, leg = task["trial"], task["leg"]
        rate, decay, total = parameters_of(task["config"])
        fate, part = self.site.fates.of(trial, leg)
        entry = Leg(trial, leg, self.name, self.job.id, fate)
        self.site.log.append(("begun", entry))
        began = time.monotonic()
        checkpoint = pathlib.Path(task["folder"]) / "checkpoint-of-the-site.json"
        first = step = (read(checkpoint) or {"step": 0})["step"]
        # Fates strike between here and the next thing that would end the leg.
        strikes = first + part * (min([gate for gate in task["gate_steps"] if gate > first] + [total]) - first)

        def value(at=None):
            return value_of(rate, decay, step if at is None else at)

        def end(state, code=None, failure=None):
            if state in OURS:
                put(checkpoint, {"step": step, "leg": leg})
            self.put_leg(task, state, step, value(), began, failure)
            self.site.log.append(("ended", entry, state, value()))
            return code

        for goal in [gate for gate in task["gate_steps"] if gate >= first] + [total]:
            while step < goal:
                stride = min(CHECKPOINT - step % CHECKPOINT, goal - step)
                if fate and strikes < step + stride:
                    await self.rest(self.site.seconds_per_step * max(0.0, strikes - step))
                    if not self.job.told.is_set():
                        struck, fate = fate, None
                        self.site.log.append(("struck", entry))
                        answer = await self.suffer(struck, task, step, began, end)
                        if answer != "go on":
                            return answer
                await self.rest(self.site.seconds_per_step * stride)
                if self.job.taken_away:
                    return 0
                if self.job.told.is_set():
                    return end("stopped", 75)
                step += stride
                if step % CHECKPOINT == 0 and step < goal:
                    put(checkpoint, {"step": step, "leg": leg})
            if goal == total:
                return end("done")
            answer = await self.ask(task, step, value(), began)
            if answer == "leave":
                return end("paused")
            if answer == "unanswered":
                return end("stopped", 75 if self.job.told.is_set() else 0)

    async def ask(self, task, step, value, began):
        self.put_leg(task, "at_rung", step, value, began)
        asked = time.monotonic()
        while True:
            reply = read(self.folder / "answer.json")
            if reply and (reply["trial"], reply["leg"], reply["step"]) == (task["trial"], task["leg"], step):
                self.site.log.append(("answered", time.monotonic() - asked))
                return "go on" if reply["go_on"] else "leave"
            if self.job.told.is_set() or self.job.taken_away or self.retired():
                return "unanswered"
            await self.rest(LOOK)

    async def suffer(self, fate, task, step, began, end):
        def fails(code, message, exit_code=1):
            return end("failed", failure={"error": {"code": code, "message": message}, "exit_code": exit_code})

        if fate == "crash":
            return 139
        if fate == "failed":
            return fails("io.write", "the disk of this node is full")
        if fate == "memory":
            return fails("memory", "out of memory")
        if fate == "diverged":
            return fails("train.diverged", "the loss is not finite")
        if fate == "time_up":
            self.job.tell("USR1")
            return "go on"
        if fate == "requeued":
            self.site.take_back(self.job)
            return 0
        if fate == "vanished":
            self.site.vanish(self.job)
            return 0
        self.silent = True
        while not self.retired():
            await asyncio.sleep(LOOK)
        if fate == "asleep":
            # Nobody may believe this any more.
            self.put_leg(task, "done", step, 1e9, began)
        while self.job.state == "RUNNING" and not self.job.taken_away:
            await asyncio.sleep(LOOK)
        return 0

"""A worker falls silent: it is stopped, or its heartbeat alone dies. Its trial is taken up by another."""
import contextlib
import json
import os
import pathlib
import signal

import harness
from lab import check, generator
from sweep_lab import Sweep, check_folder, check_table, processes_naming, undisturbed

PROMISE = "A silent trial is noticed, tried again, and the silent one is fenced off"
COUNTS = (2, 20)

TRIALS, GRACE = 3, 10  # seconds
# Milliseconds a step: long enough to be met in the middle; without a heartbeat, to last until somebody misses it. The bits
# are the same.
SLOW = {"no heartbeat": 1300}
KINDS = ["stopped, out of reach", "no heartbeat", "stopped", "stopped every time"]


def run(lab, seed, place):
    chance = generator("Q11", seed)
    kind = KINDS[seed % len(KINDS)]
    want = undisturbed(lab, TRIALS)
    sweep = Sweep(lab.folder, place / f"q11-{seed}", TRIALS, more="max_failures: 2", run_more=f"watchdog: {{min_seconds: {GRACE}}}\n",
                  env={"BROADSHEET_FAULT": f"slow:rank=0:milliseconds={SLOW.get(kind, 60)}"})
    try:
        driver = sweep.drive()
        victim = chance.randrange(TRIALS)
        if kind == "stopped every time":
            return never_again(want, sweep, driver, victim, chance)
        worker = trains(sweep, driver, victim, 1, 1 if kind in SLOW else chance.randrange(1, 8))
        stopped = silence(sweep, worker, kind)
        sweep.wait_for(lambda: legs_of(sweep, victim) > 1, "another worker", driver)
        check_told(sweep, victim, worker)
        if kind == "stopped, out of reach":
            fenced(sweep, driver, victim, stopped, chance)
        check(driver.wait() == 0, f"the sweep ended with {driver.process.returncode}:\n{driver.said()}")
        check_table(want, sweep)
        check_once(sweep, victim)
        check_folder(sweep)
    finally:
        sweep.end_workers()


def trains(sweep, driver, victim, leg, step):
    """The worker that trains the victim's leg, once it has come to that step."""
    def there():
        for worker in sorted(sweep.workers()):
            task = sweep.task(worker)
            if task and not task["leave"] and (task["trial"], task["leg"]) == (victim, leg) and last_step(sweep, victim) >= step:
                return True
        return False
    sweep.wait_for(there, f"leg {leg} of trial {victim}", driver)
    return next(worker for worker in sorted(sweep.workers()) if (sweep.task(worker) or {}).get("trial") == victim)


def last_step(sweep, trial):
    return harness.last_step(sweep.dir / f"trials/{trial:04}")


def legs_of(sweep, trial):
    return len([event for event in sweep.events("leg") if event["trial"] == trial])


def silence(sweep, worker, kind):
    """Ids of the processes that were stopped."""
    folder = sweep.dir / "workers" / worker
    if kind == "no heartbeat":  # the file cannot be touched any more; the rest goes on
        while not (folder / "beat").is_dir():  # it may be made anew in between
            (folder / "beat").unlink(missing_ok=True)
            with contextlib.suppress(FileExistsError):
                (folder / "beat").mkdir()
        return []
    # First the supervisor, which would see its rank stop.
    stopped = sorted(pid for pid, _ in processes_naming(folder))
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    if kind == "stopped, out of reach":  # as one of another machine, which the driver cannot kill
        lock = folder / "supervisor.lock"
        lock.write_text(json.dumps(dict(json.loads(lock.read_text()), host="elsewhere")))
    return stopped


def check_told(sweep, victim, worker):
    end = next(event for event in sweep.events("end") if event["trial"] == victim)
    check(end["state"] == "failed" and end["verdict"] == "retry", f"wanted a failed leg that is tried again: {end}")
    check(f"worker {worker}" in end["why"] and "heard" in end["why"], f"told as {end['why']!r}")


def fenced(sweep, driver, victim, stopped, chance):
    """Woken while the newer leg runs or later, the older one publishes nothing and leaves."""
    if chance.random() < 0.5:
        sweep.wait_for(lambda: sweep.attempts(victim) > 1, "the newer leg's start", driver)
    else:
        sweep.wait_for(lambda: len([e for e in sweep.events("end") if e["trial"] == victim]) > 1, "the newer leg's end")
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    sweep.wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in stopped), "the older worker to leave")
    leg = json.loads((sweep.dir / f"trials/{victim:04}/leg-1.json").read_text()) if (
        sweep.dir / f"trials/{victim:04}/leg-1.json").exists() else None
    check(leg is None or leg["state"] != "done", f"the older leg says that it is done: {leg}")


def check_once(sweep, victim):
    events = sweep.events()
    for number in range(TRIALS):
        ends = [event["state"] for event in events if event["event"] == "end" and event["trial"] == number]
        check(ends == (["failed", "done"] if number == victim else ["done"]), f"trial {number}: {ends}")
        steps = [record["step"] for record in harness.metrics(sweep.dir / f"trials/{number:04}") if record["kind"] == "train"]
        check(steps == list(range(1, len(steps) + 1)), f"trial {number}: steps {steps}")


def never_again(want, sweep, driver, victim, chance):
    """Whoever takes it falls silent: after max_failures starts it counts as failed, and the others are as they were."""
    for leg in (1, 2):
        silence(sweep, trains(sweep, driver, victim, leg, chance.randrange(1, 8)), "stopped")
        sweep.wait_for(lambda: len([e for e in sweep.events("end") if e["trial"] == victim]) >= leg, "the driver to notice", driver)
    check(driver.wait() == 0, f"the sweep ended with {driver.process.returncode}:\n{driver.said()}")
    ends = [event for event in sweep.events("end") if event["trial"] == victim]
    check([event["verdict"] for event in ends] == ["retry", "failed"], f"wanted two starts and no more: {ends}")
    check(all("heard" in event["why"] for event in ends), f"the history does not say why: {ends}")
    for one, other in zip(want, sweep.table()):
        check(one == other if one[0] != victim else other[2] == "failed", f"wanted {one}, found {other}")
    check_folder(sweep)

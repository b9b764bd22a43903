"""A call under the sweep's journal fails or is the driver's last one; or the sweep lies where no lock is to be had."""
import errno
import json
import os
import random

import disks
from lab import DONE, check, generator
from sweep_lab import (Sweep, check_folder, check_legs, check_table, driver_shim, events_in, read_journal, segments,
                       undisturbed)

PROMISE = "The journal outlives its disk"
COUNTS = (8, 250)

TRIALS = 4
# One whose trials wait at rungs, so that answers are given too.
MORE = "early_terminate: {type: halving, resource: steps, min: 4, reduction_factor: 2}"
CALLS = "create,write,fsync,rename,close,unlink,mkdir"
BELOW = "/journal(/|$)"
ERRORS = [errno.ENOSPC, errno.EIO, errno.EDQUOT]


def run(lab, seed, place):
    want = undisturbed(lab, TRIALS, more=MORE)
    sweep = Sweep(lab.folder, place / f"q10-{seed}", TRIALS, more=MORE)
    try:
        if seed % 10 == 9:
            without_locks(lab, sweep)
        else:
            after_a_fault(lab, seed, sweep)
        check_table(want, sweep)
        check_legs(sweep, run_once=False)
        check_folder(sweep)
    finally:
        sweep.end_workers()


def without_locks(lab, sweep):
    """flock and fcntl say ENOLCK, as on a network file system without a lock daemon."""
    (sweep.place / "real").mkdir()
    with disks.slow_disk(sweep.dir, sweep.place / "real") as folder:
        driver = sweep.drive()
        sweep.wait_for(lambda: len(sweep.events("end")) > 0, "the first trial's end", driver)
        driver.kill()
        check(driver.process.returncode == -9, driver.said())
        sweep.drive_to_the_end()
        sweep.wait_for(lambda: not sweep.workers(), "the workers to leave")
        check(segments(folder), "nothing was written through that disk")
        # What is looked at afterwards is the folder below.
        sweep.dir = sweep.place / "real"


def after_a_fault(lab, seed, sweep):
    chance = generator("Q10", seed)
    points = all_points(lab)
    number, call, action, when, always = points[seed % len(points)]
    told = f"{action} {when}{' from then on' if always else ''} at call {number} ({call})"
    marks, log = sweep.place / "marks", sweep.place / "log"
    values = dict(calls=CALLS, path=BELOW, nth=number, do=action, when=when, mark=marks, log=log)
    if always:
        values["always"] = 1
    driver = sweep.drive(driver_shim(**values))
    code = driver.wait()
    check(marks.exists(), f"{told}: never reached:\n{driver.said()}")
    if action == "kill":
        check(code == -9, f"{told}: exit {code}:\n{driver.said()}")
    elif code != DONE:
        reason = os.strerror(int(action.split(":")[1]))
        check(code == 1 and reason in driver.said() and "/journal" in driver.said(), f"{told}: exit {code}:\n{driver.said()}")
    if code == DONE:
        return
    on_disk = durable_bytes(sweep, log)
    check_acted(told, sweep, events_in(on_disk))
    if segments(sweep.dir) and chance.random() < 0.5:  # the power goes too: what was not synced is lost
        segments(sweep.dir)[-1].write_bytes(on_disk)
    read_journal(sweep.dir)  # by the rules, or it is broken
    sweep.drive_to_the_end()


def all_points(lab):
    """[(number, call, action, when, always)] of a driver's whole life, in an order that mixes them all."""
    def make(made):
        sweep = Sweep(lab.folder, made / "one", TRIALS, more=MORE)
        driver = sweep.drive(driver_shim(do="count", mark=made / "marks", calls=CALLS, path=BELOW))
        check(driver.wait() == DONE, driver.said())
    marks = (lab.once("sweep-calls", make) / "marks").read_text().splitlines()
    points = []
    for number, call in enumerate((line.split()[1] for line in marks), 1):
        points += [(number, call, f"error:{error}", "before", always) for error in ERRORS for always in (False, True)]
        points += [(number, call, "kill", when, False) for when in ("before", "after")]
        if call in ("write", "fsync"):
            points.append((number, call, f"error:{errno.EINTR}", "before", False))
        if call == "write":
            points += [(number, call, "kill", "middle", False), (number, call, "short", "before", False),
                       (number, call, "short", "before", True)]
    random.Random("Q10").shuffle(points)
    return points


def durable_bytes(sweep, log):
    """What the newest segment certainly holds: as much as there was at its last fsync."""
    files = segments(sweep.dir)
    if not files:
        return b""
    inode, synced, size = str(files[-1].stat().st_ino), 0, 0
    for path in log.parent.glob(log.name + ".*"):
        raw, at = path.read_bytes(), 0
        while at < len(raw):
            end = raw.index(b"\n", at)
            _, call, _, _, node, offset, length = raw[at:end].decode().split("\t")
            at = end + 1 + int(length)
            if node == inode and call == "write":
                size = max(size, int(offset) + int(length))
            if node == inode and call == "fsync":
                synced = size
    return files[-1].read_bytes()[:synced]


def check_acted(told, sweep, events):
    """Nothing that workers and trials were given is missing in `events`, which are certainly on disk."""
    workers = {event["name"] for event in events if event["event"] == "worker"}
    legs = {(event["trial"], event["leg"], event["worker"]) for event in events if event["event"] == "leg"}
    answers = {(event["trial"], event["leg"], event["step"], event["go_on"]) for event in events if event["event"] == "answer"}
    for folder in sweep.dir.glob("workers/*"):
        check(folder.name in workers, f"{told}: worker {folder.name} was started before it was on disk")
        if (folder / "task.json").exists():
            task = json.loads((folder / "task.json").read_text())
            given = (task["trial"], task["leg"], folder.name)
            check(task["leave"] or given in legs, f"{told}: {given} was given before it was on disk")
        if (folder / "answer.json").exists():
            answer = json.loads((folder / "answer.json").read_text())
            given = (answer["trial"], answer["leg"], answer["step"], answer["go_on"])
            check(given in answers, f"{told}: the answer {given} was given before it was on disk")
    for folder in sweep.dir.glob("trials/*"):
        check(int(folder.name) in {leg[0] for leg in legs}, f"{told}: trial {folder.name} began before it was on disk")

"""A long sweep whose driver is killed at random moments, while others try to drive it too."""
import os
import pathlib
import signal
import time

from lab import USER, check, generator
from sweep_lab import SEGMENT, Sweep, check_folder, check_legs, check_table, driver_shim, segments, undisturbed

PROMISE = "A sweep outlives its driver (60 trials, 5 kills a run)"
COUNTS = (1, 10)
LANES = 1

TRIALS, KILLS = 60, 5


def run(lab, seed, place):
    chance = generator("Q09", seed)
    want = undisturbed(lab, TRIALS, concurrency=2)
    sweep = Sweep(lab.folder, place / f"q09-{seed}", TRIALS, concurrency=2)
    try:
        zombie_at = chance.randrange(KILLS)
        for kill in range(KILLS):
            # By trials and not by the clock: a slow machine is killed as late in the sweep as a fast one.
            goal = chance.randrange(kill * 11, kill * 11 + 10)
            if kill == zombie_at:
                wakes_up_late(chance, sweep)
            driver = sweep.drive()
            sweep.wait_for(lambda: len(sweep.events("end")) >= goal, f"{goal} ends", driver)
            if chance.random() < 0.5:
                is_refused(sweep, driver)
            time.sleep(chance.random() * chance.choice([0.01, 0.1, 0.5]))
            driver.kill()
            check(driver.process.returncode == -signal.SIGKILL, f"it ended before its kill:\n{driver.said()}")
        sweep.drive_to_the_end()
        check_table(want, sweep)
        check_legs(sweep)
        check_folder(sweep)
    finally:
        sweep.end_workers()


def is_refused(sweep, driver):
    second = sweep.drive()
    check(second.wait() == USER, f"a second driver ended with {second.process.returncode}:\n{second.said()}")
    check(str(driver.process.pid) in second.said(), f"it does not name the first one, {driver.process.pid}:\n{second.said()}")


def wakes_up_late(chance, sweep):
    """A driver stops in the middle of a commit, is taken for dead, and goes on when another one is long at work."""
    mark = sweep.place / "stopped"
    older = sweep.drive(driver_shim(do=f"signal:{int(signal.SIGSTOP)}", calls=chance.choice(["write", "fsync"]), path=SEGMENT,
                                    when=chance.choice(["before", "after"]), nth=chance.randrange(3, 12), mark=mark))
    sweep.wait_for(lambda: mark.exists() and state_of(older.process.pid) == "T", "the older driver to stop", older)
    (sweep.dir / "lock").unlink()  # as somebody on another machine would, who takes it for dead
    before = segments(sweep.dir)[-1]
    newer = sweep.drive()
    try:
        sweep.wait_for(lambda: segments(sweep.dir)[-1] != before, "the newer driver", newer)
        count = len(sweep.events())
        sweep.wait_for(lambda: len(sweep.events()) > count + chance.randrange(6), "the newer driver's decisions", newer)
        if chance.random() < 0.5:  # and there is a third one
            newer.kill()
            before, newer = segments(sweep.dir)[-1], sweep.drive()
            sweep.wait_for(lambda: segments(sweep.dir) and segments(sweep.dir)[0] > before, "the third driver", newer)
        os.kill(older.process.pid, signal.SIGCONT)
        code = older.wait()
        check(code == 1 and "taken this sweep over" in older.said(), f"the older driver ended with {code}:\n{older.said()}")
        check(not newer.ended(), f"the newer one ended with {newer.process.returncode}:\n{newer.said()}")
    finally:
        older.kill()
        newer.kill()


def state_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

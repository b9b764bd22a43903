"""Sweeps under faults: small ones, their undisturbed tables, and what must be true of a sweep's folder after each.

What is read here, the journal first of all, is read by the rules of the pages in docs/ and of journal.h, not by the
program.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import harness
from lab import DONE, RUN, check, shim, xxh3

STEPS = 12
SHORTER = {"max_steps: 120": f"max_steps: {STEPS}", "{every_steps: 30, metric": "{every_steps: 4, metric",
           "checkpoints: {every_steps: 10, keep_last: 3, keep_best: 1}": "tracking: {tensorboard: false}",
           "launch: {ranks: 2, threads_per_rank: 1, device: cpu}": "launch: {threads_per_rank: 1, device: cpu}"}
SWEEP = """schema: 1
kind: sweep
name: %(name)s
run: run.yaml
method: random
metric: {name: loss, goal: minimize}
parameters:
  train.learning_rate: {distribution: log_uniform_values, min: 1e-4, max: 1e-1}
  train.weight_decay: {values: [0.0, 0.1]}
  seed: {values: [3, 4, 5]}
trials: %(trials)d
concurrency: %(concurrency)d
on: %(on)s
%(more)s
"""
SEGMENT = r"/journal/[0-9]+\.jsonl$"


class Driver:
    """One start of `broadsheet sweep`, in the background."""

    def __init__(self, sweep, env=None):
        sweep.starts += 1
        self.log = sweep.place / f"driver-{sweep.starts}.log"
        with open(self.log, "w") as output:
            self.process = subprocess.Popen(harness.command("sweep", sweep.file, "--run-dir", sweep.dir), stdout=output,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=sweep.place,
                                            env=harness.environment(**sweep.env, **(env or {})),
                                            preexec_fn=harness.end_with_the_test)

    def wait(self):
        try:
            return self.process.wait(harness.PATIENCE * 2)
        except subprocess.TimeoutExpired:
            self.kill()
            check(False, f"the sweep did not end:\n{self.said()}")

    def ended(self):
        return self.process.poll() is not None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def said(self):
        return self.log.read_text(errors="replace")


class Sweep:
    """A sweep's files in `place`, of the corpus in `base`."""

    def __init__(self, base, place, trials, concurrency=1, on="local", more="", run_more="", env=None):
        self.place, self.dir, self.env, self.starts = pathlib.Path(place), pathlib.Path(place) / "sweep", env or {}, 0
        self.place.mkdir(exist_ok=True)
        run = RUN.replace("corpus: corpus", f"corpus: {base}/corpus").replace("tokenizer: tokenizer", f"tokenizer: {base}/tokenizer")
        for old, new in SHORTER.items():
            check(old in run, f"the run file has no {old}")
            run = run.replace(old, new)
        (self.place / "run.yaml").write_text(run + run_more)
        self.file = self.place / "sweep.yaml"
        self.name = f"campaign-{self.place.name}"[:60]
        self.file.write_text(SWEEP % dict(name=self.name, trials=trials, concurrency=concurrency, on=on, more=more))

    def drive(self, env=None):
        return Driver(self, env)

    def drive_to_the_end(self):
        driver = self.drive()
        code = driver.wait()
        check(code == DONE, f"the sweep ended with {code}:\n{driver.said()}")
        return driver

    def events(self, kind=None):
        return [event for event in read_journal(self.dir) if kind is None or event["event"] == kind]

    def table(self):
        """What it found, without clocks."""
        trials = json.loads((self.dir / "results.json").read_text())["trials"]
        return [[trial[key] for key in ("number", "parameters", "state", "steps", "value")] for trial in trials]

    def workers(self):
        """{name: pid} of the local ones whose supervisors are alive."""
        found = {}
        for lock in self.dir.glob("workers/*/supervisor.lock"):
            try:
                pid = json.loads(lock.read_text())["pid"]
            except (OSError, ValueError):
                continue
            if harness.parent_of(pid) is not None:
                found[lock.parent.name] = pid
        return found

    def task(self, worker):
        try:
            return json.loads((self.dir / "workers" / worker / "task.json").read_text())
        except OSError:
            return None

    def attempts(self, trial):
        return len(list((self.dir / f"trials/{trial:04}/logs").glob("attempt-*")))

    def wait_for(self, condition, what, driver=None, patience=harness.PATIENCE):
        limit = time.monotonic() + patience
        while not condition():
            check(driver is None or not driver.ended(), f"the driver ended before {what}" + (f":\n{driver.said()}" if driver else ""))
            check(time.monotonic() < limit, f"waited too long for {what}")
            time.sleep(0.01)

    def end_workers(self):
        """Whatever a run that broke has left."""
        for pid in self.workers().values():
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def undisturbed(lab, trials, concurrency=1, more=""):
    """The table of the same sweep that nobody disturbs."""
    def make(folder):
        sweep = Sweep(lab.folder, folder / "one", trials, concurrency, more=more)
        sweep.drive_to_the_end()
        (folder / "table.json").write_text(json.dumps(sweep.table()))
    name = f"sweep-{trials}-{xxh3(more.encode())[:8]}"
    return json.loads((lab.once(name, make) / "table.json").read_text())


# --- the journal -------------------------------------------------------------------------------------------------------
def segments(folder):
    return sorted((pathlib.Path(folder) / "journal").glob("*.jsonl"))


def events_in(raw):
    """The events of a segment's bytes that count; a line that is not whole must be the last."""
    found, group, lines = [], [], raw.split(b"\n")
    for number, line in enumerate(lines[:-1], 1):
        if xxh3(line[17:])[:16].encode() != line[:16] or line[16:17] != b" ":
            check(number == len(lines) - 1 and lines[-1] == b"", f"line {number} of {len(lines) - 1} of the journal is damaged: {line[:200]}")
            break
        group.append(json.loads(line[17:]))
        if not group[-1].get("more", False):
            found += group
            group = []
    return found


def read_journal(folder):
    for _ in range(3):
        files = segments(folder)
        try:
            return events_in(files[-1].read_bytes()) if files else []
        except FileNotFoundError:  # a driver that starts has put a newer one in its place
            continue
    return []


# --- what must be true afterwards --------------------------------------------------------------------------------------
def check_table(want, sweep):
    have = sweep.table()
    check(len(have) == len(want), f"wanted {len(want)} trials, found {len(have)}")
    for one, other in zip(want, have):
        check(one == other, f"not the table of an undisturbed sweep: wanted {one}, found {other}")


def check_legs(sweep, run_once=True):
    """Each leg began once and ended once and none failed; `run_once`: each trial was started once by all the workers."""
    events = sweep.events()
    began = [(event["trial"], event["leg"]) for event in events if event["event"] == "leg"]
    ended = [(event["trial"], event["leg"]) for event in events if event["event"] == "end"]
    check(len(began) == len(set(began)), f"a leg began twice: {sorted(began)}")
    check(sorted(began) == sorted(ended), f"legs began {sorted(began)}, ended {sorted(ended)}")
    failed = [event for event in events if event["event"] == "end" and event["state"] == "failed"]
    check(not failed, f"a trial failed: {failed}")
    numbers = [event["number"] for event in events if event["event"] == "trial"]
    check(numbers == list(range(len(numbers))), f"trials in the journal: {numbers}")
    for number in numbers:
        times = sweep.attempts(number)
        check(times == 1 or (times > 1 and not run_once), f"trial {number} was started {times} times")
        steps = [record["step"] for record in harness.metrics(sweep.dir / f"trials/{number:04}") if record["kind"] == "train"]
        check(steps == list(range(1, len(steps) + 1)), f"trial {number}: steps {steps}")


def check_folder(sweep):
    """No process, lock, temporary or older journal of a sweep that has ended well."""
    sweep.wait_for(lambda: not processes_naming(sweep.dir), "the workers to leave")
    left = [str(path.relative_to(sweep.dir)) for path in [*sweep.dir.iterdir(), *(sweep.dir / "journal").iterdir()]
            if path.name == "lock" or path.name.startswith((".", "lock.")) or path.name.endswith(".writing")]
    check(not left, f"left behind: {left}")
    check(len(segments(sweep.dir)) == 1, f"wanted one journal, found {[path.name for path in segments(sweep.dir)]}")


def processes_naming(folder):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if str(folder).encode() in words and int(entry.name) != os.getpid():
            found.append((int(entry.name), words.replace(b"\0", b" ").decode(errors="replace")))
    return found


@contextlib.contextmanager
def kept_if_broken(sweep, place):
    """For a sweep that lies outside of the case's own folder."""
    try:
        yield
    except Exception:
        shutil.copytree(sweep.place, place / sweep.place.name, symlinks=True, ignore_dangling_symlinks=True)
        raise


def driver_shim(**values):
    return shim(program="broadsheet", **values)

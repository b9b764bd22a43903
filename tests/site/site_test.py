"""Sweeps on a simulated site (simulated_slurm.py) where one leg in twenty comes to grief, with a driver that is killed.

The real `broadsheet sweep` drives them. Afterwards three accounts must agree: the journal, what the site saw, and the
table. JOBS, TRIALS, SHARE (of legs that come to grief), KILLS and SEED make it larger; docs/sweep.md has the command.
"""
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import harness
from harness import DONE, SystemTest, command, end_with_the_test
from simulated_slurm import Site
from simulated_worker import Fates, value_of

JOBS = int(os.environ.get("JOBS", "40"))
TRIALS = int(os.environ.get("TRIALS", "300"))
SHARE = float(os.environ.get("SHARE", "0.05"))
KILLS = int(os.environ.get("KILLS", "2"))
SEED = int(os.environ.get("SEED", "1"))
PATIENCE = float(os.environ.get("SECONDS_AT_MOST", "280")) - 20
MAX_FAILURES = 3
# What each fate of a leg means for the sweep: the verdicts that its end may have in the journal.
VERDICTS = {"crash": "retry", "failed": "retry", "vanished": "retry", "hung": "retry", "asleep": "retry",
            "memory": "smaller", "diverged": "infeasible"}
SLURM = ('watchdog: {min_seconds: 3}\nslurm: {time: "01:00:00", launcher: srun}\n')
SWEEP = """schema: 1
kind: sweep
name: %(name)s
run: run.yaml
method: random
metric: {name: macro_f1, goal: maximize}
parameters:
  train.learning_rate: {distribution: log_uniform_values, min: 1e-4, max: 1e-1}
  train.weight_decay: {distribution: uniform, min: 0.0, max: 0.1}
trials: %(trials)d
concurrency: %(jobs)d
max_failures: %(max_failures)d
on: slurm
%(more)s
"""

workspace = None


def setUpModule():
    global workspace
    workspace = harness.Workspace(documents=300)
    run = workspace.folder / "run.yaml"
    text = run.read_text()
    old = "launch: {ranks: 2, threads_per_rank: 1, device: cpu}\n"
    assert old in text, text
    run.write_text(text.replace(old, "launch: {threads_per_rank: 1, device: cpu}\n") + SLURM)


def tearDownModule():
    if "KEEP" in os.environ:
        print(workspace.folder)
    else:
        workspace.close()


class Driver:
    """One start of the driver, and what it has used of this machine by itself."""

    def __init__(self, file, log, env):
        with open(log, "a") as output:
            self.process = subprocess.Popen(command("sweep", file), stdout=output, stderr=subprocess.STDOUT, env=env,
                                            stdin=subprocess.DEVNULL, preexec_fn=end_with_the_test)
        self.cpu = self.memory = 0

    def look(self):
        try:
            stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return
        self.cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                self.memory = int(line.split()[1]) / 1024

    def wait(self, seconds):
        """Whether it has ended by then."""
        limit = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < limit:
            self.look()
            time.sleep(0.05)
        return self.process.poll() is not None


class SimulatedSite(SystemTest):
    def drive(self, name, more=""):
        """A whole sweep, its driver killed KILLS times. Returns the journal's events, the site, and the table."""
        folder = workspace.folder
        file, log = folder / f"{name}.yaml", folder / f"{name}.log"
        file.write_text(SWEEP % dict(name=name, trials=TRIALS, jobs=JOBS, max_failures=MAX_FAILURES, more=more))
        site = Site(folder / f"site-{name}", pathlib.Path(harness.PROGRAM).parent / "broadsheet-job", Fates(SHARE, SEED),
                    nodes=JOBS, most_jobs=JOBS, weather=0.01, seed=SEED)
        env = harness.environment(PATH=f"{site.bin}:{os.environ['PATH']}")
        env.pop("SLURM_CONF", None)
        generator, began, drivers = random.Random(SEED), time.monotonic(), []
        site.start()
        try:
            for _ in range(KILLS):
                drivers.append(Driver(file, log, env))
                if drivers[-1].wait(generator.uniform(2, 8)):
                    break
                drivers[-1].process.send_signal(signal.SIGKILL)
                drivers[-1].process.wait()
            drivers.append(Driver(file, log, env))
            ended = drivers[-1].wait(PATIENCE - (time.monotonic() - began))
            seconds = time.monotonic() - began
            self.said = log.read_text()
            if not ended:
                drivers[-1].process.kill()
            self.assertTrue(ended, f"not done after {seconds:.0f} s\n{self.said[-3000:]}")
            self.assertEqual(drivers[-1].process.returncode, DONE, self.said[-3000:])
            limit = time.monotonic() + harness.PATIENCE  # hundreds of jobs end at once, each by a process of its own
            while site.living() and time.monotonic() < limit:
                time.sleep(0.1)
            self.assertEqual(site.living(), [], "jobs that nobody needs any more")
        finally:
            site.stop()
        self.assertEqual(site.errors, [])
        self.tell(name, site, drivers, seconds)
        directory = folder / "runs" / name
        journal = sorted((directory / "journal").glob("*.jsonl"))[-1]
        events = [json.loads(line[17:]) for line in journal.read_text().splitlines()]
        return events, site, json.loads((directory / "results.json").read_text())

    def tell(self, name, site, drivers, seconds):
        waits = sorted(entry[1] for entry in site.log if entry[0] == "answered")
        cpu, memory = sum(driver.cpu for driver in drivers), max(driver.memory for driver in drivers)
        print(f"\n{name}: {TRIALS} trials, at most {site.busiest} jobs at once, {site.submitted} jobs in all, "
              f"{sum(entry[0] == 'struck' for entry in site.log)} legs struck, {len(drivers)} starts of the driver: "
              f"{seconds:.1f} s; the driver: {1000 * cpu / TRIALS:.2f} ms of CPU a trial, {memory:.0f} MB; "
              f"commands {site.calls}" + (f"; {len(waits)} answers at rungs, half within {waits[len(waits) // 2]:.2f} s, "
                                          f"all within {waits[-1]:.2f} s" if waits else ""), flush=True)

    def check(self, events, site, results):
        starts = [event for event in events if event["event"] == "leg"]
        ends = {(event["trial"], event["leg"]): event for event in events if event["event"] == "end"}
        worker_of = {(event["trial"], event["leg"]): event["worker"] for event in starts}
        # Nothing lost: every leg has begun once and ended once, and a trial's legs follow each other.
        self.assertEqual(len(worker_of), len(starts))
        self.assertEqual(sorted(worker_of), sorted(ends))
        self.assertEqual(len(ends), sum(event["event"] == "end" for event in events))
        open_legs = collections.defaultdict(int)
        for event in events:
            if event["event"] == "leg":
                self.assertEqual(open_legs[event["trial"]] + 1, event["leg"], event)
            elif event["event"] == "end":
                open_legs[event["trial"]] = event["leg"]
        # Nothing run twice: no leg was begun by two workers, nor by one that it was not given to.
        begun = [entry[1] for entry in site.log if entry[0] == "begun"]
        self.assertEqual([key for key, count in collections.Counter((leg.trial, leg.leg) for leg in begun).items() if count > 1], [])
        for leg in begun:
            self.assertEqual(leg.worker, worker_of[leg.trial, leg.leg])
        self.check_ends(ends, site, begun)
        self.check_table(ends, results)

    def check_ends(self, ends, site, begun):
        """What the journal says of each leg is what the site saw of it."""
        struck = {(entry[1].trial, entry[1].leg): entry[1].fate for entry in site.log if entry[0] == "struck"}
        ended = {(entry[1].trial, entry[1].leg): entry[2:] for entry in site.log if entry[0] == "ended"}
        for key, end in ends.items():
            fate, (state, value) = struck.get(key), ended.get(key, (None, None))
            if fate in VERDICTS:
                self.assertEqual(end["state"], "failed", (fate, end))
                self.assertIn(end["verdict"], (VERDICTS[fate], "failed"), (fate, end))
            elif fate in ("time_up", "requeued"):
                self.assertEqual(end["state"], "stopped", (fate, end))
            else:
                # Whatever else: it was done or put aside by its worker, or had not begun when it was taken back.
                self.assertEqual(end["state"], state or "stopped", end)
                self.assertEqual(end["value"] if state else None, value, end)
        self.assertEqual([key for key in ended if key not in ends], [])

    def check_table(self, ends, results):
        last = {}
        failures = collections.Counter()
        for (trial, leg), end in sorted(ends.items()):
            last[trial] = end
            failures[trial] += end.get("verdict") in ("retry", "failed")
        self.assertEqual([trial["number"] for trial in results["trials"]], list(range(TRIALS)))
        self.assertTrue(results["finished"])
        for trial in results["trials"]:
            number, parameters, end = trial["number"], trial["parameters"], last[trial["number"]]
            if trial["state"] == "failed":
                self.assertEqual(failures[number], MAX_FAILURES, trial)
            elif trial["state"] == "infeasible":
                self.assertEqual(end["verdict"], "infeasible", trial)
            else:
                self.assertEqual(trial["state"], {"done": "done", "paused": "pruned"}[end["state"]], trial)
                self.assertLess(failures[number], MAX_FAILURES, trial)
                value = value_of(parameters["train.learning_rate"], parameters["train.weight_decay"], trial["steps"])
                self.assertEqual(trial["value"], value, trial)
        done = [trial for trial in results["trials"] if trial["state"] == "done"]
        self.assertEqual(results["best"], max(done, key=lambda trial: trial["value"])["number"])
        return done

    def test_every_trial_of_a_random_search_is_done_or_judged(self):
        events, site, results = self.drive("everything")
        self.check(events, site, results)
        self.assertEqual({trial["steps"] for trial in results["trials"] if trial["state"] == "done"}, {40})
        self.assertNotIn("pruned", {trial["state"] for trial in results["trials"]})
        # With hundreds of legs each kind of grief has come.
        if SHARE >= 0.05 and TRIALS >= 300:
            self.assertGreater(len({entry[1].fate for entry in site.log if entry[0] == "struck"}), 4)

    def test_early_termination_with_answers_at_every_rung(self):
        more = "early_terminate: {type: asha, resource: steps, min: 10, max: 90, reduction_factor: 3}"
        events, site, results = self.drive("halving", more)
        self.check(events, site, results)
        done = [trial for trial in results["trials"] if trial["state"] == "done"]
        self.assertEqual({trial["steps"] for trial in done}, {90})
        self.assertLess(len(done), TRIALS / 3)
        self.assertEqual({trial["steps"] for trial in results["trials"] if trial["state"] == "pruned"}, {10, 30})


if __name__ == "__main__":
    harness.main()

"""Sweeps whose trials are jobs of a real Slurm of two nodes: what they find, and what they survive."""
import json
import math
import os
import random
import shutil
import signal
import subprocess
import time

import harness
from cluster import Cluster, Workspace
from harness import DONE, PATIENCE, SystemTest, broadsheet, command, end_with_the_test

SEED = int(os.environ.get("SEED", "1"))
# Three cores: each node has room for one worker, and for the driver beside it.
SLURM = 'slurm: {partition: main, cpus_per_task: 3, time: "00:10:00", export: [BROADSHEET_FAULT]}\n'
SWEEP = """schema: 1
kind: sweep
name: %(name)s
run: run.yaml
method: random
metric: {name: macro_f1, goal: maximize}
parameters:
  train.learning_rate: {distribution: log_uniform_values, min: 1e-4, max: 1e-1}
  train.weight_decay: {values: [0.0, 0.1]}
  seed: {values: [3, 4, 5]}
trials: 6
concurrency: 2
on: %(on)s
"""

cluster = None
workspace = None


def setUpModule():
    global cluster, workspace
    cluster = Cluster("MinJobAge=60")
    try:
        workspace = Workspace(steps=24, documents=300)
        run = workspace.folder / "run.yaml"
        text = run.read_text()
        text = text[:text.index("slurm: {")] + SLURM
        for old, new in {"global_batch_size: 32": "global_batch_size: 16",
                         "every_steps: 60, metric": "every_steps: 8, metric",
                         "launch: {ranks: 2, threads_per_rank: 1, device": "watchdog: {min_seconds: 30}\nlaunch: {threads_per_rank: 1, device"}.items():
            assert old in text, (old, text)
            text = text.replace(old, new)
        run.write_text(text)
    except BaseException:
        cluster.down()
        raise


def tearDownModule():
    cluster.down()
    workspace.close()


class Sweep:
    """A sweep of six trials, two at a time."""

    def __init__(self, name, on="slurm", slow=0):
        self.name, self.dir = name, workspace.folder / "runs" / name
        self.file = workspace.folder / f"{name}.yaml"
        self.file.write_text(SWEEP % dict(name=name, on=on))
        # Steps long enough to be met in the middle; the numbers are the same.
        fault = {"BROADSHEET_FAULT": f"slow:rank=0:milliseconds={slow}"} if slow else {}
        self.env = harness.environment(**fault, SLURM_CONF=cluster.environment["SLURM_CONF"])
        self.drivers, self.driver = 0, None

    def drive(self):
        self.drivers += 1
        with open(workspace.folder / f"{self.name}-{self.drivers}.log", "w") as output:
            self.driver = subprocess.Popen(command("sweep", self.file), stdout=output, stderr=subprocess.STDOUT,
                                           env=self.env, stdin=subprocess.DEVNULL, preexec_fn=end_with_the_test)

    def said(self):
        return "".join(path.read_text(errors="replace") for path in sorted(workspace.folder.glob(f"{self.name}-*.log")))

    def events(self, kind=None):
        files = sorted((self.dir / "journal").glob("*.jsonl"))
        found = []
        for line in files[-1].read_text().splitlines() if files else []:
            try:
                found.append(json.loads(line[17:]))
            except ValueError:  # being written
                break
        return [event for event in found if kind is None or event["event"] == kind]

    def workers(self):
        return sorted(path.parent.parent.name for path in self.dir.glob("workers/*/job/job.json"))

    def job_of(self, worker):
        return json.loads((self.dir / "workers" / worker / "job/job.json").read_text())["id"]

    def job_events(self, worker, kind=None):
        path = self.dir / "workers" / worker / "job/events.jsonl"
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [event for event in found if kind is None or event["event"] == kind]

    def table(self):
        trials = json.loads((self.dir / "results.json").read_text())["trials"]
        return [(t["number"], t["parameters"], t["state"], t["steps"], t["value"]) for t in trials]

    def status(self):
        told = json.loads(broadsheet("status", self.dir, "--json", env=self.env).stdout)
        return told["state"]

    def everything(self):
        queue = cluster.ask("squeue", "-o", "%i %j %T %r %N", good=False)
        jobs = {worker: self.job_events(worker) for worker in self.workers()}
        logs = "".join(f"== {path}\n{path.read_text(errors='replace')}" for path in sorted(self.dir.glob("**/job-*.log")))
        return f"{queue}\n{jobs}\n{self.said()}\n{logs}"

    def wait_for(self, condition, what, patience=PATIENCE):
        limit = time.monotonic() + patience
        while not condition():
            if time.monotonic() > limit:
                raise AssertionError(f"waited too long for {what}\n{self.everything()}")
            if self.driver and self.driver.poll() not in (None, DONE):
                raise AssertionError(f"the driver ended before {what}\n{self.everything()}")
            time.sleep(0.05)

    def wait(self):
        self.wait_for(lambda: self.driver.poll() is not None, "the driver to end")
        return self.driver.returncode

    def wait_for_ends(self, count):
        self.wait_for(lambda: len(self.events("end")) >= count, f"{count} ends of legs")

    def trains(self, worker):
        """Whether its present trial has come to a checkpoint."""
        task = self.dir / "workers" / worker / "task.json"
        if not task.exists() or not self.job_events(worker) or self.job_events(worker)[-1]["event"] != "start":
            return False
        return harness.last_step(json.loads(task.read_text())["folder"]) >= 12


class SlurmSweeps(SystemTest):
    @classmethod
    def setUpClass(cls):
        local = Sweep("local", on="local")
        # This machine is a node of the test's cluster; a login node is none of its own.
        stubs = workspace.folder / "elsewhere"
        stubs.mkdir()
        (stubs / "sinfo").write_text("#!/bin/sh\necho n8 n8 n8\n")
        (stubs / "sinfo").chmod(0o755)
        local.env["PATH"] = f"{stubs}:{local.env['PATH']}"
        local.drive()
        if local.wait() != DONE:
            raise AssertionError(local.said())
        cls.reference = local.table()
        cls.said_locally = local.said()

    def assert_found(self, sweep):
        """The same as on one machine; nothing ran twice, and no trial failed."""
        self.assertEqual(sweep.table(), self.reference, sweep.everything())
        started = [(event["trial"], event["leg"]) for event in sweep.events("leg")]
        ended = [(event["trial"], event["leg"]) for event in sweep.events("end")]
        self.assertEqual(len(started), len(set(started)))
        self.assertEqual(sorted(started), sorted(ended))
        self.assertEqual([event for event in sweep.events("end") if event["state"] == "failed"], [], sweep.everything())

    def assert_jobs_leave(self, sweep):
        jobs = {sweep.job_of(worker) for worker in sweep.workers()}
        living = ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING")
        sweep.wait_for(lambda: not any(cluster.job_state(job) in living for job in jobs), "the workers' jobs to leave")

    def test_a_trial_goes_from_a_waiting_job_to_a_free_worker(self):
        cluster.ask("scontrol", "update", "nodename=n2", "state=drain", "reason=test")
        try:
            sweep = Sweep("handed", slow=100)
            sweep.drive()
            self.assertEqual(sweep.wait(), DONE, sweep.everything())
        finally:
            cluster.ask("scontrol", "update", "nodename=n2", "state=resume")
        self.assert_found(sweep)
        first, waiting = sweep.workers()
        self.assertEqual(sweep.job_events(waiting, "start"), [], "its job was to wait")
        handed = [event["trial"] for event in sweep.events("leg") if event["worker"] == waiting]
        self.assertEqual(len(handed), 1)
        legs = [(event["leg"], event["worker"]) for event in sweep.events("leg") if event["trial"] == handed[0]]
        self.assertEqual(legs, [(1, waiting), (2, first)])
        self.assert_jobs_leave(sweep)

    def test_a_driver_killed_three_times_is_taken_up_on_two_nodes(self):
        sweep = Sweep("killed", slow=40)
        generator = random.Random(SEED)
        for kill in range(3):
            sweep.drive()
            sweep.wait_for_ends(kill)
            time.sleep(generator.choice([0.1, 0.5, 1.5]) * generator.random())
            sweep.driver.kill()
            sweep.driver.wait()
            sweep.driver = None
        sweep.drive()
        self.assertEqual(sweep.wait(), DONE, sweep.everything())
        self.assert_found(sweep)
        # A driver that dies between its word and sbatch costs a worker.
        self.assertLessEqual(len(sweep.workers()), 5)
        nodes = {event["nodes"] for worker in sweep.workers() for event in sweep.job_events(worker, "start")}
        self.assertEqual(nodes, {"n1", "n2"}, sweep.everything())
        self.assert_jobs_leave(sweep)

    def test_a_requeued_and_a_cancelled_worker_cost_nothing(self):
        sweep = Sweep("disturbed", slow=100)
        sweep.drive()
        sweep.wait_for(lambda: len(sweep.workers()) == 2 and all(map(sweep.trains, sweep.workers())), "two workers that train")
        first, second = sweep.workers()
        cluster.ask("scontrol", "requeue", sweep.job_of(first))
        cluster.ask("scancel", sweep.job_of(second))
        self.assertEqual(sweep.wait(), DONE, sweep.everything())
        self.assert_found(sweep)
        self.assertEqual({event["state"] for event in sweep.events("end")}, {"done", "stopped"}, sweep.everything())
        self.assertEqual(len(sweep.job_events(first, "start")), 2, sweep.everything())
        self.assertEqual(sweep.job_events(second, "end")[-1]["cause"], "cancelled")
        self.assertEqual(len(sweep.workers()), 3, sweep.everything())
        self.assert_jobs_leave(sweep)

    def test_twenty_seconds_without_a_controller(self):
        sweep = Sweep("weather", slow=150)
        sweep.drive()
        sweep.wait_for(lambda: any(map(sweep.trains, sweep.workers())), "a worker that trains")
        os.kill(cluster.daemon("slurmctld"), signal.SIGTERM)
        began = len(sweep.events("end"))
        time.sleep(20)
        during = len(sweep.events("end"))
        cluster.start_controller()
        self.assertGreater(during, began, "the trials did not go on meanwhile")
        self.assertEqual(sweep.wait(), DONE, sweep.everything())
        self.assert_found(sweep)
        self.assert_jobs_leave(sweep)

    def test_a_submitted_driver_comes_back_and_can_be_cancelled(self):
        sweep = Sweep("submitted", slow=100)
        done = broadsheet("submit", sweep.file, "--json", env=sweep.env)
        self.assert_exit(done, DONE)
        job = json.loads(done.stdout)["job_id"]
        self.assertIn(sweep.status(), ("waiting", "starting", "running"))
        sweep.wait_for(lambda: any(map(sweep.trains, sweep.workers())), "a worker that trains")
        self.assertEqual(sweep.status(), "running")
        cluster.ask("scontrol", "requeue", job)
        sweep.wait_for(lambda: len(sweep.events("driver")) == 2, "the driver's second start")
        sweep.wait_for((sweep.dir / "results.json").exists, "its results")
        self.assert_found(sweep)
        self.assertEqual(len(sweep.workers()), 2, sweep.everything())  # they have been kept
        sweep.wait_for(lambda: cluster.job_state(job) == "COMPLETED", "the driver's job to end")
        self.assertEqual(sweep.status(), "finished")

    def test_on_a_login_node_a_local_sweep_says_where_it_would_do_better(self):
        self.assertIn("is no node of its cluster", self.said_locally)
        self.assertIn("broadsheet submit", self.said_locally)

    def test_trials_of_two_ranks_over_both_nodes(self):
        for launcher in ("srun", "mpirun"):
            with self.subTest(launcher=launcher):
                text = (workspace.folder / "run.yaml").read_text()
                for old, new in (("launch: {threads", "launch: {ranks: 2, threads"),
                                 ("slurm: {partition: main,", f"slurm: {{partition: main, nodes: 2, ntasks_per_node: 1, launcher: {launcher},")):
                    self.assertIn(old, text)
                    text = text.replace(old, new)
                (workspace.folder / f"run-{launcher}.yaml").write_text(text)
                tables = []
                for on in ("local", "slurm"):
                    sweep = Sweep(f"wide-{launcher}-{on}", on=on)
                    changed = sweep.file.read_text().replace("run: run.yaml", f"run: run-{launcher}.yaml")
                    changed = changed.replace("trials: 6\nconcurrency: 2", "trials: 2\nconcurrency: 1")
                    self.assertIn("concurrency: 1", changed)
                    sweep.file.write_text(changed)
                    sweep.drive()
                    self.assertEqual(sweep.wait(), DONE, sweep.everything())
                    tables.append(sweep.table())
                self.assertEqual(tables[0], tables[1], sweep.everything())
                self.assertEqual([row[2] for row in tables[1]], ["done"] * 2)
                self.assertEqual(sweep.job_events(sweep.workers()[0], "start")[0]["nodes"], "n[1-2]")
                self.assert_jobs_leave(sweep)

    def test_a_chain_ends_in_a_sweep_that_runs_inside_its_own_job(self):
        # Small trials share one allocation, two at a time, each on a core of its own.
        sweep = Sweep("packed", on="local", slow=50)
        corpus = workspace.folder / "chain.yaml"
        corpus.write_text((workspace.folder / "corpus.yaml").read_text().replace("output: corpus", "output: chain"))
        done = broadsheet("submit", corpus, workspace.folder / "run.yaml", sweep.file, "--json", env=sweep.env)
        self.assert_exit(done, DONE)
        first, second, job = (one["job_id"] for one in json.loads(done.stdout)["jobs"])
        sweep.wait_for((sweep.dir / "results.json").exists, "its results")
        self.assertEqual([cluster.job_state(one) for one in (first, second)], ["COMPLETED"] * 2)
        self.assert_found(sweep)
        self.assertTrue((workspace.folder / "chain/corpus.json").exists())
        self.assertEqual(sweep.workers(), [], "its workers are no jobs")
        began = {event["trial"]: event["time"] for event in sweep.events("leg")}
        ended = {event["trial"]: event["time"] for event in sweep.events("end")}
        self.assertTrue(any(began[b] < ended[a] for a in began for b in began if began[a] < began[b]), "never two at a time")
        sweep.wait_for(lambda: cluster.job_state(job) == "COMPLETED", "the driver's job to end")

    def test_a_limit_of_the_site_is_waited_for_gently(self):
        # Commands that say what a site with limits says; the first worker is let through.
        stubs = workspace.folder / "stubs"
        stubs.mkdir()
        calls = stubs / "calls"
        sbatch = shutil.which("sbatch")
        for name in ("sbatch", "squeue"):
            stub = stubs / name
            refusal = f"[ $(grep -c sbatch {calls}) -le 1 ] || {{ echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1; }}\n"
            stub.write_text(f"#!/bin/sh\necho {name} >>{calls}\n{refusal if name == 'sbatch' else ''}"
                            f"exec {shutil.which(name)} \"$@\"\n")
            stub.chmod(0o755)
        sweep = Sweep("limited")
        sweep.env["PATH"] = f"{stubs}:{sweep.env['PATH']}"
        began = time.monotonic()
        sweep.drive()
        self.assertEqual(sweep.wait(), DONE, sweep.everything())
        seconds = time.monotonic() - began
        self.assert_found(sweep)
        self.assertEqual(len([w for w in sweep.workers() if sweep.job_events(w)]), 1, "one worker was to do it all")
        self.assertEqual(sweep.said().count("is tried again: "), 1, sweep.said())
        asked = calls.read_text().split()
        # After 1, 2, 4, ... seconds; each try looks once whether it was accepted all the same.
        self.assertLessEqual(asked.count("sbatch"), 3 + math.log2(seconds), asked)
        self.assertLessEqual(asked.count("squeue"), 8 + 2 * asked.count("sbatch") + seconds / 5, asked)

    def test_cancel_takes_the_workers_along(self):
        sweep = Sweep("cancelled", slow=200)
        done = broadsheet("submit", sweep.file, "--json", env=sweep.env)
        self.assert_exit(done, DONE)
        sweep.wait_for(lambda: any(map(sweep.trains, sweep.workers())), "a worker that trains")
        self.assert_exit(broadsheet("cancel", sweep.dir, env=sweep.env), DONE)
        self.assert_jobs_leave(sweep)
        self.assertEqual(sweep.status(), "cancelled")
        self.assertIn("stopped", {event["state"] for event in sweep.events("end")}, sweep.everything())
        self.assertEqual([event for event in sweep.events("end") if event["state"] == "failed"], [], sweep.everything())


if __name__ == "__main__":
    harness.main()

"""A real Slurm of two nodes on this machine (slurm/testcluster), for tests of what happens to submitted runs."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

import harness
from harness import PATIENCE, broadsheet

ROOT = harness.HERE.parents[1]
TOOL = ROOT / "slurm/testcluster"

SLURM = 'slurm: {partition: main, nodes: 2, ntasks_per_node: 1, time: "00:10:00", export: [BROADSHEET_FAULT, BROADSHEET_TEST_ENVIRONMENT]}\n'


class Cluster:
    """Up for as long as this lives. `settings` go into slurm.conf."""

    def __init__(self, *settings):
        # Not in /tmp: each node has one of its own. Always the same place: what a killed test left is found and ended.
        self.state = os.environ.get("BROADSHEET_TESTCLUSTER", "/var/tmp/broadsheet-tests-cluster")
        self.environment = dict(os.environ, BROADSHEET_TESTCLUSTER=self.state,
                                BROADSHEET_TESTCLUSTER_PORT=os.environ.get("BROADSHEET_TESTCLUSTER_PORT", "26917"))
        self.call("down")
        self.call("up", *settings)
        exports = self.call("env").stdout
        self.environment.update(re.findall(r"export (\w+)=(.*)", exports))
        os.environ["SLURM_CONF"] = self.environment["SLURM_CONF"]
        self.shared = pathlib.Path(self.environment["BROADSHEET_TESTCLUSTER_SHARED"])

    def call(self, *arguments):
        done = subprocess.run([TOOL, *arguments], env=self.environment, text=True, capture_output=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"testcluster {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
        return done

    def down(self):
        self.call("down")
        os.environ.pop("SLURM_CONF", None)

    def ask(self, *words, good=True):
        done = subprocess.run(words, env=self.environment, text=True, capture_output=True, timeout=60)
        if good and done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def job_state(self, job):
        found = re.search(r"JobState=(\S+)", self.ask("scontrol", "show", "job", str(job), good=False))
        return found[1] if found else None

    def daemon(self, name):
        return int((pathlib.Path(self.state) / f"{name}.pid").read_text())

    def start_controller(self):
        self.ask("slurmctld")


class Workspace(harness.Workspace):
    """A prepared corpus where both nodes see it; run.yaml has a section slurm."""

    def __init__(self, steps=240, documents=600):
        before, tempfile.tempdir = tempfile.tempdir, "/var/tmp"
        try:
            super().__init__(documents)
        finally:
            tempfile.tempdir = before
        run = self.folder / "run.yaml"
        text = run.read_text().replace("max_steps: 40", f"max_steps: {steps}")
        text = text.replace("{every_steps: 10, metric", "{every_steps: 60, metric").replace("{every_steps: 5,", "{every_steps: 10,")
        run.write_text(text + SLURM)
        self.reference_of = {}

    def reference(self, *sets):
        """What an undisturbed local run of two ranks leaves."""
        if sets not in self.reference_of:
            name = f"reference-{len(self.reference_of)}"
            done = broadsheet(*self.train(name, *sets))
            if done.returncode != 0:
                raise RuntimeError(done.stderr)
            self.reference_of[sets] = harness.kept(self.run_dir(name))
        return self.reference_of[sets]


class Job:
    """A submitted run."""

    def __init__(self, cluster, workspace, name, *arguments, slow=0, env=None):
        self.cluster, self.dir = cluster, workspace.run_dir(name)
        # Steps long enough to be met in the middle; the bits are the same.
        changes = {"BROADSHEET_FAULT": f"slow:rank=0:milliseconds={slow}"} if slow else {}
        self.env = harness.environment(**changes, **(env or {}), SLURM_CONF=cluster.environment["SLURM_CONF"])
        self.arguments = ["submit", workspace.folder / "run.yaml", "--set", f"name={name}", *arguments]
        self.submit()

    def submit(self):
        self.before = len(self.events())
        done = broadsheet(*self.arguments, "--json", env=self.env)
        if done.returncode != 0:
            raise AssertionError(f"submit: exit {done.returncode}\n{done.stdout}{done.stderr}")
        self.answer = json.loads(done.stdout)
        self.id = self.answer["job_id"]

    def ask(self, verb, *arguments):
        return broadsheet(verb, self.dir, *arguments, env=self.env)

    def status(self):
        return json.loads(self.ask("status", "--json").stdout)

    def log(self):
        return "".join(path.read_text(errors="replace") for path in sorted((self.dir / "logs").glob("job-*.log")))

    def events(self, kind=None):
        path = self.dir / "job/events.jsonl"
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [event for event in found if kind is None or event["event"] == kind]

    def wait_for(self, condition, what, patience=PATIENCE):
        limit = time.monotonic() + patience
        while not condition():
            if time.monotonic() > limit:
                queue = self.cluster.ask("squeue", "-o", "%i %T %r %N", good=False)
                raise AssertionError(f"waited too long for {what}\n{queue}\n{self.events()}\n{self.log()}")
            time.sleep(0.02)

    def starts(self):
        return len(self.events("start"))

    def wait_for_step(self, step, starts=1):
        self.wait_for(lambda: self.starts() >= starts and harness.last_step(self.dir) >= step, f"step {step}")

    def wait_until_finished(self, patience=PATIENCE):
        self.wait_for(lambda: any(event["action"] == "stop" for event in self.events()[self.before:] if event["event"] != "start"),
                      "its end", patience)

    def ranks(self):
        """{rank: pid} of the newest attempt."""
        self.wait_for(lambda: (harness.newest_attempt(self.dir) or pathlib.Path("/none")) / "ranks.json", "ranks")
        path = harness.newest_attempt(self.dir) / "ranks.json"
        self.wait_for(path.exists, "ranks.json")
        return {entry["rank"]: entry["pid"] for entry in json.loads(path.read_text())["ranks"]}

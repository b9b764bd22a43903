"""Sweeps as a user runs them: a real driver, real workers, real kills. The driver's death at any moment changes nothing."""
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time

from harness import (DONE, PATIENCE, STOPPED, USER, SystemTest, Workspace, broadsheet, command, end_with_the_test,
                     environment, main)

SEED = int(os.environ.get("SEED", "1"))
KILLS = int(os.environ.get("KILLS", "12"))
RUN_SETTINGS = {"max_steps: 40": "max_steps: 12", "global_batch_size: 32": "global_batch_size: 16",
                "every_steps: 10, metric": "every_steps: 4, metric",
                "checkpoints: {every_steps: 5, keep_last: 2, keep_best: 1}": "tracking: {tensorboard: false}",
                "launch: {ranks: 2": "watchdog: {min_seconds: 8}\nlaunch: {ranks: 1"}
SWEEP = """schema: 1
kind: sweep
name: %(name)s
run: run.yaml
method: %(method)s
metric: {name: macro_f1, goal: maximize}
parameters:
  train.learning_rate: {distribution: log_uniform_values, min: 1e-4, max: 1e-1}
  train.weight_decay: {values: [0.0, 0.1]}
  seed: {values: [3, 4, 5]}
%(more)s
trials: %(trials)d
concurrency: %(concurrency)d
"""


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def journal(folder):
    """All events that count, oldest first."""
    files = sorted((pathlib.Path(folder) / "journal").glob("*.jsonl"))
    events = []
    if files:
        for line in files[-1].read_text().splitlines():
            try:
                events.append(json.loads(line[17:]))
            except ValueError:  # being written
                break
    return events


class Driver:
    """broadsheet sweep in the background."""

    def __init__(self, file, *arguments):
        self.process = subprocess.Popen(command("sweep", file, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=environment(), preexec_fn=end_with_the_test)

    def wait(self):
        try:
            self.output, _ = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.output, _ = self.process.communicate()
            raise AssertionError(f"the sweep did not end:\n{self.output}")
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.communicate()


class Sweeps(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace(documents=300)
        text = (cls.work.folder / "run.yaml").read_text()
        for old, new in RUN_SETTINGS.items():
            assert old in text, old
            text = text.replace(old, new)
        (cls.work.folder / "run.yaml").write_text(text)

    @classmethod
    def tearDownClass(cls):
        for lock in cls.work.folder.glob("runs/*/workers/*/supervisor.lock"):
            pid = json.loads(lock.read_text())["pid"]
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        cls.work.close()

    def file(self, name, method="random", trials=4, concurrency=1, more=""):
        path = self.work.folder / f"{name}.yaml"
        path.write_text(SWEEP % dict(name=name, method=method, trials=trials, concurrency=concurrency, more=more))
        return path

    def folder(self, name):
        return self.work.folder / "runs" / name

    def table(self, name):
        """What the sweep found, without clocks."""
        return json.loads((self.folder(name) / "results.json").read_text())

    def compared(self, name):
        return [(t["number"], t["parameters"], t["state"], t["steps"], t["value"]) for t in self.table(name)["trials"]]

    def workers(self, name):
        pids = {}
        for lock in self.folder(name).glob("workers/*/supervisor.lock"):
            try:
                pids[lock.parent.name] = json.loads(lock.read_text())["pid"]
            except (OSError, ValueError):
                pass
        return {worker: pid for worker, pid in pids.items() if alive(pid)}

    def wait_for(self, condition, what):
        limit = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), limit, f"waited too long for {what}")
            time.sleep(0.01)

    def train_alone(self, name, trial):
        """The run that `train` makes of a trial's keys, and its weights."""
        sets = []
        for key, value in trial["parameters"].items():
            sets += ["--set", f"{key}={value}"]
        done = broadsheet("train", self.work.folder / "run.yaml", "--set", f"name={name}", *sets)
        self.assertEqual(done.returncode, DONE, done.stderr)
        return digest(self.folder(name) / "model/model.safetensors")

    def test_a_sweep_finds_keeps_and_tells(self):
        file = self.file("plain", trials=5, concurrency=2)
        before = {p.name for p in self.work.folder.rglob("*")}
        planned = broadsheet("sweep", file, "--dry-run", "--json")
        self.assertEqual(planned.returncode, DONE, planned.stderr)
        self.assertEqual(before, {p.name for p in self.work.folder.rglob("*")}, "--dry-run left something behind")
        self.assertEqual(json.loads(planned.stdout)["trials"], 5)
        done = broadsheet("sweep", file, "--json")
        self.assertEqual(done.returncode, DONE, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual([t["number"] for t in found["trials"]], list(range(5)))
        self.assertEqual({t["state"] for t in found["trials"]}, {"done"})
        self.assertEqual([t["parameters"] for t in found["trials"]],
                         [p["parameters"] for p in json.loads(planned.stdout)["first"]], "--dry-run told other trials")
        best = max(found["trials"], key=lambda t: t["value"])
        self.assertEqual(found["trials"][found["best"]]["value"], best["value"])
        for trial in found["trials"]:
            run = self.folder("plain") / f"trials/{trial['number']:04d}"
            self.assertEqual((run / "model").exists(), trial["number"] == found["best"], run)
            self.assertEqual((run / "checkpoints").exists(), trial["number"] == found["best"], run)
            self.assertTrue((run / "metrics.jsonl").exists())
            if trial["number"] != found["best"]:
                self.assertLess(len([p for p in run.rglob("*") if p.is_file()]), 12)
        self.assertIn("<svg", (self.folder("plain") / "report.html").read_text())
        self.assertNotIn("seconds", (self.folder("plain") / "results.json").read_text())
        reported = json.loads(broadsheet("report", self.folder("plain"), "--json").stdout)
        self.assertEqual(reported["best"], found["best"])
        rows = broadsheet("report", self.folder("plain"), "--csv").stdout.splitlines()
        self.assertEqual(len(rows), 6)
        self.assertIn("finished", broadsheet("status", self.folder("plain")).stdout)
        again = broadsheet("sweep", file)
        self.assertEqual(again.returncode, DONE)
        self.assertIn("finished", again.stderr)
        exported = broadsheet("export", self.folder("plain"), "--best", "--out", self.work.folder / "best")
        self.assertEqual(exported.returncode, DONE, exported.stderr)
        scored = broadsheet("evaluate", self.work.folder / "best", "--corpus", self.work.folder / "corpus", "--split",
                            "validation", "--json")
        self.assertEqual(scored.returncode, DONE, scored.stderr)
        self.assertAlmostEqual(json.loads(scored.stdout)["metrics"]["macro_f1"], best["value"], places=9)
        self.wait_for(lambda: not self.workers("plain"), "the workers to leave")

    def test_a_trial_has_the_bits_of_a_run_of_its_own(self):
        file = self.file("bits", trials=21, more="keep_best: 21")
        self.assertEqual(broadsheet("sweep", file).returncode, DONE)
        self.assertEqual(len({event["name"] for event in journal(self.folder("bits")) if event["event"] == "worker"}), 1,
                         "one worker was to train all of them")
        for trial in (self.table("bits")["trials"][n] for n in (0, 7, 20)):
            weights = digest(self.folder("bits") / f"trials/{trial['number']:04d}/model/model.safetensors")
            self.assertEqual(weights, self.train_alone(f"alone-{trial['number']}", trial), trial)

    def test_the_best_is_trained_again_on_all_that_is_not_the_test(self):
        file = self.file("again", trials=3)
        done = broadsheet("sweep", file, "--retrain-best", "--json")
        self.assertEqual(done.returncode, DONE, done.stderr)
        told = json.loads(done.stdout)
        folder = self.folder("again") / "retrained"
        self.assertEqual(told["run_dir"], str(folder))
        self.assertEqual(told["validation"], {"before": {}, "after": {}})
        self.assertEqual(told["trained_on"], ["train", "validation"])
        self.assertIn("trained on train and validation together", (folder / "report.html").read_text())
        best = self.table("again")["trials"][self.table("again")["best"]]
        own = json.loads((self.folder("again") / f"trials/{best['number']:04d}/results.json").read_text())
        manifest = json.loads((self.work.folder / "corpus/corpus.json").read_text())
        train, validation = (manifest["splits"][split]["documents"] for split in ("train", "validation"))
        self.assertEqual(told["steps"], round(own["best_step"] * (train + validation) / train))
        # A run of its own, with the same keys.
        sets = [f"--set={key}={value}" for key, value in best["parameters"].items()]
        run = self.work.folder / "all.yaml"
        run.write_text((self.work.folder / "run.yaml").read_text().replace("every_steps: 4, ", ""))
        alone = broadsheet("train", run, "--set", "name=all", *sets, "--set", "data.train_on_validation=true", "--set",
                           f"train.max_steps={told['steps']}")
        self.assertEqual(alone.returncode, DONE, alone.stderr)
        self.assertEqual(digest(folder / "model/model.safetensors"), digest(self.folder("all") / "model/model.safetensors"))
        scored = broadsheet("evaluate", folder, "--split", "test", "--json")
        self.assertEqual(scored.returncode, DONE, scored.stderr)
        self.assertEqual(json.loads(scored.stdout)["metrics"]["examples"], manifest["splits"]["test"]["documents"])
        self.assertNotIn("warning", scored.stderr)
        seen = broadsheet("evaluate", folder, "--split", "validation")
        self.assertIn("was trained on this split too", seen.stderr)
        exported = broadsheet("export", folder, "--out", self.work.folder / "again-exported")
        self.assertEqual(exported.returncode, DONE, exported.stderr)
        self.assertEqual(digest(self.work.folder / "again-exported/model.safetensors"),
                         digest(folder / "model/model.safetensors"))
        self.assertIn("finished", broadsheet("sweep", file, "--retrain-best").stderr)

    def test_a_retraining_that_was_interrupted_goes_on_to_the_same_bits(self):
        # So slow a rate that the last steps are the best.
        file = self.file("resumed", trials=2)
        begin, end = file.read_text().index("  train.learning_rate"), file.read_text().index("  train.weight_decay")
        file.write_text((file.read_text()[:begin] + "  train.learning_rate: {value: 1e-4}\n" + file.read_text()[end:])
                        .replace("run: run.yaml", "run: long.yaml").replace("macro_f1, goal: maximize", "loss, goal: minimize"))
        (self.work.folder / "long.yaml").write_text(
            (self.work.folder / "run.yaml").read_text().replace("max_steps: 12", "max_steps: 300")
            .replace("every_steps: 4, metric: macro_f1", "every_steps: 100, metric: loss")
            .replace("tracking:", "checkpoints: {every_steps: 20, every_minutes: 0}\ntracking:"))
        self.assertEqual(broadsheet("sweep", file).returncode, DONE)
        whole = broadsheet("sweep", file, "--retrain-best", "--json")
        self.assertEqual(whole.returncode, DONE, whole.stderr)
        folder = self.folder("resumed") / "retrained"
        wanted = digest(folder / "model/model.safetensors")
        folder.rename(folder.with_name("whole"))
        for number, code in ((signal.SIGINT, STOPPED), (signal.SIGKILL, -signal.SIGKILL)):
            driver = Driver(file, "--retrain-best")
            metrics = folder / "metrics.jsonl"
            before = metrics.read_text().count("\n") if metrics.exists() else 0
            self.wait_for(lambda: metrics.exists() and metrics.read_text().count("\n") > before, "a step of its own")
            driver.process.send_signal(number)
            self.assertEqual(driver.wait(), code, driver.output)
        self.wait_for(lambda: broadsheet("sweep", file, "--retrain-best").returncode == DONE, "its ranks to leave")
        self.assertEqual(digest(folder / "model/model.safetensors"), wanted)

    def test_a_budget_ends_a_sweep_in_the_middle_of_a_trial(self):
        (self.work.folder / "endless.yaml").write_text(
            (self.work.folder / "run.yaml").read_text().replace("max_steps: 12", "max_steps: 100000000"))
        for limit in ("hours", "core_hours"):
            with self.subTest(limit=limit):
                name = f"budget-{limit}"
                file = self.file(name, trials=3, more=f"budget: {{{limit}: 0.0005}}")
                file.write_text(file.read_text().replace("run: run.yaml", "run: endless.yaml"))
                done = broadsheet("sweep", file)
                self.assertEqual(done.returncode, DONE, done.stderr)
                events = journal(self.folder(name))
                self.assertEqual([e["why"] for e in events if e["event"] == "finished"], ["budget"])
                self.assertEqual([e["state"] for e in events if e["event"] == "end"], ["stopped"])
                self.assertEqual({t["state"] for t in self.table(name)["trials"]} & {"done", "failed", "running"}, set())
                self.wait_for(lambda: not self.workers(name), "the worker to leave")

    def test_trials_of_two_ranks_are_trained_one_after_the_other(self):
        run = (self.work.folder / "run.yaml").read_text().replace("launch: {ranks: 1", "launch: {ranks: 2")
        (self.work.folder / "run_of_two.yaml").write_text(run)
        file = self.file("ranks", trials=4, more="keep_best: 4")
        file.write_text(file.read_text().replace("run: run.yaml", "run: run_of_two.yaml"))
        done = broadsheet("sweep", file)
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertNotIn("warning", done.stderr)
        self.assertEqual({t["state"] for t in self.table("ranks")["trials"]}, {"done"})
        self.assertEqual(len([e for e in journal(self.folder("ranks")) if e["event"] == "worker"]), 1)

    def test_a_paused_trial_goes_on_to_the_same_bits(self):
        file = self.file("pauses", trials=9, more="keep_best: 9\nearly_terminate: {type: halving, resource: steps, min: 4, reduction_factor: 3}")
        done = broadsheet("sweep", file)
        self.assertEqual(done.returncode, DONE, done.stderr)
        trials = self.table("pauses")["trials"]
        ended = [t for t in trials if t["state"] == "done"]
        self.assertTrue(0 < len(ended) < 9, trials)
        self.assertEqual({t["state"] for t in trials}, {"done", "pruned"})
        legs = [e for e in journal(self.folder("pauses")) if e["event"] == "leg" and e["trial"] == ended[0]["number"]]
        self.assertGreater(len(legs), 1, "it was never paused")
        for trial in ended:
            weights = digest(self.folder("pauses") / f"trials/{trial['number']:04d}/model/model.safetensors")
            self.assertEqual(weights, self.train_alone(f"unpaused-{trial['number']}", trial), trial)

    def outlive(self, name, method, concurrency, more=""):
        """The sweep `name`, its driver killed at random moments. Returns how often."""
        file = self.file(name, method, trials=10, concurrency=concurrency, more=more)
        generator = random.Random(f"{SEED} {name}")
        kills = 0
        while True:
            driver = Driver(file)
            if kills >= KILLS:
                self.assertEqual(driver.wait(), DONE, driver.output)
                return kills
            # Counted in decisions, so that a fast machine is not done before it was killed a few times.
            written, wanted = len(journal(self.folder(name))), generator.choice([0, 1, 2, 4])
            while driver.process.poll() is None and len(journal(self.folder(name))) < written + wanted:
                time.sleep(0.002)
            time.sleep(generator.choice([0.02, 0.1]) * generator.random())
            if driver.process.poll() is not None:
                self.assertEqual(driver.wait(), DONE, driver.output)
                return kills
            driver.kill()
            kills += 1

    def check_legs(self, name):
        """Nothing ran twice: each leg began once and ended once, no worker had two at a time."""
        started, ended, idle = [], [], []
        steps = {}
        for event in journal(self.folder(name)):
            if event["event"] == "leg":
                started.append((event["trial"], event["leg"]))
            if event["event"] == "end":
                ended.append((event["trial"], event["leg"]))
                if event["state"] == "stopped" and event["step"] == steps.get(event["trial"], 0):
                    idle.append(event["trial"])
                steps[event["trial"]] = event["step"]
                self.assertNotEqual(event["state"], "failed", event)
        self.assertEqual(len(started), len(set(started)))
        self.assertEqual(sorted(started), sorted(ended))
        for trial in self.table(name)["trials"]:
            attempts = len(list((self.folder(name) / f"trials/{trial['number']:04d}/logs").glob("attempt-*")))
            legs = len([leg for leg in started if leg[0] == trial["number"]])
            # A leg that was told to stop before its run had begun has left no attempt.
            self.assertIn(attempts, range(legs - idle.count(trial["number"]), legs + 1), trial)

    def test_a_killed_driver_changes_nothing(self):
        for method in ("random", "tpe"):
            with self.subTest(method=method):
                undisturbed, name = f"calm-{method}", f"killed-{method}"
                self.assertEqual(broadsheet("sweep", self.file(undisturbed, method, trials=10)).returncode, DONE)
                kills = self.outlive(name, method, 1)
                self.assertGreater(kills, 2)
                self.assertEqual(self.compared(undisturbed), self.compared(name), f"after {kills} kills")
                self.check_legs(name)

    def test_with_several_at_once_none_is_lost_and_none_comes_twice(self):
        more = "early_terminate: {type: asha, resource: steps, min: 4, reduction_factor: 3}"
        kills = self.outlive("killed-asha", "tpe", 2, more)
        self.assertGreater(kills, 2)
        trials = self.table("killed-asha")["trials"]
        self.assertEqual([t["number"] for t in trials], list(range(10)))
        self.assertEqual({t["state"] for t in trials} - {"done", "pruned"}, set())
        self.check_legs("killed-asha")

    def test_two_drivers_do_not_share_a_sweep(self):
        file = self.file("two", trials=6)
        first = Driver(file)
        self.wait_for(lambda: self.workers("two"), "the first driver's worker")
        second = broadsheet("sweep", file)
        self.assertEqual(second.returncode, USER, second.stderr)
        self.assertIn(str(first.process.pid), second.stderr)
        self.assertEqual(first.wait(), DONE, first.output)

    def test_interrupted_it_saves_and_goes_on(self):
        file = self.file("interrupted", trials=6, concurrency=2)
        driver = Driver(file)
        self.wait_for(lambda: any(e["event"] == "end" for e in journal(self.folder("interrupted"))), "the first trial's end")
        driver.process.send_signal(signal.SIGINT)
        self.assertEqual(driver.wait(), STOPPED, driver.output)
        self.wait_for(lambda: not self.workers("interrupted"), "the workers to leave")
        self.assertIn("stopped", broadsheet("status", self.folder("interrupted")).stdout)
        self.assertEqual(broadsheet("sweep", file).returncode, DONE)
        self.assertEqual({t["state"] for t in self.table("interrupted")["trials"]}, {"done"})

    def test_a_killed_worker_costs_a_start(self):
        file = self.file("worker", trials=5)
        driver = Driver(file)
        self.wait_for(lambda: any(e["event"] == "end" for e in journal(self.folder("worker"))), "the first trial's end")
        for pid in self.workers("worker").values():
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(driver.wait(), DONE, driver.output)
        self.assertEqual({t["state"] for t in self.table("worker")["trials"]}, {"done"})
        self.assertGreater(len([e for e in journal(self.folder("worker")) if e["event"] == "worker"]), 1)

    def test_a_stopped_worker_is_noticed_and_its_trial_taken_up(self):
        file = self.file("silent", trials=4)
        driver = Driver(file)
        self.wait_for(lambda: any(e["event"] == "end" for e in journal(self.folder("silent"))), "the first trial's end")
        for pid in self.workers("silent").values():
            os.kill(pid, signal.SIGSTOP)
            for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                os.kill(int(child), signal.SIGSTOP)
        self.assertEqual(driver.wait(), DONE, driver.output)
        self.assertIn("heard", driver.output)
        self.assertEqual({t["state"] for t in self.table("silent")["trials"]}, {"done"})

    def test_what_cannot_be_trained_is_a_result(self):
        file = self.work.folder / "infeasible.yaml"
        text = SWEEP % dict(name="infeasible", method="grid", trials=2, concurrency=1, more="")
        begin, end = text.index("  train.learning_rate"), text.index("trials:")
        file.write_text(text[:begin] + "  data.max_length: {values: [100, 48]}\n" + text[end:])
        done = broadsheet("sweep", file)
        self.assertEqual(done.returncode, DONE, done.stderr)
        states = {t["parameters"]["data.max_length"]: (t["state"], t.get("why", "")) for t in self.table("infeasible")["trials"]}
        self.assertEqual(states[48][0], "done")
        self.assertEqual(states[100][0], "infeasible")
        self.assertIn("positions", states[100][1])

    def test_when_nothing_can_be_trained_it_says_so(self):
        file = self.work.folder / "hopeless.yaml"
        text = SWEEP % dict(name="hopeless", method="random", trials=9, concurrency=1, more="")
        begin, end = text.index("  train.learning_rate"), text.index("trials:")
        file.write_text(text[:begin] + "  data.max_length: {distribution: int_uniform, min: 80, max: 400}\n" + text[end:])
        done = broadsheet("sweep", file)
        self.assertEqual(done.returncode, USER, done.stderr)
        self.assertIn("positions", done.stderr)
        self.assertLess(len(list((self.folder("hopeless") / "trials").iterdir())), 9)

    def test_cancel_ends_it_until_the_next_start(self):
        file = self.file("cancelled", trials=8)
        driver = Driver(file)
        self.wait_for(lambda: self.workers("cancelled"), "a worker")
        cancelled = broadsheet("cancel", self.folder("cancelled"))
        self.assertEqual(cancelled.returncode, DONE, cancelled.stderr)
        self.assertEqual(driver.wait(), STOPPED, driver.output)
        self.assertIn("cancelled", broadsheet("status", self.folder("cancelled")).stdout)
        self.assertEqual(broadsheet("sweep", file).returncode, DONE)

    def test_a_changed_file_is_told_and_more_trials_are_taken(self):
        file = self.file("more", trials=2)
        self.assertEqual(broadsheet("sweep", file).returncode, DONE)
        self.file("more", method="tpe", trials=2)
        changed = broadsheet("sweep", file)
        self.assertEqual(changed.returncode, USER)
        self.assertIn("method", changed.stderr)
        self.file("more", trials=4)
        self.assertEqual(broadsheet("sweep", file).returncode, USER)
        resumed = broadsheet("sweep", file, "--resume")
        self.assertEqual(resumed.returncode, DONE, resumed.stderr)
        self.assertEqual(len(self.table("more")["trials"]), 4)


if __name__ == "__main__":
    main()

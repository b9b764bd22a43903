"""predict over a file: shared by processes, killed, and gone on with."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time
import unittest

import harness
from harness import DONE, STOPPED, USER, Workspace, broadsheet


class Predict(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace()
        cls.addClassCleanup(cls.work.close)
        done = broadsheet(*cls.work.train("moods", "--set", "train.max_steps=10"))
        assert done.returncode == DONE, done.stderr
        cls.model = cls.work.run_dir("moods")
        cls.folder = cls.work.folder / "comments"
        cls.folder.mkdir()
        generator = random.Random(5)
        lines = []
        for number in range(4000):
            text = harness.sentence(generator, generator.choice(["good", "bad"]))
            lines.append(json.dumps({"id": f"c{number}", "comment": text} if number % 3 else {"comment": text}))
            if number % 97 == 0:
                lines.append(generator.choice(["not json", "", '{"comment": 5}']))
        cls.input = cls.folder / "in.jsonl"
        cls.input.write_text("\n".join(lines))
        cls.reference = cls.answers_of("alone")

    @classmethod
    def arguments(cls, name, *more):
        return ["predict", cls.model, "--input", cls.input, "--output", cls.folder / f"{name}.jsonl", "--threads", "1",
                "--json", *more]

    @classmethod
    def answers_of(cls, name, *more, command=None):
        if command:
            done = subprocess.run(command, text=True, capture_output=True, timeout=harness.PATIENCE, env=harness.environment())
        else:
            done = broadsheet(*cls.arguments(name, *more))
        assert done.returncode == DONE, done.stderr
        assert json.loads(done.stdout) == {"predicted": 4000, "rejected": 42}, done.stdout
        rejected = pathlib.Path(f"{cls.input}.rejected.jsonl").read_text()
        assert not (cls.folder / f"{name}.jsonl.predicting").exists()
        assert not (cls.folder / f"{name}.jsonl.lock").exists()
        return (cls.folder / f"{name}.jsonl").read_text(), rejected

    def test_every_line_is_answered_once_and_in_order(self):
        answers = [json.loads(line) for line in self.reference[0].splitlines()]
        wanted, bad = [], []
        for number, line in enumerate(self.input.read_text().split("\n"), 1):
            try:
                given = json.loads(line)
                good = isinstance(given["comment"], str)
            except (ValueError, KeyError):
                good = False
            if good:
                wanted.append({"id": given["id"]} if "id" in given else {"line": number})
            else:
                bad.append(number)
        self.assertEqual([{key: answer[key] for key in ("id", "line") if key in answer} for answer in answers], wanted)
        self.assertEqual([json.loads(line)["line"] for line in self.reference[1].splitlines()], bad)
        piped = broadsheet("predict", self.model, "--input", "-", "--threads", "1", cwd=self.folder, input=self.input.read_text())
        for one, other in zip(answers, map(json.loads, piped.stdout.splitlines()), strict=True):
            self.assertEqual(one["label"], other["label"])
            for name, value in one["probabilities"].items():
                self.assertAlmostEqual(value, other["probabilities"][name], places=5)

    def test_any_number_of_processes_gives_the_same_bytes(self):
        for ranks in (2, 3):
            self.assertEqual(self.answers_of(f"of-{ranks}", "--ranks", ranks), self.reference)
        as_ranks = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2", *harness.command(*self.arguments("mpi"))]
        self.assertEqual(self.answers_of("mpi", command=as_ranks), self.reference)

    def test_killed_at_any_moment_it_goes_on(self):
        begin = time.monotonic()
        self.answers_of("whole", "--ranks", "2")
        seconds = time.monotonic() - begin
        generator = random.Random(11)
        killed = 0
        for how in [signal.SIGKILL] * 5 + [signal.SIGTERM]:
            process = subprocess.Popen(harness.command(*self.arguments("killed", "--ranks", "2")), text=True,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=harness.environment())
            time.sleep(generator.uniform(0.2, 0.9) * seconds)
            process.send_signal(how)
            process.wait()
            killed += process.returncode in (-how, STOPPED)
        self.assertGreater(killed, 2)
        self.assertEqual(self.answers_of("killed"), self.reference)

    def test_pieces_of_another_input_or_damaged_ones_are_not_taken(self):
        process = subprocess.Popen(harness.command(*self.arguments("changed")), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=harness.environment())
        pieces = self.folder / "changed.jsonl.predicting"
        deadline = time.monotonic() + harness.PATIENCE
        while not list(pieces.glob("piece-*[0-9].json")):
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.kill()
        process.wait()
        one = next(pieces.glob("piece-*[0-9].json")).with_suffix(".jsonl")
        one.write_text(one.read_text()[:-40])
        self.assertEqual(self.answers_of("changed"), self.reference)

        shutil.copytree(self.folder, self.folder / "other")
        text = (self.folder / "other/in.jsonl").read_text()
        (self.folder / "other/in.jsonl").write_text("\n".join(text.split("\n")[:7]))
        done = broadsheet("predict", self.model, "--input", self.folder / "other/in.jsonl", "--output", self.folder / "changed.jsonl")
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertEqual(len((self.folder / "changed.jsonl").read_text().splitlines()), 6)

    def test_what_is_no_file_is_written_to_and_not_replaced(self):
        folder, few = self.folder / "places", self.folder / "few.jsonl"
        folder.mkdir()
        few.write_text("\n".join(json.dumps({"comment": "the day"}) for _ in range(40)))
        (folder / "kept.jsonl").write_text("old")
        (folder / "link.jsonl").symlink_to("kept.jsonl")
        self.assertEqual(broadsheet("predict", self.model, "--input", few, "--output", folder / "link.jsonl").returncode, DONE)
        self.assertTrue((folder / "link.jsonl").is_symlink())
        wanted = (folder / "kept.jsonl").read_text()
        self.assertEqual(len(wanted.splitlines()), 40)

        os.mkfifo(folder / "pipe")
        with subprocess.Popen(["cat", folder / "pipe"], stdout=subprocess.PIPE, text=True) as reader:
            done = broadsheet("predict", self.model, "--input", few, "--output", folder / "pipe")
            self.assertEqual(done.returncode, DONE, done.stderr)
            self.assertEqual(reader.communicate(timeout=harness.PATIENCE)[0], wanted)
        self.assertTrue((folder / "pipe").is_fifo())
        done = broadsheet("predict", self.model, "--input", few, "--output", folder)
        self.assertEqual(done.returncode, USER)
        self.assertIn("is a folder; name a file in it", done.stderr)
        done = broadsheet("predict", self.model, "--input", few, "--output", folder / "pipe", "--ranks", "2")
        self.assertEqual(done.returncode, USER)

    def test_wrong_use_names_the_remedy(self):
        for wrong in (["--input", "-", "--output", self.folder / "x", "--ranks", "2"], ["--text", "the", "--ranks", "2"],
                      ["--input", self.input, "--ranks", "2"], ["--input", self.folder / "absent", "--output", self.folder / "x"],
                      ["--input", self.folder, "--output", self.folder / "x"], ["--input", self.input, "--output", self.input]):
            done = broadsheet("predict", self.model, *wrong)
            self.assertEqual(done.returncode, USER, done.stderr)
        self.assertEqual(len(self.input.read_text().split("\n")), 4042)
        (self.folder / "bad.jsonl").write_text("no\nno\n")
        done = broadsheet("predict", self.model, "--input", self.folder / "bad.jsonl", "--output", self.folder / "bad.out")
        self.assertEqual(done.returncode, USER)
        self.assertIn("line 1: not valid JSON", done.stderr)
        self.assertEqual(len((self.folder / "bad.jsonl.rejected.jsonl").read_text().splitlines()), 2)


if __name__ == "__main__":
    unittest.main()

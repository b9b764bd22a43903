"""A corpus grows and shrinks while somebody kills what does it."""
import hashlib
import json
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import harness
from harness import DONE, USER, broadsheet

CORPUS = harness.CORPUS.replace("files: documents.jsonl", "files: days/*.jsonl").replace(
    "split:", "clean: {near_duplicates: 0.9}\nshard_tokens: 20000\nsplit:")


class Days(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="broadsheet-days-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "tokenizer").mkdir()
        (self.folder / "days").mkdir()
        shutil.copy(harness.HERE / "vocab.txt", self.folder / "tokenizer/vocab.txt")
        (self.folder / "corpus.yaml").write_text(CORPUS)
        self.write_day(1, 800)

    def write_day(self, day, documents):
        path = self.folder / f"days/{day}.jsonl"
        harness.write_documents(path, documents, seed=day)
        path.write_text(path.read_text().replace('"id": "d', f'"id": "day{day}-d'))

    def prepare(self, *arguments):
        return broadsheet("prepare", self.folder / "corpus.yaml", *arguments)

    def answer(self, *arguments):
        done = self.prepare("--json", *arguments)
        self.assertEqual(done.returncode, DONE, done.stderr)
        return json.loads(done.stdout)

    def files(self):
        return {path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted((self.folder / "corpus").rglob("*")) if path.is_file()}

    def assert_whole(self):
        done = broadsheet("verify", self.folder / "corpus")
        self.assertEqual(done.returncode, DONE, done.stdout + done.stderr)

    def restore(self, kept):
        shutil.rmtree(self.folder / "corpus")
        shutil.copytree(kept, self.folder / "corpus")

    def kill_at_random_moments(self, times, seconds, kept, *arguments):
        """Kills the command `times` times within the `seconds` that it takes by itself; once the corpus is the new one,
        it begins again with the old one, which is in `kept`."""
        generator = random.Random(7)
        before = self.manifest()
        killed = 0
        for _ in range(times):
            process = subprocess.Popen(harness.command("prepare", self.folder / "corpus.yaml", *arguments), text=True,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=harness.environment())
            time.sleep(generator.uniform(0, seconds))
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += process.returncode == -signal.SIGKILL
            self.assert_whole()
            if self.manifest() != before:
                self.restore(kept)
        return killed

    def manifest(self):
        return (self.folder / "corpus/corpus.json").read_bytes()

    def test_killed_at_random_moments_it_is_the_old_corpus_or_the_new_one(self):
        self.assertEqual(self.answer("--append")["kept"], 800)  # the first day: there is none yet
        first = self.files()
        shutil.copytree(self.folder / "corpus", self.folder / "first")
        self.write_day(2, 700)
        begin = time.monotonic()
        added = self.answer("--append", "--ranks", "2")["added"]
        seconds = time.monotonic() - begin
        self.assertEqual(added["files"], ["2.jsonl"])
        self.assertGreater(added["kept"], 600)
        grown = self.files()
        for name, digest in first.items():
            if name not in ("corpus/corpus.json", "corpus/rejected.jsonl"):
                self.assertEqual(grown[name], digest, name)
        self.restore(self.folder / "first")
        killed = self.kill_at_random_moments(8, seconds, self.folder / "first", "--append", "--ranks", "2")
        self.answer("--append")
        self.assertEqual(self.files(), grown)

        shutil.copytree(self.folder / "corpus", self.folder / "grown")
        (self.folder / "withdrawn").write_text("day1-d7\nday2-d3\nday2-d699\n")
        begin = time.monotonic()
        self.assertEqual(self.answer("--remove", f"@{self.folder}/withdrawn")["removed"], 3)
        seconds = time.monotonic() - begin
        shrunk = self.files()
        self.restore(self.folder / "grown")
        killed += self.kill_at_random_moments(8, seconds, self.folder / "grown", "--remove", f"@{self.folder}/withdrawn")
        self.assertIn(self.prepare("--remove", f"@{self.folder}/withdrawn").returncode, (DONE, USER))
        self.assertEqual(self.files(), shrunk)
        self.assertGreater(killed, 3)
        for path in (self.folder / "corpus").rglob("*.h5"):
            self.assertNotIn(b"day2-d699", path.read_bytes(), path)

    def test_says_what_it_would_do_and_does_nothing(self):
        self.answer()
        self.write_day(2, 50)
        before = self.files()
        self.assertEqual(self.answer("--append", "--dry-run"),
                         {"dry_run": True, "folder": f"{self.folder}/corpus", "known": 1,
                          "sources": [f"{self.folder}/days/2.jsonl"]})
        answer = self.answer("--remove", "day1-d1,nobody", "--dry-run")
        self.assertEqual((answer["dry_run"], answer["removed"], answer["unknown"]), (True, 1, ["nobody"]))
        self.assertIn("would remove 1 documents", self.prepare("--remove", "day1-d1", "--dry-run").stdout)
        for wrong in (["--append", "--replace"], ["--remove", "day1-d1", "--append"], ["--remove", "nobody"],
                      ["--append", "--set", "split.seed=2"]):
            self.assertEqual(self.prepare(*wrong).returncode, USER, wrong)
        self.assertEqual(self.files(), before)


if __name__ == "__main__":
    unittest.main()

"""What the system tests share: a tiny corpus, a tiny BERT from scratch, and the program run as a user runs it.

Python's standard library only. BROADSHEET names the program under test.
"""
import ctypes
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.environ.get("BROADSHEET", "")
HERE = pathlib.Path(__file__).resolve().parent
DONE, FAILED, USER, STOPPED = 0, 1, 2, 75
PATIENCE = 120  # seconds after which a wait counts as a hang

GOOD = "wins rises opens praised happy calm proud strong great".split()
BAD = "loses falls fails closes blamed angry sad weak poor".split()
NEUTRAL = "mayor council city school budget tax plan bridge river team match goal coach season market price bank".split()
SMALL = "the a of to in and on for with".split()


def sentence(generator, mood):
    words = []
    for _ in range(generator.randint(4, 20)):
        words.append(generator.choice(SMALL + NEUTRAL + NEUTRAL))
        if generator.random() < 0.3:
            words.append(generator.choice(GOOD if mood == "good" else BAD))
    return " ".join(words) + " ."


def write_documents(path, count, seed=1):
    generator = random.Random(seed)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(count):
            mood = generator.choice(["good", "bad"])
            file.write(json.dumps({"id": f"d{number}", "comment": f"{sentence(generator, mood)} {number}", "mood": mood}) + "\n")


CORPUS = """schema: 1
kind: corpus
name: tiny
output: corpus
tokenizer: tokenizer
sources:
  - {files: documents.jsonl, format: jsonl}
fields:
  id: {from: id, kind: id}
  comment: {from: comment, kind: text}
  mood: {from: mood, kind: label}
split: {by: hash, validation: 0.15, test: 0.15, seed: 1}
"""

RUN = """schema: 1
kind: run
name: tiny
seed: 3
model:
  architecture: bert
  config: {hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 128, max_position_embeddings: 64}
  tokenizer: tokenizer
task: {kind: classification, text: comment, label: mood}
data: {corpus: corpus, max_length: 48}
train: {max_steps: 40, global_batch_size: 32, micro_batch_size: 8, learning_rate: 1e-3, warmup_steps: 5}
validation: {every_steps: 10, metric: macro_f1}
checkpoints: {every_steps: 5, keep_last: 2, keep_best: 1}
launch: {ranks: 2, threads_per_rank: 1, device: cpu}
"""


class Workspace:
    """A folder with a prepared corpus; removed at the end."""

    def __init__(self, documents=600):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="broadsheet-system-"))
        (self.folder / "tokenizer").mkdir()
        shutil.copy(HERE / "vocab.txt", self.folder / "tokenizer/vocab.txt")
        write_documents(self.folder / "documents.jsonl", documents)
        (self.folder / "corpus.yaml").write_text(CORPUS)
        (self.folder / "run.yaml").write_text(RUN)
        done = broadsheet("prepare", self.folder / "corpus.yaml")
        if done.returncode != DONE:
            raise RuntimeError(f"prepare: exit {done.returncode}\n{done.stderr}")

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run_dir(self, name):
        return self.folder / "runs" / name

    def train(self, name, *arguments):
        """Arguments of a training run named `name`."""
        return ["train", self.folder / "run.yaml", "--set", f"name={name}", *arguments]


def command(*arguments):
    return [PROGRAM, *map(str, arguments)]


def environment(**changes):
    # A rank of an outer mpirun or a Slurm job must not leak into the tests.
    kept = {k: v for k, v in os.environ.items() if k == "SLURM_CONF" or not k.startswith(("PMIX_", "OMPI_", "SLURM_"))}
    kept.update({k: str(v) for k, v in changes.items()})
    return kept


def broadsheet(*arguments, **options):
    options.setdefault("env", environment())
    return subprocess.run(command(*arguments), text=True, capture_output=True, timeout=PATIENCE, **options)


def end_with_the_test():
    """A test that dies leaves no run behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Run:
    """A training run in the background."""

    def __init__(self, workspace, name, *arguments, program=None):
        self.dir = workspace.run_dir(name)
        self.attempt = newest_attempt(self.dir)  # an earlier run's, whose ranks are gone
        self.output = open(workspace.folder / f"{name}.{time.monotonic_ns()}.stderr", "w+", encoding="utf-8")
        self.process = subprocess.Popen(program or command(*workspace.train(name, *arguments)), stdout=subprocess.PIPE,
                                        stderr=self.output, stdin=subprocess.DEVNULL, text=True, env=environment(),
                                        preexec_fn=end_with_the_test)

    def wait(self):
        """Its exit status; a second call has the same answer."""
        if self.output.closed:
            return self.process.returncode
        try:
            self.stdout, _ = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        self.output.seek(0)
        self.stderr = self.output.read()
        self.output.close()
        return self.process.returncode

    def ended(self):
        return self.process.poll() is not None

    def wait_for(self, condition, what):
        limit = time.monotonic() + PATIENCE
        while not condition():
            if self.ended():
                code = self.wait()
                raise AssertionError(f"the run ended (exit {code}) before {what}:\n{self.stderr}")
            if time.monotonic() > limit:
                self.process.kill()
                raise AssertionError(f"waited too long for {what}")
            time.sleep(0.002)

    def ranks(self):
        """{rank: pid} of the newest attempt, once all ranks are there."""
        before = self.attempt

        def there():
            self.attempt = newest_attempt(self.dir)
            return self.attempt and self.attempt != before and (self.attempt / "ranks.json").exists()

        self.wait_for(there, "its ranks")
        listed = json.loads((self.attempt / "ranks.json").read_text())["ranks"]
        return {entry["rank"]: entry["pid"] for entry in listed}

    def wait_for_step(self, step):
        self.wait_for(lambda: last_step(self.dir) >= step, f"step {step}")


def newest_attempt(run_dir):
    attempts = (pathlib.Path(run_dir) / "logs").glob("attempt-*")
    return max(attempts, key=lambda path: int(path.name.split("-")[1]), default=None)


def last_step(run_dir):
    steps = [record["step"] for record in metrics(run_dir)]
    return max(steps, default=-1)


def metrics(run_dir):
    path = pathlib.Path(run_dir) / "metrics.jsonl"
    records = []
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                records.append(json.loads(line))
            except ValueError:  # being written
                pass
    return records


def parent_of(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def processes_of(run_dir):
    """Processes that name the run's directory in their arguments, zombies left out."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(run_dir) + "/run.yaml" in arguments:
            found.append((int(entry.name), arguments.replace("\0", " ")))
    return found


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def newest_checkpoint(run_dir):
    return sorted((pathlib.Path(run_dir) / "checkpoints").glob("step-*"))[-1]


def kept(run_dir):
    """Everything that must be equal, bit by bit, between an undisturbed run and a resumed one."""
    run_dir = pathlib.Path(run_dir)
    last = newest_checkpoint(run_dir)
    return {
        "model": sha256(run_dir / "model/model.safetensors"),
        "last checkpoint": last.name,
        "last weights": [(part.name, sha256(part)) for part in sorted(last.glob("model*.safetensors"))],
        "last optimizer": [(part.name, sha256(part)) for part in sorted(last.glob("optimizer*.safetensors"))],
        "metrics": (run_dir / "metrics.jsonl").read_text(),
        # The two runs differ in their name alone.
        "results": (run_dir / "results.json").read_text().replace(json.dumps(run_dir.name), '"name"'),
    }


class SystemTest(unittest.TestCase):
    maxDiff = 4000

    def assert_exit(self, done, code):
        self.assertEqual(done.returncode, code, f"\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}")

    def assert_nothing_left(self, run_dir):
        limit = time.monotonic() + 5
        while processes_of(run_dir) and time.monotonic() < limit:
            time.sleep(0.02)
        self.assertEqual(processes_of(run_dir), [])
        self.assertFalse((pathlib.Path(run_dir) / "lock").exists(), "the lock is still there")

    def last_line(self, text):
        return text.rstrip().splitlines()[-1]

    def error_of(self, done):
        error = json.loads(done.stdout)["error"]
        self.assertEqual(set(error), {"code", "message", "file", "line", "column", "key"})
        return error


def main():
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"BROADSHEET={PROGRAM}: not a program")
    # A run that hangs shows where.
    signal.alarm(int(os.environ.get("SECONDS_AT_MOST", 280)))
    unittest.main(verbosity=2)

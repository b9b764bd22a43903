"""What the cases with hostile files share: the program under limits, a model to start from, mutations of files."""
import json
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import time

import harness
from lab import Broken, Config, check

MB = 1 << 20
PEERS_PYTHON = pathlib.Path(os.environ.get("BROADSHEET_PEERS_PYTHON") or harness.HERE.parents[1] / ".cache/peers/bin/python")


class Answer:
    """How the program ended: exit code (negative: a signal), what it said, CPU seconds, peak memory in bytes."""

    def __init__(self, code, out, err, used):
        self.code, self.out, self.err = code, out, err
        self.seconds, self.memory = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024

    def last(self):
        return (self.err.rstrip().splitlines() or [""])[-1][:600]


def limited(*arguments, folder, seconds=1.0, memory=256 * MB, space=1 << 30, env=None, program=None):
    """Runs `broadsheet ARGUMENTS` in `folder`. Broken when it crashes, hangs or takes more CPU time or memory than that."""
    words = [*(program or [harness.PROGRAM]), *map(str, arguments)]

    def limits():
        harness.end_with_the_test()
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
        resource.setrlimit(resource.RLIMIT_CPU, (int(10 * seconds) + 10,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([str(word) for word in words], cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   preexec_fn=limits, env=harness.environment(**(env or {})))
        pid, status, used = wait(process, 60 + 20 * seconds)
        out.seek(0)
        err.seek(0)
        code = os.waitstatus_to_exitcode(status)
        process.returncode = code
        answer = Answer(code, out.read().decode(errors="replace"), err.read().decode(errors="replace"), used)
    what = " ".join(map(str, arguments))[:300]
    check(pid == process.pid and code >= 0 and code not in (70, 124, 134, 139),
          f"{what}: ended with {code}: {answer.err[-2000:]}")
    check(answer.seconds <= seconds, f"{what}: took {answer.seconds:.2f} s of CPU time, allowed are {seconds}")
    check(answer.memory <= memory, f"{what}: took {answer.memory >> 20} MB, allowed are {memory >> 20}")
    return answer


def wait(process, patience):
    limit = time.monotonic() + patience
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            return pid, status, used
        if time.monotonic() > limit:
            os.killpg(process.pid, signal.SIGKILL)
            os.wait4(process.pid, 0)
            process.returncode = -9
            raise Broken(f"{process.args}: still there after {patience} s")
        time.sleep(0.002)


def refused(answer, *words, code=2):
    check(answer.code == code, f"wanted exit {code}, found {answer.code}: {answer.last()}")
    for word in words:
        check(str(word) in answer.err, f"{word!r} is not in: {answer.err[-1500:]}")


def tiny_model(lab):
    """A folder with a trained model of a few hundred KB, its tokenizer and config.json."""
    def make(made):
        config = Config(ranks=1, steps=2, train__warmup_steps=1)
        done = lab.broadsheet("train", lab.folder / "run.yaml", "--run-dir", made / "run", *config.arguments())
        check(done.returncode == 0, done.stderr)
        done = lab.broadsheet("export", made / "run", "--out", made / "model")
        check(done.returncode == 0, done.stderr)
    return lab.once("tiny-model", make) / "model"


FINE_TUNING = """schema: 1
kind: run
name: fine
seed: 3
model: {from: model}
task: {kind: classification, text: comment, label: mood}
data: {corpus: %s, max_length: 48}
train: {max_steps: 2, global_batch_size: 16, micro_batch_size: 4, learning_rate: 1e-3, warmup_steps: 1}
launch: {ranks: 1, threads_per_rank: 1, device: cpu}
"""


def fine_tuning(lab, place):
    """run.yaml in `place`, of a run that starts from place/model."""
    (place / "run.yaml").write_text(FINE_TUNING % (lab.folder / "corpus"))
    return place / "run.yaml"


def edit(path, change):
    """A JSON file, changed in place by `change(value)`, which may return another value."""
    value = json.loads(path.read_text())
    other = change(value)
    path.write_text(json.dumps(value if other is None else other))


# --- mutations -----------------------------------------------------------------------------------------------------------
def mutate(chance, content, words, other=b""):
    """One to four edits of the bytes: pieces go, come twice, flip a bit, become a word, or the rest of another file."""
    content = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(content) + 1), chance.randint(1, 20)
        kind = chance.randrange(6)
        if kind == 0:
            del content[at:at + length]
        elif kind == 1:
            content[at:at] = chance.choice(words)
        elif kind == 2:
            content[at:at] = content[at:at + length]
        elif kind == 3 and other:
            content[at:] = other[chance.randrange(len(other)):]
        elif kind == 4 and at < len(content):
            content[at] ^= 1 << chance.randrange(8)
        elif at < len(content):
            content[at] = chance.randrange(256)
    return bytes(content)

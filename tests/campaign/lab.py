"""What the cases share: configurations, reference results, runs under faults, and what must be true after each.

The oracle is here, outside the product: an undisturbed run of the same configuration, and hashes of what it left.
"""
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))
import harness  # noqa: E402
from harness import DONE, STOPPED, USER  # noqa: E402,F401

GONE = 5       # seconds in which a job without one of its ranks is promised to be gone
PATIENCE = 10  # seconds after which a promise of five counts as broken: two runs share two cores
STEPS = 120
EVERY = 10     # steps between two checkpoints

RUN = """schema: 1
kind: run
name: reference
seed: 3
model:
  architecture: bert
  config: {hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64, max_position_embeddings: 64}
  tokenizer: tokenizer
task: {kind: classification, text: comment, label: mood}
data: {corpus: corpus, max_length: 48}
train: {max_steps: 120, global_batch_size: 16, micro_batch_size: 4, learning_rate: 1e-3, warmup_steps: 5, dropout: 0.1}
validation: {every_steps: 30, metric: macro_f1}
checkpoints: {every_steps: 10, keep_last: 3, keep_best: 1}
launch: {ranks: 2, threads_per_rank: 1, device: cpu}
"""


class Broken(AssertionError):
    """A promise was not kept."""


class NotRun(Exception):
    """This machine cannot inject the fault; never raised for root."""


def check(condition, message):
    if not condition:
        raise Broken(message)


def needs_root(what):
    if os.geteuid() != 0:
        raise NotRun(f"{what} needs root")


class Config:
    """What distinguishes one reference run from another."""

    def __init__(self, ranks=2, steps=STEPS, **sets):
        self.ranks, self.steps = ranks, steps
        self.sets = {"train.max_steps": steps} if steps != STEPS else {}
        self.sets.update({name.replace("__", "."): value for name, value in sets.items()})

    def arguments(self):
        words = ["--ranks", str(self.ranks)]
        for name, value in self.sets.items():
            words += ["--set", f"{name}={value}"]
        return words

    def key(self):
        return hashlib.sha256(repr((self.ranks, self.steps, sorted(self.sets.items()))).encode()).hexdigest()[:16]


def shim(**values):
    """The environment that makes shim.c do something; see there."""
    words = [f"{key}={value}" for key, value in {"program": "broadsheet-engine", **values}.items()]
    check(not any(";" in word for word in words), f"shim: {words}")
    return {"LD_PRELOAD": os.environ["CAMPAIGN_SHIM_LIBRARY"], "CAMPAIGN_SHIM": ";".join(words)}


class Run(harness.Run):
    """One start of `broadsheet train`, in the background."""

    def __init__(self, lab, folder, config, *arguments, env=None, wrapper=(), program=None, beside=None):
        self.dir = pathlib.Path(folder)
        self.attempt = harness.newest_attempt(self.dir)
        beside = pathlib.Path(beside or self.dir.parent)  # where stderr goes
        self.output = open(beside / f"{time.monotonic_ns()}.stderr", "w+", encoding="utf-8")
        words = program or [*wrapper, *lab.command(folder, config, *arguments)]
        self.process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=self.output,
                                        stdin=subprocess.DEVNULL, text=True, env=harness.environment(**(env or {})),
                                        cwd=lab.folder, preexec_fn=harness.end_with_the_test)
        self.began = time.monotonic()

    def engines(self):
        """{rank: pid} of the engine processes that are alive now."""
        found = {}
        for pid, arguments in harness.processes_of(self.dir):
            if not arguments.split()[0].endswith("broadsheet-engine"):
                continue
            try:
                variables = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            rank = [v.split(b"=")[1] for v in variables if v.startswith(b"OMPI_COMM_WORLD_RANK=")]
            found[int(rank[0]) if rank else 0] = pid
        return found

    def wait_for_engine(self, rank):
        """Its pid, or None when the run ends first."""
        while not self.ended():
            pid = self.engines().get(rank)
            if pid:
                return pid
            time.sleep(0.005)
        return None

    def stop_now(self):
        """For a run whose end is of no interest."""
        if not self.ended():
            os.kill(self.process.pid, signal.SIGKILL)
        self.wait()

    def log(self, rank=0):
        attempt = harness.newest_attempt(self.dir)
        path = attempt / f"rank-{rank:05}.log" if attempt else None
        return path.read_text(errors="replace") if path and path.exists() else ""

    def resumed_from(self):
        found = re.search(r"resumed from step (\d+)", self.log())
        return int(found[1]) if found else 0

    def said(self):
        """The last line on stderr, of which the user reads first."""
        lines = self.stderr.rstrip().splitlines()
        return lines[-1] if lines else ""


class Lab:
    """A folder with a prepared corpus and the reference results, shared by the lanes."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def prepare(self):
        (self.folder / "tokenizer").mkdir(parents=True)
        shutil.copy(HERE.parent / "system/vocab.txt", self.folder / "tokenizer/vocab.txt")
        harness.write_documents(self.folder / "documents.jsonl", 300)
        (self.folder / "corpus.yaml").write_text(harness.CORPUS)
        (self.folder / "run.yaml").write_text(RUN)
        done = self.broadsheet("prepare", self.folder / "corpus.yaml")
        if done.returncode != DONE:
            raise RuntimeError(f"prepare: exit {done.returncode}\n{done.stderr}")

    def command(self, folder, config, *arguments, run_file=None):
        return harness.command("train", run_file or self.folder / "run.yaml", "--run-dir", folder, *config.arguments(),
                               *arguments)

    def broadsheet(self, *arguments, **options):
        return harness.broadsheet(*arguments, cwd=self.folder, **options)

    # --- references ---------------------------------------------------------------------------------------------------
    def once(self, name, make):
        """The folder `name`, made by `make(folder)` by one lane while the other waits."""
        target = self.folder / "references" / name
        target.parent.mkdir(exist_ok=True)
        with open(f"{target}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                making = pathlib.Path(f"{target}.making")
                shutil.rmtree(making, ignore_errors=True)
                making.mkdir()
                make(making)
                making.rename(target)
        return target

    def reference(self, config, env=None, name=""):
        """(kept, seconds) of the undisturbed run."""
        def make(folder):
            run = Run(self, folder / "run", config, env=env)
            check(run.wait() == DONE, f"the undisturbed run failed:\n{run.stderr}")
            seconds = time.monotonic() - run.began
            facts = {"kept": kept(run.dir), "seconds": seconds}
            (folder / "facts.json").write_text(json.dumps(facts))
        folder = self.once(f"run-{name}{config.key()}", make)
        facts = json.loads((folder / "facts.json").read_text())
        return facts["kept"], facts["seconds"]

    def part_way(self, config, step, folder):
        """A copy, in `folder`, of a run that was killed soon after the checkpoint of `step`, its newest one."""
        def make(made):
            folder = made / "run"
            run = Run(self, folder, config)
            run.wait_for(lambda: (folder / f"checkpoints/step-{step:08}").exists(), f"the checkpoint of step {step}")
            run.stop_now()
            wait_until_gone(folder)
            for path in (folder / "checkpoints").glob("step-*"):
                if int(path.name[5:]) > step:
                    shutil.rmtree(path)
            check(newest_step(folder) == step, f"no run that stopped at step {step}: {newest_step(folder)}")
            check(not (folder / "results.json").exists(), "the run ended before it could be stopped")
            (folder / "lock").unlink(missing_ok=True)
        shutil.copytree(self.once(f"part-{step}-{config.key()}", make) / "run", folder, symlinks=True)

    def calls(self, config, rank, **values):
        """What `rank` does in an undisturbed run, as shim.c counts it: a list of "number call path second"."""
        name = hashlib.sha256(repr((config.key(), rank, sorted(values.items()))).encode()).hexdigest()[:16]

        def make(made):
            run = Run(self, made / "run", config, env=shim(rank=rank, do="count", mark=made / "marks", **values))
            check(run.wait() == DONE, f"the run under the counting shim failed:\n{run.stderr}")
            (made / "marks").touch()
        return (self.once(f"calls-{name}", make) / "marks").read_text().splitlines()

    # --- after a fault ------------------------------------------------------------------------------------------------
    def finish(self, folder, config, want, *arguments, **options):
        """Starts the run once more; it must end well, be the same as the undisturbed one and leave nothing behind."""
        run = Run(self, folder, config, *arguments, **options)
        code = run.wait()
        check(code == DONE, f"the resumed run ended with {code}: {run.said()}")
        check_same(want, folder)
        check_clean(run)
        return run


# --- what a run leaves -------------------------------------------------------------------------------------------------
def checkpoints(folder):
    return sorted((pathlib.Path(folder) / "checkpoints").glob("step-*"))


def newest_step(folder):
    return max((int(path.name[5:]) for path in checkpoints(folder)), default=-1)


def parts(checkpoint):
    """The names of a checkpoint's parts, as its manifest lists them."""
    return [part["file"] for part in json.loads((checkpoint / "manifest.json").read_text())["parts"]]


def kept(folder):
    """Everything that must be equal, bit by bit, between an undisturbed run and one that met a fault."""
    folder = pathlib.Path(folder)
    last = checkpoints(folder)[-1]
    facts = {"results": (folder / "results.json").read_text(), "metrics": (folder / "metrics.jsonl").read_text(),
             "model": harness.sha256(folder / "model/model.safetensors"), "last checkpoint": last.name}
    for kind in ("model", "optimizer", "state"):
        hashes = [f"{name} {harness.sha256(last / name)}" for name in sorted(parts(last)) if name.startswith(kind)]
        check(hashes, f"{last} has no part {kind}*")
        facts[f"last {kind}"] = "\n".join(hashes)
    facts["ledger"] = ledger(folder)
    return facts


def ledger(folder):
    """[step, examples, tokens] of every update, each once; every whole epoch read every document once."""
    rows, epochs = [], {}
    for record in harness.metrics(folder):
        if record["kind"] != "train":
            continue
        rows.append([record["step"], record["examples"], record["tokens"]])
        sums = epochs.setdefault(-(-round(record["epoch"] * 1e6) // 10**6), [0, 0])
        sums[0] += record["examples"]
        sums[1] += record["tokens"]
    check([row[0] for row in rows] == list(range(1, len(rows) + 1)), "metrics.jsonl: a step is missing or there twice")
    whole = [sums for epoch, sums in sorted(epochs.items())][:-1]
    check(all(sums == whole[0] for sums in whole), f"examples and tokens differ between epochs: {whole}")
    return rows


def difference(want, have):
    """Where two metrics files part, for a message."""
    for one, other in zip(want.splitlines(), have.splitlines()):
        if one != other:
            return f"wanted {one}, found {other}"
    return f"wanted {len(want.splitlines())} lines, found {len(have.splitlines())}"


def check_same(want, folder, but=()):
    have = kept(folder)
    for name, value in want.items():
        if name in but or have[name] == value:
            continue
        detail = difference(value, have[name]) if name == "metrics" else f"wanted {value!r:.300}, found {have[name]!r:.300}"
        raise Broken(f"not the same as the undisturbed run: {name}: {detail}")


def wait_until_gone(folder, seconds=PATIENCE):
    """Seconds until no process names the run's folder."""
    began = time.monotonic()
    while True:
        left = harness.processes_of(folder)
        took = time.monotonic() - began
        if not left:
            return took
        check(took < seconds, f"after {seconds} s there are still processes: {left}")
        time.sleep(0.01)


LEFTOVERS = re.compile(r"(^|/)(\.step-|\.attempt-|\.fenced|lock)|\.(writing|removing|retired)$")


def check_clean(run):
    """No process, lock or temporary of a run that has ended well."""
    wait_until_gone(run.dir)
    found = [str(path.relative_to(run.dir)) for path in run.dir.rglob("*")]
    left = [name for name in found if LEFTOVERS.search(name)]
    check(not left, f"left behind: {left}")
    for root in ("/tmp", "/dev/shm"):
        name = f"{root}/broadsheet-{os.getuid()}-{run.process.pid}"
        check(not os.path.exists(name), f"left behind: {name}")


class Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def xxh3(content):
    """XXH3-128 as 32 hexadecimal digits, by the library itself."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_128bits.restype = Hash128
    found = library.XXH3_128bits(content, ctypes.c_size_t(len(content)))
    return f"{found.high:016x}{found.low:016x}"


def is_whole(checkpoint):
    """A checkpoint read by the rules of docs/checkpoint_format.md alone."""
    try:
        raw = (checkpoint / "manifest.json").read_bytes()
        found = re.search(rb'"manifest_sha256": "([0-9a-f]{64})"', raw)
        if not found:
            return False
        zeroed = raw[:found.start(1)] + b"0" * 64 + raw[found.end(1):]
        if hashlib.sha256(zeroed).hexdigest() != found[1].decode():
            return False
        manifest = json.loads(raw)
        if manifest["step"] != int(checkpoint.name[5:]):
            return False
        for part in manifest["parts"]:
            content = (checkpoint / part["file"]).read_bytes()
            right = xxh3(content) == part["xxh3"] if manifest["version"] >= 2 else (
                hashlib.sha256(content).hexdigest() == part["sha256"])
            if len(content) != part["size"] or not right:
                return False
        return not any((checkpoint / part["file"]).is_symlink() for part in manifest["parts"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def newest_whole(folder):
    """Its step, or -1."""
    return max((int(path.name[5:]) for path in checkpoints(folder) if is_whole(path)), default=-1)


def tensors(lab):
    """The names in the model that a run of this corpus trains."""
    config = Config(ranks=1)
    lab.reference(config)
    model = lab.folder / f"references/run-{config.key()}/run/model/model.safetensors"
    raw = model.read_bytes()
    header = json.loads(raw[8:8 + int.from_bytes(raw[:8], "little")])
    return sorted(name for name in header if name != "__metadata__")


def generator(case, seed):
    return random.Random(f"{case}:{seed}")

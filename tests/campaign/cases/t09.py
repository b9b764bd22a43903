"""One of the ranks is not like the others: nothing may start."""
import os
import pathlib
import re
import shutil
import time

import harness
from lab import USER, Config, Run, check, generator, wait_until_gone

PROMISE = "Unlike ranks refuse to start"
COUNTS = (6, 30)

KINDS = ["build", "configuration", "threads", "corpus", "tokenizer", "library"]
SECONDS = 10  # 5 are promised


def run(lab, seed, place):
    chance = generator("T09", seed)
    kind, ranks = KINDS[seed % len(KINDS)], chance.choice([2, 3])
    odd = chance.randrange(ranks)
    sides = {}
    for side in ("like", "unlike"):
        sides[side] = place / side
        copy_inputs(lab, sides[side])
    program, variables, sets, field = harness.PROGRAM, [], [], ""
    if kind == "build":
        program, field = another_build(place / "bin"), "build"
    elif kind == "configuration":
        sets, field = ["--set", "train.learning_rate=0.002"], "config.train.learning_rate"
    elif kind == "threads":
        variables, field = ["OMP_NUM_THREADS=2"], "omp_threads"
    elif kind == "library":
        variables, field = ["ATEN_CPU_CAPABILITY=default"], "libtorch_features"
    else:
        field = another(lab, kind, sides["unlike"])
    # Each rank sees its inputs through its working directory: the paths in the configuration are the same.
    words = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
    for rank in range(ranks):
        side = "unlike" if rank == odd else "like"
        words += ["-np", "1", "-wdir", sides[side], "env", *(variables if side == "unlike" else ["OMP_NUM_THREADS=1"]),
                  program if side == "unlike" else harness.PROGRAM, "train", "/proc/self/cwd/run.yaml", "--run-dir",
                  place / "run", "--set", f"launch.ranks={ranks}", *(sets if side == "unlike" else []), ":"]
    job = Run(lab, place / "run", Config(ranks=ranks), program=words[:-1])
    code = job.wait()
    took = time.monotonic() - job.began
    check(code == USER, f"another {kind} on rank {odd}: exit {code}: {job.stderr}")
    check(took < SECONDS, f"refused only after {took:.1f} s")
    # The table is about differences from rank 0.
    rows = re.findall(r"rank (\d+): (\S+) ", job.stderr)
    wanted = {str(odd)} if odd else {str(rank) for rank in range(1, ranks)}
    found = {rank for rank, name in rows if name == field}
    check(found == wanted, f"another {kind} on rank {odd}: wanted {field} of ranks {wanted} in:\n{job.stderr}")
    check(harness.last_step(place / "run") < 0, "a step was done")
    wait_until_gone(place / "run")
    check(not (place / "run/lock").exists(), "the lock is still there")
    return {"seconds until refused": took}


def copy_inputs(lab, folder):
    folder.mkdir()
    for name in ("corpus", "tokenizer"):
        shutil.copytree(lab.folder / name, folder / name)
    (folder / "run.yaml").write_text((lab.folder / "run.yaml").read_text())


def another_build(folder):
    """The same programs, but for one byte of the engine's build id."""
    folder.mkdir()
    program = pathlib.Path(harness.PROGRAM).resolve()
    for name in ("broadsheet", "broadsheet-engine"):
        shutil.copy(program.parent / name, folder / name)
    engine = folder / "broadsheet-engine"
    content = bytearray(engine.read_bytes())
    note = content.index(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0") + 16
    content[note] ^= 0xff
    engine.write_bytes(content)
    os.chmod(engine, 0o755)
    return folder / "broadsheet"


def another(lab, kind, side):
    """Another corpus or tokenizer in the same place; returns the field that tells."""
    corpus = (lab.folder / "corpus.yaml").read_text()
    if kind == "tokenizer":  # with a corpus that was cut by it: else the rank refuses by itself
        vocabulary = side / "tokenizer/vocab.txt"
        words = vocabulary.read_text().splitlines()
        words[-1], words[-2] = words[-2], words[-1]
        vocabulary.write_text("\n".join(words) + "\n")
    else:
        corpus = corpus.replace("seed: 1", "seed: 2")
    shutil.rmtree(side / "corpus")
    shutil.copy(lab.folder / "documents.jsonl", side)
    (side / "corpus.yaml").write_text(corpus)
    done = lab.broadsheet("prepare", side / "corpus.yaml")
    check(done.returncode == 0, done.stderr)
    return kind

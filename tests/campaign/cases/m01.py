"""Damaged safetensors files: our reader and the Python package must come to the same verdict on each. A run is 100 files;
the first one has those made by hand as well. Some of them go through the program, under limits."""
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import types

import harness
from hostile import PEERS_PYTHON, limited, tiny_model
from lab import NotRun, check, generator

PROMISE = "A hostile safetensors file is an error, as the Python package has it (100 files a run)"
COUNTS = (20, 200)

FILES = 100
JUDGE = harness.HERE.parent / "peers/safetensors_judge.py"
HELPER = pathlib.Path(harness.PROGRAM).resolve().parents[1] / "tests/peers/safetensors_files"


def run(lab, seed, place):
    program(lab, seed, place)
    if not os.access(PEERS_PYTHON, os.X_OK) or not os.access(HELPER, os.X_OK):
        raise NotRun(f"{PEERS_PYTHON} (./dev peers) or {HELPER} is not there")
    for which in (["-", seed] if seed == 0 else [seed]):
        done = subprocess.run([PEERS_PYTHON, JUDGE, HELPER, str(which), str(FILES)], capture_output=True, text=True, timeout=harness.PATIENCE,
                              check=False)
        check(done.returncode == 0, f"files of {which}: {done.stderr[-1500:]}")
        counts = json.loads(done.stdout)
        check(counts["refused"] > FILES // 2, f"files of {which}: {counts}")


def program(lab, seed, place):
    """The files as a model's weights: exit 2 that names the file, whatever they hold."""
    judge = files()
    by_hand, chance = judge.by_hand(), generator("M01", seed)
    shutil.copytree(tiny_model(lab), place / "model")
    weights = place / "model/model.safetensors"
    good = weights.read_bytes()
    chosen = {name: by_hand[name] for name in list(by_hand)[4 * seed:4 * seed + 4]}
    chosen["cut"] = good[:chance.randrange(len(good))]
    for name, content in chosen.items():
        weights.write_bytes(content)
        answer = limited("verify", "model", folder=place)
        check(answer.code in (0, 2), f"{name}: verify ended with {answer.code}: {answer.last()}")
        if answer.code == 2:
            check("model.safetensors" in answer.out + answer.err, f"{name}: the file is not named: {answer.out}{answer.err}")
        # The bytes are no model's: none of its tensors is there.
        answer = limited("export", "model", "--out", "exported", folder=place)
        check(answer.code in (0, 2), f"{name}: export ended with {answer.code}: {answer.last()}")
        shutil.rmtree(place / "exported", ignore_errors=True)


def files():
    """safetensors_judge.py's files, without the package that its verdicts need."""
    spec = importlib.util.spec_from_file_location("safetensors_judge", JUDGE)
    module = importlib.util.module_from_spec(spec)
    absent = types.ModuleType("safetensors")
    absent.SafetensorError = absent.deserialize = absent.safe_open = None
    before = sys.modules.setdefault("safetensors", absent)
    spec.loader.exec_module(module)
    if before is absent:
        del sys.modules["safetensors"]
    return module

"""Pickles that make a file when they are opened, in every place where somebody might leave one."""
import io
import json
import os
import pickle
import shutil
import struct
import zipfile

import harness
from hostile import MB, fine_tuning, limited, tiny_model
from lab import check

PROMISE = "Pickles never run"
COUNTS = (30, 30)

# Protocols 0 and 1 have no mark of their own: they are refused as what they are not.
KINDS = ["raw 0", "raw 1", "raw 2", "raw 3", "raw 4", "raw 5", "zip stored", "zip deflated", "array 1", "array 2"]
MARKED = KINDS[2:8]


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mknod, (str(self.path),)


def run(lab, seed, place):
    kind, where = KINDS[seed % len(KINDS)], PLACES[seed // len(KINDS)]
    canary = place / "canary"
    content = pickled(kind, Canary(canary))
    shutil.copytree(tiny_model(lab), place / "model")
    where(lab, kind, content, place)
    check(not canary.exists(), f"{kind}: it was run")


def pickled(kind, what):
    form, _, which = kind.partition(" ")
    if form == "raw":
        return pickle.dumps(what, protocol=int(which)) + bytes(200)
    stream = io.BytesIO()
    if form == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED if which == "stored" else zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(what, protocol=2))
            archive.writestr("archive/version", "3\n")
        return stream.getvalue()
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117 if which == "1" else 115) + b"\n"
    size = struct.pack("<H" if which == "1" else "<I", len(header))
    return b"\x93NUMPY" + bytes([int(which), 0]) + size + header + pickle.dumps([what], protocol=3)


def refused(answer, what, word):
    check(answer.code == 2, f"{what}: exit {answer.code}: {answer.last()}")
    check(word in answer.out + answer.err, f"{what}: {word} is not named: {answer.out}{answer.err}")


def as_weights(lab, kind, content, place):
    """By its own name, and under the name of what is read."""
    run_file, weights = fine_tuning(lab, place), place / "model/model.safetensors"
    for name in ("model.safetensors", "pytorch_model.bin"):
        weights.unlink(missing_ok=True)
        (place / "model" / name).write_bytes(content)
        for verb, words in (("check", [run_file]), ("verify", ["model"]), ("export", ["model", "--out", "out"])):
            answer = limited(verb, *words, folder=place)
            refused(answer, f"{verb} with {kind} as {name}", name)
            if kind in MARKED or name.endswith(".bin"):
                refused(answer, f"{verb} with {kind} as {name}", "pickle")
        answer = limited("train", run_file, "--run-dir", place / "run", folder=place, seconds=30, memory=1500 * MB, space=16 << 30)
        refused(answer, f"train with {kind} as {name}", name)


def as_files_of_a_model(lab, kind, content, place):
    run_file = fine_tuning(lab, place)
    for name in ("config.json", "tokenizer.json", "vocab.txt"):
        folder = place / "model"
        shutil.rmtree(folder)
        shutil.copytree(tiny_model(lab), folder)
        if name == "vocab.txt":
            (folder / "tokenizer.json").unlink(missing_ok=True)
        (folder / name).write_bytes(content)
        refused(limited("check", run_file, folder=place), f"check with {kind} as {name}", "model")


def as_data(lab, kind, content, place):
    """As a source of texts, as a shard, and in place of the parts of a checkpoint."""
    (place / "tokenizer").symlink_to(lab.folder / "tokenizer")
    (place / "documents.jsonl").write_bytes(content)
    (place / "corpus.yaml").write_text(harness.CORPUS)
    refused(limited("prepare", "corpus.yaml", folder=place), f"prepare with {kind}", "documents.jsonl")
    shutil.copytree(lab.folder / "corpus", place / "corpus")
    shard = sorted((place / "corpus").glob("[tv]*-*.h5"))[0]
    shard.write_bytes(content)
    refused(limited("inspect", "corpus", folder=place), f"inspect with {kind}", shard.name)
    shutil.copytree(tiny_model(lab).parent / "run", place / "run")
    checkpoint = sorted((place / "run/checkpoints").glob("step-*"))[-1]
    for part in json.loads((checkpoint / "manifest.json").read_text())["parts"]:
        before = (checkpoint / part["file"]).read_bytes()
        (checkpoint / part["file"]).write_bytes(content)
        refused(limited("verify", checkpoint, folder=place), f"verify with {kind} as {part['file']}", part["file"])
        (checkpoint / part["file"]).write_bytes(before)


PLACES = [as_weights, as_files_of_a_model, as_data]

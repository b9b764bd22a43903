"""A model's weights are cut, emptied, rewritten or replaced while the program loads them. (Reloading in a server comes with
serving.)"""
import os
import shutil
import subprocess
import time

import harness
from lab import check, generator

PROMISE = "A file that changes under us is no crash (4 changes a run)"
COUNTS = (4, 40)

# About 100 MB: reading it takes long enough to be hit.
MODEL = """schema: 1
kind: run
name: large
seed: 3
model:
  architecture: bert
  config: {hidden_size: 768, num_hidden_layers: 3, num_attention_heads: 12, intermediate_size: 3072, max_position_embeddings: 64}
  tokenizer: %s
task: {kind: classification, text: comment, label: mood}
data: {corpus: %s, max_length: 48}
train: {max_steps: 1, global_batch_size: 2, micro_batch_size: 2, learning_rate: 1e-3}
validation: {every_steps: 1}
launch: {ranks: 1, threads_per_rank: 1, device: cpu}
"""


def run(lab, seed, place):
    chance = generator("M04", seed)
    large = lab.once("large-model", lambda made: make(lab, made))
    seconds = float((large / "seconds").read_text())
    weights = place / "model/model.safetensors"
    shutil.copytree(large / "model", place / "model")
    wanted = harness.sha256(large / "exported/model.safetensors")
    hit = 0
    for kind in chance.sample(["cut", "emptied", "rewritten", "replaced", "replaced by a shorter one", "gone"], 4):
        shutil.copyfile(large / "model/model.safetensors", weights)
        process = subprocess.Popen(harness.command("export", "model", "--out", "out"), cwd=place, env=harness.environment(), text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   preexec_fn=harness.end_with_the_test)
        time.sleep(chance.random() * seconds)
        change(kind, chance, weights, large / "model/model.safetensors")
        _, said = process.communicate(timeout=harness.PATIENCE)
        code = process.returncode
        check(code in (0, 1, 2), f"{kind}: export ended with {code}: {said}")
        hit += code != 0
        if code == 0:
            check(harness.sha256(place / "out/model.safetensors") == wanted, f"{kind}: other weights were exported than there were")
        else:
            check("model" in said, f"{kind}: the file is not named: {said}")
            check(not (place / "out").exists(), f"{kind}: exit {code}, and there is an export")
        shutil.rmtree(place / "out", ignore_errors=True)
        weights.unlink(missing_ok=True)
    return {"errors of 4": hit}


def change(kind, chance, path, original):
    size = original.stat().st_size
    if kind == "cut":
        os.truncate(path, chance.randrange(1, size))
    elif kind == "emptied":
        os.truncate(path, 0)
    elif kind == "rewritten":
        with open(path, "r+b") as file:
            file.seek(size // 2)
            file.write(os.urandom(size // 4))
    elif kind == "gone":
        path.unlink()
    else:
        other = path.with_name("other")
        shutil.copyfile(original, other)
        if kind != "replaced":
            os.truncate(other, size // 2)
        other.rename(path)


def make(lab, made):
    (made / "run.yaml").write_text(MODEL % (lab.folder / "tokenizer", lab.folder / "corpus"))
    for words in (["train", made / "run.yaml", "--run-dir", made / "run"], ["export", made / "run", "--out", made / "model"],
                  ["export", made / "model", "--out", made / "exported"]):
        began = time.monotonic()
        done = lab.broadsheet(*words)
        check(done.returncode == 0, done.stderr)
    (made / "seconds").write_text(str(time.monotonic() - began))
    shutil.rmtree(made / "run")

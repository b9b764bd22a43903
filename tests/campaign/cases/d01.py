"""prepare is killed at a random moment, again and again."""
import os
import shutil
import signal
import subprocess
import time

import harness
from lab import check, generator

PROMISE = "A corpus is whole or absent"
COUNTS = (10, 200)

DOCUMENTS = 6000
CORPUS = harness.CORPUS + "shard_tokens: 20000\n"  # several shards of each split


def run(lab, seed, place):
    chance = generator("D01", seed)
    undisturbed = lab.once("killed-corpus", lambda made: prepare_whole(lab, made))
    wanted, seconds = contents(undisturbed / "corpus"), float((undisturbed / "seconds").read_text())
    for name in ("documents.jsonl", "corpus.yaml"):
        shutil.copy(undisturbed / name, place / name)
    (place / "tokenizer").symlink_to(lab.folder / "tokenizer")
    for _ in range(chance.choice([1, 1, 2, 4])):
        process = start(place)
        time.sleep(chance.random() * seconds * 1.1)
        process.kill()
        code = process.wait()
        check(code in (0, -signal.SIGKILL), f"prepare ended with {code} before it was killed: {process.stderr.read()}")
        present = (place / "corpus").exists()
        check(not present or contents(place / "corpus") == wanted, "there is a corpus, and not the whole one")
        for verb in (["verify", "corpus"], ["inspect", "corpus"]):
            done = harness.broadsheet(*verb, cwd=place)
            check(done.returncode == (0 if present else 2), f"{verb[0]}: exit {done.returncode}: {done.stderr}")
    done = harness.broadsheet("prepare", "corpus.yaml", cwd=place)
    check(done.returncode == 0, f"prepared again: exit {done.returncode}: {done.stderr}")
    check(contents(place / "corpus") == wanted, "prepared again the corpus has other bytes")
    left = sorted(set(os.listdir(place)) - {"documents.jsonl", "corpus.yaml", "tokenizer", "corpus"})
    check(not left, f"left behind: {left}")


def start(folder):
    return subprocess.Popen(harness.command("prepare", "corpus.yaml"), cwd=folder, env=harness.environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=harness.end_with_the_test)


def prepare_whole(lab, made):
    harness.write_documents(made / "documents.jsonl", DOCUMENTS, seed=5)
    (made / "corpus.yaml").write_text(CORPUS)
    (made / "tokenizer").symlink_to(lab.folder / "tokenizer")
    began = time.monotonic()
    done = harness.broadsheet("prepare", "corpus.yaml", cwd=made)
    check(done.returncode == 0, done.stderr)
    check(len(list((made / "corpus").glob("train-*.h5"))) > 2, "one shard alone")
    (made / "seconds").write_text(str(time.monotonic() - began))


def contents(corpus):
    return {str(path.relative_to(corpus)): harness.sha256(path) for path in corpus.rglob("*") if path.is_file()}

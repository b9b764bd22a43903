#!/usr/bin/env python3
"""make_corpus.py BROADSHEET TOKENIZER OUT EXAMPLES: OUT/corpus with that many training examples, or a few more.

A million short documents are prepared as always; the other shards are hard links to theirs, each with its own line in the
manifest. So opening it is the work for as many shards and examples, while the disk holds a million.
"""
import json
import os
import pathlib
import random
import subprocess
import sys

DOCUMENTS = 1_000_000


def prepare(program, tokenizer, out):
    draw = random.Random(1)
    with open(out / "lines.txt", "w", encoding="utf-8") as file:
        for number in range(DOCUMENTS):
            file.write(f"{number} {draw.choice(('wins', 'loses', 'votes', 'rain'))}\n")
    (out / "corpus.yaml").write_text(f"""schema: 1
kind: corpus
name: many
output: corpus
tokenizer: {pathlib.Path(tokenizer).resolve()}
sources:
  - {{files: lines.txt, format: text, licence: none, origin: made}}
fields:
  text: {{kind: text}}
split: {{by: hash, validation: 0.001, test: 0.001, seed: 1}}
""")
    subprocess.run([program, "prepare", out / "corpus.yaml"], check=True)


def multiply(corpus, examples):
    manifest = json.loads((corpus / "corpus.json").read_text())
    train = manifest["splits"]["train"]
    copies = -(-examples // train["documents"])
    shards = list(train["shards"])
    for copy in range(1, copies):
        for shard in shards:
            name = f"train-copy-{copy:05}-{shard['file']}"
            os.link(corpus / shard["file"], corpus / name)
            train["shards"].append({**shard, "file": name})
            manifest["files"][name] = manifest["files"][shard["file"]]
    train["documents"] *= copies
    train["tokens"] = {field: copies * tokens for field, tokens in train["tokens"].items()}
    (corpus / "corpus.json").write_text(json.dumps(manifest))
    print(f"{train['documents']} examples in {len(train['shards'])} shards")


def main():
    program, tokenizer, out, examples = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), int(sys.argv[4])
    out.mkdir(parents=True, exist_ok=True)
    prepare(program, tokenizer, out)
    multiply(out / "corpus", examples)


if __name__ == "__main__":
    main()

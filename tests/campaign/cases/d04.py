"""Shards of a corpus, damaged. HDF5's library writes them and is never shown one again: data/mapped_shard.cpp reads them."""
import json
import shutil

from hostile import MB, fine_tuning, limited, mutate, tiny_model
from lab import check, generator

PROMISE = "Damaged HDF5 shards are refused unopened (10 shards a run)"
COUNTS = (10, 200)

SHARDS = 10
WORDS = [b"\0" * 8, b"\xff" * 8, b"\x89HDF\r\n\x1a\n", b"TREE", b"SNOD", b"HEAP", b"OHDR", b"\x01\x00\x00\x00", b"\x80" * 4]


def run(lab, seed, place):
    chance = generator("D04", seed)
    shutil.copytree(tiny_model(lab), place / "model")
    refused_by_structure = 0
    for number in range(SHARDS):
        shutil.rmtree(place / "corpus", ignore_errors=True)
        shutil.copytree(lab.folder / "corpus", place / "corpus")
        path = chance.choice(sorted((place / "corpus").glob("[tv]*-*.h5")))
        before = path.read_bytes()
        content, same_size = damage(chance, before, number)
        if content == before:
            continue
        path.write_bytes(content)
        what = f"{path.name}, damage {number} of seed {seed}"
        answer = limited("verify", "corpus", folder=place)
        check(answer.code == 2 and path.name in answer.out + answer.err, f"{what}: verify ended with {answer.code}: {answer.out}")
        # Without verify: whatever is not a value of a document is checked when the corpus is opened.
        structural = not same_size or outside_datasets(place / "corpus", path.name, before, content)
        answer = limited("inspect", "corpus", folder=place)
        check(answer.code in (0, 2), f"{what}: inspect ended with {answer.code}: {answer.last()}")
        check(answer.code == 2 or not structural, f"{what}: inspect reads it although its structure differs")
        refused_by_structure += structural
        if number == 0:
            (place / "run.yaml").write_text(fine_tuning(lab, place).read_text().replace(str(lab.folder / "corpus"), "corpus"))
            answer = limited("train", "run.yaml", "--run-dir", place / "run", folder=place, seconds=30, memory=1500 * MB, space=16 << 30)
            check(answer.code in (0, 2), f"{what}: train ended with {answer.code}: {answer.last()}")
            check(answer.code == 2 or not structural, f"{what}: train reads it although its structure differs")
    return {"refused when opened, of 10": refused_by_structure}


def damage(chance, before, number):
    if number % 5 == 4:
        content = before[:chance.randrange(len(before))]
    elif number % 5 == 3:
        content = mutate(chance, before, WORDS)
    else:
        changed = bytearray(before)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(chance.choice([len(before), min(4096, len(before))]))
            word = chance.choice([*WORDS, bytes([changed[at] ^ 1 << chance.randrange(8)])])
            changed[at:at + len(word)] = word
        content = bytes(changed[:len(before)])
    return content, len(content) == len(before)


def outside_datasets(corpus, name, before, content):
    """Whether a byte differs that belongs to no dataset, as corpus.json lists them."""
    manifest = json.loads((corpus / "corpus.json").read_text())
    shard = next(shard for split in manifest["splits"].values() for shard in split["shards"] if shard["file"] == name)
    inside = bytearray(len(before))
    for place in shard["datasets"].values():
        size = place["count"] * place["width"]
        inside[place["offset"]:place["offset"] + size] = b"\1" * size
    return any(a != b and not covered for a, b, covered in zip(before, content, inside))

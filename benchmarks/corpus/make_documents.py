#!/usr/bin/env python3
"""make_documents.py OUT.jsonl MEGABYTES: English documents of 1 to 12 real texts each, as JSON lines with id and text.

The texts (sentences of editorials, film reviews, headlines, tweets) come from .cache/data and are drawn again and again, by
a seed; in each, some words are those of another text, so that no two documents are equal.
"""
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "tokenizers"))
import make_texts  # noqa: E402


def document(draw, texts):
    parts = []
    for _ in range(draw.randint(1, 12)):
        words, other = draw.choice(texts), draw.choice(texts)
        place = draw.randrange(len(words))
        parts.append(" ".join([*words[:place], draw.choice(other), draw.choice(other), *words[place + 1:]]))
    return " ".join(parts)


def main():
    out, size = sys.argv[1], int(float(sys.argv[2]) * 1e6)
    texts = [words for text in make_texts.english(make_texts.fetch_data.data_folder()) if (words := text.split())]
    draw, written, number = random.Random(1), 0, 0
    with open(out, "w", encoding="utf-8") as file:
        while written < size:
            number += 1
            line = json.dumps({"id": f"d{number}", "text": document(draw, texts)}, ensure_ascii=False) + "\n"
            file.write(line)
            written += len(line.encode())
    print(f"{out}: {number} documents, {written / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

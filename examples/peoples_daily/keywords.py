#!/usr/bin/env python3
"""Are the keywords words?  keywords.py SOURCE.txt ALL.jsonl PROGRAM CORPUS.yaml

Of two hundred long paragraphs of the People's Daily, the best five terms of `broadsheet keywords`: how many begin and end
where words of the newspaper's segmentation do, wherever they stand in the paragraph. Beside them the best five character
bigrams by the same score. Prints one JSON object.
"""
import collections
import json
import math
import subprocess
import sys

PARAGRAPHS, LONG, BEST = 200, 150, 5


def borders_of(line):
    """Places between the characters of a paragraph at which a word begins or ends."""
    place, borders = 0, {0}
    for item in line.split():
        word, mark, _ = item.rpartition("/")
        if mark:
            place += len(word)
            borders.add(place)
    return borders


def is_word(term, text, borders):
    at = text.find(term)
    while at >= 0:
        if at not in borders or at + len(term) not in borders:
            return False
        at = text.find(term, at + 1)
    return True


def chinese(text):
    return all("\u4e00" <= c <= "\u9fff" for c in text)


def main(source, everything, program, corpus):
    with open(source, encoding="utf-8") as lines:
        borders = {f"p{number}": borders_of(line) for number, line in enumerate(lines)}
    with open(everything, encoding="utf-8") as lines:
        texts = {d["id"]: d["text"] for d in map(json.loads, lines)}
    chosen = [name for name, text in texts.items() if len(text) >= LONG][::7][:PARAGRAPHS]
    asked = "".join(json.dumps({"id": name, "text": texts[name]}, ensure_ascii=False) + "\n" for name in chosen)
    done = subprocess.run([program, "keywords", corpus, "--input", "-", "--top", str(BEST)], input=asked, text=True,
                          stdout=subprocess.PIPE, check=True)
    answers = {d["id"]: [k["term"] for k in d["keywords"]] for d in map(json.loads, done.stdout.splitlines())}
    documents = collections.Counter(pair for text in texts.values() for pair in {text[i:i + 2] for i in range(len(text) - 1)})
    shares = {}
    for name in ("keywords", "bigrams"):
        right = given = 0
        for paragraph in chosen:
            text = texts[paragraph]
            terms = answers[paragraph]
            if name == "bigrams":
                counts = collections.Counter(text[i:i + 2] for i in range(len(text) - 1) if chinese(text[i:i + 2]))
                terms = sorted(counts, key=lambda pair: (-counts[pair] * math.log((len(texts) + 1) / (documents[pair] + 1)), pair))[:BEST]
            given += len(terms)
            right += sum(is_word(term, text, borders[paragraph]) for term in terms)
        shares[name] = right / given
    print(json.dumps({"paragraphs": len(chosen), "whole_words": shares}))


if __name__ == "__main__":
    main(*sys.argv[1:5])

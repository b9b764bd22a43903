#!/usr/bin/env python3
"""The People's Daily of January 1998 as JSON lines of characters and names.  convert.py IN.txt OUT.jsonl

A line of the source is a paragraph of words with their parts of speech: "江/nr  泽民/nr  主席/n". Names of persons (nr: a
family name and a given name are two words), places (ns), organisations (nt) and other things (nz) become B- and I- tags
of characters; everything else is O. What a tokenizer of Chinese keeps together, runs of digits or Latin letters, counts
as one character. Fifty paragraphs in a row are a block: what one article says of a person stays in
one split.
"""
import json
import sys
import unicodedata

TYPES = {"nr": "PER", "ns": "LOC", "nt": "ORG", "nz": "MISC"}
BLOCK = 50


def names_of(words):
    """(word, type, begins a name) of each word; type "" outside names."""
    joined = False  # the word before was a family name that waits for its given name
    for word, kind in words:
        name = TYPES.get(kind, "")
        goes_on = name == "PER" and joined
        yield word, name, not goes_on
        joined = name == "PER" and not goes_on


def stands_alone(character):
    return "\u3400" <= character <= "\u9fff" or unicodedata.category(character)[0] == "P" or character in "$+<=>^`|~"


def convert(line):
    words = [item.rsplit("/", 1) for item in line.split()]
    characters, tags = [], []
    for word, name, begins in names_of([word for word in words if len(word) == 2]):
        for place, character in enumerate(word):
            if characters and not stands_alone(character) and not stands_alone(characters[-1][-1]):
                characters[-1] += character
                continue
            characters.append(character)
            tags.append(f"{'B' if begins and place == 0 else 'I'}-{name}" if name else "O")
    return characters, tags


def main(source, target):
    with open(source, encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as out:
        for number, line in enumerate(lines):
            characters, tags = convert(line)
            if characters:
                out.write(json.dumps({"id": f"p{number}", "block": f"b{number // BLOCK}", "text": "".join(characters),
                                      "characters": characters, "names": tags}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])

#!/usr/bin/env python3
"""The baseline: names that the train split knows, longest match first.  dictionary.py ALL.jsonl TEST.jsonl VALIDATION.jsonl

ALL.jsonl is what convert.py wrote; TEST and VALIDATION name the documents of these splits by their ids (`broadsheet
evaluate --predictions`). A string is a name of the type that it had most often in the train split, where it was a name
more often than not. Prints one JSON object: precision, recall and F1 of whole names on the test split.
"""
import collections
import json
import sys

LONGEST = 20  # characters


def entities(tags):
    """(type, first, last) of each name."""
    found, begin = [], None
    for place, tag in enumerate(tags + ["O"]):
        if begin is not None and not tag.startswith("I-"):
            found.append((tags[begin][2:], begin, place - 1))
            begin = None
        if tag.startswith("B-"):
            begin = place
    return found


def learn(documents):
    named, seen = collections.defaultdict(collections.Counter), collections.Counter()
    for document in documents:
        for kind, first, last in entities(document["names"]):
            named["".join(document["characters"][first:last + 1])][kind] += 1
    for document in documents:
        text = document["characters"]
        for first in range(len(text)):
            for length in range(1, min(LONGEST, len(text) - first) + 1):
                part = "".join(text[first:first + length])
                if part in named:
                    seen[part] += 1
    return {part: kinds.most_common(1)[0][0] for part, kinds in named.items() if 2 * sum(kinds.values()) > seen[part]}


def find(text, dictionary):
    found, place = [], 0
    while place < len(text):
        for length in range(min(LONGEST, len(text) - place), 0, -1):
            kind = dictionary.get("".join(text[place:place + length]))
            if kind:
                found.append((kind, place, place + length - 1))
                place += length
                break
        else:
            place += 1
    return found


def ids(path):
    with open(path, encoding="utf-8") as lines:
        return {json.loads(line)["id"] for line in lines}


def main(everything, test, validation):
    tested, left_out = ids(test), ids(validation)
    with open(everything, encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    dictionary = learn([d for d in documents if d["id"] not in tested and d["id"] not in left_out])
    right = wanted = given = 0
    for document in documents:
        if document["id"] in tested:
            truth, found = set(entities(document["names"])), set(find(document["characters"], dictionary))
            right, wanted, given = right + len(truth & found), wanted + len(truth), given + len(found)
    precision, recall = right / given, right / wanted
    print(json.dumps({"documents": len(tested), "names": len(dictionary), "precision": precision, "recall": recall,
                      "f1": 2 * precision * recall / (precision + recall)}))


if __name__ == "__main__":
    main(*sys.argv[1:4])

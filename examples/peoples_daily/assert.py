#!/usr/bin/env python3
"""Did it learn names?  assert.py RUN   exit 1 with a reason when it did not.

Precision, recall and F1 of whole names on the test split, beside those of a dictionary (dictionary.py).
"""
import json
import pathlib
import sys


def main(run):
    after = json.loads((run / "results.json").read_text())["test"]["after"]
    dictionary = json.loads((run / "dictionary.json").read_text())
    print(f"   test split, {after['examples']} paragraphs       precision     recall         F1")
    for name, scores in (("names of the train split", dictionary), ("BERT from scratch", after)):
        print(f"   {name:<32}" + "".join(f"{scores[key]:11.3f}" for key in ("precision", "recall", "f1")))
    if after["examples"] != dictionary["documents"]:
        print(f"   the run scored {after['examples']} paragraphs, the dictionary {dictionary['documents']}", file=sys.stderr)
        return 1
    if not after["f1"] > dictionary["f1"]:
        print(f"   not learned: F1 {after['f1']:.3f} is not above the dictionary's {dictionary['f1']:.3f}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))

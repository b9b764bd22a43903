#!/usr/bin/env python3
"""Did the language model learn?  assert.py CAUSAL_RUN   exit 1 with a reason when it did not.

Perplexity per token on the test split, beside n-grams of the same tokens (ngrams.cpp).
"""
import json
import pathlib
import sys


def main(run):
    test = json.loads((run / "results.json").read_text())["test"]
    ngrams = json.loads((run / "ngrams.json").read_text())
    before, after = test["before"]["perplexity"], test["after"]["perplexity"]
    print(f"   test split, {test['after']['examples']} sentences      perplexity per token")
    for order, perplexity in ngrams["perplexity"].items():
        print(f"   {order}-grams, Kneser-Ney               {perplexity:8.1f}")
    print(f"   GPT-2 before                       {before:8.1f}")
    print(f"   GPT-2 trained                      {after:8.1f}")
    best = min(ngrams["perplexity"].values())
    if test["after"]["examples"] != ngrams["examples"]:
        print(f"   the run scored {test['after']['examples']} sentences, the baseline {ngrams['examples']}", file=sys.stderr)
        return 1
    if not after < best:
        print(f"   not learned: {after:.1f} is not below the best n-grams' {best:.1f}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))

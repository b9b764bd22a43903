#!/usr/bin/env python3
"""Did the models learn?  assert.py CAUSAL_RUN WRITE_RUN WITHOUT_RUN   exit 1 with a reason when one did not.

Perplexity per token on the test split, beside n-grams of the same tokens (ngrams.cpp), and of the sentence behind a brief
beside the same model that knows the verdict alone.
"""
import json
import pathlib
import sys


def test_of(run):
    return json.loads((run / "results.json").read_text())["test"]


def main(causal, write, without):
    language, ngrams = test_of(causal), json.loads((causal / "ngrams.json").read_text())
    before, after = language["before"]["perplexity"], language["after"]["perplexity"]
    print(f"   test split, {language['after']['examples']} sentences      perplexity per token")
    for order, perplexity in ngrams["perplexity"].items():
        print(f"   {order}-grams, Kneser-Ney               {perplexity:8.1f}")
    print(f"   GPT-2 before                       {before:8.1f}")
    print(f"   GPT-2 trained                      {after:8.1f}")
    print("   a sentence from a brief            perplexity    rouge1    chrf    length")
    briefs = {}
    for name, run in (("with the verdict alone", without), ("with film and verdict", write)):
        scores = briefs[name] = test_of(run)["after"]
        print(f"   {name:<33} {scores['perplexity']:10.1f}  {scores['rouge1']:8.3f}  {scores['chrf']:6.1f}  {scores['generated_length']:8.1f}")
    faults = []
    if language["after"]["examples"] != ngrams["examples"]:
        faults.append(f"the run scored {language['after']['examples']} sentences, the baseline {ngrams['examples']}")
    best = min(ngrams["perplexity"].values())
    if not after < best:
        faults.append(f"{after:.1f} is not below the best n-grams' {best:.1f}")
    known, unknown = briefs["with film and verdict"]["perplexity"], briefs["with the verdict alone"]["perplexity"]
    if not known < unknown:
        faults.append(f"with the brief {known:.1f} is not below {unknown:.1f} without the film")
    for fault in faults:
        print(f"   not learned: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*map(pathlib.Path, sys.argv[1:4])))

#!/usr/bin/env python3
"""Did the quickstart learn?  assert.py SENTIMENT_RUN MLM_RUN   exit 1 with a reason when it did not.

The thresholds are explained in README.md beside this file.
"""
import json
import math
import pathlib
import sys

OVER_MAJORITY = 0.30  # macro-F1 on the test split over that of always answering the most frequent class
OVER_WORDS = 0.08     # ... and over that of the bag-of-words baseline
PERPLEXITY_FALL = 10  # perplexity over masked tokens falls at least by this factor


def main(sentiment, mlm):
    results = json.loads((sentiment / "results.json").read_text())
    baseline = json.loads((sentiment / "bag_of_words.json").read_text())
    before, after = results["test"]["before"], results["test"]["after"]
    words, always = baseline["bag_of_words"]["macro_f1"], baseline["majority"]["macro_f1"]
    print(f"   test split, {after['examples']} sentences      accuracy   macro-F1")
    for name, scores in (("always the most frequent", baseline["majority"]), ("bag of words", baseline["bag_of_words"]),
                         ("MiniLM before", before), ("MiniLM fine-tuned", after)):
        print(f"   {name:<26}      {scores['accuracy']:8.3f}   {scores['macro_f1']:8.3f}")
    faults = []
    if after["examples"] != baseline["examples"]:
        faults.append(f"the run scored {after['examples']} sentences, the baseline {baseline['examples']}")
    if not after["macro_f1"] >= always + OVER_MAJORITY:
        faults.append(f"macro-F1 {after['macro_f1']:.3f} is less than {OVER_MAJORITY} over the majority's {always:.3f}")
    if not after["macro_f1"] >= words + OVER_WORDS:
        faults.append(f"macro-F1 {after['macro_f1']:.3f} is less than {OVER_WORDS} over the bag of words' {words:.3f}")

    test = json.loads((mlm / "results.json").read_text())["test"]
    first, last = test["before"]["perplexity"], test["after"]["perplexity"]
    print(f"   masked words, perplexity          {first:8.0f} before (a new head: near chance)  {last:8.1f} after")
    if not (math.isfinite(last) and last * PERPLEXITY_FALL <= first):
        faults.append(f"perplexity fell from {first:.1f} to {last:.1f}, wanted a factor of {PERPLEXITY_FALL}")
    for fault in faults:
        print(f"   not learned: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))

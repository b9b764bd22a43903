#!/usr/bin/env python3
"""Makes tests/golden/metrics/text.json: texts, tags and what rouge_score, sacrebleu, seqeval and numpy say about them.

    pip install rouge_score==0.1.2 sacrebleu==2.6.0 seqeval==1.2.2 numpy
    python tests/golden/make_text_metrics_golden.py
"""

import importlib.metadata
import json
import pathlib
import random
import re
import warnings

import numpy as np
import sacrebleu
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities

OUT = pathlib.Path(__file__).resolve().parent / "metrics" / "text.json"
ROUGE = ["rouge1", "rouge2", "rougeL"]

# (reference, prediction)
ENGLISH = [
    ("The council approved the new tram line on Monday evening.", "On Monday the council approved a new tram line."),
    ("Rain is expected in the north.", "Rain is expected in the north."),
    ("Prices rose by 3.5 per cent, to 1,250 euros.", "Prices rose 3.5%, to 1,250.00 euros; again."),
    ("A follow-up to the 2024-25 season", "follow up of the season 2024 - 25, a follow-up"),
    ("", "Something where nothing was wanted"),
    ("Nothing came of it", ""),
    ("", ""),
    ("...", "?!"),
    ("one", "one"),
    ("one two three", "three two one"),
    ("She said: &quot;wait&quot; &amp; left &lt;early&gt;", "She said: \"wait\" & left <early>"),
    ("A line broken with a hy-\nphen and\nanother", "A line broken with a hyphen and another  "),
    ("Café Zürich’s naïve façade — 100 €", "Cafe Zürich's naïve facade - 100 €"),
    ("the the the the", "the"),
    ("Kelvin 5\u212a and \u0130stanbul", "kelvin 5k and istanbul"),
    ("e.g. 3.14.15,9 and a.b.c.,,d", "e.g., 3.14 .15 ,9 and a . b.c.., d"),
    ("x_y [z] {w} ~v `u` ^t @s #r $q a/b", "x y z w v u t s r q a / b"),
]
CHINESE = [
    ("市议会星期一批准了新的电车线路。", "星期一，市议会批准新电车线。"),
    ("北部预计有雨。", "北部预计有雨。"),
    ("价格上涨3.5%，达到1,250元", "价格涨3.5％,到1,250.00元！"),
    ("他用iPhone 15拍摄了“落日”……", "他用 iPhone15 拍了「落日」…"),
    ("", "多余的话"),
    ("没有回答", ""),
    ("𠀀𠀁是罕见字", "𠀀是罕见的字"),
    ("，。！", "，。！"),
    ("字", "字"),
    ("ＡＢＣ１２３全角　空格", "abc123 全角 空格"),
    ("テレビ番組とニュース", "テレビとニュース番組"),
]
ALPHABET = list("aabbc  ..,,--0123'\"&/é—…中文。，") + ["the ", "news ", "今天", "\u3000", "\u00a0", "\n", "😀", "-\n", "<skipped>"]
TAGGINGS = [
    (["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "I-PER", "O", "B-LOC"]),
    (["B-PER", "I-PER", "I-PER", "O"], ["B-PER", "I-PER", "O", "O"]),
    (["I-ORG", "I-ORG", "O", "I-LOC"], ["B-ORG", "I-ORG", "O", "B-LOC"]),
    (["B-PER", "I-LOC", "I-LOC", "O"], ["B-PER", "B-LOC", "I-LOC", "O"]),
    (["O", "O", "O"], ["O", "I-PER", "O"]),
    (["B-PER", "B-PER"], ["B-PER", "I-PER"]),
    ([], []),
    (["S-LOC", "E-LOC", "B-LOC", "E-LOC"], ["B-LOC", "I-LOC", "B-LOC", "I-LOC"]),
    (["B", "I", "O"], ["B", "O", "I"]),
    (["B-TIME-of-day", "I-TIME-of-day"], ["B-TIME-of-day", "O"]),
    (["B-人名", "I-人名", "O"], ["B-人名", "I-人名", "B-地名"]),
]


class Characters:
    """For Chinese: runs of letters and digits, and every other character but whitespace by itself."""

    def tokenize(self, text):
        return re.findall(r"[a-z0-9]+|[^\sa-z0-9]", text.lower())


def rouge(scorer, reference, prediction):
    scores = scorer.score(reference, prediction)
    return {name: [scores[name].precision, scores[name].recall, scores[name].fmeasure] for name in ROUGE}


def random_pairs(rng, count):
    texts = lambda: "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(40)))
    return [(texts(), texts()) for _ in range(count)]


def corpus(name, pairs):
    references, predictions = [[r for r, _ in pairs]], [p for _, p in pairs]
    return {
        "name": name, "pairs": pairs,
        "bleu_13a": BLEU(tokenize="13a").corpus_score(predictions, references).score,
        "bleu_zh": BLEU(tokenize="zh").corpus_score(predictions, references).score,
        "chrf": CHRF().corpus_score(predictions, references).score,
    }


def tagging(name, pairs):
    wanted, found = [w for w, _ in pairs], [f for _, f in pairs]
    values = {"precision": precision_score(wanted, found), "recall": recall_score(wanted, found),
              "f1": f1_score(wanted, found), "macro_f1": f1_score(wanted, found, average="macro")}
    return {"name": name, "pairs": pairs, "entities": [get_entities(w) for w in wanted],
            "values": {key: None if np.isnan(value) else float(value) for key, value in values.items()}}


def random_taggings(rng, count):
    tags = ["O", "O", "B-A", "I-A", "B-B", "I-B", "E-A", "S-B"]
    lengths = [rng.randrange(1, 12) for _ in range(count)]
    return [([rng.choice(tags) for _ in range(n)], [rng.choice(tags) for _ in range(n)]) for n in lengths]


def lengths(values):
    return {"lengths": values, "values": [float(np.mean(values)), float(np.std(values)), float(np.min(values)),
                                          float(np.median(values)), float(np.max(values))]}


def main():
    warnings.simplefilter("ignore")
    rng = random.Random(7)
    drawn = random_pairs(rng, 60)
    pairs = ENGLISH + CHINESE + drawn
    words, characters = rouge_scorer.RougeScorer(ROUGE), rouge_scorer.RougeScorer(ROUGE, tokenizer=Characters())
    sentences = sacrebleu.metrics.BLEU(tokenize="13a").tokenizer, sacrebleu.metrics.BLEU(tokenize="zh").tokenizer
    golden = {
        "versions": {name: importlib.metadata.version(name) for name in ("rouge_score", "sacrebleu", "seqeval", "numpy")},
        "rouge": [{"reference": r, "prediction": p, "words": rouge(words, r, p), "characters": rouge(characters, r, p)}
                  for r, p in pairs],
        "tokens": [{"text": r, "13a": sentences[0](r.rstrip()).split(), "zh": sentences[1](r.rstrip()).split()}
                   for r, _ in pairs],
        "corpora": [corpus("english", ENGLISH), corpus("chinese", CHINESE), corpus("drawn", drawn),
                    corpus("all", pairs), corpus("short", [("one two", "one two"), ("three", "three")]),
                    corpus("nothing in common", [("one two three four", "five six seven eight")]),
                    corpus("empty", [("", "")])] + [corpus("pair %d" % i, [pair]) for i, pair in enumerate(pairs)],
        "taggings": [tagging("written", TAGGINGS), tagging("drawn", random_taggings(rng, 80)),
                     tagging("none", [(["O"], ["O"])])]
        + [tagging("sequence %d" % i, [pair]) for i, pair in enumerate(TAGGINGS) if pair[0]],
        "lengths": [lengths([5]), lengths([3, 9, 4, 4]), lengths([rng.randrange(500) for _ in range(31)])],
    }
    OUT.write_text(json.dumps(golden, ensure_ascii=False, default=int, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

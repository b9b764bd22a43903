#!/usr/bin/env python3
"""Makes tests/golden/tokenizers: small texts, and the vocabularies and merges that `tokenizers` learns from them.

    python tests/golden/make_tokenizer_golden.py       # needs benchmarks/peers/requirements.txt

  english.txt, chinese.txt, syllables.txt   a text a line; the last one has words of two or three letters of the alphabet,
                                            in which pairs are often equally frequent and tokens come from several pairs
  expected.json   [{"text", "kind", "vocab_size", "min_frequency", "limit_alphabet", "lowercase",
                    "vocabulary": [tokens by id], "merges": [[left, right]] (bpe)}]

`tokenizers` gives the "##" characters of a WordPiece vocabulary ids in a random order, by which it then breaks ties. Here
they get their ids as special tokens, in the order of code points. Every training is done five times and must give the
same.
"""

import collections
import json
import pathlib
import random

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

FOLDER = pathlib.Path(__file__).resolve().parent / "tokenizers"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

OPENINGS = ["The council", "A café owner", "Our reporter", "Nobody in Zürich", "The 2nd team", "She", "The bridge-builder"]
VERBS = ["opened", "reopened", "is opening", "wasn't closing", "closed", "rebuilt", "has been building", "sold", "resold"]
THINGS = ["the old bridge", "three new schools", "a newsroom", "the naïve plan", "12,500 tickets", "two newsletters",
          "the riverside market", "its printing house", "an opening chapter"]
ENDINGS = ["yesterday.", "on Monday!", "again, he said.", "(for now).", "... and they'll see?", "at 7:30 p.m.",
           "with the neighbours' help."]
WHO = ["市长", "记者", "编辑部", "读者", "新学校", "老桥的工人", "图书馆", "球队"]
DID = ["昨天宣布", "已经开放", "没有关闭", "正在修建", "重新开放", "卖出了", "介绍了"]
WHAT = ["新的大桥", "三所学校", "第12期报纸", "河边的市场", "一座图书馆", "全部门票", "春天的计划 ABC"]


def english():
    generator = random.Random(1)
    return [" ".join(generator.choice(part) for part in (OPENINGS, VERBS, THINGS, ENDINGS)) for _ in range(150)]


def chinese():
    generator = random.Random(2)
    return ["，".join("".join(generator.choice(part) for part in (WHO, DID, WHAT)) for _ in range(2)) + "。"
            for _ in range(120)]


def syllables():
    generator = random.Random(3)
    return [" ".join("".join(generator.choice("aabbc") for _ in range(generator.randint(1, 9))) for _ in range(12))
            for _ in range(60)]


def new_tokenizer(kind, lowercase):
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        return tokenizer
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=None)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def characters(tokenizer, lines, limit):
    """The first and the "##" characters, in the order of code points."""
    words = [word for line in lines
             for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(line))]
    counts = collections.Counter(character for word in words for character in word)
    kept = {c for c, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit or None]}
    return sorted(kept) + sorted({"##" + c for word in words for c in word[1:] if c in kept})


def learn(lines, kind, vocab_size, min_frequency, limit_alphabet, lowercase):
    tokenizer = new_tokenizer(kind, lowercase)
    if kind == "bpe":
        trainer = trainers.BpeTrainer(vocab_size=vocab_size, min_frequency=min_frequency, show_progress=False,
                                      special_tokens=["<|endoftext|>"],
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    else:
        trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, min_frequency=min_frequency, show_progress=False,
                                            special_tokens=SPECIAL + characters(tokenizer, lines, limit_alphabet),
                                            limit_alphabet=limit_alphabet or 1_000_000)
    tokenizer.train_from_iterator(lines, trainer)
    vocabulary = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    merges = json.loads(tokenizer.to_str())["model"].get("merges", [])
    return vocabulary, merges


CASES = [("english", "wordpiece", 160, 2, 0, True), ("english", "wordpiece", 200, 1, 0, False),
         ("english", "wordpiece", 120, 3, 20, True), ("chinese", "wordpiece", 150, 2, 0, True),
         ("syllables", "wordpiece", 120, 1, 0, True), ("english", "bpe", 400, 2, 0, True),
         ("chinese", "bpe", 420, 1, 0, True), ("syllables", "bpe", 420, 1, 0, True), ("english", "bpe", 2000, 5, 0, True)]


def main():
    FOLDER.mkdir(exist_ok=True)
    texts = {"english": english(), "chinese": chinese(), "syllables": syllables()}
    for name, lines in texts.items():
        (FOLDER / f"{name}.txt").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    expected = []
    for name, kind, vocab_size, min_frequency, limit_alphabet, lowercase in CASES:
        settings = (kind, vocab_size, min_frequency, limit_alphabet, lowercase)
        vocabulary, merges = learn(texts[name], *settings)
        for _ in range(4):
            assert (vocabulary, merges) == learn(texts[name], *settings), (name, settings)
        expected.append({"text": name, "kind": kind, "vocab_size": vocab_size, "min_frequency": min_frequency,
                         "limit_alphabet": limit_alphabet, "lowercase": lowercase, "vocabulary": vocabulary,
                         **({"merges": merges} if kind == "bpe" else {})})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in expected)
    (FOLDER / "expected.json").write_text("[\n" + lines + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()

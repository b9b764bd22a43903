#!/usr/bin/env python3
"""Lines of WORDS words that the tokenizer keeps whole.   make_texts.py VOCAB.txt LINES OUT.txt"""

import random
import sys

WORDS = 62


def main(vocabulary, lines, out):
    with open(vocabulary, encoding="utf-8") as file:
        words = [word for word in file.read().split("\n") if word.isascii() and word.isalpha() and len(word) > 2]
    draw = random.Random(1)
    with open(out, "w", encoding="utf-8") as file:
        for _ in range(lines):
            file.write(" ".join(draw.choices(words, k=WORDS)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

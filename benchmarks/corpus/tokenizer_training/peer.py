#!/usr/bin/env python3
"""peer.py KIND VOCAB_SIZE TEXT TOKENIZER.json: what `broadsheet tokenizer` does, by `tokenizers`."""
import sys

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers


def main():
    kind, vocab_size, text, output = sys.argv[1:]
    options = {"vocab_size": int(vocab_size), "min_frequency": 2, "show_progress": False}
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(special_tokens=["<|endoftext|>"],
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **options)
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], **options)
    with open(text, encoding="utf-8", newline="\n") as lines:
        tokenizer.train_from_iterator((line.rstrip("\n") for line in lines), trainer)
    tokenizer.save(output)


if __name__ == "__main__":
    main()

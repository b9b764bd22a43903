"""Runs the fuzz targets of this folder: fuzz.py TARGET [EXECUTIONS [SEED]], or without arguments all of them for a while.

They are built by: cmake --preset fuzz && cmake --build --preset fuzz. FUZZERS names another folder with the programs.
"""
import bz2
import gzip
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FUZZERS = pathlib.Path(os.environ.get("FUZZERS") or ROOT / "build/fuzz/tests/fuzz")

# Inputs are small, so an allocation of megabytes would be a size that was believed. The readers of text keep buffers.
MALLOC_LIMIT = {"safetensors": 1, "checkpoint_manifest": 1, "corpus_manifest": 1, "model_config": 1}
WORDS = ['{', '}', '[', ']', ':', ',', '"', 'null', 'true', '-1', '1e999', '18446744073709551615', '9223372036854775807',
         '\\u0000', '\\ud800', '[[[[[[[[', '{"a":{"a":', '[0,0]']
MORE_WORDS = {
    "safetensors": ['__metadata__', 'dtype', 'shape', 'data_offsets', 'F32', 'BF16', 'U8', 'F4', 'F6_E2M3', '"shape":[0]'],
    "checkpoint_manifest": ['parts', 'file', 'size', 'xxh3', 'sha256', 'version', 'step', 'summary', '../', 'manifest.json'],
    "corpus_manifest": ['offset', 'count', 'width', 'datasets', 'structure', 'fields', 'kind', 'label', 'files', '../x'],
    "model_config": ['hidden_size', 'num_attention_heads', 'vocab_size', 'pad_token_id', 'hidden_act', 'gelu_new'],
    "tokenizer": ['vocab', 'added_tokens', 'content', 'id', 'WordPiece', 'BertNormalizer', 'lstrip', 'normalized', '##',
                  'max_input_chars_per_word', 'unk_token', '1000000000', 'BPE', 'merges', 'ByteLevel', '\\xc4\\xa0'],
    "records": ['"a,b"', '""', '\\x0d\\x0a', '\\xef\\xbb\\xbf', '\\xff\\xfe', '\\x00', '\\x1f\\x8b\\x08', 'BZh9'],
    "yaml": ['- ', '&a ', '*a', '<<: ', '!!x ', '? ', '---\\x0a', '...\\x0a', '|', '>', '%YAML 1.2', '${env:X}', '#'],
}


def tensors(header, data=b""):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def tokenizer_json(**changes):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "mayor", "##s", "a", "##a"]
    value = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": words[i], "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for i in range(5)],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                       "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {word: i for i, word in enumerate(words)}}}
    value.update(changes)
    return json.dumps(value)


def bpe_json():
    words = ["<s>", "</s>", "a", "t", "h", "th", "\u0120", "\u0120th"]
    return tokenizer_json(
        added_tokens=[{"id": 0, "content": "<s>", "special": True}], normalizer=None,
        pre_tokenizer={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        post_processor={"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]},
        decoder={"type": "ByteLevel"},
        model={"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False, "ignore_merges": False,
               "vocab": {word: i for i, word in enumerate(words)}, "merges": [["t", "h"], "\u0120 th"]})


def corpus_manifest():
    shard = {"file": "train-00000.h5", "documents": 2, "structure": "0" * 64,
             "datasets": {"fields/text/tokens": {"offset": 2048, "count": 9, "width": 2}}}
    return {"format": "broadsheet corpus", "version": 2, "name": "n", "tokenizer": {"fingerprint": "f", "vocab_size": 9},
            "fields": [{"name": "text", "kind": "text"}, {"name": "mood", "kind": "label", "classes": ["bad", "good"]}],
            "splits": {"train": {"documents": 2, "tokens": {"text": 9}, "shards": [shard]},
                       "validation": {"documents": 0, "tokens": {"text": 0}, "shards": []},
                       "test": {"documents": 0, "tokens": {"text": 0}, "shards": []}},
            "counts": {}, "sources": [], "configuration": {},
            "files": {"train-00000.h5": {"size": 4096, "sha256": "0" * 64}}}


def seeds(target):
    """Small valid inputs, as bytes."""
    if target == "safetensors":
        one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        two = {"dtype": "F4", "shape": [1, 4], "data_offsets": [8, 10]}
        return [tensors({}), tensors({"a": one}, bytes(8)), tensors({"__metadata__": {"format": "pt"}, "a": one}, bytes(8)),
                tensors({"b": two, "a": one}, bytes(10)), tensors({"e": {**one, "shape": [0, 7], "data_offsets": [0, 0]}}),
                tensors({"a": {**one, "x": [{"y": [1]}]}}, bytes(8)), b"PK\3\4" + bytes(20), b"\x80\4}q\0."]
    if target == "checkpoint_manifest":
        return [json.dumps({"format": "broadsheet-checkpoint", "version": version, "manifest_sha256": "0" * 64, "step": 7,
                            "parts": [{"file": "model.safetensors", "size": 5, key: "0" * digits}], "summary": {"a": 1}},
                           separators=(", ", ": ")).encode() for version, key, digits in ((1, "sha256", 64), (2, "xxh3", 32))]
    if target == "corpus_manifest":
        return [json.dumps(corpus_manifest()).encode()]
    if target == "model_config":
        return [json.dumps({"model_type": "bert", "vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2,
                            "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64,
                            "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0,
                            "classifier_dropout": None, "tie_word_embeddings": True}).encode(), b"{}"]
    if target == "tokenizer":
        return [b"j" + tokenizer_json().encode(), b"j" + bpe_json().encode(), b"m#version: 0.2\nt h\n", b'b{"a": 0, "t": 1}',
                b"v[PAD]\n[UNK]\r\n[CLS]\n[SEP]\n[MASK]\nthe\n##s\n",
                b'c{"do_lower_case": false, "strip_accents": null, "tokenizer_class": "BertTokenizer", "unk_token": "[UNK]"}',
                b's{"mask_token": {"content": "[MASK]"}, "pad_token": "[PAD]"}']
    if target == "records":
        rows = b'{"id": 1, "text": "a \\u00e9 b", "x": [1, {"y": null}], "z": 1.5e3}\n\n{"id": true}'
        table = b'id,text\n1,"a ""quoted"" text"\n2,"two\nlines"\r\n3,x,y\n4,"open\n'
        return [b"j" + rows, b"c" + table, b"t" + table.replace(b",", b"\t"), b"p" + table, b"j" + gzip.compress(rows),
                b"c" + bz2.compress(table)]
    if target == "yaml":
        return [path.read_bytes() for path in sorted((ROOT / "tests/configs").glob("*/*.yaml"))]
    raise ValueError(target)


def targets():
    return sorted(path.stem for path in HERE.glob("*.cpp"))


def run(target, executions, seed, place, max_len=4096):
    """Executions done. Raises AssertionError with libFuzzer's report when one of them went wrong."""
    place = pathlib.Path(place)
    corpus = place / "inputs"
    corpus.mkdir(parents=True)
    for number, content in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(content)
    words = [word.replace("\\", "\\\\") if "\\x" not in word else word for word in WORDS + MORE_WORDS[target]]
    (place / "words").write_text("".join('"' + word.replace('"', '\\"') + '"\n' for word in words))
    command = [FUZZERS / f"{target}_fuzzer", f"-runs={executions}", f"-seed={seed + 1}", f"-max_len={max_len}", "-timeout=10",
               "-rss_limit_mb=1024", f"-malloc_limit_mb={MALLOC_LIMIT.get(target, 64)}", f"-dict={place / 'words'}",
               f"-artifact_prefix={place}/", "-print_final_stats=1", "-detect_leaks=1", corpus]
    environment = dict(os.environ, FUZZ_FOLDER=tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm"))
    try:
        done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True,
                              errors="replace", check=False)
    finally:
        shutil.rmtree(environment["FUZZ_FOLDER"], ignore_errors=True)
    found = re.search(r"stat::number_of_executed_units: (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise AssertionError(f"{target}, seed {seed}: exit {done.returncode}\n{done.stderr[-6000:]}")
    return int(found[1])


def main():
    names = sys.argv[1:2] or targets()
    executions = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    for name in names:
        place = tempfile.mkdtemp(prefix=f"fuzz-{name}-")
        print(f"{name}: {run(name, executions, seed, place):,} executions, nothing found", flush=True)
        shutil.rmtree(place)


if __name__ == "__main__":
    main()

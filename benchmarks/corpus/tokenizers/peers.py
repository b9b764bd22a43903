#!/usr/bin/env python3
"""peers.py WHO FOLDER TEXTS THREADS: another implementation on the same texts, in the same form as tokenize_texts.

WHO: tokenizers (encode_batch_fast), nanotoken (WordPiece) or gigatoken (byte-level BPE). The clock runs from Python's
list of texts to ids in the package's own form; the checksum is taken afterwards.
"""
import hashlib
import json
import os
import sys
import time

who, folder, texts, threads = sys.argv[1:]
os.environ.update(RAYON_NUM_THREADS=threads, TOKENIZERS_PARALLELISM="true")
import numpy as np  # noqa: E402  (after the environment)

with open(texts, encoding="utf-8", newline="\n") as file:
    lines = file.read().split("\n")[:-1]
path = os.path.join(folder, "tokenizer.json")
start = time.perf_counter()
if who == "tokenizers":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encode = lambda: tokenizer.encode_batch_fast(lines, add_special_tokens=False)
    rows = lambda result: [encoding.ids for encoding in result]
elif who == "nanotoken":
    import nanotoken

    tokenizer = nanotoken.Tokenizer(path)
    encode = lambda: tokenizer.encode_batch(lines, add_special_tokens=False, parallel=threads != "1")
    rows = lambda result: [result[i] for i in range(len(result))]
else:
    import gigatoken

    tokenizer = gigatoken.Tokenizer(path)
    encode = lambda: tokenizer.encode_batch(lines, parallel=threads != "1")
    rows = lambda result: result if isinstance(result, list) else result.to_list()
loading = time.perf_counter() - start
start, cpu_start = time.perf_counter(), time.process_time()
result = encode()
seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
digest, count = hashlib.sha256(), 0
for row in rows(result):
    ids = np.asarray(row, dtype="<i4")
    digest.update(np.int32(len(ids)).tobytes() + ids.tobytes())
    count += len(ids)
print(json.dumps({"who": who, "seconds": seconds, "cpu_seconds": cpu_seconds, "load_seconds": loading, "ids": count,
                  "ids_sha256": digest.hexdigest()}))

#!/usr/bin/env python3
"""peer.py SOURCE.jsonl TOKENIZER OUT PROCESSES: the usual way from JSON lines to a tokenised data set on the disk.
peer.py count CORPUS OUT: documents and tokens of our corpus and of that data set, which must be equal.
"""
import json
import pathlib
import sys


def prepare(source, model, out, processes):
    import datasets
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)

    def encode(rows):
        encoded = tokenizer(rows["text"], add_special_tokens=False, truncation=False, return_attention_mask=False,
                            return_token_type_ids=False, verbose=False)
        return {"input_ids": encoded["input_ids"]}

    data = datasets.load_dataset("json", data_files=source, split="train")
    data.map(encode, batched=True, num_proc=processes, remove_columns=["text"]).save_to_disk(out)


def count(corpus, out):
    import datasets
    import h5py
    import pyarrow.compute

    theirs = datasets.load_from_disk(out).data.column("input_ids")
    theirs = len(theirs), pyarrow.compute.sum(pyarrow.compute.list_value_length(theirs)).as_py()
    documents = tokens = 0
    for path in pathlib.Path(corpus).glob("[!s]*.h5"):
        with h5py.File(path) as file:
            documents += len(file["fields/text/offsets"]) - 1
            tokens += len(file["fields/text/tokens"])
    if (documents, tokens) != theirs:
        sys.exit(f"ours: {documents} documents of {tokens} tokens, theirs: {theirs}")
    print(json.dumps({"documents": documents, "tokens": tokens}))


if __name__ == "__main__":
    if sys.argv[1] == "count":
        count(*sys.argv[2:4])
    else:
        prepare(*sys.argv[1:4], int(sys.argv[4]))

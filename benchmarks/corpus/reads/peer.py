"""Training reads as the usual stack makes them: a `datasets` table of token ids, torch's DataLoader in random order, and
transformers' collator for masked language models.

peer.py table CORPUS TABLE        the train split of a corpus of ours, text for text, as a table on the disk
peer.py read TABLE MODEL BATCH STEPS WORKERS
"""
import json
import pathlib
import sys
import time


def make_table(corpus, table):
    import datasets
    import h5py

    def documents():
        for shard in sorted(pathlib.Path(corpus).glob("train-*.h5")):
            with h5py.File(shard) as file:
                tokens, offsets = file["fields/text/tokens"][:], file["fields/text/offsets"][:]
            for begin, end in zip(offsets[:-1], offsets[1:]):
                # Cut as the reader cuts, with [CLS] and [SEP] of MiniLM: what map(tokenize) would have stored.
                yield {"input_ids": [101, *tokens[begin:end][:126].tolist(), 102]}

    datasets.Dataset.from_generator(documents).save_to_disk(table)


def read(table, model, batch, steps, workers):
    import datasets
    import torch
    from transformers import AutoTokenizer, DataCollatorForLanguageModeling

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(model)
    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    data = datasets.load_from_disk(table)
    begin, cpu, samples, tokens, first = time.perf_counter(), time.process_time(), 0, 0, 0.0
    torch.manual_seed(1)
    while steps > 0:
        loader = torch.utils.data.DataLoader(data, batch_size=batch, shuffle=True, collate_fn=collator,
                                             num_workers=workers)
        for made in loader:
            first = first or time.perf_counter() - begin
            samples += made["input_ids"].shape[0]
            tokens += int(made["attention_mask"].sum())
            steps -= 1
            if steps == 0:
                break
    print(json.dumps({"who": f"DataLoader, {workers} workers", "samples": samples, "tokens": tokens,
                      "first_batch": first, "seconds": time.perf_counter() - begin,
                      "cpu_seconds": time.process_time() - cpu}))


if __name__ == "__main__":
    if sys.argv[1] == "table":
        make_table(*sys.argv[2:4])
    else:
        read(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7]))

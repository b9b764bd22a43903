"""Training reads as the usual stacks make them: token ids of documents in random order through a DataLoader, with
transformers' collator for masked language models. The ids are a `datasets` table's, our shards' by h5py, MosaicML
Streaming's or LitData's.

peer.py make KIND CORPUS FOLDER   the train split of a corpus of ours, text for text, as that kind stores it
peer.py steps CORPUS BATCH        of how many batches an epoch is, the last one of what is left
peer.py read KIND FOLDER MODEL BATCH EPOCHS WORKERS

KIND is table, h5py (the shards of the corpus themselves), mosaicml or litdata. Each is read whole epochs long by one loader, whose worker stays between epochs.
"""
import json
import pathlib
import sys
import time

NAMES = {"table": "DataLoader", "h5py": "h5py, row by row", "mosaicml": "MosaicML Streaming", "litdata": "LitData"}


def documents(corpus):
    """The token ids of each text of the train split, cut as the reader cuts, with [CLS] and [SEP] of MiniLM: what
    map(tokenize) would have stored."""
    import h5py

    for shard in sorted(pathlib.Path(corpus).glob("train-*.h5")):
        with h5py.File(shard) as file:
            tokens, offsets = file["fields/text/tokens"][:], file["fields/text/offsets"][:]
        for begin, end in zip(offsets[:-1], offsets[1:]):
            yield [101, *tokens[begin:end][:126].tolist(), 102]


def arrays(corpus):
    import numpy

    for ids in documents(corpus):
        yield numpy.array(ids, numpy.uint16)


def make(kind, corpus, folder):
    if kind == "table":
        import datasets

        datasets.Dataset.from_generator(lambda: ({"input_ids": ids} for ids in documents(corpus))).save_to_disk(folder)
    elif kind == "h5py":
        pathlib.Path(folder).symlink_to(pathlib.Path(corpus).resolve())
    elif kind == "mosaicml":
        import streaming

        with streaming.MDSWriter(out=folder, columns={"input_ids": "ndarray:uint16"}) as writer:
            for array in arrays(corpus):
                writer.write({"input_ids": array})
    else:
        import litdata

        litdata.optimize(fn=arrays, inputs=[corpus], output_dir=folder, chunk_bytes="64MB", num_workers=1,
                         verbose=False)


class Rows:
    """Of the train shards: a row is read when it is asked for."""

    def __init__(self, corpus):
        import h5py

        self.files = [h5py.File(shard) for shard in sorted(pathlib.Path(corpus).glob("train-*.h5"))]
        self.texts = [file["fields/text"] for file in self.files]
        self.places = [(shard, row) for shard, text in enumerate(self.texts) for row in range(len(text["offsets"]) - 1)]

    def __len__(self):
        return len(self.places)

    def __getitem__(self, number):
        shard, row = self.places[number]
        begin, end = self.texts[shard]["offsets"][row:row + 2]
        return {"input_ids": [101, *self.texts[shard]["tokens"][begin:min(end, begin + 126)].tolist(), 102]}


def open_loader(kind, folder, batch, collator, workers):
    """A function that makes the loader. What it reads is opened before, as our clock too starts after opening."""
    options = {"batch_size": batch, "num_workers": workers, "persistent_workers": workers > 0}
    if kind == "table":
        import datasets
        import torch

        table = datasets.load_from_disk(folder)
        return lambda: torch.utils.data.DataLoader(table, shuffle=True, collate_fn=collator, **options)
    if kind == "h5py":
        import torch

        rows = Rows(folder)
        return lambda: torch.utils.data.DataLoader(rows, shuffle=True, collate_fn=collator, **options)
    if kind == "mosaicml":
        import streaming

        # All shards lie here, so its threads may look for a whole epoch's at once: six tenths of the default's CPU time.
        shards = streaming.StreamingDataset(local=folder, shuffle=True, shuffle_seed=1, batch_size=batch,
                                            predownload=sys.maxsize)
        return lambda: streaming.StreamingDataLoader(
            shards, collate_fn=lambda items: collator([{"input_ids": item["input_ids"].tolist()} for item in items]),
            **options)
    import litdata

    # Each epoch a permutation of the whole chunk, as the others make it, and every chunk decoded once: as fast as the
    # default, windows of 256.
    chunks = litdata.StreamingDataset(folder, shuffle=True, seed=1, item_shuffle_window="full", batch_decode="all")
    return lambda: litdata.StreamingDataLoader(
        chunks, collate_fn=lambda items: collator([{"input_ids": item.tolist()} for item in items]), **options)


def read(kind, folder, model, batch, epochs, workers):
    import torch
    from transformers import AutoTokenizer, DataCollatorForLanguageModeling

    torch.set_num_threads(1)
    collator = DataCollatorForLanguageModeling(AutoTokenizer.from_pretrained(model), mlm_probability=0.15)
    make_loader = open_loader(kind, folder, batch, collator, workers)
    torch.manual_seed(1)
    begin, samples, tokens, first = time.perf_counter(), 0, 0, 0.0
    loader = make_loader()
    for _ in range(epochs):
        for made in loader:
            first = first or time.perf_counter() - begin
            samples += made["input_ids"].shape[0]
            tokens += int(made["attention_mask"].sum())
    print(json.dumps({"who": f"{NAMES[kind]}, {workers} workers", "samples": samples, "tokens": tokens,
                      "first_batch": first, "seconds": time.perf_counter() - begin}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*sys.argv[2:5])
    elif sys.argv[1] == "steps":
        print(-(-sum(1 for _ in documents(sys.argv[2])) // int(sys.argv[3])))
    else:
        read(*sys.argv[2:5], *map(int, sys.argv[5:8]))

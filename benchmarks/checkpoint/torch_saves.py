#!/usr/bin/env python3
"""The same model, batch and optimizer in PyTorch, saving in one of its ways.

    torch_saves.py MODEL torch_save|dcp|dcp_kept|dcp_overlap STEPS EVERY FOLDER OUT.json

torch_save    torch.save into a file, flushed and fsynced, in the loop
dcp           torch.distributed.checkpoint.async_save as it comes
dcp_kept      the same with a stager that keeps its memory from save to save
dcp_overlap   the same, copying in a thread too; the loop waits for the copy before the optimizer's next step
The one before is waited for before the next save. OUT.json: {"steps": [[step, time at its end, seconds of the step
itself], ...], "told": [seconds in which the loop stood still for a save], "written": [seconds until it was on disk]}.
"""

import json
import os
import pathlib
import sys
import time

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.staging import DefaultStager, StagingOptions
from transformers import BertForMaskedLM

BATCH, LENGTH, MASKED = 8, 64, 10  # masked: 15 % of a sequence


class TorchSave:
    def save(self, state, path):
        begin = time.monotonic()
        with open(path, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self.written.append(time.monotonic() - begin)

    written = []
    before_update = finish = lambda self: None


class Dcp:
    def __init__(self, stager):
        self.stager, self.upload, self.staging, self.written = stager, None, None, []

    def save(self, state, path):
        self.finish()
        begin = time.monotonic()
        options = {"async_stager": self.stager} if self.stager else {}
        answer = dcp.async_save(state, checkpoint_id=str(path), **options)
        self.staging = getattr(answer, "staging_completion", None)
        self.upload = getattr(answer, "upload_completion", answer)
        self.upload.add_done_callback(lambda _: self.written.append(time.monotonic() - begin))

    def before_update(self):
        """Returns the seconds that the loop waited for the copy."""
        if self.staging is None:
            return 0.0
        begin = time.monotonic()
        self.staging.result()
        self.staging = None
        return time.monotonic() - begin

    def finish(self):
        if self.upload is not None:
            self.upload.result()


def make_saver(mode):
    if mode == "torch_save":
        return TorchSave()
    if mode == "dcp":
        return Dcp(None)
    return Dcp(DefaultStager(StagingOptions(False, False, mode == "dcp_overlap", False)))


def make_batch(vocabulary):
    ids = torch.randint(1000, vocabulary, (BATCH, LENGTH))
    labels = torch.full_like(ids, -100)
    for row in range(BATCH):
        chosen = torch.randperm(LENGTH)[:MASKED]
        labels[row, chosen] = ids[row, chosen]
        ids[row, chosen] = 103
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def state_of(model, optimizer, step):
    # The output layer's weights are the embeddings' once more.
    weights = {name: tensor for name, tensor in model.state_dict().items() if name != "cls.predictions.decoder.weight"}
    return {"model": weights, "optimizer": optimizer.state_dict(), "step": step}


def main(model_folder, mode, steps, every, folder, out):
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(1)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    model = BertForMaskedLM.from_pretrained(model_folder).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.01, fused=True)
    saver = make_saver(mode)
    records, told = [], []
    for step in range(1, steps + 1):
        begin = time.monotonic()
        batch = make_batch(model.config.vocab_size)
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        waited = saver.before_update() or 0.0
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        now = time.monotonic()
        if waited:
            told[-1] += waited
        records.append((step, now, now - begin - waited))
        if step % every == 0 and step < steps:
            saver.save(state_of(model, optimizer, step), folder / f"step-{step}")
            told.append(time.monotonic() - now)
    saver.finish()
    pathlib.Path(out).write_text(json.dumps({"steps": records, "told": told, "written": saver.written}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6])

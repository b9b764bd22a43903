#!/usr/bin/env python3
"""A Broadsheet run's recipe by HF Trainer, saving after one step and resuming from there.

    hf_resume.py RUN.yaml FOLDER STEP BATCH        or the same under torch.distributed.run

Without a checkpoint in FOLDER it trains from the start and saves after STEP; with one it resumes from it. At the end of
each step the first process appends {"step": …} to FOLDER/steps.jsonl.
"""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))

import torch
from transformers import TrainerCallback

import hf_recipe


class StepLog(TrainerCallback):
    def __init__(self, path):
        self.path = path

    def on_step_end(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            with open(self.path, "a") as file:
                file.write(json.dumps({"step": state.global_step}) + "\n")


def main(run_yaml, folder, step, batch):
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    options = dict(eval_strategy="no", save_strategy="steps", save_steps=step, load_best_model_at_end=False,
                   per_device_train_batch_size=batch // processes)
    if processes > 1:
        options.update(ddp_backend="gloo", ddp_find_unused_parameters=False)
    trainer, _ = hf_recipe.make_trainer(run_yaml, folder, 1, **options)
    assert trainer.args.world_size == processes
    trainer.add_callback(StepLog(folder / "steps.jsonl"))
    saved = folder / f"checkpoint-{step}"
    trainer.train(resume_from_checkpoint=str(saved) if saved.exists() else None)


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

#!/usr/bin/env python3
"""Some steps of a Broadsheet run's recipe by HF Trainer.   hf_steps.py RUN.yaml STEPS random|group_by_length OUT.json

Writes [[seconds, real tokens] per step]: padding is not counted as tokens, fetching and collating is as time.
"""

import json
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))

import torch

import hf_recipe


def main(run_yaml, steps, sampling, out):
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count()))
    with tempfile.TemporaryDirectory() as scratch:
        trainer, _ = hf_recipe.make_trainer(
            run_yaml, scratch, 1, max_steps=steps, eval_strategy="no", save_strategy="no",
            load_best_model_at_end=False, train_sampling_strategy=sampling)
        trainer.clock = hf_recipe.StepClock()
        trainer.add_callback(trainer.clock)
        trainer.train()
    pathlib.Path(out).write_text(json.dumps(trainer.clock.records) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])

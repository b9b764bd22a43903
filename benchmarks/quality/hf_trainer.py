#!/usr/bin/env python3
"""The recipe of a Broadsheet run by HF Trainer.   hf_trainer.py RUN.yaml SEED OUT.json

RUN.yaml is the resolved file in a run's directory. Prints and writes the test scores and the wall time from the first
import to the last score.
"""

import time

START = time.perf_counter()

import json
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))

import torch

import hf_recipe


def main(run_yaml, seed, out):
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count()))
    with tempfile.TemporaryDirectory() as scratch:
        trainer, test = hf_recipe.make_trainer(run_yaml, scratch, seed)
        before = trainer.evaluate(test, metric_key_prefix="test")
        trainer.train()
        after = trainer.evaluate(test, metric_key_prefix="test")
    result = {"seed": seed, "before": {k: before["test_" + k] for k in ("accuracy", "macro_f1")},
              "after": {k: after["test_" + k] for k in ("accuracy", "macro_f1")},
              "seconds": time.perf_counter() - START}
    pathlib.Path(out).write_text(json.dumps(result) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

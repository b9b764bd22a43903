#!/usr/bin/env python3
"""TensorBoard's own reader on a run's event files, against its metrics.jsonl.

    tensorboard_reader.py check RUN_DIR
    tensorboard_reader.py end_to_end BROADSHEET

Every number of metrics.jsonl must be a scalar with the same step and value (float32), and each tag's steps must ascend.
A tag is named after its record: kind/key, e.g. train/loss.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

REQUIRED = {"train/loss", "train/learning_rate", "train/grad_norm", "validation/loss"}


def scalars(run):
    accumulator = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    accumulator.Reload()
    found = {}
    for tag in accumulator.Tags()["scalars"]:
        events = accumulator.Scalars(tag)
        steps = [event.step for event in events]
        assert steps == sorted(set(steps)), f"{tag}: steps {steps}"
        for event in events:
            found[tag, event.step] = event.value
    return found


def check(run):
    found = scalars(run)
    tags = {tag for tag, _ in found}
    assert REQUIRED <= tags, f"tags: {sorted(tags)}"
    compared = 0
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        for key, value in record.items():
            tag = f"{record['kind']}/{key}"
            if tag not in tags or not isinstance(value, (int, float)):
                continue
            shown = found.pop((tag, record["step"]), None)
            assert shown is not None, f"{tag} at step {record['step']} is not in the event files"
            assert math.isclose(shown, float(numpy.float32(value)), rel_tol=1e-6), (tag, record["step"], shown, value)
            compared += 1
    assert compared > 0
    left = [key for key in found if key[0].split("/")[0] in ("train", "validation")]
    assert not left, f"in the event files but not in metrics.jsonl: {left[:10]}"
    print(f"{compared} scalars of {len(tags)} tags agree")


def end_to_end(broadsheet):
    import load_exported

    documents = load_exported.make_documents(200)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        load_exported.make_model(folder / "tiny", [d["text"] for d in documents])
        (folder / "moods.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents), encoding="utf-8")
        (folder / "corpus.yaml").write_text(load_exported.CORPUS)
        (folder / "run.yaml").write_text(load_exported.run_yaml("classification"))
        for arguments in (["prepare", "corpus.yaml"], ["train", "run.yaml", "--ranks", "1"]):
            subprocess.run([broadsheet, *arguments], cwd=folder, check=True)
        check(folder / "runs" / "tiny-classification")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "check":
        check(pathlib.Path(sys.argv[2]))
    elif len(sys.argv) == 3 and sys.argv[1] == "end_to_end":
        end_to_end(os.path.abspath(sys.argv[2]))
    else:
        sys.exit(__doc__)

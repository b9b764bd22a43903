#!/usr/bin/env python3
"""Our safetensors reader and writer against the safetensors package.

    safetensors_roundtrip.py SAFETENSORS_FILES

Files of the package go through our reader and writer and must come back equal; on files made by hand and on thousands of
damaged ones both must come to the same verdict (safetensors_judge.py).
"""

import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from safetensors_judge import by_hand, damaged, judge

def some_tensors():
    generator = torch.Generator().manual_seed(3)
    floats = {
        f"layer.{dtype}".replace("torch.", ""): torch.randn(3, 5, generator=generator).to(dtype)
        for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64)
    }
    integers = {
        f"layer.{dtype}".replace("torch.", ""): torch.randint(0, 100, (7,), generator=generator).to(dtype)
        for dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
    }
    special = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45])
    return {
        **floats,
        **integers,
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 4),
        "special": special,
        'name with "quotes", \\ and 新闻': torch.ones(2),
        "large": torch.randn(1500, 1000, generator=generator),
    }


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.reshape(-1).view(torch.uint8).equal(
        b.reshape(-1).view(torch.uint8)) if a.numel() else a.shape == b.shape and a.dtype == b.dtype


def round_trip(helper, folder):
    tensors = some_tensors()
    metadata = {"format": "pt", "note": "Grüße\n"}
    save_file(tensors, folder / "theirs", metadata=metadata)
    subprocess.run([helper, "copy", folder / "theirs", folder / "ours"], check=True)
    back = load_file(folder / "ours")
    assert set(back) == set(tensors), set(back) ^ set(tensors)
    for name, tensor in tensors.items():
        assert same(back[name], tensor), name
    with safe_open(folder / "ours", "pt") as file:
        assert file.metadata() == metadata, file.metadata()
    print(f"{len(tensors)} tensors came back equal")


def verdicts(helper, folder):
    for name, files in (("by hand", by_hand()), ("damaged", damaged(11, 4000))):
        (folder / name).mkdir()
        counts = judge(helper, files, folder / name)
        assert counts["accepted"] > 30 and counts["refused"] > 60, counts
        print(f"{len(files)} files {name}: {counts}")


def main():
    helper = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        round_trip(helper, folder)
        verdicts(helper, folder)


if __name__ == "__main__":
    main()

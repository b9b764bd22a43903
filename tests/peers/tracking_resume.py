#!/usr/bin/env python3
"""A run that died twice leaves the files of one that did not: metrics.jsonl byte for byte, TensorBoard's curves by its
own reader.

    tracking_resume.py TRACKED_RUN
"""

import pathlib
import subprocess
import sys
import tempfile

import tensorboard_reader


def main():
    helper = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        whole, broken = pathlib.Path(name) / "whole", pathlib.Path(name) / "broken"
        for folder in (whole, broken):
            folder.mkdir()

        def track(folder, until, *start):
            subprocess.run([helper, folder, str(until), *map(str, start)], check=True, stderr=subprocess.DEVNULL)

        track(whole, 60)
        track(broken, 7)  # dies before its first checkpoint: begins anew
        track(broken, 33)
        with open(broken / "metrics.jsonl", "a") as file:
            file.write('{"step": 34, "epo')  # torn
        track(broken, 45, 20)  # goes on from the checkpoint of step 20, dies again
        track(broken, 60, 40)
        assert (whole / "metrics.jsonl").read_bytes() == (broken / "metrics.jsonl").read_bytes()
        for folder in (whole, broken):
            tensorboard_reader.check(folder)
        assert tensorboard_reader.scalars(whole) == tensorboard_reader.scalars(broken)
        assert len(list((broken / "tensorboard").iterdir())) == 4


if __name__ == "__main__":
    main()

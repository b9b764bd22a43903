#!/usr/bin/env python3
"""docs/checkpoint_format.md is enough to verify a checkpoint: this runs the page's own code on one that we wrote.

    checkpoint_format.py CHECKPOINT_FILES PAGE
"""

import pathlib
import re
import subprocess
import sys
import tempfile

from safetensors.torch import load_file


def main():
    helper, page = sys.argv[1], pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    names = {}
    exec(compile(code, "checkpoint_format.md", "exec"), names)
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        subprocess.run([helper, root], check=True)
        folder = root / "step-00000100"
        manifest = names["verify"](folder)
        assert manifest["step"] == 100 and manifest["summary"]["world_size"] == 2, manifest
        assert [part["file"] for part in manifest["parts"]] == ["model.safetensors", "state.json"], manifest
        assert load_file(folder / "model.safetensors")["w"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
        for file in folder.iterdir():
            whole = file.read_bytes()
            for position in range(0, len(whole), 5):
                file.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1:])
                try:
                    names["verify"](folder)
                except (AssertionError, ValueError, TypeError, KeyError, AttributeError, OSError):
                    continue
                raise SystemExit(f"a flipped bit at byte {position} of {file.name} goes unnoticed")
            file.write_bytes(whole)
        names["verify"](folder)


if __name__ == "__main__":
    main()

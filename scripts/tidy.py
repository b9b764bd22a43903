#!/usr/bin/env python3
"""clang-tidy on sources of build/dev, all of one layer: scripts/tidy.py FILE...

Several are looked at as one translation unit, because most of the time goes into the headers that they share. Where that
finds anything (or does not compile: two files with a name of their own for different things) each is looked at by itself,
and what that finds counts. What has passed is remembered in .cache/tidy by its content and that of all headers.
"""
import hashlib
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

CACHE = pathlib.Path(".cache/tidy")
LAYERS = ("core", "data", "checkpoints", "slurm", "experiments", "trainer")
FILTER = f"/({'|'.join(LAYERS[:-1])})/([^/]*\\.h|.*\\.cpp)$"


def key_of(files):
    digest = hashlib.sha256(FILTER.encode())
    headers = sorted(path for layer in LAYERS for path in pathlib.Path(layer).rglob("*.h"))
    for path in [pathlib.Path(".clang-tidy"), *headers, *map(pathlib.Path, sorted(files))]:
        digest.update(str(path).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:32]


def command_of(file):
    """How build/dev compiles it, without the precompiled header: clang cannot read the compiler's."""
    path = str(pathlib.Path(file).resolve())
    for entry in json.loads(pathlib.Path("build/dev/compile_commands.json").read_text()):
        batch = pathlib.Path(entry["file"])
        if entry["file"] == path or (batch.parent.name == "Unity" and f'"{path}"' in batch.read_text()):
            words = shlex.split(entry["command"])
            while not words[0].endswith(("c++", "g++")):
                words.pop(0)  # cmake -E env ... ccache
            for option in ("-o", "-c", "-MF", "-MT"):
                at = words.index(option) if option in words else None
                if at is not None:
                    del words[at:at + 2]
            gcc = ("-MD", "-Winvalid-pch", "-fpch-preprocess", "-Wno-maybe-uninitialized")  # clang knows none of them
            words = [word for word in words if word not in gcc]
            at = next((i for i, word in enumerate(words) if word.endswith("cmake_pch.hxx")), None)
            if at is not None:
                del words[at - 1:at + 1]
            return words, entry["directory"]
    sys.exit(f"tidy.py: build/dev does not compile {file}; build first")


def look(files):
    """What clang-tidy says; empty when it is content."""
    words, directory = command_of(files[0])
    if len(files) > 1:
        words.append("-Wno-shadow")  # of names that one file keeps to itself; the compiler looks at each file alone
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder) / "unit.cpp"
        unit.write_text("".join(f'#include "{pathlib.Path(file).resolve()}"\n' for file in files))
        entry = {"directory": directory, "file": str(unit), "arguments": [*words, "-c", str(unit)]}
        (pathlib.Path(folder) / "compile_commands.json").write_text(json.dumps([entry]))
        done = subprocess.run(["clang-tidy-14", "--quiet", "--config-file=.clang-tidy", "-p", folder, "--checks=-bugprone-suspicious-include",
                               f"--header-filter={FILTER}", str(unit)], text=True, capture_output=True)
    return done.stdout + done.stderr if done.returncode != 0 else ""


def main(files):
    CACHE.mkdir(parents=True, exist_ok=True)
    passed = CACHE / key_of(files)
    if passed.exists():
        return 0
    said = look(files)
    if said and len(files) > 1:
        print(f"tidy.py: one by one, for together they do not pass: {' '.join(files)}", file=sys.stderr)
        said = "".join(look([file]) for file in files)
    if said:
        print(said)
        return 1
    passed.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""Which way the arrows point: reads every #include of our own layers and names those that the design forbids.

  layering.py ROOT      exit 0: none; exit 1: one line per forbidden include
"""
import pathlib
import re
import sys

# A layer may include itself and the layers named here: those to its right, never its neighbours.
MAY_INCLUDE = {
    "core": set(),
    "data": {"core"},
    "checkpoints": {"core"},
    "trainer": {"data", "checkpoints", "core"},
    "slurm": {"data", "checkpoints", "core"},
    "experiments": {"trainer", "slurm", "data", "checkpoints", "core"},
    "serving": {"experiments", "trainer", "slurm", "data", "checkpoints", "core"},
    "launcher": {"serving", "experiments", "trainer", "slurm", "data", "checkpoints", "core"},
}
# A library has one layer that uses it.
ONLY = [
    (re.compile(r"^(hdf5|H5[A-Za-z]*)\.h(pp)?$"), "data"),
    (re.compile(r"^yaml-cpp/"), "experiments"),
    (re.compile(r"^mpi\.h$"), "trainer"),
    (re.compile(r"^boost/program_options"), "launcher"),
]
TORCH = re.compile(r"^(torch|ATen|c10)/|^torch/csrc")
WITHOUT_TORCH = {"core", "data", "checkpoints", "slurm"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def faults_of(root, path):
    layer = path.relative_to(root).parts[0]
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, name = match.group(1) == '"', match.group(2)
        place = f"{path.relative_to(root)}:{number}: {name}"
        if quoted and not (root / name).exists():
            yield f"{place}: not a path from the root"
        target = name.split("/")[0]
        if quoted and target in MAY_INCLUDE and target != layer and target not in MAY_INCLUDE[layer]:
            yield f"{place}: {layer} may not include {target}"
        for pattern, owner in ONLY:
            if pattern.search(name) and layer != owner:
                yield f"{place}: only {owner} uses it"
        if TORCH.search(name) and (layer in WITHOUT_TORCH or path.name.endswith("config.cpp")):
            yield f"{place}: must not see LibTorch"


def check(root):
    root = pathlib.Path(root).resolve()
    sources = [path for layer in MAY_INCLUDE for path in sorted((root / layer).rglob("*"))
               if path.suffix in (".h", ".cpp", ".hpp")]
    if not sources:
        return [f"{root}: no sources found"]
    return [fault for path in sources for fault in faults_of(root, path)]


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) if found else "every include points the right way")
    sys.exit(1 if found else 0)

"""The fuzz targets of tests/fuzz as cases: executions under AddressSanitizer and UndefinedBehaviorSanitizer."""
import importlib.util

import harness
from lab import Broken, NotRun

EXECUTIONS = 200_000
FUZZ = harness.HERE.parent / "fuzz/fuzz.py"


def run(targets, seed, place):
    """One target of them, in turn."""
    spec = importlib.util.spec_from_file_location("fuzz", FUZZ)
    fuzz = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    target = targets[seed % len(targets)]
    if not (fuzz.FUZZERS / f"{target}_fuzzer").exists():
        raise NotRun("the fuzz targets are not built; Clang builds them: cmake --preset fuzz && cmake --build --preset fuzz")
    try:
        done = fuzz.run(target, EXECUTIONS, seed, place / "fuzz")
    except AssertionError as fault:
        raise Broken(str(fault)) from None
    return {"executions of a run": done}

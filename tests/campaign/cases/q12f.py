"""libFuzzer on the readers, with sanitizers; see tests/fuzz."""
import fuzzing

PROMISE = "Hostile YAML: libFuzzer, 200,000 executions a run"
COUNTS = (0, 250)


def run(lab, seed, place):
    return fuzzing.run(["yaml"], seed, place)

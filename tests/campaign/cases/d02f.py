"""libFuzzer on the readers, with sanitizers; see tests/fuzz."""
import fuzzing

PROMISE = "Hostile source files and corpus manifests: libFuzzer, 200,000 executions a run"
COUNTS = (0, 100)


def run(lab, seed, place):
    return fuzzing.run(["records", "corpus_manifest"], seed, place)

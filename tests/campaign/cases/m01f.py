"""libFuzzer on the readers, with sanitizers; see tests/fuzz."""
import fuzzing

PROMISE = "A hostile safetensors or checkpoint manifest: libFuzzer, 200,000 executions a run"
COUNTS = (0, 1000)


def run(lab, seed, place):
    return fuzzing.run(["safetensors", "checkpoint_manifest"], seed, place)

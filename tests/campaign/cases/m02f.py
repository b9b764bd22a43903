"""libFuzzer on the readers, with sanitizers; see tests/fuzz."""
import fuzzing

PROMISE = "A hostile tokenizer or config.json: libFuzzer, 200,000 executions a run"
COUNTS = (0, 350)


def run(lab, seed, place):
    return fuzzing.run(["tokenizer", "model_config"], seed, place)

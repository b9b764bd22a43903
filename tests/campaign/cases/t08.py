"""One bit of the weights, or of the optimizer's state, changes on one rank."""
import re

from lab import EVERY, Config, Run, check, generator, tensors

PROMISE = "Silent corruption of one rank's weights is found"
COUNTS = (6, 60)


def run(lab, seed, place):
    chance = generator("T08", seed)
    config = Config(ranks=chance.choice([2, 3, 4]), train__check_replicas_every=EVERY)
    want, _ = lab.reference(config)
    kind = ("flip", "flip_moment")[seed % 2]
    rank, step = chance.randrange(config.ranks), chance.randrange(1, 110)
    # A moment shows in the weights after the next update only, and not where no gradient ever comes.
    tensor = chance.choice([name for name in tensors(lab) if "embeddings" not in name and "key.bias" not in name])
    fault = f"{kind}:rank={rank}:step={step}:tensor={tensor}"
    job = Run(lab, place / "run", config, env={"BROADSHEET_FAULT": fault})
    check(job.wait() == 1, f"{fault}: not found: {job.said()}")
    found = re.search(r"step (\d+): the weights of (.*) differ", job.said())
    check(found, f"{fault}: {job.said()}")
    check(step <= int(found[1]) < step + EVERY + (kind == "flip_moment"), f"{fault}: found only at step {found[1]}")
    named = set(re.findall(r"rank (\d+)", found[2]))
    check(named == ({"0", "1"} if config.ranks == 2 else {str(rank)}), f"{fault}: named {found[2]}")
    lab.finish(job.dir, config, want)

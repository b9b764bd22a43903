"""One element of one rank's gradient is not a number, or infinite."""
import harness
from lab import DONE, Config, Run, check, check_clean, check_same, generator, tensors

PROMISE = "One rank's NaN harms none"
COUNTS = (6, 60)


def run(lab, seed, place):
    chance = generator("T07", seed)
    config = Config(ranks=chance.choice([1, 2, 3]), **({"train__reduction": "consistent"} if seed % 6 == 5 else {}))
    rank, step = chance.randrange(config.ranks), chance.randrange(1, 121)
    tensor, value = chance.choice(tensors(lab)), chance.choice(["nan", "inf", "-inf"])
    # The same run with that step's batch left out of the weights.
    want, _ = lab.reference(config, {"BROADSHEET_FAULT": f"skip:step={step}"}, name=f"skip-{step}-")
    fault = f"nan:rank={rank}:step={step}:tensor={tensor}:value={value}"
    job = Run(lab, place / "run", config, env={"BROADSHEET_FAULT": fault})
    check(job.wait() == DONE, f"{fault}: {job.said()}")
    check_same(want, job.dir)
    check_clean(job)
    said = [line for line in job.stderr.splitlines() if f"step {step}: " in line and "skip" in line]
    check(said, f"{fault}: nothing is said of step {step}:\n{job.stderr}")
    for word in (f"rank {rank}:", tensor, "examples"):
        check(word in said[0], f"{fault}: {word!r} is not in: {said[0]}")
    skipped = [record for record in harness.metrics(job.dir) if record["kind"] == "train" and record["grad_norm"] is None]
    check([record["step"] for record in skipped] == [step], f"{fault}: skipped {skipped}")

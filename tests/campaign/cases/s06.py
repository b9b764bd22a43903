"""The power fails: what was not fsynced is lost, whatever the order in which the disk wrote the rest."""
import json
import os
import re
import time

import power
from lab import DONE, Config, Run, check, check_same, checkpoints, generator, is_whole, newest_whole

PROMISE = "Power loss is survived: an acknowledged checkpoint, or a newer one, loads"
COUNTS = (100, 2000)


def run(lab, seed, place):
    chance = generator("S06", seed)
    config = Config(ranks=chance.choice([1, 2, 3]))
    want, _ = lab.reference(config)
    folder, records, said, ended = recording(lab, config)
    disk = power.Disk(folder)
    at_the_end = seed % 10 == 9
    moment = records[-1][0] + 1 if at_the_end else records[chance.randrange(len(records))][0]
    moment = max(moment, ended) if at_the_end else moment
    for record in records:
        if record[0] <= moment:
            disk.play(record)
    left = place / "run"
    disk.after_power_loss(chance, left)

    acknowledged = max((step for when, step in said if when < moment), default=-1)
    newest = newest_whole(left)
    check(newest >= acknowledged, f"step {acknowledged} was acknowledged, step {newest} is the newest that loads")
    for checkpoint in checkpoints(left):
        check(is_whole(checkpoint), f"{checkpoint.name} is there and not whole")
    if at_the_end:
        check_same(want, left)
    if newest >= 0:
        done = lab.broadsheet("verify", left)
        check(done.returncode == DONE, f"verify: exit {done.returncode}: {done.stdout}{done.stderr}")
    if seed % 8 == 0:
        finished = (left / "results.json").exists()
        job = Run(lab, left, config)
        check(job.wait() == DONE, f"the run after the power loss: {job.said()}")
        check_same(want, left)
        check(finished or job.resumed_from() == max(newest, 0), f"went on from {job.resumed_from()}, not {newest}")


def recording(lab, config):
    """(folder, operations, [(when, step) of each acknowledgement], when it ended) of an undisturbed run."""
    def make(made):
        env = {"LD_PRELOAD": os.environ["CAMPAIGN_SHIM_LIBRARY"],
               "CAMPAIGN_SHIM": f"log={made}/log;path=^{re.escape(str(made))}/run(/|$)"}
        job = Run(lab, made / "run", config, env=env)
        said, told = [], ""
        with open(job.output.name, encoding="utf-8") as output:
            while not job.ended() or told:
                told = output.read()
                now = time.monotonic_ns()
                said += [(now, int(step)) for step in re.findall(r"checkpoint of step (\d+) saved", told)]
                time.sleep(0.002)
        ended = time.monotonic_ns()
        check(job.wait() == DONE, job.stderr)
        check(len(said) >= 12, f"acknowledgements: {said}")
        (made / "facts.json").write_text(json.dumps({"folder": str(made / "run"), "said": said, "ended": ended}))
    made = lab.once(f"power-{config.key()}", make)
    facts = json.loads((made / "facts.json").read_text())
    return facts["folder"], power.read_log(made / "log"), facts["said"], facts["ended"]

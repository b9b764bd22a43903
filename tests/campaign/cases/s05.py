"""fsync fails once, and the bytes that it should have written are gone; the next fsync says that all is well."""
import errno

import disks
from lab import DONE, Config, Run, check, check_clean, check_same, checkpoints, generator, is_whole

PROMISE = "A failed fsync is a failed save"
COUNTS = (2, 20)

START, SAVED = 90, 100


def run(lab, seed, place):
    chance = generator("S05", seed)
    config = Config(ranks=chance.choice([1, 2]))
    want, _ = lab.reference(config)
    lab.part_way(config, START, place / "real")
    mark = place / "mark"
    part = chance.choice(["model.safetensors", "optimizer-00001", "optimizer-00002", "state.json", "manifest.json", ""])
    if config.ranks == 1:
        part = part.replace("-00001", "").replace("-00002", "")
    with disks.slow_disk(place / "run", place / "real", call="fsync", path=f"/step-{SAVED:08}/{part}", nth=1, lose=1,
                         error=errno.EIO, mark=mark) as folder:
        job = Run(lab, folder, config)
        check(job.wait() == DONE, job.said())
        check(mark.exists(), f"no fsync of {part}")
        check_same(want, folder)
        for checkpoint in checkpoints(folder):
            check(is_whole(checkpoint), f"{checkpoint.name} is damaged")
        check(not (folder / f"checkpoints/step-{SAVED:08}").exists(), "a checkpoint was published after a failed fsync")
        check("Input/output error" in job.stderr, f"nothing is said of it:\n{job.stderr}")
        check_clean(job)

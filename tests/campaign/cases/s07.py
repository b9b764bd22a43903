"""What network file systems do: slow calls, stale names and sizes, handles that went stale, no locks."""
import errno

import disks
import harness
from lab import DONE, Config, Run, check, check_clean, check_same, checkpoints, generator, is_whole, wait_until_gone

PROMISE = "Network file systems are survived"
COUNTS = (3, 70)

START = 90
KINDS = ["slow", "stale names", "stale handle", "slow and stale"]
STALE = ("attr_timeout=3", "entry_timeout=3", "negative_timeout=3")


def run(lab, seed, place):
    chance = generator("S07", seed)
    kind = KINDS[seed % len(KINDS)]
    config = Config(ranks=2)
    want, _ = lab.reference(config)
    lab.part_way(config, START, place / "real")
    if kind == "stale handle":
        return stale_handle(lab, chance, config, want, place)
    # A save takes many calls: the next one is due before it is done.
    delay = chance.choice([20, 50]) if kind.startswith("slow") else 0
    options = () if kind == "slow" else STALE
    values = {"delay": delay} if delay else {}
    with disks.slow_disk(place / "run", place / "real", options, **values) as folder, \
            disks.slow_disk(place / "other", place / "real", options, **values) as other:
        # Like two machines: rank 1 sees the files through a client of its own.
        job = Run(lab, folder, config, program=two_clients(lab, folder, other, config))
        code = job.wait()
        check(code == DONE, f"{kind}: exit {code}: {job.stderr}")
        check_same(want, folder)
        for checkpoint in checkpoints(folder):
            check(is_whole(checkpoint), f"{kind}: {checkpoint.name} is damaged")
        check("damaged" not in job.stderr, f"{kind}: something is called damaged:\n{job.stderr}")
        check("could not be written" not in job.stderr, f"{kind}: a checkpoint was not written:\n{job.stderr}")
        check_clean(job)


def two_clients(lab, folder, other, config):
    words = lab.command(folder, config)
    at = words.index("--ranks")
    words = words[:at] + ["--set", "launch.ranks=2"] + words[at + 2:]
    return ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-np", "1", "env", "OMP_NUM_THREADS=1",
            *words, ":", "-np", "1", "unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1"; shift; exec "$@"', other,
            folder, "env", "OMP_NUM_THREADS=1", *words]


def stale_handle(lab, chance, config, want, place):
    """One call on the way fails with ESTALE."""
    call = chance.choice(["open", "create", "read", "write", "getattr", "rename"])
    with disks.slow_disk(place / "run", place / "real", call=call, path="/checkpoints/", nth=chance.randrange(1, 40),
                         error=errno.ESTALE, mark=place / "mark") as folder:
        job = Run(lab, folder, config)
        code = job.wait()
        wait_until_gone(folder)
        told = (place / "mark").read_text() if (place / "mark").exists() else "never reached"
        check(code in (0, 1, 2), f"ESTALE, {told}: exit {code}: {job.said()}")
        for checkpoint in checkpoints(folder):
            check(is_whole(checkpoint), f"ESTALE, {told}: {checkpoint.name} is damaged")
        if code != DONE:
            check("Stale file handle" in job.stderr, f"ESTALE, {told}: the reason is not said:\n{job.stderr}")
            lab.finish(folder, config, want)
        elif harness.last_step(folder) == 120:
            check_same(want, folder)
            check_clean(job)

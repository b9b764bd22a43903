"""Wall clocks are wrong, and jump; files come from the future."""
import os
import time

from lab import (DONE, Config, NotRun, Run, check, check_clean, check_same, checkpoints, generator, harness)

PROMISE = "Wall clocks do not matter"
COUNTS = (2, 20)

LIBRARIES = ["/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1",
             "/usr/lib64/faketime/libfaketime.so.1"]
JUMPS = ["+400s", "-400s", "+3600s", "-3600s"]


def run(lab, seed, place):
    library = next((path for path in LIBRARIES if os.path.exists(path)), None)
    if library is None:
        raise NotRun("libfaketime is not installed (Debian: faketime)")
    chance = generator("T13", seed)
    config = Config(ranks=2)
    want, _ = lab.reference(config)
    folder = place / "run"
    lab.part_way(config, 90 if seed % 2 else 30, folder)
    future = time.time() + 86400
    for number, checkpoint in enumerate(checkpoints(folder)):
        # The older the checkpoint, the newer it seems.
        for path in [checkpoint, *checkpoint.iterdir()]:
            os.utime(path, (future - 3600 * number,) * 2)
    newest = int(checkpoints(folder)[-1].name[5:])
    rank, clock = chance.randrange(2), place / "clock"
    clock.write_text(chance.choice(JUMPS))
    job = Run(lab, folder, config, program=ranks_with_a_clock(lab, folder, config, rank, library, clock))
    while not job.ended():
        time.sleep(0.3 * chance.random())
        clock.write_text(chance.choice(JUMPS))
    check(job.wait() == DONE, f"{job.said()}\n{job.stderr}")
    check(job.resumed_from() == newest, f"went on from step {job.resumed_from()}, the newest was {newest}")
    check_same(want, folder)
    check_clean(job)


def ranks_with_a_clock(lab, folder, config, chosen, library, clock):
    """mpirun's command: one of the ranks has a clock of its own, which jumps whenever the file changes."""
    words = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
    engine = lab.command(folder, Config(ranks=config.ranks))
    at = engine.index("--ranks")
    engine = engine[:at] + ["--set", f"launch.ranks={config.ranks}"] + engine[at + 2:]
    for rank in range(config.ranks):
        false_clock = [f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1",
                       "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"]
        words += ["-np", "1", "env", "OMP_NUM_THREADS=1", *(false_clock if rank == chosen else []), *engine, ":"]
    return words[:-1]

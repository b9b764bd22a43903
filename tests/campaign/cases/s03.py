"""The process that writes dies after a call, also while old checkpoints are removed."""
from lab import DONE, EVERY, Config, Run, check, generator, newest_whole, shim, wait_until_gone

PROMISE = "Dying after any call of a save is survived"
COUNTS = (30, 180)

START = 90
BELOW = "/checkpoints(/|$)"
FROM = f"/step-{START + EVERY:08}"
CALLS = "create,write,fsync,rename,close,unlink,rmdir,mkdir"


def run(lab, seed, place):
    chance = generator("S03", seed)
    config = Config(ranks=chance.choice([1, 2]))
    want, _ = lab.reference(config)
    folder = place / "run"
    lab.part_way(config, START, folder)

    # Twice: the second death may meet what the first one left behind.
    least = START
    for _ in range(2):
        rank, mark = chance.randrange(config.ranks), place / "marks"
        env = shim(rank=rank, calls=CALLS, path=BELOW, **{"from": FROM}, nth=chance.randrange(1, 90), mark=mark,
                   do="exit:137", when=chance.choice(["before", "middle", "after"]))
        mark.unlink(missing_ok=True)
        job = Run(lab, folder, config, env=env)
        code = job.wait()
        wait_until_gone(folder)
        check(code != DONE or not mark.exists(), f"rank {rank} died in a save, the run ended with {code}")
        check(newest_whole(folder) >= least, f"checkpoint {least} was there, {newest_whole(folder)} is the newest now")
        least = newest_whole(folder)
        if code == DONE:
            break
    lab.finish(folder, config, want)

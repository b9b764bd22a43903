"""A run folder has one owner: two starts at once, folders that are read-only, somebody else's, or links."""
import json
import os
import subprocess

import harness
from lab import DONE, USER, Config, Run, check, check_clean, check_same, generator, needs_root

PROMISE = "One owner per run folder"
COUNTS = (6, 40)

NOBODY = 65534


def run(lab, seed, place):
    chance = generator("S08", seed)
    kind = ["two at once", "while it runs", "read-only", "of another user", "a link", "a foreign lock"][seed % 6]
    config = Config(ranks=chance.choice([1, 2]))
    want, _ = lab.reference(config)
    CASES[kind](lab, chance, config, want, place)


def two_at_once(lab, chance, config, want, place):
    jobs = [Run(lab, place / "run", config) for _ in range(2)]
    codes = sorted(job.wait() for job in jobs)
    # Where the second came when the first had finished, it found nothing to do.
    check(codes in ([DONE, USER], [DONE, DONE]), f"two at once: exit {codes}: {[job.said() for job in jobs]}")
    for job in jobs:
        if job.process.returncode == USER:
            names_the_holder(job, [other.process.pid for other in jobs if other is not job][0])
    check_same(want, place / "run")
    check_clean(jobs[0])


def while_it_runs(lab, chance, config, want, place):
    first = Run(lab, place / "run", config, env={"BROADSHEET_FAULT": "slow:rank=0:milliseconds=10"})
    first.ranks()
    first.wait_for_step(chance.randrange(0, 60))
    second = Run(lab, place / "run", config)
    check(second.wait() == USER, f"a second start while the first one runs: {second.said()}")
    names_the_holder(second, first.process.pid)
    check(first.wait() == DONE, first.said())
    check_same(want, place / "run")
    check_clean(first)


def names_the_holder(job, pid):
    check(f"process {pid} " in job.said(), f"it does not say that process {pid} holds the folder: {job.said()}")


def unprivileged(lab, place, config):
    """A start by a user who owns nothing here. Root may write anywhere, so that root must become one."""
    words = lab.command(place / "run", config)
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, env=harness.environment(HOME="/tmp"),
                          cwd=lab.folder, user=NOBODY, group=NOBODY, extra_groups=[], timeout=harness.PATIENCE)


def refused_for_others(lab, place, config, what, reason):
    subprocess.run(["chmod", "-R", "a+rX", "--", lab.folder / "tokenizer", lab.folder / "corpus"], check=True)
    for path in (lab.folder, place):
        os.chmod(path, 0o755)
    os.chmod(lab.folder / "run.yaml", 0o644)
    before = sorted(str(path) for path in (place / "run").rglob("*"))
    done = unprivileged(lab, place, config)
    check(done.returncode == USER, f"{what}: exit {done.returncode}: {done.stderr}")
    check(str(place / "run") in done.stderr and reason in done.stderr, f"{what}: {done.stderr}")
    check(sorted(str(path) for path in (place / "run").rglob("*")) == before, f"{what}: something was written")


def read_only(lab, chance, config, want, place):
    needs_root("becoming another user")
    lab.part_way(config, 90, place / "run")
    os.chmod(place / "run", 0o555)
    os.chown(place / "run", NOBODY, NOBODY)
    refused_for_others(lab, place, config, "a read-only folder", "is read-only: its mode is 0555")
    os.chown(place / "run", 0, 0)
    os.chmod(place / "run", 0o755)
    lab.finish(place / "run", config, want)


def of_another_user(lab, chance, config, want, place):
    needs_root("becoming another user")
    lab.part_way(config, 90, place / "run")
    refused_for_others(lab, place, config, "a folder of another user", "belongs to root (user 0)")
    lab.finish(place / "run", config, want)


def a_link(lab, chance, config, want, place):
    """The same folder by another name would have another lock's name: it is refused."""
    (place / "run").mkdir()
    (place / "link").symlink_to(place / "run")
    first = Run(lab, place / "run", config, env={"BROADSHEET_FAULT": "slow:rank=0:milliseconds=10"})
    first.ranks()
    second = Run(lab, place / "link", config)
    check(second.wait() == USER, f"a second start through a link: {second.said()}")
    check(f"{place / 'link'}: is a symbolic link" in second.said(), second.said())
    check(first.wait() == DONE, first.said())
    check_same(want, place / "run")
    check_clean(first)


def a_foreign_lock(lab, chance, config, want, place):
    """Of another machine: nobody here can say whether its holder lives."""
    lab.part_way(config, 90, place / "run")
    holder = {"host": "elsewhere", "pid": 4711, "start_time": "1", "boot_id": "b", "pid_namespace": "", "command": "train"}
    (place / "run/lock").write_text(json.dumps(holder))
    job = Run(lab, place / "run", config)
    check(job.wait() == USER, f"a lock of another machine: {job.said()}")
    for word in ("process 4711 on elsewhere", "lock"):
        check(word in job.said(), f"{word!r} is not in: {job.said()}")
    (place / "run/lock").unlink()
    lab.finish(place / "run", config, want)


CASES = {"two at once": two_at_once, "while it runs": while_it_runs, "read-only": read_only,
         "of another user": of_another_user, "a link": a_link, "a foreign lock": a_foreign_lock}

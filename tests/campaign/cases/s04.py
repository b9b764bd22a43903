"""Disks that are really full, without inodes, or suddenly read-only."""
import errno
import os
import re

import disks
import harness
from lab import (DONE, Config, Run, check, check_clean, check_same, checkpoints, generator, is_whole, kept, newest_whole,
                 wait_until_gone)

PROMISE = "Real full disks are survived too"
COUNTS = (4, 80)

START = 90
SLOW = {"BROADSHEET_FAULT": "slow:rank=0:milliseconds=15"}


def run(lab, seed, place):
    chance = generator("S04", seed)
    config = Config(ranks=chance.choice([1, 2]))
    want, _ = lab.reference(config)
    kind = ("full", "inodes", "read-only", "full for a while")[seed % 4]
    disk = place / "disk"
    with disks.tmpfs(disk, chance.randrange(8, 65)) if kind.startswith("full") else disks.ext4(disk, 48, 256):
        folder = disk / "run"
        lab.part_way(config, START, folder)
        os.sync()
        ballast = None
        if kind.startswith("full"):
            ballast = disks.fill(disk, chance.randrange(0, 700_000))
        elif kind == "inodes":
            ballast = disks.fill_inodes(disk, chance.randrange(0, 40))
        job = Run(lab, folder, config, env=SLOW, beside=place)
        if kind != "full" and kind != "inodes":
            meanwhile(job, kind, disk, ballast, START + chance.randrange(2, 29))
        code = job.wait()
        wait_until_gone(folder)
        if kind == "read-only":
            disks.repair_ext4(disk)
        elif ballast.exists():
            disks.remove(ballast)
        after(lab, config, want, folder, job, code, kind, place)


def meanwhile(job, kind, disk, ballast, step):
    """When it has come to the step, the disk gives way, or has room again."""
    try:
        job.wait_for_step(step)
    except AssertionError:
        return  # ended already: it found no room to start in
    if kind == "read-only":
        disks.fail_ext4(disk)
    else:
        disks.remove(ballast)


def after(lab, config, want, folder, job, code, kind, place):
    reasons = [os.strerror(number) for number in (errno.ENOSPC, errno.EROFS)] + [" free, the checkpoint needs "]
    said = [line for line in job.stderr.splitlines() if any(reason in line for reason in reasons)]
    acknowledged = max(map(int, re.findall(r"checkpoint of step (\d+) saved", job.stderr)), default=START)
    check(newest_whole(folder) >= acknowledged, f"{kind}: {acknowledged} was acknowledged, {newest_whole(folder)} loads")
    for checkpoint in checkpoints(folder):
        check(is_whole(checkpoint), f"{kind}: {checkpoint.name} is damaged")
    if code == DONE:
        have = kept(folder)
        check(have["model"] == want["model"] and have["results"] == want["results"], f"{kind}: other weights or results")
        lines = set(want["metrics"].splitlines())
        check(set(have["metrics"].splitlines()) <= lines, f"{kind}: metrics.jsonl holds other lines")
        check(said or have == want, f"{kind}: something is missing, and nothing was said")
        wait_until_gone(folder)
        return
    check(code == 1, f"{kind}: exit {code}: {job.said()}")
    check(said and str(folder) in job.stderr, f"{kind}: no line names the path and the reason:\n{job.stderr}")
    if not (folder / "results.json").exists():
        lab.finish(folder, config, want, beside=place)

"""One rank finds no memory any more; the connection between two ranks is lost."""
import re
import resource
import shutil
import subprocess
import time

from lab import DONE, Config, NotRun, Run, check, generator, needs_root, wait_until_gone

PROMISE = "Out of memory and lost links have names"
COUNTS = (2, 40)
LANES = 1  # connections are found by their ports

LIMIT = 6
PATIENCE = 5
SLOW = "slow:rank=0:milliseconds=10"


def run(lab, seed, place):
    chance = generator("T10", seed)
    ranks = chance.choice([2, 3])
    config = Config(ranks=ranks, watchdog__min_seconds=LIMIT, watchdog__max_seconds=LIMIT)
    want, _ = lab.reference(config)
    folder = place / "run"
    (lost_link if seed % 2 else no_memory)(lab, chance, config, folder)
    lab.finish(folder, config, want)


def no_memory(lab, chance, config, folder):
    job = Run(lab, folder, config, env={"BROADSHEET_FAULT": SLOW})
    ranks = job.ranks()
    job.wait_for_step(chance.randrange(1, 90))
    rank = chance.randrange(config.ranks)
    with open(f"/proc/{ranks[rank]}/status") as status:
        used = int(re.search(r"VmSize:\s+(\d+)", status.read())[1]) << 10
    # What it has it keeps; there is no more.
    resource.prlimit(ranks[rank], resource.RLIMIT_AS, (used // 2, used // 2))
    code = job.wait()
    check(code not in (DONE, 70), f"rank {rank} without memory: exit {code}: {job.said()}")
    check(f"rank {rank} " in job.said(), f"rank {rank} had no memory: {job.said()}")
    check(re.search("memory|signal", job.said()), f"no memory: {job.said()}")
    wait_until_gone(folder)


def lost_link(lab, chance, config, folder):
    needs_root("cutting connections")
    if shutil.which("ss") is None:
        raise NotRun("ss is not installed (Debian: iproute2)")
    job = Run(lab, folder, config, env={"BROADSHEET_FAULT": SLOW, "OMPI_MCA_btl": "tcp,self",
                                        "OMPI_MCA_btl_tcp_if_include": "lo"})
    job.ranks()
    job.wait_for_step(chance.randrange(1, 60))
    cut = []
    while not cut and not job.ended():  # until one of its connections was open just then
        cut = cut_one(chance, list(job.engines().values()))
        time.sleep(0.02)
    began = time.monotonic()
    code = job.wait()
    took = time.monotonic() - began
    check(cut, "no connection was cut while the run lasted")
    if code == DONE:  # nothing was under way on it, and it was made anew
        return
    check(code != 70, f"a connection was cut, exit {code}: {job.said()}")
    check(took < LIMIT + PATIENCE, f"a connection was cut, ended after {took:.1f} s")
    named = set(re.findall(r"rank (\d+) \(", job.said()))
    check(named, f"a connection was cut, nobody is named: {job.said()}")
    wait_until_gone(folder)


def cut_one(chance, pids):
    """Closes, from outside, one of the connections between these processes that Open MPI sends data over."""
    listed = subprocess.run(["ss", "-Htnp", "state", "established"], capture_output=True, text=True).stdout
    ports = re.findall(r"127\.0\.0\.1:(10[2-9]\d)\s+127\.0\.0\.1:\d+\s+users:.*pid=(\d+)", listed)
    ports = [port for port, pid in ports if int(pid) in pids]
    if not ports:
        return []
    return subprocess.run(["ss", "-HKtn", "state", "established", f"( sport = :{chance.choice(ports)} )"],
                          capture_output=True, text=True).stdout.split()

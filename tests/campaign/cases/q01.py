"""The driver is killed at the points where a sweep could lose a trial or get it twice, five times in one sweep."""
import slurm_lab
from lab import check, generator
from sweep_lab import (SEGMENT, Sweep, check_folder, check_legs, check_table, driver_shim, kept_if_broken,
                       undisturbed)

PROMISE = "No duplicate, no orphan trial (5 kills of the driver a run)"
COUNTS = (3, 40)
LANES = 1

TRIALS = 8
# The call at which it dies. A worker is announced in the journal, started, and gets its task. First comes the point at
# which a worker is lost: the others still find one to start then.
INTENT = {"before the intent": dict(calls="write", path=SEGMENT, when="before"),
          "after the intent": dict(calls="fsync", path=SEGMENT, when="after")}
LOCAL = {"before the worker": dict(calls="rename", path=r"/place\.json$", when="after"),
         "before the task": dict(calls="rename", path=r"/task\.json$", when="before"),
         "after the task": dict(calls="rename", path=r"/task\.json$", when="after")}
# A job's record is written before sbatch, and with its id once more after it.
SLURM = {"before sbatch": dict(calls="rename", path=r"/job/job\.json$", nth=1, when="after"),
         "after sbatch, before its id is kept": dict(calls="rename", path=r"/job/job\.json$", nth=2, when="before"),
         "after its id is kept": dict(calls="rename", path=r"/job/job\.json$", nth=2, when="after")}


def run(lab, seed, place):
    chance = generator("Q01", seed)
    want = undisturbed(lab, TRIALS)
    if seed % 2 == 0:
        sweep = Sweep(lab.folder, place / f"q01-{seed}", TRIALS, concurrency=chance.choice([1, 2]))
        try:
            killed_everywhere(chance, sweep, LOCAL)
            check_outcome(want, sweep)
        finally:
            sweep.end_workers()
        return
    here = slurm_lab.place("MinJobAge=300")
    sweep = Sweep(here.workspace.folder, here.workspace.folder / f"q01-{seed}", TRIALS, concurrency=2, on="slurm",
                  run_more='slurm: {partition: main, cpus_per_task: 1, time: "00:10:00"}\n')
    try:
        with kept_if_broken(sweep, place):
            killed_everywhere(chance, sweep, SLURM)
            check_outcome(want, sweep)
            check_jobs(here, sweep)
    finally:
        here.cluster.ask("scancel", "--user=root", good=False)


def killed_everywhere(chance, sweep, points):
    """First while workers are started: once they all run there are none to start."""
    first, *others = points
    order = [first, *chance.sample(others, len(others)), *chance.sample(sorted(INTENT), len(INTENT))]
    for number, name in enumerate(order):
        values = {"nth": chance.randrange(1, 5) if name in INTENT else 1, **{**points, **INTENT}[name]}
        mark = sweep.place / f"mark-{number}"
        driver = sweep.drive(driver_shim(do="kill", mark=mark, **values))
        code = driver.wait()
        check(mark.exists() and code == -9, f"{name}: never reached, exit {code}:\n{driver.said()}")
    sweep.drive_to_the_end()


def check_outcome(want, sweep):
    check_table(want, sweep)
    check_legs(sweep)
    check_folder(sweep)


def check_jobs(here, sweep):
    """Every job of this sweep is a worker of the journal, none has two, and none is left."""
    announced = [event["name"] for event in sweep.events("worker")]
    check(len(announced) == len(set(announced)), f"workers were announced twice: {announced}")
    lines = here.cluster.ask("squeue", "--noheader", "--states=all", "--format=%j %i").splitlines()
    jobs = [line.split()[0] for line in lines if line.startswith(f"{sweep.name}-w")]
    check(len(jobs) == len(set(jobs)), f"a worker has two jobs: {lines}")
    strangers = set(jobs) - {f"{sweep.name}-{worker}" for worker in announced}
    check(not strangers, f"jobs that the journal does not know: {strangers}")
    # A worker that died before it was submitted may have been given a trial; then that one was not begun.
    given = {(event["trial"], event["leg"]) for event in sweep.events("leg") if f"{sweep.name}-{event['worker']}" not in jobs}
    begun = [event for event in sweep.events("end") if (event["trial"], event["leg"]) in given and event["state"] != "stopped"]
    check(not begun, f"trials of workers without a job: {begun}")
    sweep.wait_for(lambda: not [line for line in here.cluster.ask("squeue", "--noheader", "--format=%j").split()
                                if line.startswith(f"{sweep.name}-w")], "its jobs to leave")

"""An sbatch that lies: the job is accepted, and it says something else; or it is not, and it says nothing."""
import os
import time

import harness
import slurm_lab
from lab import check, generator

PROMISE = "A lying sbatch is understood"
COUNTS = (40, 200)
LANES = 1

# What the stub does with "$real" "$@"; ACCEPTED runs it quietly.
ACCEPTED = 'id=$("$real" "$@")'
LIES = {
    "exit 1": f'{ACCEPTED}; echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2; exit 1',
    "exit 1, not a word": f"{ACCEPTED}; exit 1",
    "empty": f"{ACCEPTED}; exit 0",
    "two lines": f'{ACCEPTED}; echo "$id"; echo 424242; exit 0',
    "rubbish": f'{ACCEPTED}; echo "Submitted batch job $id, maybe"; exit 0',
    "killed": f"{ACCEPTED}; kill -9 $$",
    "twice": f'{ACCEPTED}; {ACCEPTED}; echo what; exit 0',
    "late": f'{ACCEPTED}; sleep 3; echo "sbatch: error: Socket timed out" >&2; exit 1',
    "not accepted at first": '[ -e "$0.tried" ] && exec "$real" "$@"; touch "$0.tried"; echo "sbatch: error: Unable to contact slurm controller (connect failure)" >&2; exit 1',
    "a twin later": f'{ACCEPTED}; (sleep 1; "$real" "$@" >"$0.twin" 2>&1) >/dev/null 2>&1 & echo "$id"; exit 0',
}


def run(lab, seed, place):
    chance = generator("Q03", seed)
    here = slurm_lab.place("MinJobAge=60")
    lie = list(LIES)[seed % len(LIES)]
    name = f"q03-{seed}"
    stub = place / "sbatch"
    real = next(p for p in ("/usr/bin/sbatch", "/usr/local/bin/sbatch") if os.access(p, os.X_OK))
    stub.write_text(f'#!/bin/bash\nreal={real}\n[ "$1" = --version ] && exec "$real" "$@"\n{LIES[lie]}\n')
    stub.chmod(0o755)
    twin = lie == "a twin later"
    # Where it matters only which jobs there are, none needs to start.
    hold = [] if twin else ["--set", "slurm.extra=[--hold]"]
    job = here.job(name, *hold, "--set", "train.max_steps=20", slow=20 if twin else 0,
                   env={"PATH": f"{place}:{os.environ['PATH']}"})
    if twin:
        job.wait_until_finished()
        job.wait_for((place / "sbatch.twin").exists, "the twin")
        other = here.jobs_named(name)
        check(len(other) == 2, f"the twin was not accepted: {other}")
        job.wait_for(lambda: not here.cluster.ask("squeue", "--noheader", f"--name={name}").strip(), "the twin's end")
        check(job.starts() == 1, f"{job.starts()} starts: {job.events()}")
        states = [here.cluster.job_state(number) for number in other]
        check(states == ["COMPLETED", "COMPLETED"], f"a twin leaves with 0: {states}")
    else:
        alive = here.cluster.ask("squeue", "--noheader", f"--name={name}", "--format=%i").split()
        check(alive == [job.id], f"{lie}: wanted job {job.id} alone, found {alive}")
    slurm_lab.tidy(here, job)

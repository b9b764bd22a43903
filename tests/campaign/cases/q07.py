"""A job of a higher partition wants the nodes: the run leaves in time, and comes back as if nothing had happened."""
import harness
import slurm_lab
from lab import check, generator

PROMISE = "Preemption costs no retry"
COUNTS = (2, 30)
LANES = 1


def run(lab, seed, place):
    chance = generator("Q07", seed)
    here = slurm_lab.place("MinJobAge=60") if seed % 2 else slurm_lab.place("MinJobAge=60", "SlurmctldParameters=idle_on_node_suspend")
    # None to spend: a preemption must cost none.
    job = here.job(f"q07-{seed}", "--set", "slurm.max_requeues=0", "--set", "slurm.retries={failure: 0, node_failure: 0}", slow=30)
    job.wait_for_step(chance.randrange(1, 100))
    here.cluster.ask("sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap", "sleep 1")
    job.wait_until_finished()
    check(harness.kept(job.dir) == here.workspace.reference(), f"not the bits of an undisturbed run: {job.log()}")
    causes = [event["cause"] for event in job.events("end")]
    check(causes in (["preempted", "done"], ["done"]), f"{causes}: {job.log()}")
    codes = [event["code"] for event in job.events("end")]
    check(codes[0] in (75, 0), f"it left with {codes[0]}: {job.log()}")
    slurm_lab.tidy(here, job)

"""A real Slurm for the cases that need one: brought up by the first run of a case, taken down with the case's worker."""
import multiprocessing.util

import cluster as slurm
from lab import Broken, needs_root

present = None

# Two ranks on one node, where it does not matter on which.
ONE_NODE = ["--set", "slurm.nodes=1", "--set", "slurm.ntasks_per_node=2"]


class Place:
    """Where the cases' runs live: a cluster and a workspace that both of its nodes see."""

    def __init__(self, settings):
        self.settings = settings
        self.cluster = slurm.Cluster(*settings)
        self.workspace = slurm.Workspace(steps=120, documents=300)
        # Small and quick, and one rank where it does not matter.
        multiprocessing.util.Finalize(None, self.close, exitpriority=10)

    def close(self):
        global present
        if present is self:
            present = None
            self.cluster.down()
            self.workspace.close()

    def job(self, name, *arguments, **options):
        try:
            return slurm.Job(self.cluster, self.workspace, name, *arguments, **options)
        except AssertionError as fault:
            raise Broken(str(fault)) from None

    def jobs_named(self, name):
        """Ids of all jobs of this name that Slurm knows, and of those that it has finished."""
        lines = self.cluster.ask("squeue", "--noheader", "--states=all", f"--name={name}", "--format=%i").split()
        return sorted(set(lines), key=int)


def place(*settings):
    global present
    needs_root("starting Slurm")
    if present is None or present.settings != settings:
        if present is not None:
            present.close()
        present = Place(settings)
    return present


def tidy(place, job):
    """Ends whatever is left of a job, so that the next run has the nodes."""
    place.cluster.ask("scancel", f"--name={job.dir.name}", good=False)
    job.wait_for(lambda: not place.cluster.ask("squeue", "--noheader", f"--name={job.dir.name}", good=False).strip(), "its end")

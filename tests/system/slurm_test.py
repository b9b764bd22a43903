"""Submitted runs on a real Slurm of two nodes: what they are asked with, what they survive, what is told of them."""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import tarfile
import time

import harness
from cluster import Cluster, Job, Workspace
from harness import DONE, USER, SystemTest, broadsheet

cluster = None
workspace = None


def setUpModule():
    global cluster, workspace
    cluster = Cluster("MinJobAge=5")
    try:
        workspace = Workspace()
    except BaseException:
        cluster.down()
        raise


def tearDownModule():
    cluster.down()
    workspace.close()


class SlurmTest(SystemTest):
    def job(self, *arguments, **options):
        return Job(cluster, workspace, self.id().rsplit(".", 1)[1], *arguments, **options)

    def assert_same(self, job, *sets):
        self.assertEqual(harness.kept(job.dir), workspace.reference(*sets), job.log())
        self.assertFalse((job.dir / "lock").exists())

    def causes(self, job):
        return [event["cause"] for event in job.events() if event["event"] != "start"]


class Submitting(SlurmTest):
    def test_two_nodes_see_the_preamble_and_no_secret(self):
        wrapper = workspace.folder / "show.sh"
        wrapper.write_text('#!/bin/sh\nenv > "$FOLDER/env.$SLURMD_NODENAME"\nexec "$@"\n')
        wrapper.chmod(0o755)
        # A list cannot come through --set's paths, but a flow list can.
        job = self.job("--set", f"slurm.container=[{wrapper}]",
                       "--set", f'slurm.preamble="export FOLDER={workspace.folder} FROM_PREAMBLE=seen"',
                       env={"MY_SECRET_TOKEN": "do-not-tell", "BROADSHEET_TEST_ENVIRONMENT": "travels"})
        job.wait_until_finished()
        self.assert_same(job)
        for node in ("n1", "n2"):
            text = (workspace.folder / f"env.{node}").read_text()
            self.assertIn("FROM_PREAMBLE=seen\n", text)
            self.assertIn("BROADSHEET_TEST_ENVIRONMENT=travels\n", text)
            self.assertNotIn("do-not-tell", text)
            self.assertNotIn("LD_PRELOAD", text)
        for path in job.dir.rglob("*"):
            if path.is_file():
                self.assertNotIn(b"do-not-tell", path.read_bytes(), path)
        self.assertEqual(oct(job.dir.stat().st_mode & 0o777), "0o700")

    def test_dry_run_shows_all_and_touches_nothing(self):
        name = "dry"
        done = broadsheet("submit", workspace.folder / "run.yaml", "--set", f"name={name}", "--dry-run")
        self.assert_exit(done, DONE)
        for part in ("2 ranks", "global batch", "steps in all", "checkpoints", "node-hours", "#SBATCH --requeue",
                     "#SBATCH --open-mode=append", "scontrol requeue", "--signal=B:USR1@120"):
            self.assertIn(part, done.stdout)
        self.assertFalse(workspace.run_dir(name).exists())
        self.assertEqual(cluster.ask("squeue", "--noheader", "--states=all", f"--name={name}"), "")

    def test_what_does_not_fit_is_refused(self):
        for arguments, key in ((["--set", "launch.ranks=3"], "launch.ranks"),
                               (["--set", "slurm.signal_before=0"], "slurm.signal_before"),
                               (["--set", "slurm.partition=a;b"], "slurm.partition"),
                               (["--set", "slurm.time=4h"], "slurm.time"),
                               (["--set", "slurm.extra=[--wrap=id]"], "slurm.extra[0]")):
            done = broadsheet("submit", workspace.folder / "run.yaml", "--set", "name=refused", "--json", *arguments)
            self.assert_exit(done, USER)
            self.assertEqual(self.error_of(done)["key"], key)
        done = broadsheet("submit", workspace.folder / "run.yaml", "--set", "name=refused", "--set", "slurm.partition=nowhere")
        self.assert_exit(done, USER)
        self.assertIn("invalid partition", done.stderr)

    def test_the_site_gives_defaults_and_ceilings(self):
        site = workspace.folder / "site.yaml"
        site.write_text("schema: 1\nkind: site\nslurm: {account: newsroom, partition: urgent, mem: 1G}\nlimits: {nodes: 1}\n")
        run = workspace.folder / "site-run.yaml"
        run.write_text((workspace.folder / "run.yaml").read_text().replace("ranks: 2, ", ""))
        env = harness.environment(BROADSHEET_SITE=site)
        done = broadsheet("submit", run, "--dry-run", env=env)
        self.assert_exit(done, USER)
        self.assertRegex(done.stderr, r"slurm\.nodes: found 2, this site allows 1")
        done = broadsheet("submit", run, "--dry-run", "--set", "slurm.nodes=1", env=env)
        self.assert_exit(done, DONE)
        for word in ("--account=newsroom", "--partition=main", "--mem=1G"):
            self.assertIn(word, done.stdout)
        shown = broadsheet("check", run, "--set", "slurm.nodes=1", "--json", env=env)
        self.assertEqual(json.loads(shown.stdout)["origins"]["slurm.account"], f"{site}:3:18")
        site.write_text("schema: 1\nkind: site\nslurm: {acount: newsroom}\n")
        done = broadsheet("submit", run, "--dry-run", env=env)
        self.assert_exit(done, USER)
        self.assertIn("account", done.stderr)

    def test_a_chain_prepares_then_trains(self):
        corpus = workspace.folder / "chain.yaml"
        corpus.write_text((workspace.folder / "corpus.yaml").read_text().replace("output: corpus", "output: chain"))
        done = broadsheet("submit", corpus, workspace.folder / "run.yaml", "--set", "name=chain",
                          "--set", f"data.corpus={workspace.folder}/chain", "--json")
        self.assert_exit(done, DONE)
        first, second = json.loads(done.stdout)["jobs"]
        self.assertIn(f"--dependency=afterok:{first['job_id']}", second["command"])
        limit = time.monotonic() + 120
        while not (workspace.run_dir("chain") / "results.json").exists() and time.monotonic() < limit:
            time.sleep(0.1)
        self.assertEqual(harness.kept(workspace.run_dir("chain")), workspace.reference())

    def test_tasks_of_a_step_share_a_preparation(self):
        # Pieces are larger than this corpus: a second source makes a second one, all of it duplicates.
        shutil.copy(workspace.folder / "documents.jsonl", workspace.folder / "more.jsonl")
        text = (workspace.folder / "corpus.yaml").read_text().replace("documents.jsonl", '"*.jsonl"')
        alone, shared = workspace.folder / "alone.yaml", workspace.folder / "shared.yaml"
        alone.write_text(text.replace("output: corpus", "output: alone"))
        shared.write_text(text.replace("output: corpus", "output: shared"))
        self.assert_exit(broadsheet("prepare", alone, "--ranks", "1"), DONE)
        for _ in range(2):  # the second finds it prepared
            said = cluster.ask("srun", "--partition=main", "--nodes=2", "--ntasks-per-node=1", "--mem=1G",
                               harness.PROGRAM, "prepare", shared, "--json")
            self.assertEqual(json.loads(said)["folder"], str(workspace.folder / "shared"))
        files = {name: {path.relative_to(workspace.folder / name): path.read_bytes()
                        for path in (workspace.folder / name).rglob("*") if path.is_file()} for name in ("alone", "shared")}
        self.assertGreater(len(files["alone"]), 4)
        self.assertEqual(files["alone"], files["shared"])
        self.assertTrue(json.loads(said)["already_prepared"])

    def test_one_directory_has_one_job(self):
        job = self.job(slow=30)
        again = broadsheet(*job.arguments, env=job.env)
        self.assert_exit(again, USER)
        self.assertIn(f"job {job.id} is", again.stderr)
        self.assert_exit(job.ask("cancel", "--now"), DONE)


class Surviving(SlurmTest):
    def test_signals_and_a_requeue(self):
        job = self.job(slow=20)
        for number, disturb in enumerate((["scancel", "--signal=TERM", "--full", job.id],
                                          ["scancel", "--signal=USR1", "--batch", job.id],
                                          ["scancel", "--signal=USR2", job.id],
                                          ["scontrol", "requeue", job.id])):
            job.wait_for_step(25 * (number + 1), starts=number + 1)
            cluster.ask(*disturb)
            job.wait_for(lambda: len(job.events("end")) > number, f"the end of start {number + 1}")
            self.assertEqual(job.events("end")[number]["code"], 75, job.log())
        job.wait_until_finished()
        self.assert_same(job)
        self.assertEqual(job.status()["restarts"], 4)
        # What Slurm does by itself costs no requeue of the run's.
        self.assertEqual(self.causes(job), ["time_limit", "time_limit", "time_limit", "preempted", "done"])

    def test_time_limits_far_shorter_than_the_run(self):
        # The controller looks at time limits every 30 s only, wherever in the run that falls: the run is longer than that
        # on a machine of any speed.
        job = self.job("--set", "slurm.time=00:01:00", "--set", "slurm.signal_before=52", slow=160)
        job.wait_until_finished()
        self.assert_same(job)
        self.assertIn("time_limit", self.causes(job))
        self.assertIn("the job's time is up: goes back into the queue (1 of at most 20)", job.log())

    def test_the_cap_on_requeues(self):
        job = self.job("--set", "slurm.max_requeues=1", slow=20)
        for number in range(2):
            job.wait_for_step(20 * (number + 1), starts=number + 1)
            cluster.ask("scancel", "--signal=USR1", "--batch", job.id)
            job.wait_for(lambda: len(job.events("end")) > number, "its end")
        end = job.events("end")[-1]
        self.assertEqual((end["action"], end["code"]), ("stop", 75))
        self.assertIn("slurm.max_requeues allows 1", end["detail"])
        self.assertEqual(job.status()["state"], "failed")

    def test_killed_during_a_checkpoint(self):
        job = self.job("--set", "checkpoints.every_steps=1", slow=10)
        job.wait_for_step(20)
        folders = job.dir / "checkpoints"
        job.wait_for(lambda: any(folders.glob(".attempt-*/*")), "a checkpoint on its way")
        os.kill(job.ranks()[1], signal.SIGKILL)
        job.wait_until_finished()
        self.assert_same(job, "--set", "checkpoints.every_steps=1")
        self.assertEqual(self.causes(job), ["failure", "done"], job.log())

    def test_out_of_memory_goes_on_with_smaller_passes(self):
        job = self.job(slow=20)
        job.wait_for_step(30)
        pid = job.ranks()[1]
        used = int(re.search(r"VmSize:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) << 10
        resource.prlimit(pid, resource.RLIMIT_AS, (used // 2, used // 2))
        job.wait_until_finished()
        self.assertEqual(self.causes(job), ["out_of_memory", "done"], job.log())
        self.assertEqual(json.loads((job.dir / "micro_batch.json").read_text()), {"divisor": 2})
        self.assertIn("micro_batch_divisor", job.log())
        self.assertGreater(json.loads((job.dir / "results.json").read_text())["bits_may_differ_after_step"], 0)


    def test_what_only_the_user_can_change_stops_it(self):
        corpus = workspace.folder / "moved"
        shutil.copytree(workspace.folder / "corpus", corpus)
        job = self.job("--set", f"data.corpus={corpus}", "--set", "slurm.extra=[--hold]")
        shutil.rmtree(corpus)
        cluster.ask("scontrol", "release", job.id)
        job.wait_until_finished()
        end = job.events("end")[0]
        self.assertEqual((end["cause"], end["action"], end["code"]), ("user", "stop", USER), job.log())
        self.assertIn("found no corpus", end["detail"])
        told = job.status()
        self.assertEqual(told["state"], "failed")
        self.assertIn("found no corpus", told["why"])


class Telling(SlurmTest):
    def test_status_logs_and_cancel(self):
        job = self.job(slow=30)
        job.wait_for_step(20)
        told = job.status()
        self.assertEqual((told["state"], told["job_id"], told["total_steps"]), ("running", job.id, 240))
        self.assertGreater(told["step"], 0)
        line = job.ask("status").stdout
        self.assertRegex(line, r"running +step \d+/240 \(\d+ %\), loss [\d.]+, macro_f1 [\d.]+ at \d+, .*job " + job.id)
        self.assertIn("validation at step 0", job.ask("logs").stdout)
        self.assertIn("validation at step 0", job.ask("logs", "--rank", "0", "--grep", "validation").stdout)
        cancelled = job.ask("cancel")
        self.assert_exit(cancelled, DONE)
        self.assertIn("kept: the checkpoint of step", cancelled.stdout)
        job.wait_until_finished()
        self.assertEqual(self.causes(job), ["cancelled"])
        self.assertEqual(job.status()["state"], "cancelled")
        # Not even Slurm brings it back; the user does.
        job.wait_for(lambda: cluster.job_state(job.id) not in ("RUNNING", "COMPLETING"), "the job to leave")
        job.submit()
        job.wait_until_finished()
        job.wait_for(lambda: (job.dir / "results.json").exists(), "its results")
        self.assert_same(job)
        # Slurm forgets it; its own records do not.
        job.wait_for(lambda: cluster.job_state(job.id) is None, "Slurm to forget")
        self.assertEqual(job.status()["state"], "finished")
        watched = job.ask("status", "--watch")
        self.assert_exit(watched, DONE)
        self.assertRegex(watched.stdout, "finished +step 240/240")

    def test_a_waiting_job_says_why_and_can_be_cancelled(self):
        job = self.job("--set", "slurm.extra=[--hold]")
        told = job.status()
        self.assertEqual(told["state"], "waiting")
        self.assertIn("scontrol release", told["why"])
        self.assert_exit(job.ask("cancel"), DONE)
        job.wait_for(lambda: job.status()["state"] == "cancelled", "the cancellation")
        self.assertEqual(job.starts(), 0)

    def test_a_local_run_is_cancelled_too(self):
        run = harness.Run(workspace, "local", "--set", "train.max_steps=5000")
        run.wait_for_step(10)
        told = json.loads(broadsheet("status", run.dir, "--json").stdout)
        self.assertEqual(told["state"], "running")
        self.assert_exit(broadsheet("cancel", run.dir), DONE)
        self.assertEqual(run.wait(), 75)
        told = json.loads(broadsheet("status", run.dir, "--json").stdout)
        self.assertEqual(told["state"], "cancelled")
        again = broadsheet(*workspace.train("local", "--set", "train.max_steps=5000", "--dry-run"))
        self.assertIn("resumes", again.stdout)

    def test_doctor_tries_the_launchers_over_both_nodes(self):
        done = broadsheet("doctor", "--site", "--json", cwd=workspace.folder)
        self.assert_exit(done, DONE)
        found = json.loads(done.stdout)
        for launcher in ("srun", "mpirun", "mpirun_here"):
            told = found["launchers"][launcher]
            self.assertTrue(told["works"], told)
            self.assertTrue(told["transports"], told)
        self.assertEqual(set(found["launchers"]["srun"]["interfaces"]), {"n1", "n2"})
        self.assertTrue(found["launchers"]["srun"]["locks_between_ranks"])
        self.assertGreaterEqual(found["launchers"]["srun"]["shared_folder_seconds"], 0)
        self.assertEqual({one["name"] for one in found["site"]["partitions"]}, {"main", "urgent"})
        self.assertIn("pmix", found["site"]["mpi_types"])
        self.assertEqual([path.name for path in workspace.folder.glob(".broadsheet-doctor*")], [])

    def test_a_support_bundle_has_no_secrets(self):
        job = self.job("--set", "train.max_steps=10", "--set", "slurm.preamble=export API_KEY=abc123hidden")
        job.wait_until_finished()
        done = broadsheet("doctor", "--bundle", job.dir, "--json", cwd=workspace.folder, env=job.env)
        self.assert_exit(done, DONE)
        bundle = json.loads(done.stdout)["bundle"]
        self.assertEqual(oct(os.stat(bundle).st_mode & 0o777), "0o600")
        with tarfile.open(bundle) as archive:
            members = {name.split("/", 1)[-1]: archive.extractfile(name).read() for name in archive.getnames()
                       if archive.getmember(name).isfile()}
        for name in ("doctor.json", "run.yaml", "environment.json", "job/events.jsonl", "job/preamble.sh", "slurm.txt"):
            self.assertIn(name, members)
        self.assertIn(b"API_KEY= <removed>", members["job/preamble.sh"])
        for name, content in members.items():
            self.assertNotIn(b"abc123hidden", content, name)

    def test_mpirun_starts_ranks_on_both_nodes(self):
        job = self.job("--set", "slurm.launcher=mpirun", slow=20)
        job.wait_for_step(30)
        cluster.ask("scancel", "--signal=USR1", "--batch", job.id)
        job.wait_for_step(80, starts=2)
        self.assertEqual(job.events("end")[0]["code"], 75, job.log())
        # mpirun kills its ranks when TERM reaches it: what was saved before is what is left.
        cluster.ask("scancel", "--signal=TERM", "--full", job.id)
        job.wait_until_finished()
        self.assert_same(job)
        self.assertEqual(self.causes(job), ["time_limit", "time_limit", "done"], job.log())


if __name__ == "__main__":
    harness.main()

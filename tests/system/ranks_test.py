"""Starting, stopping and losing ranks."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from harness import (DONE, STOPPED, USER, PATIENCE, Run, SystemTest, Workspace, broadsheet, command, environment, last_step,
                     main, metrics, parent_of)

LONG = ("--set", "train.max_steps=100000", "--set", "validation.every_steps=1000", "--set", "checkpoints.every_steps=20")


class Ranks(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace()

    @classmethod
    def tearDownClass(cls):
        cls.work.close()

    def kill(self, name, choose, ranks=3):
        """Starts a long run, kills what `choose` picks, and returns the run when it has ended."""
        run = Run(self.work, name, "--ranks", ranks, *LONG)
        pids = run.ranks()
        run.wait_for_step(3)
        victim = choose(run, pids)
        os.kill(victim, signal.SIGKILL)
        began = time.monotonic()
        code = run.wait()
        self.assertLess(time.monotonic() - began, 10, "the job must end within seconds")
        self.assert_nothing_left(run.dir)
        for pid in pids.values():
            self.assertFalse(pathlib.Path(f"/proc/{pid}").exists(), f"rank process {pid} is left")
        return run, code, pids

    def test_a_killed_rank_ends_the_job_and_is_named_last(self):
        for rank in range(3):
            with self.subTest(rank=rank):
                run, code, pids = self.kill(f"rank{rank}", lambda _, pids: pids[rank])
                self.assertEqual(code, 128 + signal.SIGKILL, run.stderr)
                last = self.last_line(run.stderr)
                self.assertIn(f"rank {rank} ", last)
                self.assertIn(str(pids[rank]), last)
                self.assertIn("signal 9", last)
                self.assertNotIn("mpirun noticed", run.stderr, "mpirun's banner is held back")

    def test_a_killed_mpirun_ends_the_job(self):
        run, code, pids = self.kill("mpirun", lambda run, pids: parent_of(pids[0]))
        self.assertEqual(code, 128 + signal.SIGKILL, run.stderr)
        self.assertIn("mpirun", self.last_line(run.stderr))

    def test_a_killed_launcher_takes_its_ranks_along_and_its_lock_is_stale(self):
        run = Run(self.work, "launcher", "--ranks", 2, "--set", "train.max_steps=60")
        pids = run.ranks()
        run.wait_for_step(8)
        run.process.kill()
        run.wait()
        limit = time.monotonic() + 5
        while any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids.values()) and time.monotonic() < limit:
            time.sleep(0.02)
        self.assertEqual([pid for pid in pids.values() if pathlib.Path(f"/proc/{pid}").exists()], [])
        again = Run(self.work, "launcher", "--ranks", 2, "--set", "train.max_steps=60")
        self.assertEqual(again.wait(), DONE, again.stderr)

    def test_a_killed_single_rank_is_named(self):
        run, code, pids = self.kill("single", lambda _, pids: pids[0], ranks=1)
        self.assertEqual(code, 128 + signal.SIGKILL)
        self.assertIn("rank 0 ", self.last_line(run.stderr))

    def test_a_stop_saves_exits_75_and_goes_on(self):
        for ranks, number in ((2, signal.SIGINT), (1, signal.SIGTERM), (2, signal.SIGHUP)):
            with self.subTest(ranks=ranks, signal=number):
                name = f"stop{ranks}-{number}"
                settings = ("--ranks", ranks, "--set", "train.max_steps=120", "--set", "validation.every_steps=60",
                            "--set", "checkpoints.every_steps=1000")
                run = Run(self.work, name, *settings)
                run.ranks()
                run.wait_for_step(5)
                run.process.send_signal(number)
                self.assertEqual(run.wait(), STOPPED, run.stderr)
                self.assertIn("run the same command again", self.last_line(run.stderr))
                self.assert_nothing_left(run.dir)
                stopped_at = last_step(run.dir)
                self.assertGreaterEqual(stopped_at, 5)
                self.assertLess(stopped_at, 120)
                again = Run(self.work, name, *settings)
                self.assertEqual(again.wait(), DONE, again.stderr)
                self.assertIn(f"resumed from step {stopped_at}", again.stderr)
                steps = [record["step"] for record in metrics(run.dir) if record["kind"] == "train"]
                self.assertEqual(steps, sorted(set(steps)))
                self.assertEqual(steps[-1], 120)

    def test_ctrl_c_during_the_start_is_not_lost(self):
        run = Run(self.work, "early", "--ranks", 2, *LONG)
        run.wait_for(lambda: (run.dir / "logs/attempt-1").exists(), "its directory")
        run.process.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(), STOPPED, run.stderr)
        self.assert_nothing_left(run.dir)

    def test_a_second_ctrl_c_leaves_at_once(self):
        run = Run(self.work, "twice", "--ranks", 2, *LONG)
        pids = run.ranks()
        run.wait_for_step(3)
        os.kill(pids[0], signal.SIGSTOP)  # it cannot save now
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        self.assertFalse(run.ended(), "the first one waits for the checkpoint")
        run.process.send_signal(signal.SIGINT)
        began = time.monotonic()
        self.assertEqual(run.wait(), 128 + signal.SIGINT, run.stderr)
        self.assertLess(time.monotonic() - began, 5)
        self.assert_nothing_left(run.dir)

    def outside(self, *words):
        """Started by an mpirun of the user's own."""
        outer = environment(OMPI_ALLOW_RUN_AS_ROOT=1, OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1, OMPI_MCA_rmaps_base_oversubscribe=1)
        return subprocess.run(["mpirun", "--bind-to", "none", *map(str, words)], env=outer, text=True, capture_output=True,
                              timeout=PATIENCE)

    def test_it_trains_when_started_by_mpirun_from_outside(self):
        done = self.outside("-np", 2, *command(*self.work.train("outside", "--json")))
        self.assert_exit(done, DONE)
        self.assertEqual(json.loads(done.stdout)["steps"], 40)
        ours = broadsheet(*self.work.train("inside", "--ranks", 2))
        self.assert_exit(ours, DONE)
        for name in ("metrics.jsonl", "model/model.safetensors"):
            self.assertEqual((self.work.run_dir("outside") / name).read_bytes(), (self.work.run_dir("inside") / name).read_bytes())

    def test_ranks_inside_mpirun_is_exit_2(self):
        done = self.outside("-np", 2, *command(*self.work.train("nested", "--ranks", 2)))
        self.assert_exit(done, USER)
        self.assertIn("--ranks", done.stderr)
        self.assertFalse(self.work.run_dir("nested").exists())

    def test_unlike_ranks_do_not_start(self):
        one, other = (command(*self.work.train("unlike", "--set", f"train.learning_rate={rate}")) for rate in ("1e-3", "1e-4"))
        done = self.outside("-np", 1, *one, ":", "-np", 1, *other)
        self.assert_exit(done, USER)
        self.assertIn("rank 1: config.train.learning_rate 0.0001, rank 0 has 0.001", done.stderr)
        self.assertFalse(self.work.run_dir("unlike").exists(), "nothing was started")

    def test_slurm_tasks_without_pmix_are_exit_2_with_the_remedy(self):
        done = broadsheet(*self.work.train("slurm"), env=environment(SLURM_STEP_ID=0, SLURM_PROCID=1, SLURM_STEP_NUM_TASKS=2,
                                                                     SLURM_NTASKS=2))
        self.assert_exit(done, USER)
        self.assertIn("srun --mpi=pmix", done.stderr)

    def test_a_second_run_in_the_directory_is_told_who_holds_it(self):
        run = Run(self.work, "shared", "--ranks", 2, *LONG)
        run.ranks()
        second = broadsheet(*self.work.train("shared", "--ranks", 2, *LONG, "--json"))
        self.assert_exit(second, USER)
        error = self.error_of(second)
        self.assertEqual(error["code"], "lock.held")
        self.assertIn(str(run.process.pid), error["message"])
        run.process.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(), STOPPED, run.stderr)

    def test_a_changed_file_prints_the_difference(self):
        settings = ("--ranks", 1, "--set", "train.max_steps=10")
        self.assert_exit(broadsheet(*self.work.train("changed", *settings)), DONE)
        finished = broadsheet(*self.work.train("changed", *settings))
        self.assert_exit(finished, DONE)
        self.assertIn("finished", finished.stderr)
        changed = broadsheet(*self.work.train("changed", *settings, "--set", "train.learning_rate=1e-2"))
        self.assert_exit(changed, USER)
        self.assertIn("train.learning_rate: 0.001 -> 0.01", changed.stderr)
        longer = broadsheet(*self.work.train("changed", "--ranks", 1, "--set", "train.max_steps=20"))
        self.assert_exit(longer, USER)
        self.assertIn("--resume", longer.stderr)
        resumed = broadsheet(*self.work.train("changed", "--ranks", 1, "--set", "train.max_steps=20", "--resume", "--json"))
        self.assert_exit(resumed, DONE)
        self.assertEqual(json.loads(resumed.stdout)["steps"], 20)
        fresh = broadsheet(*self.work.train("changed", *settings, "--set", "train.learning_rate=1e-2", "--fresh", "--json"))
        self.assert_exit(fresh, DONE)
        self.assertEqual(json.loads(fresh.stdout)["run_dir"], str(self.work.run_dir("changed")) + "-2")

    def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(self):
        run = Run(self.work, "damaged", "--ranks", 2, "--set", "train.max_steps=60")
        run.ranks()
        run.wait_for_step(31)
        run.process.kill()
        run.wait()
        checkpoints = sorted((run.dir / "checkpoints").glob("step-*"))
        weights = checkpoints[-1] / "model.safetensors"
        damaged = bytearray(weights.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        weights.write_bytes(damaged)
        again = Run(self.work, "damaged", "--ranks", 2, "--set", "train.max_steps=60")
        self.assertEqual(again.wait(), DONE, again.stderr)
        self.assertIn(checkpoints[-1].name, again.stderr)
        before = int(checkpoints[-2].name.split("-")[1])
        self.assertIn(f"resumed from step {before}", again.stderr)
        for checkpoint in (run.dir / "checkpoints").glob("step-*"):
            shutil.rmtree(checkpoint)


if __name__ == "__main__":
    main()

"""Checkpoints as a user meets them: asked for, before the job's time is up, kept for ever; faults that the run survives."""
import json
import time

from harness import (DONE, FAILED, Run, STOPPED, SystemTest, USER, Workspace, broadsheet, environment, kept, last_step, main,
                     metrics, newest_attempt)

LONG = ("--set", "train.max_steps=2000", "--set", "validation.every_steps=2000", "--set", "checkpoints.every_steps=2000")
SHORT = ("--set", "train.max_steps=24", "--set", "validation.every_steps=12", "--set", "checkpoints.every_steps=6")
TENSOR = "classifier.weight"


def steps_of(run_dir):
    return sorted(int(path.name.split("-")[1]) for path in (run_dir / "checkpoints").glob("step-*"))


class Checkpoints(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace()

    @classmethod
    def tearDownClass(cls):
        cls.work.close()

    def train(self, name, *arguments, **variables):
        return broadsheet(*self.work.train(name, *arguments), env=environment(**variables))

    def log_of(self, name, rank=0):
        return (newest_attempt(self.work.run_dir(name)) / f"rank-{rank:05}.log").read_text()

    def test_a_running_job_saves_when_asked(self):
        run = Run(self.work, "asked", "--ranks", 2, *LONG)
        run.ranks()
        run.wait_for_step(3)
        asked = broadsheet("checkpoint", run.dir, "--json")
        self.assert_exit(asked, DONE)
        answer = json.loads(asked.stdout)
        self.assertGreaterEqual(answer["step"], 3)
        self.assert_exit(broadsheet("verify", answer["checkpoint"]), DONE)
        self.assertFalse(run.ended(), "the job goes on")
        again = json.loads(broadsheet("checkpoint", run.dir, "--json").stdout)
        self.assertGreater(again["step"], answer["step"])
        run.process.terminate()
        self.assertEqual(run.wait(), STOPPED, run.stderr)
        self.assertFalse((run.dir / "checkpoint.request").exists())
        late = broadsheet("checkpoint", run.dir, "--json")
        self.assert_exit(late, USER)
        self.assertEqual(self.error_of(late)["code"], "run.not_running")
        self.assertEqual(self.error_of(broadsheet("checkpoint", self.work.folder / "corpus", "--json"))["code"], "run.not_found")

    def test_it_leaves_with_a_checkpoint_before_the_jobs_time_is_up(self):
        settings = ("--ranks", 2, *LONG, "--set", "train.max_steps=100000")
        stopped = self.train("time", *settings, SLURM_JOB_END_TIME=int(time.time()) + 15)
        self.assert_exit(stopped, STOPPED)
        self.assertIn("time is up", stopped.stderr)
        self.assertEqual(steps_of(self.work.run_dir("time"))[-1], last_step(self.work.run_dir("time")))

    def test_every_nth_is_kept_for_ever(self):
        self.assert_exit(self.train("kept", "--ranks", 1, *SHORT, "--set", "checkpoints.every_steps=2", "--set",
                                    "checkpoints.keep_every=8", "--set", "checkpoints.keep_last=1"), DONE)
        steps = steps_of(self.work.run_dir("kept"))
        self.assertTrue({8, 16, 24} <= set(steps), steps)
        self.assertTrue(len(steps) <= 5, steps)  # and the start, and the best one

    def test_verify_says_what_each_checkpoint_holds(self):
        self.assert_exit(self.train("told", "--ranks", 2, *SHORT), DONE)
        done = broadsheet("verify", self.work.run_dir("told"), "--json")
        self.assert_exit(done, DONE)
        newest = [one for one in json.loads(done.stdout)["verified"] if one["holds"]][-1]["holds"]
        loss = [record["loss"] for record in metrics(self.work.run_dir("told")) if record["kind"] == "train"][-1]
        self.assertEqual((newest["step"], newest["ranks"], newest["format_version"]), (24, 2, 2))
        self.assertEqual(newest["loss"], loss)
        part = sorted(self.work.run_dir("told").glob("checkpoints/step-00000024/optimizer*"))[-1]
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
        damaged = broadsheet("verify", self.work.run_dir("told"))
        self.assert_exit(damaged, USER)
        self.assertIn(part.name, damaged.stdout)

    def test_one_ranks_nan_is_skipped_by_all_and_named(self):
        fault = f"nan:rank=1:step=7:tensor={TENSOR}"
        self.assert_exit(self.train("nan", "--ranks", 2, *SHORT, BROADSHEET_FAULT=fault), DONE)
        self.assert_exit(self.train("left-out", "--ranks", 2, *SHORT, BROADSHEET_FAULT="skip:step=7"), DONE)
        log = self.log_of("nan")
        line = next(line for line in log.splitlines() if "all ranks skip this update" in line)
        self.assertRegex(line, rf"step 7: .*rank 1: the gradient of {TENSOR} in the micro-batch with examples [0-9 ]+ of")
        self.assertNotIn("rank 0:", line.split("skip this update")[1])
        have, want = kept(self.work.run_dir("nan")), kept(self.work.run_dir("left-out"))
        for name in ("model", "last weights", "last optimizer", "metrics"):
            self.assertEqual(have[name], want[name], name)

    def test_a_rank_whose_memory_lost_a_bit_is_named(self):
        done = self.train("flip", "--ranks", 3, *SHORT, "--set", "train.check_replicas_every=2",
                          BROADSHEET_FAULT=f"flip:rank=2:step=9:tensor={TENSOR}")
        self.assert_exit(done, FAILED)
        self.assertIn("the weights of rank 2 differ", self.last_line(done.stderr))
        self.assertEqual(last_step(self.work.run_dir("flip")), 9)

    def test_another_number_of_ranks_goes_on_to_the_same_bits(self):
        settings = ("--set", "train.reduction=consistent", "--set", "train.micro_batch_size=4", *SHORT)
        self.assert_exit(self.train("one", "--ranks", 1, *settings), DONE)
        for ranks, step in ((4, 5), (3, 11), (1, 17), (2, None)):
            fault = "" if step is None else ";".join(f"die:rank={rank}:step={step}" for rank in range(ranks))
            done = self.train("many", "--ranks", ranks, "--resume", *settings, "--set", "checkpoints.every_steps=3",
                              BROADSHEET_FAULT=fault)
            self.assertEqual(done.returncode == DONE, step is None, done.stderr)
        have, want = kept(self.work.run_dir("many")), kept(self.work.run_dir("one"))
        for name in ("model", "last weights", "metrics", "results"):
            self.assertEqual(have[name], want[name], name)

    def test_the_fast_way_says_from_where_bits_may_differ(self):
        # By step 17 the checkpoint of step 6 is on disk, whatever the speed of the disk: the save of step 12 waits for it.
        self.train("moved", "--ranks", 2, *SHORT, BROADSHEET_FAULT="die:rank=0:step=17")
        done = self.train("moved", "--ranks", 1, "--resume", *SHORT)
        self.assert_exit(done, DONE)
        self.assertIn("bits may differ", done.stderr)
        results = json.loads((self.work.run_dir("moved") / "results.json").read_text())
        self.assertIn(results["bits_may_differ_after_step"], (6, 12))


if __name__ == "__main__":
    main()

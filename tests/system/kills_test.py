"""Kill -9 at random moments over the whole run: the resumed run ends with the same bits as the undisturbed one."""
import os
import random
import signal
import sys
import time

from harness import (DONE, Run, SystemTest, Workspace, kept, last_step, main, newest_attempt, parent_of,
                     processes_of)

RANKS = int(os.environ.get("RANKS", "2"))
SEED = int(os.environ.get("SEED", "1"))
STEPS = 120
VALIDATE_EVERY = 15
SETTINGS = ("--ranks", str(RANKS), "--set", f"train.max_steps={STEPS}", "--set", f"validation.every_steps={VALIDATE_EVERY}",
            "--set", "checkpoints.every_steps=5", "--set", "train.dropout=0.1")


def begins_to_save(run):
    """A checkpoint is being written now."""
    return any((run.dir / "checkpoints").glob(".attempt-*/step-*"))


class Kills(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace()

    @classmethod
    def tearDownClass(cls):
        cls.work.close()

    def undisturbed(self):
        run = Run(self.work, "undisturbed", *SETTINGS)
        self.assertEqual(run.wait(), DONE, run.stderr)
        return kept(run.dir)

    def wait_for_moment(self, run, generator, step, kind):
        run.wait_for(lambda: last_step(run.dir) >= step, f"step {step}")
        if kind == "saving":
            run.wait_for(lambda: begins_to_save(run), "a save")
        elif kind == "validating":
            # The training record of a validation's step is written, the validation's own is not yet.
            due = (last_step(run.dir) // VALIDATE_EVERY + 1) * VALIDATE_EVERY
            run.wait_for(lambda: last_step(run.dir) >= due, f"the validation of step {due}")
        else:
            time.sleep(generator.random() * 0.1)

    def victims(self, run, generator):
        """(what, pids): one rank, mpirun, or everything at once."""
        ranks = run.ranks()
        mpirun = parent_of(ranks[0])
        choice = generator.choice(["rank", "rank", "rank", "mpirun", "launcher"])
        if choice == "rank":
            rank = generator.randrange(RANKS)
            return f"rank {rank}", ranks[rank]
        return choice, mpirun if choice == "mpirun" else run.process.pid

    def test_a_killed_run_ends_with_the_same_bits(self):
        want = self.undisturbed()
        self.assertIn(f'"step":{STEPS}', want["metrics"].replace(" ", ""))
        generator = random.Random(1000 * RANKS + SEED)
        kinds = ["training", "saving", "validating", "training", "saving", "training", "training"]
        generator.shuffle(kinds)
        # One moment in each seventh of the run: early, late and between.
        width = (STEPS - 30) // len(kinds)
        moments = [10 + number * width + generator.randrange(width) for number in range(len(kinds))]
        starts = []
        for number, (step, kind) in enumerate(zip(moments, kinds)):
            run = Run(self.work, "killed", *SETTINGS)
            what, pid = self.victims(run, generator)
            if number > 0:
                # Before it has resumed, what lies in the folder is the work of the attempt before.
                run.wait_for(lambda: "resumed from step " in self.log_of(run), "the resume")
            self.wait_for_moment(run, generator, step, kind)
            self.assertFalse(run.ended(), "the kill must hit a live run")
            os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            code = run.wait()
            took = time.monotonic() - began
            left = f"{what} at step {last_step(run.dir)} while {kind}: exit {code} after {took:.1f} s"
            print(f"kill {number + 1} of {len(kinds)}: {left}", file=sys.stderr, flush=True)
            self.assertNotIn(code, (0, 75), left)
            # 5 s is the promise; a loaded machine gets a little more.
            self.assertLess(took, 10, left)
            self.assertEqual(self.remaining(run), [], left)
            if number > 0:
                starts.append(self.started_at(run))
        final = Run(self.work, "killed", *SETTINGS)
        self.assertEqual(final.wait(), DONE, final.stderr)
        starts.append(self.started_at(final))
        print(f"resumed at steps {starts}", file=sys.stderr)
        self.assertEqual(len(starts), len(kinds))
        self.assertTrue(all(start > 0 for start in starts), f"resumed at {starts}")
        self.assertEqual(starts, sorted(starts))
        have = kept(final.dir)
        for name, value in want.items():
            self.assertEqual(have[name], value, name)

    def remaining(self, run):
        limit = time.monotonic() + 5
        while processes_of(run.dir) and time.monotonic() < limit:
            time.sleep(0.02)
        return processes_of(run.dir)

    def log_of(self, run):
        log = newest_attempt(run.dir) / "rank-00000.log"
        return log.read_text() if log.exists() else ""

    def started_at(self, run):
        """The step from which the newest attempt went on, as its first rank logged it."""
        text = self.log_of(run)
        marker = "resumed from step "
        self.assertIn(marker, text)
        return int(text.split(marker)[1].split()[0].rstrip(".,:;"))


if __name__ == "__main__":
    main()

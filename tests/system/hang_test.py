"""A rank that hangs ends the job by name: exit 124, the rank, its host and process, its phase; nothing is left."""
import json
import os
import pathlib
import re
import signal
import socket
import sys
import time

from harness import DONE, Run, SystemTest, Workspace, main, newest_attempt, processes_of

HANG = 124
LIMIT = 3  # seconds
# Less work than the other tests: these runs only have to be somewhere when they stop.
SMALL = ("--set", "train.max_steps=60", "--set", "validation.every_steps=10", "--set", "checkpoints.every_steps=5",
         "--set", f"watchdog.min_seconds={LIMIT}", "--set", f"watchdog.max_seconds={LIMIT}")


def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return ""


class Hangs(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace(300)

    @classmethod
    def tearDownClass(cls):
        cls.work.close()

    def start(self, name, *arguments, fault=""):
        os.environ["BROADSHEET_FAULT"] = fault
        try:
            return Run(self.work, name, *SMALL, *arguments)
        finally:
            del os.environ["BROADSHEET_FAULT"]

    def stopped(self, run, pids):
        """When all of them are stopped."""
        run.wait_for(lambda: all(state_of(pid) == "T" for pid in pids), "the stop")
        return time.monotonic()

    def assert_ends_by_name(self, run, began, rank, pid, phase):
        code = run.wait()
        took = time.monotonic() - began
        self.assertEqual(code, HANG, run.stderr)
        said = self.last_line(run.stderr)
        print(f"after {took:.1f} s: {said}", file=sys.stderr, flush=True)
        named = re.findall(r"rank (\d+) \(([^,]+), process (\d+)\) (.+?), in phase (\w+)", said)
        self.assertEqual([name[:3] for name in named], [(str(rank), socket.gethostname(), str(pid))], said)
        self.assertTrue(named[0][3].startswith("is stopped"), said)
        self.assertEqual(named[0][4], phase, said)
        self.assertRegex(run.stderr, r"rank +host +process +phase +step +stalled\n +0 ", "the table of all ranks")
        self.assert_nothing_left(run.dir)
        return took

    def test_a_rank_that_stops_is_named_with_its_phase(self):
        for step, phase in ((12, "data"), (13, "step"), (14, "collective"), (20, "validation"), (15, "save")):
            with self.subTest(phase=phase):
                rank = step % 2
                run = self.start(phase, fault=f"stop:rank={rank}:step={step}:phase={phase}")
                pid = run.ranks()[rank]
                self.assert_ends_by_name(run, self.stopped(run, [pid]), rank, pid, phase)
                attempt = newest_attempt(run.dir)
                self.assertTrue((attempt / f"failure-{1 - rank}.json").exists(), "the other rank tells of it and ends")
                stacks = (attempt / f"rank-{1 - rank:05}.log").read_text()
                self.assertIn("--- stack of thread", stacks)
                self.assertRegex(stacks, "MPI_Testall|nanosleep")  # it asks, and sleeps between two questions

    def test_a_rank_that_stops_before_it_begins_is_named(self):
        run = self.start("start")
        run.wait_for(lambda: self.engine(run, 1), "the rank's process")
        pid = self.engine(run, 1)
        os.kill(pid, signal.SIGSTOP)
        self.assert_ends_by_name(run, time.monotonic(), 1, pid, "start")

    def engine(self, run, rank):
        for pid, arguments in processes_of(run.dir):
            try:
                variables = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"OMPI_COMM_WORLD_RANK=%d" % rank in variables and arguments.split()[0].endswith("broadsheet-engine"):
                return pid
        return None

    def test_a_single_rank_that_stops_is_found_by_the_launcher(self):
        run = self.start("single", "--ranks", "1", fault="stop:rank=0:step=12:phase=step")
        pid = run.ranks()[0]
        self.assert_ends_by_name(run, self.stopped(run, [pid]), 0, pid, "step")

    def test_the_error_as_json(self):
        run = self.start("json", "--json", fault="stop:rank=1:step=12:phase=step")
        self.assertEqual(run.wait(), HANG, run.stderr)
        self.assertEqual(json.loads(run.stdout)["error"]["code"], "train.hang")

    def test_a_pause_is_no_hang(self):
        run = self.start("pause", fault="stop:rank=1:step=12:phase=step;stop:rank=0:step=30:phase=data")
        ranks = run.ranks()
        for rank in (1, 0):
            self.stopped(run, [ranks[rank]])
            time.sleep(1)
            os.kill(ranks[rank], signal.SIGCONT)
        self.assertEqual(run.wait(), DONE, run.stderr)
        self.assertEqual(list(newest_attempt(run.dir).glob("*.status")), [])


if __name__ == "__main__":
    main()

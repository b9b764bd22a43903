"""A frozen trunk: its outputs are computed by the first run on a corpus, and read by every later one."""
import json
import os
import shutil
import signal

from harness import DONE, Run, SystemTest, Workspace, broadsheet, kept, main, metrics, newest_checkpoint

COMPUTED, READ, WITHOUT = "were computed in", "are read from", "it is computed in every pass"
SETTINGS = ("--set", "freeze=all_but_head", "--set", "train.dropout=0.1")


class Frozen(SystemTest):
    def setUp(self):
        self.work = Workspace()
        self.features = self.work.folder / "corpus/features"

    def tearDown(self):
        self.work.close()

    def train(self, name, ranks, *arguments):
        done = broadsheet(*self.work.train(name, "--ranks", ranks, *SETTINGS, *arguments))
        self.assert_exit(done, DONE)
        return done.stderr

    def losses(self, name):
        return [(record["kind"], record["step"], record["loss"], record["tokens"], record["examples"])
                for record in metrics(self.work.run_dir(name))]

    def assert_close(self, name, other):
        one, two = self.losses(name), self.losses(other)
        self.assertEqual([(kind, step, *rest) for kind, step, _, *rest in one],
                         [(kind, step, *rest) for kind, step, _, *rest in two])
        for (kind, step, loss, *_), (_, _, want, *_) in zip(one, two):
            self.assertAlmostEqual(loss, want, delta=1e-5, msg=f"{kind} at step {step}")

    def test_the_second_run_computes_nothing_and_is_the_first_bit_by_bit(self):
        self.assertIn(COMPUTED, self.train("first", 2))
        files = [(path.name, path.stat().st_mtime_ns) for path in self.features.iterdir()]
        self.assertEqual(len(files), 1)
        screen = self.train("second", 2)
        self.assertIn(READ, screen)
        self.assertNotIn(COMPUTED, screen)
        self.assertEqual([(path.name, path.stat().st_mtime_ns) for path in self.features.iterdir()], files)
        self.assertEqual(kept(self.work.run_dir("first")), kept(self.work.run_dir("second")))
        one_rank = self.train("alone", 1)
        self.assertIn(READ, one_rank)
        self.assert_close("alone", "first")

    def test_a_run_that_cannot_keep_them_has_the_same_losses(self):
        self.train("kept", 2)
        shutil.rmtree(self.features)
        self.features.write_text("a file where the folder should be")
        self.assertIn(WITHOUT, self.train("computing", 2))
        self.assert_close("kept", "computing")

    def test_other_settings_of_the_head_read_them_too_and_others_of_the_text_do_not(self):
        self.train("first", 1)
        for change in ("train.learning_rate=0.01", "train.dropout=0.3", "train.global_batch_size=16"):
            self.assertIn(READ, self.train(change.replace("=", "-"), 1, "--set", change))
        self.assertIn(COMPUTED, self.train("shorter", 1, "--set", "data.max_length=40"))
        self.assertEqual(len(list(self.features.iterdir())), 2)

    def test_a_damaged_file_is_named_and_computed_anew(self):
        self.train("first", 2)
        file = next(self.features.iterdir())
        whole = file.read_bytes()
        file.write_bytes(whole[:-3] + b"xyz")
        screen = self.train("second", 2)
        self.assertIn(f"{file.name}: its bytes have changed", screen)
        self.assertIn(COMPUTED, screen)
        self.assertEqual(file.read_bytes(), whole)
        self.assertEqual(kept(self.work.run_dir("first")), kept(self.work.run_dir("second")))

    def test_the_corpus_is_whole_with_them(self):
        self.train("first", 1)
        done = broadsheet("verify", self.work.folder / "corpus")
        self.assert_exit(done, DONE)
        self.assert_exit(broadsheet("prepare", self.work.folder / "corpus.yaml"), DONE)
        self.assertTrue(self.features.exists())
        self.assert_exit(broadsheet("prepare", self.work.folder / "corpus.yaml", "--replace"), DONE)
        self.assertFalse(self.features.exists())

    def test_its_checkpoints_answer_as_the_model_does(self):
        self.train("first", 1)
        run_dir = self.work.run_dir("first")
        results = json.loads((run_dir / "results.json").read_text())
        for model in (run_dir, newest_checkpoint(run_dir)):
            done = broadsheet("evaluate", model, "--corpus", self.work.folder / "corpus", "--json")
            self.assert_exit(done, DONE)
            if model == run_dir:
                self.assertAlmostEqual(json.loads(done.stdout)["metrics"]["loss"], results["test"]["after"]["loss"],
                                       delta=1e-5)
        self.assert_exit(broadsheet("verify", run_dir), DONE)

    def test_a_killed_run_goes_on_to_the_same_bits(self):
        settings = ("--ranks", "2", *SETTINGS, "--set", "train.max_steps=1500", "--set", "validation.every_steps=100",
                    "--set", "checkpoints.every_steps=20")
        straight = Run(self.work, "straight", *settings)
        self.assertEqual(straight.wait(), DONE, straight.stderr)
        for step in (150, 700):
            run = Run(self.work, "killed", *settings)
            pid = run.ranks()[1]
            run.wait_for_step(step)
            os.kill(pid, signal.SIGKILL)
            self.assertNotIn(run.wait(), (DONE, 75))
        final = Run(self.work, "killed", *settings)
        self.assertEqual(final.wait(), DONE, final.stderr)
        self.assertIn("resumed from step", final.stderr)
        self.assertEqual(kept(straight.dir), kept(final.dir))


if __name__ == "__main__":
    main()

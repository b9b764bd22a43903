"""Orders that are not the default: killed and resumed on other numbers of ranks, a run ends with the same bits."""
import json

from harness import (DONE, SystemTest, USER, Workspace, broadsheet, environment, kept, main, metrics, write_documents)

# Two sources, the smaller of which is drawn more often.
SOURCES = """sources:
  - {files: documents.jsonl, format: jsonl, weight: 0.4}
  - {files: more.jsonl, format: jsonl, weight: 0.6}
"""
SETTINGS = ("--set", "data.shuffle_block=16", "--set", "data.shuffle_window=4", "--set", "data.batches=bucketed",
            "--set", "train.global_batch_tokens=400", "--set", "train.micro_batch_size=4",
            "--set", "train.reduction=consistent", "--set", "train.max_steps=24", "--set", "validation.every_steps=12",
            "--set", "checkpoints.every_steps=3")


class Order(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace()
        write_documents(cls.work.folder / "more.jsonl", 200, seed=2)
        corpus = cls.work.folder / "corpus.yaml"
        plain = "sources:\n  - {files: documents.jsonl, format: jsonl}\n"
        text = corpus.read_text()
        assert plain in text
        corpus.write_text(text.replace(plain, SOURCES))
        done = broadsheet("prepare", corpus, "--replace")
        assert done.returncode == DONE, done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.work.close()

    def train(self, name, *arguments, **variables):
        return broadsheet(*self.work.train(name, *arguments), env=environment(**variables))

    def test_a_killed_run_goes_on_to_the_same_bits(self):
        self.assert_exit(self.train("one", "--ranks", 1, *SETTINGS), DONE)
        for ranks, step in ((2, 8), (3, 17), (2, None)):
            fault = "" if step is None else ";".join(f"die:rank={rank}:step={step}" for rank in range(ranks))
            done = self.train("many", "--ranks", ranks, "--resume", *SETTINGS, BROADSHEET_FAULT=fault)
            self.assertEqual(done.returncode == DONE, step is None, done.stderr)
        have, want = kept(self.work.run_dir("many")), kept(self.work.run_dir("one"))
        for name in ("model", "last weights", "metrics", "results"):
            self.assertEqual(have[name], want[name], name)
        steps = [record for record in metrics(self.work.run_dir("one")) if record["kind"] == "train"]
        self.assertGreater(len({record["examples"] for record in steps}), 1, "a step has tokens, not examples")
        mean = sum(record["tokens"] for record in steps) / len(steps)
        self.assertLess(abs(mean - 400), 40)

    def test_another_order_does_not_go_on(self):
        self.assert_exit(self.train("changed", "--ranks", 1, *SETTINGS), DONE)
        done = self.train("changed", "--ranks", 1, *SETTINGS, "--set", "data.batches=packed")
        self.assert_exit(done, USER)
        self.assertIn("data.batches", done.stderr)

    def test_check_says_how_many_steps_there_are(self):
        done = broadsheet("check", self.work.folder / "run.yaml", *SETTINGS, "--json")
        self.assert_exit(done, DONE)
        plan = json.loads(done.stdout)["plan"]
        self.assertEqual(plan["global_batch_tokens"], 400)
        examples = plan["documents"]["train"] / plan["steps_per_epoch"]
        self.assertLess(abs(examples * plan["mean_length"] - 400), 40)


if __name__ == "__main__":
    main()

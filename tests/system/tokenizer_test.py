"""From texts alone to a model: a tokenizer is trained, a corpus prepared with it, a model trained from scratch."""
import json
import pathlib
import shutil
import tempfile
import unittest

import harness
from harness import DONE, USER, broadsheet


class TrainedTokenizer(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="broadsheet-tokenizer-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        harness.write_documents(self.folder / "documents.jsonl", 300)
        self.corpus = self.folder / "corpus.yaml"
        self.corpus.write_text(harness.CORPUS)

    def train(self, *arguments):
        return broadsheet("tokenizer", self.corpus, *arguments)

    def assert_refused(self, code, *arguments):
        done = self.train("--json", *arguments)
        self.assertEqual(done.returncode, USER, done.stderr)
        self.assertEqual(json.loads(done.stdout)["error"]["code"], code)

    def test_from_texts_to_a_model(self):
        order = ("--kind", "wordpiece", "--vocab-size", "150")
        plan = self.train(*order, "--dry-run", "--json")
        self.assertEqual(plan.returncode, DONE, plan.stderr)
        self.assertEqual(json.loads(plan.stdout)["folder"], str(self.folder / "tokenizer"))
        self.assertFalse((self.folder / "tokenizer").exists())
        done = self.train(*order, "--json", "--ranks", "2")
        self.assertEqual(done.returncode, DONE, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["vocab_size"], 150)
        self.assertEqual(report["documents"], 300)
        vocabulary = (self.folder / "tokenizer/vocab.txt").read_text().splitlines()
        self.assertEqual(vocabulary[:5], ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
        self.assertEqual(len(vocabulary), 150)
        self.assertIn("council", vocabulary)

        prepared = broadsheet("prepare", self.corpus, "--json")
        self.assertEqual(prepared.returncode, DONE, prepared.stderr)
        (self.folder / "run.yaml").write_text(harness.RUN)
        trained = broadsheet("train", self.folder / "run.yaml", "--ranks", "1", "--set", "train.max_steps=10", "--json")
        self.assertEqual(trained.returncode, DONE, trained.stderr)
        manifest = json.loads((self.folder / "corpus/corpus.json").read_text())
        self.assertEqual(manifest["tokenizer"]["fingerprint"], report["fingerprint"])
        config = json.loads((self.folder / "runs/tiny/model/config.json").read_text())
        self.assertEqual(config["vocab_size"], 150)

    def test_a_bpe_of_the_same_texts(self):
        order = ("--kind", "bpe", "--vocab-size", "300", "--output", self.folder / "bpe")
        self.assertEqual(self.train(*order).returncode, DONE)
        self.assert_refused("tokenizer.exists", *order)
        self.assertEqual(self.train(*order, "--replace").returncode, DONE)
        done = broadsheet("prepare", self.corpus, "--set", f"tokenizer={self.folder / 'bpe'}", "--json")
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertEqual(json.loads(done.stdout)["kept"], 300)

    def test_wrong_use_is_exit_2_and_leaves_nothing(self):
        self.assert_refused("usage.choice", "--vocab-size", "100")
        self.assert_refused("usage.choice", "--kind", "unigram", "--vocab-size", "100")
        self.assert_refused("usage.missing", "--kind", "bpe")
        self.assert_refused("usage.conflict", "--kind", "bpe", "--vocab-size", "300", "--cased")
        self.assert_refused("tokenizer.vocab_size", "--kind", "bpe", "--vocab-size", "256")
        self.assert_refused("tokenizer.vocab_size", "--kind", "wordpiece", "--vocab-size", "20")
        self.assert_refused("tokenizer.special_token", "--kind", "bpe", "--vocab-size", "300", "--special-tokens", "a,,b")
        (self.folder / "documents.jsonl").write_text("")
        self.assert_refused("corpus.empty", "--kind", "bpe", "--vocab-size", "300")
        self.assertEqual({path.name for path in self.folder.iterdir()}, {"corpus.yaml", "documents.jsonl"})


if __name__ == "__main__":
    harness.main()

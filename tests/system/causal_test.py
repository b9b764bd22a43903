"""Causal language modelling: a GPT-2 from scratch on bytes, killed, resumed, evaluated and exported."""
import json
import math
import os
import signal

from harness import DONE, USER, Run, SystemTest, Workspace, broadsheet, kept, main, metrics

END = "<|endoftext|>"


def byte_alphabet():
    """The character that stands for each byte in GPT-2's vocabularies: its own where that can be seen."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = (chr(256 + i) for i in range(256))
    return [chr(byte) if byte in seen else next(rest) for byte in range(256)]


def write_tokenizer(folder):
    """GPT-2's kind: every byte, a few merges, and the end of a text."""
    folder.mkdir()
    space = byte_alphabet()[ord(" ")]
    merges = [("t", "h"), ("th", "e"), (space, "the"), ("i", "n"), ("e", "r"), (space, "a"), ("o", "n"), ("e", "s")]
    tokens = byte_alphabet() + ["".join(pair) for pair in merges] + [END]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer", "eos_token": END}))
    return len(tokens)


RUN = """schema: 1
kind: run
name: tiny
seed: 3
model:
  architecture: gpt2
  config: {n_embd: 32, n_layer: 2, n_head: 4, n_positions: 160}
  tokenizer: bytes
task: {kind: causal_lm, text: comment}
data: {corpus: bytes-corpus, max_length: 96, long_documents: split}
train: {max_steps: 120, global_batch_size: 16, micro_batch_size: 4, learning_rate: 3e-3, warmup_steps: 5}
validation: {every_steps: 40, metric: perplexity}
checkpoints: {every_steps: 5, keep_last: 2, keep_best: 1}
launch: {ranks: 2, threads_per_rank: 1, device: cpu}
"""


class Causal(SystemTest):
    def setUp(self):
        self.work = Workspace(documents=200)
        self.vocabulary = write_tokenizer(self.work.folder / "bytes")
        corpus = (self.work.folder / "corpus.yaml").read_text()
        (self.work.folder / "bytes.yaml").write_text(
            corpus.replace("tokenizer: tokenizer", "tokenizer: bytes").replace("output: corpus", "output: bytes-corpus"))
        self.assert_exit(broadsheet("prepare", self.work.folder / "bytes.yaml"), DONE)
        (self.work.folder / "run.yaml").write_text(RUN)

    def tearDown(self):
        self.work.close()

    def test_it_learns_goes_on_after_a_kill_and_leaves_a_folder_that_scores_the_same(self):
        straight = Run(self.work, "straight")
        self.assertEqual(straight.wait(), DONE, straight.stderr)
        results = json.loads((straight.dir / "results.json").read_text())
        before, after = results["test"]["before"], results["test"]["after"]
        self.assertAlmostEqual(before["loss"], math.log(self.vocabulary), delta=0.1)
        self.assertLess(after["loss"], before["loss"] - 1)
        self.assertAlmostEqual(after["perplexity"], math.exp(after["loss"]), delta=1e-3)
        self.assertEqual(before["predicted_tokens"], after["predicted_tokens"])
        self.assertAlmostEqual(after["bits_per_byte"] / before["bits_per_byte"], after["loss"] / before["loss"], delta=1e-6)

        killed = Run(self.work, "killed")
        pid = killed.ranks()[1]
        killed.wait_for_step(30)
        os.kill(pid, signal.SIGKILL)
        self.assertNotIn(killed.wait(), (DONE, 75))
        final = Run(self.work, "killed")
        self.assertEqual(final.wait(), DONE, final.stderr)
        self.assertIn("resumed from step", final.stderr)
        self.assertEqual(kept(straight.dir), kept(final.dir))

        exported = self.work.folder / "exported"
        self.assert_exit(broadsheet("export", straight.dir, "--out", exported), DONE)
        config = json.loads((exported / "config.json").read_text())
        self.assertEqual(config["model_type"], "gpt2")
        self.assertEqual(config["architectures"], ["GPT2LMHeadModel"])
        self.assertEqual(config["eos_token_id"], self.vocabulary - 1)
        for model in (straight.dir, exported):
            done = broadsheet("evaluate", model, "--corpus", self.work.folder / "bytes-corpus", "--json")
            self.assert_exit(done, DONE)
            measured = json.loads(done.stdout)
            self.assertEqual(measured["task"], "causal_lm")
            self.assertAlmostEqual(measured["metrics"]["loss"], after["loss"], delta=1e-5)
        done = broadsheet("predict", exported, "--text", "the council opens the bridge", "--json")
        self.assert_exit(done, DONE)
        answer = json.loads(done.stdout)
        self.assertGreater(answer["predicted_tokens"], 10)
        self.assertGreater(answer["perplexity"], 1)

    def test_one_rank_and_two_agree(self):
        for name, ranks in (("one", 1), ("two", 2)):
            run = Run(self.work, name, "--ranks", str(ranks), "--set", "train.max_steps=10")
            self.assertEqual(run.wait(), DONE, run.stderr)
        one, two = (metrics(self.work.run_dir(name)) for name in ("one", "two"))
        self.assertEqual([(r["kind"], r["step"], r["tokens"]) for r in one],
                         [(r["kind"], r["step"], r["tokens"]) for r in two])
        for a, b in zip(one, two):
            self.assertAlmostEqual(a["loss"], b["loss"], delta=1e-4)

    def test_a_sequence_can_be_classified_too(self):
        run = Run(self.work, "moods", "--set", "task={kind: classification, text: comment, label: mood}", "--set",
                  "validation.metric=loss", "--set", "train.max_steps=10")
        self.assertEqual(run.wait(), DONE, run.stderr)
        config = json.loads((run.dir / "model/config.json").read_text())
        self.assertEqual(config["architectures"], ["GPT2ForSequenceClassification"])
        done = broadsheet("predict", run.dir, "--text", "the council opens the bridge", "--json")
        self.assert_exit(done, DONE)
        self.assertEqual(set(json.loads(done.stdout)["probabilities"]), {"good", "bad"})

    def test_what_does_not_fit_is_refused_before_anything_starts(self):
        for change, words in (("task.kind=masked_lm", "write kind: causal_lm"),
                              ("data.long_documents=head_tail", "write truncate or split"),
                              ("data.max_length=161", "model's 160 positions"),
                              ("model.architecture=llama", "wanted one of bert | roberta")):
            done = broadsheet("check", self.work.folder / "run.yaml", "--set", change)
            self.assert_exit(done, USER)
            self.assertIn(words, done.stdout + done.stderr)


if __name__ == "__main__":
    main()

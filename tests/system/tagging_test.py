"""Token tagging: names of one and two words from a tiny BERT; trained, killed, evaluated, asked, exported, and refused."""
import json
import os
import random
import signal

from harness import BAD, DONE, GOOD, NEUTRAL, SMALL, USER, Run, SystemTest, Workspace, broadsheet, kept, main, metrics

CORPUS = """schema: 1
kind: corpus
name: names
output: names
tokenizer: tokenizer
sources: [{files: names.jsonl, format: jsonl}]
fields:
  id: {kind: id}
  text: {kind: text}
  words: {kind: list}
  names: {kind: tags, values: [O, B-GOOD, B-BAD, I-BAD]}
  mood: {kind: label}
split: {by: hash, validation: 0.15, test: 0.15, seed: 1}
"""

RUN = """schema: 1
kind: run
name: names
seed: 3
model:
  architecture: bert
  config: {hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 128, max_position_embeddings: 64}
  tokenizer: tokenizer
task: {kind: tagging, text: text, words: words, tags: names}
data: {corpus: names, max_length: 48}
train: {max_steps: 80, global_batch_size: 32, micro_batch_size: 16, learning_rate: 3e-3, warmup_steps: 5}
validation: {every_steps: 40, metric: f1}
checkpoints: {every_steps: 5, keep_last: 2, keep_best: 1}
launch: {ranks: 2, threads_per_rank: 1, device: cpu}
"""


def write_names(path):
    """One of GOOD is a name; so is one of the first half of BAD with one of the second."""
    generator = random.Random(4)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(400):
            words, tags = [], []
            for _ in range(generator.randint(3, 12)):
                words.append(generator.choice(SMALL + NEUTRAL))
                tags.append("O")
                if generator.random() < 0.2:
                    words.append(generator.choice(GOOD))
                    tags.append("B-GOOD")
                elif generator.random() < 0.2:
                    words += [generator.choice(BAD[:4]), generator.choice(BAD[4:])]
                    tags += ["B-BAD", "I-BAD"]
            file.write(json.dumps({"id": f"n{number}", "text": " ".join(words) + f" {number}", "words": words + [str(number)],
                                   "names": tags + ["O"], "mood": generator.choice(["up", "down"])}) + "\n")


class Tagging(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace(documents=20)
        cls.addClassCleanup(cls.work.close)
        cls.folder = cls.work.folder
        write_names(cls.folder / "names.jsonl")
        (cls.folder / "names.yaml").write_text(CORPUS)
        (cls.folder / "run.yaml").write_text(RUN)
        done = broadsheet("prepare", cls.folder / "names.yaml")
        assert done.returncode == DONE, done.stderr
        run = Run(cls.work, "names")
        assert run.wait() == DONE, run.stderr
        cls.model = run.dir

    def test_it_learns_names_and_says_which(self):
        results = json.loads((self.model / "results.json").read_text())
        before, after = results["test"]["before"], results["test"]["after"]
        self.assertGreater(after["f1"], 0.95)
        self.assertLess(before["f1"], 0.5)
        self.assertEqual(after["left_out_words"], 0)
        done = broadsheet("evaluate", self.model, "--json", "--predictions", self.folder / "said.jsonl")
        self.assert_exit(done, DONE)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["task"], "tagging")
        self.assertAlmostEqual(answer["metrics"]["f1"], after["f1"], delta=1e-9)
        self.assertEqual(set(answer["entities"]), {"GOOD", "BAD"})
        said = [json.loads(line) for line in (self.folder / "said.jsonl").read_text().splitlines()]
        self.assertEqual(len(said), after["examples"])
        same = sum(tag == truth for line in said for tag, truth in zip(line["tags"], line["truth"], strict=True))
        self.assertAlmostEqual(same / after["tagged_words"], after["accuracy"], delta=1e-9)

        text = f"the council {GOOD[1]} and {BAD[0]} {BAD[5]} of bridge"
        done = broadsheet("predict", self.model, "--text", text, "--json")
        self.assert_exit(done, DONE)
        entities = json.loads(done.stdout)["entities"]
        self.assertEqual([(e["type"], e["text"]) for e in entities], [("GOOD", GOOD[1]), ("BAD", f"{BAD[0]} {BAD[5]}")])
        for entity in entities:
            self.assertEqual(text[entity["begin"]:entity["end"]], entity["text"])

    def test_what_was_cut_away_counts_as_missed(self):
        run = Run(self.work, "short", "--set", "data.max_length=8", "--set", "train.max_steps=20")
        self.assertEqual(run.wait(), DONE, run.stderr)
        after = json.loads((run.dir / "results.json").read_text())["test"]["after"]
        self.assertGreater(after["left_out_words"], 0)
        self.assertLess(after["recall"], 0.8)

    def test_a_killed_run_goes_on_with_the_same_bits(self):
        killed = Run(self.work, "killed")
        pid = killed.ranks()[1]
        killed.wait_for_step(15)
        os.kill(pid, signal.SIGKILL)
        self.assertNotIn(killed.wait(), (DONE, 75))
        final = Run(self.work, "killed")
        self.assertEqual(final.wait(), DONE, final.stderr)
        self.assertEqual(kept(self.model), kept(final.dir))

    def test_one_rank_and_two_agree(self):
        run = Run(self.work, "alone", "--ranks", "1", "--set", "train.max_steps=10")
        self.assertEqual(run.wait(), DONE, run.stderr)
        both = [r for r in metrics(self.model) if r["kind"] == "train" and r["step"] <= 10]
        alone = [r for r in metrics(run.dir) if r["kind"] == "train"]
        # The learning rate's fall depends on the number of steps: the first ones are the same.
        for a, b in list(zip(both, alone))[:5]:
            self.assertAlmostEqual(a["loss"], b["loss"], delta=1e-4)

    def test_an_export_answers_the_same(self):
        exported = self.folder / "exported"
        self.assert_exit(broadsheet("export", self.model, "--out", exported), DONE)
        config = json.loads((exported / "config.json").read_text())
        self.assertEqual(config["architectures"], ["BertForTokenClassification"])
        self.assertEqual(config["id2label"]["1"], "B-GOOD")
        answers = [broadsheet("predict", model, "--text", f"the {GOOD[0]} bank", "--json").stdout for model in (self.model, exported)]
        self.assertEqual(*answers)

    def test_what_does_not_fit_is_refused(self):
        for change, words in (("task.tags=mood", "is not of kind tags"), ("task.words=text", "is not of kind list"),
                              ("task.tags=nothing", "nothing"), ("data.long_documents=split", "documents are read from their beginning"),
                              ("task={kind: tagging, text: text, words: words}", "kind: tagging needs tags: FIELD")):
            done = broadsheet("check", self.folder / "run.yaml", "--set", change)
            self.assert_exit(done, USER)
            self.assertIn(words, done.stdout + done.stderr)
        lines = [json.loads(line) for line in (self.folder / "names.jsonl").read_text().splitlines()]
        for line in lines:
            line["names"] = line["names"][1:]
        (self.folder / "fewer.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.assert_exit(broadsheet("prepare", self.folder / "names.yaml", "--set", f"sources=[{{files: {self.folder / 'fewer.jsonl'}, format: jsonl}}]",
                                    "--set", f"output={self.folder / 'fewer'}"), DONE)
        done = broadsheet("evaluate", self.model, "--corpus", self.folder / "fewer")
        self.assert_exit(done, USER)
        self.assertIn("tags in names; prepare the corpus again with one tag for each word", done.stderr)


if __name__ == "__main__":
    main()

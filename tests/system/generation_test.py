"""Generation: a GPT-2 from scratch writes headlines from briefs; trained, evaluated, asked in every way, and refused."""
import json
import math
import random

from harness import BAD, DONE, GOOD, NEUTRAL, USER, Run, SystemTest, Workspace, broadsheet, main, metrics, sentence

CORPUS = """schema: 1
kind: corpus
name: headlines
output: headlines
tokenizer: tokenizer
sources: [{files: briefs.jsonl, format: jsonl}]
fields:
  id: {from: id, kind: id}
  brief: {from: brief, kind: text}
  desk: {from: desk, kind: text}
  headline: {from: headline, kind: text}
  mood: {from: mood, kind: label}
split: {by: hash, validation: 0.1, test: 0.1, seed: 1}
"""

RUN = """schema: 1
kind: run
name: headlines
seed: 3
model:
  architecture: gpt2
  config: {n_embd: 48, n_layer: 2, n_head: 4, n_positions: 64}
  tokenizer: tokenizer
task: {kind: generation, prompt: "the {desk} : {brief} .", target: headline, max_new_tokens: 6}
data: {corpus: headlines, max_length: 48}
train: {max_steps: 120, global_batch_size: 32, micro_batch_size: 16, learning_rate: 4e-3, warmup_steps: 5}
validation: {every_steps: 40, metric: loss}
launch: {ranks: 2, threads_per_rank: 1, device: cpu}
"""
TEXT_METRICS = {"rouge1", "rouge2", "rougeL", "bleu", "chrf", "generated_length", "repetition"}


def write_briefs(path):
    """A headline names the desk and says how it went."""
    generator = random.Random(2)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(400):
            mood = generator.choice(["good", "bad"])
            desk = generator.choice(NEUTRAL[:6])
            word = {"good": GOOD[0], "bad": BAD[0]}[mood]
            brief = f"{sentence(generator, mood)[:-2]} {word}"
            file.write(json.dumps({"id": f"b{number}", "brief": brief, "desk": desk, "headline": f"{desk} {word}", "mood": mood}) + "\n")


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Generation(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace(documents=20)
        cls.addClassCleanup(cls.work.close)
        cls.folder = cls.work.folder
        write_briefs(cls.folder / "briefs.jsonl")
        (cls.folder / "headlines.yaml").write_text(CORPUS)
        (cls.folder / "run.yaml").write_text(RUN)
        done = broadsheet("prepare", cls.folder / "headlines.yaml")
        assert done.returncode == DONE, done.stderr
        run = Run(cls.work, "headlines")
        assert run.wait() == DONE, run.stderr
        cls.model = run.dir
        cls.results = json.loads((run.dir / "results.json").read_text())
        cls.input = cls.folder / "ask.jsonl"
        cls.asked = [dict(line, id=f"q{i}") for i, line in enumerate(lines_of(cls.folder / "briefs.jsonl")[:40])]
        cls.input.write_text("".join(json.dumps(line) + "\n" for line in cls.asked))

    def answers(self, verb, *more, model=None):
        output = self.folder / "answers.jsonl"
        self.assert_exit(broadsheet(verb, model or self.model, "--input", self.input, "--output", output, "--threads", "1", *more), DONE)
        return lines_of(output)

    def test_it_learns_to_write_and_says_how_well(self):
        before, after = self.results["test"]["before"], self.results["test"]["after"]
        self.assertLess(after["loss"], before["loss"] / 2)
        self.assertAlmostEqual(after["perplexity"], math.exp(after["loss"]), delta=1e-3)
        for measured in (before, after):
            self.assertLessEqual(TEXT_METRICS, set(measured))
        self.assertGreater(after["rougeL"], 0.4)
        self.assertGreater(after["rougeL"], before["rougeL"])
        self.assertEqual(before["target_tokens"], after["target_tokens"])
        # On validation they cost what they are not asked for.
        self.assertFalse(TEXT_METRICS & set(self.results["validation"]["after"]))
        done = broadsheet("evaluate", self.model, "--split", "test", "--predictions", self.folder / "written.jsonl", "--json")
        self.assert_exit(done, DONE)
        again = json.loads(done.stdout)
        self.assertEqual(again["task"], "generation")
        for name, value in after.items():
            self.assertAlmostEqual(again["metrics"][name], value, delta=1e-5, msg=name)
        written = {line["id"]: line for line in lines_of(self.folder / "written.jsonl")}
        documents = {line["id"]: line for line in lines_of(self.folder / "briefs.jsonl")}
        for name, line in written.items():
            self.assertEqual(line["truth"], documents[name]["headline"])
        right = sum(line["text"].split() == line["truth"].split() for line in written.values())
        self.assertLessEqual(right / len(written), after["rouge1"] + 1e-9)

    def test_one_rank_and_two_write_and_measure_alike(self):
        results = {}
        for ranks in (1, 2):
            run = Run(self.work, f"of-{ranks}", "--ranks", str(ranks), "--set", "train.max_steps=12", "--set",
                      "validation.every_steps=6", "--set", "validation.metric=rougeL")
            self.assertEqual(run.wait(), DONE, run.stderr)
            results[ranks] = [r for r in metrics(run.dir) if r["kind"] == "validation"]
        self.assertEqual(len(results[1]), 3)
        for one, two in zip(results[1], results[2], strict=True):
            self.assertLessEqual(TEXT_METRICS, set(one))
            for name in TEXT_METRICS | {"loss"}:
                self.assertAlmostEqual(one[name], two[name], delta=1e-3, msg=name)

    def test_predict_and_generate_agree_also_from_an_exported_folder(self):
        exported = self.folder / "exported"
        self.assert_exit(broadsheet("export", self.model, "--out", exported), DONE)
        predicted = self.answers("predict", model=exported)
        self.assertEqual([set(line) for line in predicted], [{"id", "text"}] * 40)
        generated = self.answers("generate")
        self.assertEqual([(line["id"], line["text"]) for line in generated], [(line["id"], line["text"]) for line in predicted])
        for line in generated:
            self.assertIn(line["finished"], ("end", "length"))
            self.assertLessEqual(line["tokens"], 6)
        # A prompt as it stands is the same as its fields.
        asked = self.asked[3]
        done = broadsheet("generate", self.model, "--prompt", f"the {asked['desk']} : {asked['brief']} .", "--json")
        self.assert_exit(done, DONE)
        self.assertEqual(json.loads(done.stdout)["text"], generated[3]["text"])
        plain = broadsheet("generate", self.model, "--prompt", f"the {asked['desk']} : {asked['brief']} .")
        self.assertEqual(plain.stdout, generated[3]["text"] + "\n")

    def test_texts_are_searched_drawn_and_stopped_as_asked(self):
        greedy = self.answers("generate")
        drawn = [self.answers("generate", "--temperature", "3", "--seed", seed) for seed in (1, 1, 2)]
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], drawn[2])
        self.assertNotEqual(drawn[0], greedy)
        self.assertEqual(self.answers("generate", "--top-k", "1"), greedy)
        self.assertEqual(len(self.answers("generate", "--num-beams", "3", "--length-penalty", "0.5")), 40)
        word = greedy[0]["text"].split()[0]
        stopped = self.answers("generate", "--stop", "nowhere", "--stop", word)
        self.assertEqual((stopped[0]["text"], stopped[0]["finished"]), ("", "stop"))
        longer = self.answers("generate", "--min-new-tokens", "9", "--max-new-tokens", "9", "--repetition-penalty", "1.5")
        self.assertEqual({line["tokens"] for line in longer}, {9})
        # Where a line stands does not change what is drawn for it.
        piped = broadsheet("generate", self.model, "--input", "-", "--temperature", "3", "--threads", "1", cwd=self.folder,
                           input=self.input.read_text().split("\n")[0] + "\n")
        self.assertEqual(json.loads(piped.stdout), drawn[0][0])

    def test_bad_lines_are_set_aside_and_wrong_use_is_refused(self):
        bad = self.folder / "bad.jsonl"
        bad.write_text("\n".join(['{"brief": "the plan"}', '{"prompt": "the plan"}', "no", json.dumps({"prompt": "plan " * 70}),
                                  '{"brief": 5, "desk": "city"}', '{"id": 7, "brief": "the plan", "desk": "city"}']))
        self.assert_exit(broadsheet("generate", self.model, "--input", bad, "--output", self.folder / "good.jsonl"), DONE)
        self.assertEqual([line.get("id", line.get("line")) for line in lines_of(self.folder / "good.jsonl")], [2, 7])
        rejected = lines_of(self.folder / "bad.jsonl.rejected.jsonl")
        self.assertEqual([line["line"] for line in rejected], [1, 3, 4, 5])
        self.assertIn("64 positions", rejected[2]["reason"])
        for arguments, words in ((["--prompt", "plan " * 70], "at most 63 tokens"),
                                 (["--prompt", "plan", "--input", "x"], "one of --prompt and --input"),
                                 (["--prompt", "plan", "--top-p", "2"], "at most 1"),
                                 (["--prompt", "plan", "--temperature", "warm"], "wanted a number"),
                                 (["--prompt", "plan", "--num-beams", "2", "--top-k", "3"], "drawn beams"),
                                 (["--input", "absent"], "cannot be read")):
            done = broadsheet("generate", self.model, *arguments)
            self.assert_exit(done, USER)
            self.assertIn(words, done.stderr)

    def test_what_does_not_fit_is_refused_before_anything_starts(self):
        for change, words in (("task.target=title", "corpus.no_field"), ("task.target=mood", "not of kind text"),
                              ('task.prompt="{lead}"', "corpus.no_field"), ("task.max_new_tokens=48", "no room for a prompt"),
                              ("data.max_length=65", "model's 64 positions"), ("model.architecture=bert", "type gpt2"),
                              ("data.long_documents=split", "remove it")):
            done = broadsheet("check", self.folder / "run.yaml", "--set", change, "--json")
            self.assert_exit(done, USER)
            self.assertIn(words, done.stdout)
        done = broadsheet("check", self.folder / "run.yaml", "--set", "train.global_batch_tokens=600", "--json")
        self.assert_exit(done, DONE)
        self.assertIn("mean_length", done.stdout)
        moods = Run(self.work, "moods", "--set", "task={kind: classification, text: brief, label: mood}", "--set",
                    "train.max_steps=6", "--set", "validation.every_steps=6", "--set",
                    "validation.metric=loss")
        self.assertEqual(moods.wait(), DONE, moods.stderr)
        done = broadsheet("generate", moods.dir, "--prompt", "the plan")
        self.assert_exit(done, USER)
        self.assertIn("writes no text", done.stderr)


if __name__ == "__main__":
    main()

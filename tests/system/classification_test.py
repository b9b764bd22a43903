"""Classification beyond the usual: calibrated, validated by a program of the user's, asked about another domain."""
import json

from harness import CORPUS, DONE, FAILED, USER, SystemTest, Workspace, broadsheet, main, metrics

# Counts what is right among the sure ones; its own file says how often it was called and with what.
SCORE = """#!/usr/bin/env python3
import json, os, pathlib, sys
lines = [json.loads(line) for line in sys.stdin]
folder = pathlib.Path(__file__).parent
calls = folder / "calls.jsonl"
with calls.open("a") as file:
    file.write(json.dumps({"ids": [line["id"] for line in lines], "arguments": sys.argv[1:],
                           "ranks": [name for name in os.environ if name.startswith(("PMIX_", "OMPI_COMM", "OMPI_MCA_ess"))]}) + "\\n")
right = sum(line["label"] == line["truth"] for line in lines)
print(json.dumps({"right": right, "share": right / len(lines)}))
"""


class Classification(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace(documents=400)
        cls.folder = cls.work.folder
        cls.score = cls.folder / "score.py"
        cls.score.write_text(SCORE)
        cls.score.chmod(0o755)
        done = broadsheet(*cls.work.train("plain", "--set", "train.max_steps=20"))
        assert done.returncode == DONE, done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.work.close()

    def train(self, name, *settings, code=DONE):
        done = broadsheet(*self.work.train(name, "--set", "train.max_steps=20", *(f"--set={s}" for s in settings)), cwd=self.folder)
        self.assert_exit(done, code)
        return done

    def results(self, name):
        return json.loads((self.work.run_dir(name) / "results.json").read_text())

    def evaluate(self, *arguments, code=DONE):
        done = broadsheet("evaluate", self.work.run_dir("plain"), *arguments, "--json")
        self.assert_exit(done, code)
        return json.loads(done.stdout)

    def corpus(self, name, documents, **changes):
        """A prepared corpus of {"id", "comment", "mood"} objects."""
        text = CORPUS.replace("output: corpus", f"output: {name}").replace("documents.jsonl", f"{name}.jsonl")
        for old, new in changes.items():
            text = text.replace(old, new)
        (self.folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
        (self.folder / f"{name}.yaml").write_text(text)
        self.assert_exit(broadsheet("prepare", self.folder / f"{name}.yaml"), DONE)
        return self.folder / name

    def test_a_calibrated_model_decides_the_same_and_knows_better_how_sure_it_is(self):
        self.train("calibrated", "task.calibration=temperature")
        plain, ours = self.results("plain"), self.results("calibrated")
        self.assertNotIn("temperature", plain)
        self.assertGreater(ours["temperature"], 0)
        described = json.loads((self.work.run_dir("calibrated") / "model/broadsheet.json").read_text())
        self.assertEqual(described["temperature"], ours["temperature"])
        self.assertLess(ours["validation"]["after"]["loss"], plain["validation"]["after"]["loss"])
        for split in ("validation", "test"):
            self.assertEqual(ours[split]["confusion_matrix"], plain[split]["confusion_matrix"])
            self.assertEqual(ours[split]["after"]["accuracy"], plain[split]["after"]["accuracy"])
        # Training itself is another's: the same records, the same checkpoints.
        self.assertEqual(metrics(self.work.run_dir("calibrated")), metrics(self.work.run_dir("plain")))
        done = broadsheet("evaluate", self.work.run_dir("calibrated"), "--split", "validation", "--json")
        self.assert_exit(done, DONE)
        again = json.loads(done.stdout)
        self.assertAlmostEqual(again["metrics"]["loss"], ours["validation"]["after"]["loss"], places=6)
        self.assertEqual(again["confusion_matrix"], ours["validation"]["confusion_matrix"])
        # Over a frozen trunk whose outputs are kept, too.
        self.train("frozen", "task.calibration=temperature", "freeze=all_but_head")
        self.assertGreater(self.results("frozen")["temperature"], 0)

    def test_a_program_of_the_users_chooses_the_best_weights(self):
        self.train("external", "validation.external=[./score.py, --strict]", "validation.metric=external.right",
                   "validation.goal=maximize", "validation.every_steps=5", "validation.early_stopping.patience=100")
        validations = [record for record in metrics(self.work.run_dir("external")) if record["kind"] == "validation"]
        self.assertEqual([record["step"] for record in validations], [0, 5, 10, 15, 20])
        calls = [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]
        self.assertEqual(len(calls), 5)
        for call, record in zip(calls, validations):
            self.assertEqual(call["arguments"], ["--strict"])
            self.assertEqual(call["ranks"], [])
            self.assertEqual(len(call["ids"]), record["examples"])
            self.assertEqual(len(set(call["ids"])), record["examples"])
            self.assertAlmostEqual(record["external.share"], record["accuracy"])
        results = self.results("external")
        best = max(validations, key=lambda record: (record["external.right"], -record["step"]))
        self.assertEqual(results["best_step"], best["step"])
        self.assertEqual(results["metric"], "external.right")
        self.assertEqual(results["validation"]["after"]["external.right"], best["external.right"])
        status = broadsheet("status", self.work.run_dir("external"), "--json")
        self.assert_exit(status, DONE)

    def test_a_program_that_fails_ends_the_run_by_name(self):
        self.score.with_name("fails.sh").write_text("#!/bin/sh\necho 'no such index' >&2\nexit 3\n")
        self.score.with_name("fails.sh").chmod(0o755)
        done = self.train("fails", "validation.external=[./fails.sh]", code=FAILED)
        self.assertIn("fails.sh: ended with exit code 3; it said: no such index", done.stderr)
        done = self.train("says-nothing", "validation.external=['true']", code=USER)
        self.assertIn("true: wrote nothing", done.stderr)
        done = self.train("lacks", "validation.external=[./score.py]", "validation.metric=external.other",
                          "validation.goal=minimize", code=USER)
        self.assertIn('validation.metric is "external.other"', done.stderr)
        self.assertIn("external.right", done.stderr)

    def test_a_sweep_compares_by_it(self):
        (self.folder / "sweep.yaml").write_text("""schema: 1
kind: sweep
name: search
run: external.yaml
method: grid
metric: {name: external.right, goal: maximize}
parameters:
  train.learning_rate: {values: [1e-4, 1e-2]}
""")
        (self.folder / "scores").mkdir()
        (self.folder / "scores/score.py").write_text(SCORE)
        (self.folder / "scores/score.py").chmod(0o755)
        text = (self.folder / "run.yaml").read_text().replace("metric: macro_f1", "external: [scores/score.py]")
        (self.folder / "external.yaml").write_text(text.replace("max_steps: 40", "max_steps: 10"))
        self.assert_exit(broadsheet("sweep", self.folder / "sweep.yaml"), DONE)
        done = broadsheet("report", self.folder / "runs/search", "--json")
        self.assert_exit(done, DONE)
        trials = json.loads(done.stdout)
        values = {trial["number"]: trial["value"] for trial in trials["trials"]}
        self.assertEqual(len(values), 2)
        self.assertEqual(values[trials["best"]], max(values.values()))
        for number, value in values.items():
            folder = next((self.folder / "runs/search/trials").glob(f"*{number}"))
            self.assertEqual(json.loads((folder / "results.json").read_text())["validation"]["after"]["external.right"], value)

    def test_another_domain_is_measured_by_the_names_of_its_classes(self):
        documents = [json.loads(line) for line in (self.folder / "documents.jsonl").read_text().splitlines()]
        own = self.evaluate("--split", "test")
        everything = {"validation: 0.15, test: 0.15": "validation: 0.0, test: 0.9"}
        # The same documents with a third class, whose name comes first: other numbers for the same names.
        turned = CORPUS.replace("mood: {from: mood, kind: label}", "mood: {from: mood, kind: label, values: [absent, good, bad]}")
        (self.folder / "turned.yaml").write_text(turned.replace("output: corpus", "output: turned"))
        self.assert_exit(broadsheet("prepare", self.folder / "turned.yaml"), DONE)
        answer = self.evaluate("--corpus", self.folder / "turned")
        self.assertEqual(answer["metrics"], own["metrics"])
        self.assertEqual(answer["confusion_matrix"], own["confusion_matrix"])
        # One that has a class less.
        good = self.corpus("good", [one for one in documents if one["mood"] == "good"], **everything)
        answer = self.evaluate("--corpus", good)
        counts = answer["confusion_matrix"]["counts"][answer["confusion_matrix"]["classes"].index("bad")]
        self.assertEqual(sum(counts), 0)
        # One with a class that the model has not learned.
        more = [{**one, "mood": "mixed"} if number % 3 == 0 else one for number, one in enumerate(documents)]
        other = self.corpus("mixed", more)
        error = self.evaluate("--corpus", other, code=USER)["error"]
        self.assertEqual(error["code"], "corpus.unknown_label")
        for part in ('has mood "mixed"', "it knows bad, good", "filter: {keep:"):
            self.assertIn(part, error["message"])
        # As the remedy says.
        kept = self.corpus("kept", more, **{"format: jsonl": "format: jsonl, filter: {keep: {mood: [good, bad]}}"})
        self.assertGreater(self.evaluate("--corpus", kept)["metrics"]["examples"], 0)

    def test_a_corpus_without_the_tasks_fields_is_refused(self):
        without = self.corpus("without", [{"id": f"w{i}", "comment": f"the city council {i}", "mood": "good"} for i in range(40)],
                              **{"  mood: {from: mood, kind: label}\n": "", "  comment: {from": "  remark: {from"})
        error = self.evaluate("--corpus", without, code=USER)["error"]
        self.assertEqual(error["code"], "corpus.no_field")
        self.assertIn("has no field 'comment'; it has", error["message"])
        done = broadsheet("train", self.folder / "run.yaml", "--set", f"data.corpus={without}", "--set", "name=without", "--json")
        self.assert_exit(done, USER)
        self.assertIn("comment", self.error_of(done)["message"])

    def test_a_model_of_another_kind_is_refused_with_those_that_are_supported(self):
        model = self.folder / "llama"
        model.mkdir()
        (model / "config.json").write_text(json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}))
        (model / "vocab.txt").write_text((self.folder / "tokenizer/vocab.txt").read_text())
        text = (self.folder / "run.yaml").read_text()
        begin, end = text.index("model:"), text.index("task:")
        (self.folder / "llama.yaml").write_text(f"{text[:begin]}model: {{from: llama}}\n{text[end:]}")
        for verb in ("train", "check"):
            done = broadsheet(verb, self.folder / "llama.yaml", "--json")
            self.assert_exit(done, USER)
            message = self.error_of(done)["message"]
            for part in ('"llama"', "bert, roberta, distilbert, electra", "gpt2"):
                self.assertIn(part, message)
        for settings, part in ((("model.architecture=gpt2", "model.config={n_embd: 32, n_layer: 1, n_head: 2}", "task={kind: masked_lm, text: comment}"),
                                "write kind: causal_lm"),
                               (("task={kind: causal_lm, text: comment}",), "write kind: masked_lm")):
            done = broadsheet("train", self.folder / "run.yaml", *(f"--set={one}" for one in settings),
                              "--set=validation={every_steps: 10}", "--set=name=wrong", "--json")
            self.assert_exit(done, USER)
            self.assertIn(part, self.error_of(done)["message"])


if __name__ == "__main__":
    main()

"""From documents to a model that answers: every verb, in the order of a user's day."""
import csv
import json
import os
import shutil

from harness import DONE, USER, SystemTest, Workspace, broadsheet, main, metrics, sha256


class EndToEnd(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace()
        cls.run_dir = cls.work.run_dir("main")
        cls.done = broadsheet(*cls.work.train("main", "--ranks", 2, "--set", "train.max_steps=90"))

    @classmethod
    def tearDownClass(cls):
        cls.work.close()

    def setUp(self):
        self.assert_exit(self.done, DONE)

    def ask(self, *arguments, **options):
        done = broadsheet(*arguments, **options)
        self.assert_exit(done, DONE)
        return done

    def test_it_learns(self):
        results = json.loads((self.run_dir / "results.json").read_text())
        self.assertEqual(results["schema"], 1)
        self.assertEqual((results["name"], results["task"], results["metric"]), ("main", "classification", "macro_f1"))
        self.assertEqual(results["steps"], 90)
        self.assertGreater(results["test"]["after"]["macro_f1"], 0.8)
        self.assertGreater(results["test"]["after"]["macro_f1"], results["test"]["before"]["macro_f1"])

    def test_the_screen_shows_progress_and_the_table(self):
        self.assertEqual(self.done.stdout, "", "results only, and only with --json")
        for word in ("macro_f1", "before", "after"):
            self.assertIn(word, self.done.stderr)
        self.assertNotIn("\r", self.done.stderr, "no rewriting of lines on a pipe")
        self.assertNotIn("\x1b", self.done.stderr, "no colour on a pipe")

    def test_the_directory_holds_what_the_design_says(self):
        for name in ("run.yaml", "environment.json", "command.txt", "metrics.jsonl", "timings.jsonl", "tensorboard",
                     "logs/attempt-1/rank-00000.log", "logs/attempt-1/rank-00001.log", "checkpoints", "model/config.json",
                     "model/model.safetensors", "model/vocab.txt", "results.json", "report.html"):
            self.assertTrue((self.run_dir / name).exists(), name)
        self.assertEqual(list((self.run_dir / "checkpoints").glob(".*")), [], "no temporary is left")
        attempt = json.loads((self.run_dir / "environment.json").read_text())["attempts"][0]
        self.assertEqual(len(attempt["ranks"]), 2)
        kinds = {record["kind"] for record in metrics(self.run_dir)}
        self.assertEqual(kinds, {"train", "validation"})
        for record in metrics(self.run_dir):
            self.assertFalse({"seconds", "tokens_per_second", "host", "time"} & set(record), record)

    def test_a_repeat_gives_the_same_bytes(self):
        self.ask(*self.work.train("main", "--ranks", 2, "--set", "train.max_steps=90", "--fresh"))
        for name in ("metrics.jsonl", "results.json", "model/model.safetensors"):
            self.assertEqual(sha256(self.run_dir / name), sha256(str(self.run_dir) + "-2/" + name), name)

    def test_evaluate_finds_what_the_run_wrote(self):
        want = json.loads((self.run_dir / "results.json").read_text())["test"]["after"]
        answer = json.loads(self.ask("evaluate", self.run_dir, "--json").stdout)
        self.assertEqual(set(answer), {"schema", "model", "corpus", "split", "task", "metrics", "confusion_matrix"})
        matrix = answer["confusion_matrix"]
        self.assertEqual(sum(map(sum, matrix["counts"])), want["examples"])
        right = sum(row[i] for i, row in enumerate(matrix["counts"]))
        self.assertAlmostEqual(right / want["examples"], want["accuracy"], places=6)
        self.assertEqual(answer["split"], "test")
        self.assertEqual(answer["metrics"]["examples"], want["examples"])
        self.assertAlmostEqual(answer["metrics"]["macro_f1"], want["macro_f1"], places=6)
        self.assertAlmostEqual(answer["metrics"]["loss"], want["loss"], places=4)
        checkpoint = sorted((self.run_dir / "checkpoints").glob("step-*"))[-1]
        self.ask("evaluate", checkpoint, "--corpus", self.work.folder / "corpus", "--split", "validation", "--json")

    def test_evaluate_writes_predictions_and_compares_them(self):
        file = self.work.folder / "predictions.jsonl"
        answer = json.loads(self.ask("evaluate", self.run_dir, "--predictions", file, "--json").stdout)
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        self.assertEqual(len(lines), answer["metrics"]["examples"])
        self.assertEqual([line["row"] for line in lines], list(range(len(lines))))
        right = sum(line["truth"] == line["label"] for line in lines)
        self.assertAlmostEqual(right / len(lines), answer["metrics"]["accuracy"], places=9)
        for line in lines:
            self.assertAlmostEqual(sum(line["probabilities"].values()), 1, places=9)
        worse = self.work.folder / "worse.jsonl"
        worse.write_text("".join(json.dumps(dict(line, label="good")) + "\n" for line in lines))
        compared = json.loads(self.ask("evaluate", "--compare", file, worse, "--metric", "accuracy", "--json").stdout)
        self.assertAlmostEqual(compared["a"]["value"], answer["metrics"]["accuracy"], places=9)
        self.assertLess(compared["interval"][1], 0)
        self.assertIn("B - A", self.ask("evaluate", "--compare", worse, file).stdout)

    def test_predict_answers_for_one_text(self):
        good = json.loads(self.ask("predict", self.run_dir, "--text", "the team wins again and the coach is proud , great .", "--json").stdout)
        self.assertEqual(good["label"], "good")
        self.assertAlmostEqual(sum(good["probabilities"].values()), 1, places=5)
        bad = self.ask("predict", self.run_dir, "--text", "the bank fails and the worker is sad , poor , angry .")
        self.assertTrue(bad.stdout.startswith("bad"), bad.stdout)

    def test_predict_streams_lines_in_order_and_sets_bad_ones_aside(self):
        folder = self.work.folder / "predict"
        folder.mkdir()
        lines = [b'{"id": "a", "comment": "the team wins , great ."}', b"not json", b'{"comment": "the plan fails , poor ."}',
                 b'{"id": "c", "text": "wrong field"}', b'{"id": 7, "comment": 5}', b'{"id": 8, "comment": "\xff"}', b"",
                 b'{"id": 9, "comment": ""}'] + [b'{"comment": "the mayor is calm ."}'] * 100
        (folder / "in.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        self.ask("predict", self.run_dir, "--input", folder / "in.jsonl", "--output", folder / "out.jsonl")
        answers = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
        self.assertEqual([answer.get("id", answer.get("line")) for answer in answers[:4]], ["a", 3, 9, 9])
        self.assertEqual(len(answers), 103)
        self.assertEqual(answers[0]["label"], "good")
        rejected = [json.loads(line) for line in (folder / "in.jsonl.rejected.jsonl").read_text().splitlines()]
        self.assertEqual([one["line"] for one in rejected], [2, 4, 5, 6, 7])
        self.assertTrue(all(one["reason"] for one in rejected))
        piped = self.ask("predict", self.run_dir, "--input", "-", input=lines[0].decode(), cwd=folder)
        self.assertEqual(json.loads(piped.stdout)["id"], "a")
        self.assertFalse((folder / "stdin.rejected.jsonl").exists())

    def test_predictions_do_not_depend_on_their_neighbours(self):
        one = json.loads(self.ask("predict", self.run_dir, "--text", "the council is calm .", "--json").stdout)
        lines = [json.dumps({"comment": text}) for text in ["the storm closes the school .", "the council is calm .", "a vote ."] * 9]
        answers = [json.loads(line) for line in self.ask("predict", self.run_dir, "--input", "-", input="\n".join(lines)).stdout.splitlines()]
        for name, value in one["probabilities"].items():
            self.assertAlmostEqual(answers[1]["probabilities"][name], value, places=5)

    def test_an_exported_folder_answers_alike(self):
        out = self.work.folder / "exported"
        self.ask("export", self.run_dir, "--out", out)
        self.assertEqual(sha256(out / "model.safetensors"), sha256(self.run_dir / "model/model.safetensors"))
        arguments = ("--text", "the team wins .", "--json")
        self.assertEqual(json.loads(self.ask("predict", out, *arguments).stdout), json.loads(self.ask("predict", self.run_dir, *arguments).stdout))
        self.assert_exit(broadsheet("export", self.run_dir, "--out", out), USER)

    def test_verify_finds_one_flipped_bit(self):
        self.ask("verify", self.run_dir, self.work.folder / "corpus")
        copy = self.work.folder / "copy"
        shutil.copytree(self.run_dir, copy)
        weights = sorted((copy / "checkpoints").glob("step-*"))[-1] / "model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-5] ^= 4
        weights.write_bytes(data)
        done = broadsheet("verify", copy, "--json")
        self.assert_exit(done, USER)
        answer = json.loads(done.stdout)
        self.assertFalse(answer["whole"])
        self.assertIn("model.safetensors", json.dumps([one for one in answer["verified"] if not one["whole"]]))

    def test_inspect_check_and_report_answer(self):
        inspected = json.loads(self.ask("inspect", self.work.folder / "corpus", "--json").stdout)
        self.assertIn("600", json.dumps(inspected))
        self.ask("inspect", self.work.folder / "corpus")
        self.assertIn("global_batch_size", self.ask("check", self.work.folder / "run.yaml").stdout)
        json.loads(self.ask("check", self.work.folder / "run.yaml", "--json").stdout)
        page = self.work.folder / "page.html"
        self.ask("report", self.run_dir, "--output", page)
        self.assertIn("macro_f1", page.read_text())

    def test_dry_runs_touch_nothing(self):
        before = sorted(os.listdir(self.work.folder / "runs"))
        self.ask(*self.work.train("dry", "--dry-run"))
        json.loads(self.ask(*self.work.train("dry", "--dry-run", "--json")).stdout)
        self.assertEqual(sorted(os.listdir(self.work.folder / "runs")), before)
        self.ask("prepare", self.work.folder / "corpus.yaml", "--dry-run", "--set", "output=other")
        self.assertFalse((self.work.folder / "other").exists())

    def test_a_run_started_from_a_run_continues_its_model(self):
        done = broadsheet("train", self.work.folder / "run.yaml", "--ranks", 1, "--set", "name=again", "--set", f"model={{from: {self.run_dir}}}",
                          "--set", "train.max_steps=2", "--set", "train.warmup_steps=0", "--json")
        self.assert_exit(done, DONE)
        results = json.loads(done.stdout)
        self.assertGreater(results["test"]["before"]["macro_f1"], 0.8, "it starts where the other ended")

    def test_first_contact(self):
        folder = self.work.folder / "first"
        folder.mkdir()
        documents = [json.loads(line) for line in (self.work.folder / "documents.jsonl").read_text().splitlines()]
        with open(folder / "my.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["comment", "mood"])
            writer.writerows([document["comment"], document["mood"]] for document in documents)
        self.ask("init", "my.csv", "--task", "classification", "--text", "comment", "--label", "mood", "--model", self.run_dir / "model", cwd=folder)
        self.ask("prepare", "corpus.yaml", cwd=folder)
        self.ask("check", "run.yaml", cwd=folder)
        done = self.ask("train", "run.yaml", "--set", "train.max_steps=2", "--json", cwd=folder)
        self.assertEqual(json.loads(done.stdout)["steps"], 2)


if __name__ == "__main__":
    main()

"""LoRA: a run that trains an adapter on a base, its checkpoints, its folder, and the whole model that comes of both."""
import json
import os
import shutil
import signal
import struct

from harness import DONE, USER, Run, SystemTest, Workspace, broadsheet, main, metrics, newest_checkpoint, sha256

BASE = ("--set", "train.max_steps=10")
LORA = """schema: 1
kind: run
name: lora
seed: 5
model: {from: base}
adapter: {kind: lora, r: 4, lora_alpha: 8, lora_dropout: 0.1, target_modules: [query, value]}
task: {kind: classification, text: comment, label: mood}
data: {corpus: corpus, max_length: 48}
train: {max_steps: 30, global_batch_size: 32, micro_batch_size: 8, learning_rate: 1e-2, warmup_steps: 5}
validation: {every_steps: 10, metric: macro_f1}
checkpoints: {every_steps: 5, keep_last: 2, keep_best: 1}
launch: {ranks: 2, threads_per_rank: 1, device: cpu}
"""


def tensors_of(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        return {name for name in json.loads(file.read(size)) if name != "__metadata__"}


class Lora(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace()
        done = broadsheet(*cls.work.train("base", *BASE))
        assert done.returncode == DONE, done.stderr
        shutil.copytree(cls.work.run_dir("base") / "model", cls.work.folder / "base")
        cls.file = cls.work.folder / "lora.yaml"
        cls.file.write_text(LORA)
        lines = (cls.work.folder / "documents.jsonl").read_text().splitlines(keepends=True)
        cls.documents = "".join(lines[:100])
        done = broadsheet("train", cls.file)
        assert done.returncode == DONE, done.stderr
        cls.run_dir = cls.work.run_dir("lora")

    @classmethod
    def tearDownClass(cls):
        cls.work.close()

    def train(self, name, *arguments):
        return broadsheet("train", self.file, "--set", f"name={name}", *arguments)

    def trained(self, name, *arguments):
        done = self.train(name, *arguments)
        self.assert_exit(done, DONE)
        return self.work.run_dir(name)

    def probabilities(self, model):
        done = broadsheet("predict", model, "--input", "-", input=self.documents)
        self.assert_exit(done, DONE)
        answers = [json.loads(line)["probabilities"]["good"] for line in done.stdout.splitlines()]
        self.assertEqual(len(answers), 100)
        return answers

    def assert_same_answers(self, model, other):
        for one, two in zip(self.probabilities(model), self.probabilities(other), strict=True):
            self.assertAlmostEqual(one, two, delta=1e-5)

    def test_what_it_writes_is_the_adapter_alone_and_answers_as_the_run_measured(self):
        run = self.run_dir
        names = tensors_of(run / "model/adapter_model.safetensors")
        self.assertTrue(all("lora_" in name or ".classifier." in name for name in names), names)
        self.assertEqual(len([name for name in names if "lora_" in name]), 2 * 2 * 2)
        self.assertFalse((run / "model/model.safetensors").exists())
        checkpoint = newest_checkpoint(run)
        self.assertEqual(tensors_of(checkpoint / "adapter_model.safetensors"), names)
        self.assertEqual(list(checkpoint.glob("model*")), [])
        weights = sum(part.stat().st_size for part in checkpoint.glob("*.safetensors"))
        self.assertLess(5 * weights, (self.work.folder / "base/model.safetensors").stat().st_size)
        results = json.loads((run / "results.json").read_text())
        self.assertGreater(results["test"]["after"]["macro_f1"], results["test"]["before"]["macro_f1"])
        done = broadsheet("evaluate", run, "--corpus", self.work.folder / "corpus", "--json")
        self.assert_exit(done, DONE)
        self.assertAlmostEqual(json.loads(done.stdout)["metrics"]["loss"], results["test"]["after"]["loss"], delta=1e-5)
        for folder in (run, checkpoint):
            self.assert_exit(broadsheet("verify", folder), DONE)
        self.probabilities(checkpoint)

    def test_one_rank_learns_what_two_do(self):
        one = self.trained("one", "--ranks", "1")
        for a, b in zip(metrics(self.run_dir), metrics(one), strict=True):
            self.assertAlmostEqual(a["loss"], b["loss"], delta=1e-4, msg=f"{a['kind']} {a['step']}")

    def test_a_killed_run_goes_on_to_the_same_bits(self):
        settings = ("--set", "train.max_steps=300", "--set", "validation.every_steps=100")
        straight = self.trained("straight", *settings)
        run = Run(self.work, "killed", program=[os.environ["BROADSHEET"], "train", str(self.file), "--set",
                                                "name=killed", *settings])
        pid = run.ranks()[1]
        run.wait_for_step(100)
        os.kill(pid, signal.SIGKILL)
        self.assertNotIn(run.wait(), (DONE, 75))
        base = self.work.folder / "base/model.safetensors"
        whole = base.read_bytes()
        base.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        refused = self.train("killed", *settings)
        base.write_bytes(whole)
        self.assert_exit(refused, USER)
        self.assertIn("was trained on other weights than those of", refused.stderr)
        done = self.train("killed", *settings)
        self.assert_exit(done, DONE)
        self.assertIn("resumed from step", done.stderr)
        killed = self.work.run_dir("killed")
        self.assertEqual(sha256(straight / "model/adapter_model.safetensors"),
                         sha256(killed / "model/adapter_model.safetensors"))
        for part in sorted(newest_checkpoint(straight).glob("*.safetensors")):
            self.assertEqual(sha256(part), sha256(newest_checkpoint(killed) / part.name), part.name)
        self.assertEqual((straight / "metrics.jsonl").read_text(), (killed / "metrics.jsonl").read_text())

    def test_exports_answer_as_the_run(self):
        run = self.run_dir
        folder = self.work.folder
        self.assert_exit(broadsheet("export", run, "--out", folder / "adapter"), DONE)
        self.assert_exit(broadsheet("export", run, "--merge-adapters", "--out", folder / "merged"), DONE)
        self.assertEqual(sha256(folder / "adapter/adapter_model.safetensors"),
                         sha256(run / "model/adapter_model.safetensors"))
        self.assertEqual(tensors_of(folder / "merged/model.safetensors"),
                         tensors_of(folder / "base/model.safetensors"))
        self.assertFalse((folder / "merged/adapter_config.json").exists())
        self.assert_same_answers(run, folder / "adapter")
        self.assert_same_answers(run, folder / "merged")
        refused = broadsheet("export", folder / "base", "--merge-adapters", "--out", folder / "nothing")
        self.assert_exit(refused, USER)
        self.assertIn("holds no adapter", refused.stderr)
        # Whole weights may be trained from it, an adapter on an adapter may not.
        done = self.train("from-adapter", "--set", f"model.from={run}", "--set", "adapter={kind: none}")
        self.assert_exit(done, DONE)
        self.assertIn("merged into its base", done.stderr)
        refused = self.train("on-adapter", "--set", f"model.from={run}")
        self.assert_exit(refused, USER)
        self.assertIn("is the folder of an adapter itself", refused.stderr)

    def test_another_base_and_another_adapter_are_refused_by_name(self):
        run = self.trained("moved", "--set", "train.max_steps=10")
        refused = self.train("moved", "--set", "train.max_steps=20", "--set", "adapter.r=8", "--resume")
        self.assert_exit(refused, USER)
        self.assertIn("adapter.r", refused.stderr)
        other = self.work.folder / "other"
        self.assert_exit(broadsheet(*self.work.train("other", *BASE, "--set", "seed=9")), DONE)
        shutil.copytree(self.work.run_dir("other") / "model", other)
        settings = json.loads((run / "model/adapter_config.json").read_text())
        for base, words in ((other, "the adapter was trained on weights"), ("/nowhere/base", "which is not there")):
            settings["base_model_name_or_path"] = str(base)
            (run / "model/adapter_config.json").write_text(json.dumps(settings))
            refused = broadsheet("predict", run, "--text", "the mayor")
            self.assert_exit(refused, USER)
            self.assertIn(words, refused.stderr)
            self.assertIn(str(base), refused.stderr)

    def test_targets_that_the_model_has_not_are_refused_with_those_that_it_has(self):
        for value, words in (("[qeury]", "found qeury"), ("c_attn", "matches no whole name")):
            refused = self.train(f"bad-{len(value)}", "--set", f"adapter.target_modules={value}")
            self.assert_exit(refused, USER)
            self.assertIn(words, refused.stderr)
            self.assertIn("bert.encoder.layer.*.attention.self.query", refused.stderr)


if __name__ == "__main__":
    main()

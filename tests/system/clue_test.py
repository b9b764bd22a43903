"""The examples of examples/clue/, as they are, on lines of CLUE's own form: prepare, check, train, evaluate."""
import json
import pathlib
import shutil
import tempfile

from harness import DONE, SystemTest, broadsheet, main

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples/clue"

# Written for this test, in the form of CLUE's files.
TNEWS = [("102", "news_entertainment", "新电影今晚上映，观众排队买票", "电影,上映"),
         ("103", "news_sports", "主队在最后一分钟赢了比赛", ""),
         ("104", "news_finance", "银行今年的利润比去年少", "银行,利润"),
         ("109", "news_tech", "新手机的电池可以用两天", "手机,电池")]
AFQMC = [("怎么还款", "如何还款", "1"), ("怎么还款", "为什么不能还款", "0"), ("额度是多少", "我的额度有多少", "1"),
         ("额度是多少", "什么时候还款", "0")]
# Places are of the text without the number behind it.
CLUENER = [("王小明昨天到了青岛市", {"name": {"王小明": [[0, 2]]}, "address": {"青岛市": [[7, 9]]}}),
           ("据李平说，海风银行1998年成立", {"name": {"李平": [[1, 2]]}, "company": {"海风银行": [[5, 8]]}}),
           ("今天没有新的消息", {})]
RUN = """schema: 1
kind: run
name: tiny
model:
  architecture: bert
  config: {hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 64, max_position_embeddings: 128}
  tokenizer: models/bert-base-chinese
task: {kind: masked_lm, text: sentence}
data: {corpus: corpora/clue-tnews, max_length: 32}
train: {max_steps: 1, global_batch_size: 4}
"""


def tnews_lines(times):
    return [{"label": label, "label_desc": name, "sentence": f"{text}{number}", "keywords": words}
            for number in range(times) for label, name, text, words in TNEWS]


def afqmc_lines(times):
    return [{"sentence1": f"{one}{number}", "sentence2": other, "label": label}
            for number in range(times) for one, other, label in AFQMC]


def cluener_lines(times):
    return [{"text": f"{text}{number}", "label": label} for number in range(times) for text, label in CLUENER]


class Clue(SystemTest):
    """One folder that looks like the main one: examples/clue/, models/, corpora/, runs/."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="broadsheet-clue-"))
        shutil.copytree(EXAMPLES, cls.folder / "examples/clue")
        for name, lines in (("tnews", tnews_lines), ("afqmc", afqmc_lines), ("cluener", cluener_lines)):
            data = cls.folder / f"examples/clue/{name}/data"
            data.mkdir()
            for file, times in (("train", 10), ("dev", 3)):
                (data / f"{file}.json").write_text(
                    "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines(times)), encoding="utf-8")
        characters = sorted({c for line in tnews_lines(10) + afqmc_lines(10) for value in line.values() for c in value}
                            | {c for line in cluener_lines(10) for c in line["text"]})
        model = cls.folder / "models/bert-base-chinese"
        model.mkdir(parents=True)
        (model / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters]) + "\n", encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def ask(self, *arguments):
        done = broadsheet(*arguments, cwd=self.folder)
        self.assert_exit(done, DONE)
        return done

    def test_the_examples_read_clues_own_lines(self):
        for name in ("tnews", "afqmc", "cluener"):
            for file in ("corpus", "dev"):
                self.ask("prepare", f"examples/clue/{name}/{file}.yaml")
        (self.folder / "tiny.yaml").write_text(RUN)
        self.ask("train", "tiny.yaml")
        model = self.folder / "models/bert-base-chinese"
        shutil.copytree(self.folder / "runs/tiny/model", model, dirs_exist_ok=True)
        (model / "broadsheet.json").unlink()
        for name, classes in (("tnews", 15), ("afqmc", 2)):
            run = f"examples/clue/{name}/run.yaml"
            self.ask("check", run)
            self.ask("train", run, "--set", "train.max_steps=4", "--set", "train.learning_rate=1e-3")
            answer = json.loads(self.ask("evaluate", f"runs/clue-{name}", "--corpus", f"corpora/clue-{name}-dev",
                                         "--split", "train", "--json").stdout)
            self.assertEqual(answer["metrics"]["examples"], 12)
            self.assertEqual(len(answer["confusion_matrix"]["classes"]), classes)
            results = json.loads((self.folder / f"runs/clue-{name}/results.json").read_text())
            self.assertEqual("temperature" in results, name == "tnews")
        self.ask("check", "examples/clue/cluener/run.yaml")
        self.ask("train", "examples/clue/cluener/run.yaml", "--set", "train.max_steps=30", "--set", "train.learning_rate=3e-3")
        answer = json.loads(self.ask("evaluate", "runs/clue-cluener", "--corpus", "corpora/clue-cluener-dev", "--split", "train",
                                     "--predictions", "names.jsonl", "--json").stdout)
        self.assertEqual(answer["metrics"]["left_out_words"], 0)
        self.assertEqual({name: one["support"] for name, one in answer["entities"].items() if one["support"]},
                         {"name": 6, "address": 3, "company": 3})
        names = [json.loads(line)["truth"] for line in (self.folder / "names.jsonl").read_text().splitlines()]
        self.assertIn(["B-name", "I-name", "I-name", "O", "O", "O", "O", "B-address", "I-address", "I-address", "O"], names)
        said = json.loads(self.ask("predict", "runs/clue-tnews", "--text", TNEWS[0][2], "--json").stdout)
        self.assertEqual(len(said["probabilities"]), 15)


if __name__ == "__main__":
    main()

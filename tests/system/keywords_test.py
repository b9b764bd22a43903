"""Keywords: counted anew here, from the texts; words that belong together; Chinese; lines; wrong use."""
import collections
import json
import math
import random
import re

from harness import BAD, DONE, GOOD, NEUTRAL, USER, SystemTest, Workspace, broadsheet, main

CHINESE = """schema: 1
kind: corpus
name: chinese
output: chinese
tokenizer: characters
sources: [{files: chinese.jsonl, format: jsonl}]
fields: {id: {kind: id}, text: {kind: text}}
split: {by: hash, validation: 0.1, test: 0.1, seed: 1}
"""
ALL = NEUTRAL + GOOD + BAD
COMMON = "天地人山水火木金土日月星云雨风雪花草"


class Keywords(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace(documents=20)
        cls.addClassCleanup(cls.work.close)
        cls.corpus = cls.work.folder / "corpus.yaml"
        generator = random.Random(1)
        with open(cls.work.folder / "documents.jsonl", "w", encoding="utf-8") as file:
            for number in range(300):  # of few words each, so that a word is in few documents
                words = generator.choices(generator.sample(ALL, 4), k=10)
                file.write(json.dumps({"id": f"d{number}", "comment": f"the {' '.join(words)} of {number}", "mood": "good"}) + "\n")
        done = broadsheet("prepare", cls.corpus, "--replace")
        assert done.returncode == DONE, done.stderr
        cls.documents = [json.loads(line)["comment"].split() for line in (cls.work.folder / "documents.jsonl").read_text().splitlines()]

    def documents_with(self, words):
        return sum(any(text[at:at + len(words)] == words for at in range(len(text))) for text in self.documents)

    def test_counts_and_scores_are_those_of_the_texts(self):
        generator = random.Random(3)
        article = " ".join(generator.choices(ALL, k=30)) + " bank bank bank 1998 ."
        done = broadsheet("keywords", self.corpus, "--text", article, "--top", "50", "--json")
        self.assert_exit(done, DONE)
        keywords = json.loads(done.stdout)["keywords"]
        words = article.split()
        self.assertGreater(len(keywords), 5)
        self.assertEqual(sorted((k["score"] for k in keywords), reverse=True), [k["score"] for k in keywords])
        for keyword in keywords:
            term = keyword["term"].split()
            self.assertEqual(keyword["documents"], self.documents_with(term), keyword)
            self.assertEqual(keyword["count"], sum(words[at:at + len(term)] == term for at in range(len(words))), keyword)
            wanted = keyword["count"] * math.log((len(self.documents) + 1) / (keyword["documents"] + 1))
            self.assertAlmostEqual(keyword["score"], wanted, delta=1e-9)
            self.assertFalse(any(re.fullmatch(r"[0-9]+|\\.", part) for part in term), keyword)
            for part in (term[0], term[-1]):
                self.assertLessEqual((self.documents_with([part]) + 1) / (len(self.documents) + 1), 0.25 if len(term) > 1 else 1)

    def test_chinese_words_are_whole(self):
        generator = random.Random(7)
        folder = self.work.folder
        lines = []
        for number in range(200):
            parts = generator.choices(COMMON, k=12)
            if number % 10 == 0:
                parts[5] = "海岛银行"
            lines.append({"id": f"c{number}", "text": "".join(parts)})
        (folder / "chinese.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        (folder / "characters").mkdir(exist_ok=True)
        (folder / "characters/vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *COMMON, *"海岛银行"]) + "\n", encoding="utf-8")
        (folder / "chinese.yaml").write_text(CHINESE)
        self.assert_exit(broadsheet("prepare", folder / "chinese.yaml"), DONE)
        article = "天海岛银行水人，山海岛银行火。"
        done = broadsheet("keywords", folder / "chinese.yaml", "--text", article, "--json")
        self.assert_exit(done, DONE)
        best = json.loads(done.stdout)["keywords"][0]
        self.assertEqual((best["term"], best["count"], best["documents"]), ("海岛银行", 2, 20))
        terms = collections.Counter(k["term"] for k in json.loads(done.stdout)["keywords"])
        self.assertFalse({"海岛", "岛银", "银行", "海岛银", "岛银行"} & set(terms))

    def test_lines_are_answered_in_order_and_bad_ones_set_aside(self):
        folder = self.work.folder
        lines = [json.dumps({"id": f"a{n}", "comment": f"the {word} of the bridge"}) for n, word in enumerate(NEUTRAL)]
        (folder / "in.jsonl").write_text("\n".join([*lines[:5], "no", '{"other": 1}', *lines[5:]]) + "\n")
        done = broadsheet("keywords", self.corpus, "--input", folder / "in.jsonl", "--output", folder / "out.jsonl", "--json")
        self.assert_exit(done, DONE)
        self.assertEqual(json.loads(done.stdout), {"predicted": len(NEUTRAL), "rejected": 2})
        answers = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
        self.assertEqual([answer["id"] for answer in answers], [f"a{n}" for n in range(len(NEUTRAL))])
        self.assertEqual(len((folder / "in.jsonl.rejected.jsonl").read_text().splitlines()), 2)
        alone = broadsheet("keywords", self.corpus, "--text", f"the {NEUTRAL[3]} of the bridge", "--json")
        self.assertEqual(json.loads(alone.stdout)["keywords"], answers[3]["keywords"])

    def test_wrong_use_names_the_remedy(self):
        for arguments, words in (([], "wanted one of --text and --input"), (["--text", "a", "--field", "mood"], "write --field comment"),
                                 (["--text", "a", "--top", "0"], "--top"), (["--input", "absent"], "cannot be read"),
                                 (["--text", "a", "--set", "output=/nowhere"], "/nowhere")):
            done = broadsheet("keywords", self.corpus, *arguments)
            self.assert_exit(done, USER)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    main()

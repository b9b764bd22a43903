"""README.md tells the truth: its commands are run as they stand, its run file is the example's, its links lead somewhere."""
import csv
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import DONE, PROGRAM, SystemTest, environment, main, write_documents

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(heading, language):
    """The first fenced block of that language below `## heading`."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.search(rf"```{language}\n(.*?)```", section, re.DOTALL).group(1)


class Readme(SystemTest):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="broadsheet-readme-"))
        (self.folder / "broadsheet").symlink_to(PROGRAM)
        (self.folder / "models").symlink_to(ROOT / "models")

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def shell(self, line):
        done = subprocess.run(["sh", "-c", line], cwd=self.folder, env=environment(), text=True, capture_output=True,
                              timeout=240)
        self.assert_exit(done, DONE)
        return done.stdout

    def write_comments(self):
        documents = self.folder / "documents.jsonl"
        write_documents(documents, 400)
        with open(self.folder / "comments.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["id", "comment", "mood"])
            writer.writeheader()
            writer.writerows(map(json.loads, documents.read_text().splitlines()))

    def test_your_own_text(self):
        self.write_comments()
        lines = block("Your own text", "sh").splitlines()
        verbs = [line.split()[1] for line in lines]
        self.assertEqual(verbs, ["init", "prepare", "inspect", "train", "predict", "evaluate", "export"])
        said = {verb: self.shell(line) for verb, line in zip(verbs, lines)}
        self.assertIn("good", said["predict"])
        self.assertIn("macro_f1", said["evaluate"])
        self.assertTrue((self.folder / "comments-model/model.safetensors").exists())
        results = json.loads((self.folder / "runs/comments-classification/results.json").read_text())
        self.assertGreater(results["test"]["after"]["accuracy"], results["test"]["before"]["accuracy"])

    def test_searching_hyperparameters(self):
        self.write_comments()
        for line in block("Your own text", "sh").splitlines()[:2]:
            self.shell(line)
        # Fewer trials, and of the head alone: the test's time is short.
        run = self.folder / "run.yaml"
        text, count = re.subn(r"(?m)^freeze: \w+", "freeze: all_but_head", run.read_text(encoding="utf-8"))
        self.assertEqual(count, 1)
        run.write_text(text, encoding="utf-8")
        sweep = block("Searching hyperparameters", "yaml").replace("trials: 12", "trials: 4")
        (self.folder / "sweep.yaml").write_text(sweep, encoding="utf-8")
        lines = [line.split("#")[0] for line in block("Searching hyperparameters", "sh").splitlines()]
        self.assertEqual([line.split()[1] for line in lines], ["sweep", "sweep", "status", "report", "sweep"])
        planned, _, status, report, again = [self.shell(line) for line in lines]
        self.assertIn("4 trials", planned)
        self.assertIn("finished", status)
        self.assertTrue(pathlib.Path(report.strip()).is_file())
        self.assertIn("--retrain-best", lines[-1])
        self.assertTrue((self.folder / "runs/comments-search/retrained/results.json").is_file(), again)
        found = json.loads((self.folder / "runs/comments-search/results.json").read_text())
        self.assertEqual(len(found["trials"]), 4)
        # The trunk's outputs were computed by the first of them, and once more where train and validation are one split.
        self.assertEqual(len(list((self.folder / "corpora/comments/features").glob("*.h5"))), 2)

    def test_on_a_slurm_cluster(self):
        self.write_comments()
        for line in block("Your own text", "sh").splitlines()[:2]:
            self.shell(line)
        lines = block("On a Slurm cluster", "sh").splitlines()
        self.assertEqual([line.split()[1] for line in lines], ["submit", "submit", "status", "logs", "cancel"])
        # The others are run on a real Slurm by slurm_test.py; here their options are read at least.
        self.assertIn("#SBATCH --requeue", self.shell(lines[0]))
        self.assertIn("comments", self.shell(lines[1].split("#")[0] + " --dry-run"))
        for line in lines[2:]:
            verb = line.split()[1]
            usage = self.shell(f"./broadsheet {verb} --help")
            for option in re.findall(r"--\w+", line):
                self.assertIn(option, usage)

    def test_the_run_file_is_the_example(self):
        shown = self.folder / "examples/editorials/sentiment.yaml"
        shown.parent.mkdir(parents=True)
        shown.write_text(block("A run file", "yaml"))
        resolved = []
        for folder in (self.folder, ROOT):
            answer = json.loads(self.shell(f"./broadsheet check {folder}/examples/editorials/sentiment.yaml --json"))
            resolved.append(json.dumps(answer["config"]).replace(str(folder) + "/", ""))
        self.assertEqual(*resolved)

    def test_the_two_commands_are_verbs_of_dev(self):
        usage = subprocess.run([ROOT / "dev", "--help"], text=True, capture_output=True, check=True).stdout
        for line in block("Two commands", "sh").splitlines():
            program, verb = line.split()[:2]
            self.assertEqual(program, "./dev")
            self.assertRegex(usage, rf"(?m)^  {verb} ")

    def test_links_lead_somewhere(self):
        targets = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
        self.assertGreater(len(targets), 8)
        for target in targets:
            self.assertTrue((ROOT / target).exists(), target)


if __name__ == "__main__":
    main()

"""Every way to be refused: the exit code, one JSON value on stdout, and a message that helps."""
import json
import subprocess
import time

from harness import DONE, PROGRAM, RUN, USER, SystemTest, Workspace, broadsheet, environment, main

BUILT = "init prepare inspect check train evaluate predict generate report export verify doctor schema".split()
LATER = ["embed", "recommend", "serve"]


class ExitCodes(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace(documents=60)

    @classmethod
    def tearDownClass(cls):
        cls.work.close()

    def refused(self, *arguments, code=None):
        plain = broadsheet(*arguments, cwd=self.work.folder)
        self.assert_exit(plain, USER)
        self.assertEqual(plain.stdout, "", "results only on stdout")
        self.assertTrue(plain.stderr.strip())
        done = broadsheet(*arguments, "--json", cwd=self.work.folder)
        self.assert_exit(done, USER)
        error = self.error_of(done)
        if code:
            self.assertEqual(error["code"], code, error)
        return error

    def test_help_and_version_answer(self):
        for arguments in (["--help"], ["--version"], *([verb, "--help"] for verb in BUILT)):
            done = broadsheet(*arguments)
            self.assert_exit(done, DONE)
            self.assertTrue(done.stdout.strip())
            self.assertEqual(done.stderr, "")
        self.assertEqual(broadsheet().returncode, USER)

    def test_unknown_words_name_the_nearest(self):
        self.assertIn("did you mean predict?", self.refused("predit", "x", code="usage.unknown_verb")["message"])
        self.assertIn("did you mean --split?", self.refused("evaluate", "x", "--splitt", "test", code="usage.unknown_option")["message"])

    def test_designed_verbs_say_not_in_this_version(self):
        for verb in LATER:
            self.refused(verb, "x", code="not_in_this_version")

    def test_a_fault_in_a_file_has_its_place(self):
        (self.work.folder / "bad.yaml").write_text(RUN + "lerning_rate: 3\n")
        line = RUN.count("\n") + 1
        error = self.refused("check", "bad.yaml")
        self.assertEqual((error["line"], error["column"]), (line, 1))
        self.assertTrue(error["file"].endswith("bad.yaml"))
        self.assertEqual(self.refused("train", "bad.yaml")["line"], line)

    def test_what_is_not_there_is_named(self):
        for arguments in (["train", "absent.yaml"], ["prepare", "absent.yaml"], ["inspect", "absent"], ["verify", "absent"],
                          ["evaluate", "absent", "--corpus", "corpus"], ["predict", "absent", "--text", "x"],
                          ["generate", "absent", "--prompt", "x"],
                          ["export", "absent", "--out", "out"], ["report", "absent"]):
            with self.subTest(arguments=arguments):
                self.assertIn("absent", self.refused(*arguments)["message"])
        self.assertFalse((self.work.folder / "out").exists())

    def test_a_missing_corpus_is_found_before_anything_starts(self):
        error = self.refused("train", "run.yaml", "--set", "data.corpus=nowhere")
        self.assertIn("nowhere", error["message"])
        self.assertFalse((self.work.folder / "runs").exists())

    def test_arguments_that_contradict_each_other(self):
        self.refused("predict", "m", "--text", "x", "--input", "y")
        self.refused("predict", "m")
        self.refused("train", "run.yaml", "--ranks", "0", code="usage.number")
        self.refused("train", "run.yaml", "--fresh", "--resume")
        self.refused("schema", "poem")

    def test_a_closed_stdout_is_no_crash(self):
        process = subprocess.run(f"'{PROGRAM}' --help >/dev/full", shell=True, text=True, capture_output=True, env=environment())
        self.assertEqual(process.returncode, 1)
        self.assertIn("standard output", process.stderr)

    def test_schema_is_json(self):
        for kind in ("run", "corpus"):
            done = broadsheet("schema", kind)
            self.assert_exit(done, DONE)
            self.assertIn("properties", json.loads(done.stdout))

    def test_doctor_answers(self):
        done = broadsheet("doctor", "--json")
        self.assert_exit(done, DONE)
        answer = json.loads(done.stdout)
        for key in ("libtorch", "mpi", "hdf5", "cores", "memory_bytes", "file_locks"):
            self.assertIn(key, answer)


if __name__ == "__main__":
    main()

"""The layering check finds what it is for: each test plants one forbidden include in a small tree."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import layering


class Layering(unittest.TestCase):
    def check(self, path, line):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in ("core/a.h", "data/a.h", "checkpoints/a.h", "trainer/a.h", "experiments/a.h", "launcher/a.h"):
                (root / name).parent.mkdir(exist_ok=True)
                (root / name).write_text("#pragma once\n#include <vector>\n", encoding="utf-8")
            (root / path).write_text(f"// text\n{line}\n", encoding="utf-8")
            return layering.check(root)

    def test_a_layer_to_the_right_may_be_included(self):
        self.assertEqual(self.check("launcher/x.cpp", '#include "core/a.h"'), [])
        self.assertEqual(self.check("trainer/x.cpp", '#include "data/a.h"'), [])

    def test_a_layer_to_the_left_is_named(self):
        self.assertEqual(self.check("core/x.cpp", '#include "data/a.h"'),
                         ["core/x.cpp:2: data/a.h: core may not include data"])
        self.assertEqual(len(self.check("trainer/x.cpp", '  #  include "experiments/a.h"')), 1)

    def test_neighbours_are_kept_apart(self):
        self.assertEqual(len(self.check("data/x.cpp", '#include "checkpoints/a.h"')), 1)
        self.assertEqual(len(self.check("checkpoints/x.h", '#include "data/a.h"')), 1)

    def test_each_library_has_one_user(self):
        for path, header in (("core/x.cpp", "hdf5.h"), ("trainer/x.cpp", "yaml-cpp/yaml.h"),
                             ("launcher/x.cpp", "mpi.h"), ("experiments/x.cpp", "boost/program_options.hpp")):
            self.assertEqual(len(self.check(path, f"#include <{header}>")), 1, header)
        self.assertEqual(self.check("data/x.cpp", "#include <hdf5.h>"), [])

    def test_layers_and_configurations_without_torch_stay_so(self):
        self.assertEqual(len(self.check("checkpoints/x.cpp", "#include <torch/torch.h>")), 1)
        self.assertEqual(len(self.check("trainer/config.cpp", "#include <ATen/ATen.h>")), 1)
        self.assertEqual(self.check("trainer/step.cpp", "#include <ATen/ATen.h>"), [])

    def test_includes_are_written_from_the_root(self):
        self.assertEqual(len(self.check("core/x.cpp", '#include "a.h"')), 1)

    def test_an_empty_tree_is_not_a_pass(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(len(layering.check(folder)), 1)


if __name__ == "__main__":
    unittest.main()

"""The pipeline: its compiled form is the committed one, and its steps run.

    pipeline_test.py EXAMPLES_KUBEFLOW_FOLDER [PROGRAM MODEL FASHION_MNIST_FOLDER]

With a program, the whole pipeline runs on this machine in kfp's SubprocessRunner: `redoubt` itself trains on a few images,
and what it promotes it promotes to a cluster of this test's own (cluster.py).
"""

import json
import os
import pathlib
import sys
import tempfile
import unittest

from cluster import Cluster
from volume import Volume

FOLDER = pathlib.Path()
PROGRAM = MODEL = DATA = None


class Compiled(unittest.TestCase):
    def test_the_compiled_pipeline_is_the_committed_one(self):
        from kfp import compiler
        with tempfile.TemporaryDirectory() as folder:
            made = pathlib.Path(folder, "pipeline.yaml")
            compiler.Compiler().compile(pipeline.loop, str(made))
            self.assertEqual(made.read_text(), (FOLDER / "pipeline.yaml").read_text(),
                             "run examples/kubeflow/pipeline.py and commit what it writes")

    def test_it_is_as_large_as_it_should_be(self):
        text = (FOLDER / "pipeline.yaml").read_text()
        for name in ("attack", "harden", "gate", "promote"):
            self.assertIn(f"executorLabel: exec-{name}", text)
        self.assertEqual(text.count("schemaVersion: 2.1.0"), 1)
        self.assertIn("sdkVersion: kfp-2.17.0", text)
        self.assertNotIn("pip install", text, "the image has what it needs")


class OnThisMachine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "home/bin").mkdir(parents=True)
        (self.root / "home/bin/redoubt").symlink_to(PROGRAM)
        (self.root / "home/loop").symlink_to(FOLDER / "loop")
        self.volume = Volume(self.root, MODEL, DATA)
        self.stable = self.volume.stable

    def run_loop(self, cluster, **changed):
        """Runs it, and gives the outputs of each step that ran, by its name."""
        from kfp import local
        os.environ.update({"REDOUBT_HOME": str(self.root / "home"), "KUBERNETES_API": cluster.address,
                           "NAMESPACE": "models"})
        local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(self.root / "outputs"))
        arguments = {"model": str(self.stable), "candidate": str(self.root / "models/fashion/candidate-pipeline/model.pt"),
                     "models": str(self.root / "models"), "data": str(self.volume.data), "images": str(self.volume.images),
                     "labels": str(self.volume.labels), "epochs": 1, "watch": 0.1, **changed}
        pipeline.loop(**arguments)
        # The runner's own word for success is no proof: what the steps wrote is.
        return {path.parent.name: json.loads(path.read_text())
                for path in (self.root / "outputs").glob("*/*/executor_output.json")}

    @staticmethod
    def value(outputs, step):
        return outputs[step]["parameterValues"]["Output"]

    def test_a_fragile_model_is_hardened_and_what_passes_serves(self):
        before = self.stable.read_bytes()
        with Cluster("Standard") as cluster:
            outputs = self.run_loop(cluster, max_clean_drop=0.4)  # so few images cost accuracy
            self.assertEqual(sorted(outputs), ["attack", "gate", "harden", "promote"])
            self.assertLess(self.value(outputs, "attack"), 0.1)
            self.assertEqual(self.value(outputs, "gate"), "promote")
            self.assertEqual(self.value(outputs, "promote"), "promoted")
            self.assertEqual(cluster.patches[0]["spec"]["canary"][0]["trafficPercent"], 10)
        candidate = self.root / "models/fashion/candidate-pipeline/model.pt"
        self.assertEqual(self.stable.read_bytes(), candidate.read_bytes())
        self.assertEqual(self.stable.with_name("model.pt.previous").read_bytes(), before)

    def test_a_model_that_is_robust_enough_is_left_alone(self):
        with Cluster("Standard") as cluster:
            outputs = self.run_loop(cluster, robust_enough=0.0)
            self.assertEqual(sorted(outputs), ["attack"])
            self.assertEqual(cluster.patches, [])

    def test_what_the_gate_refuses_is_not_promoted(self):
        before = self.stable.read_bytes()
        with Cluster("Standard") as cluster:
            outputs = self.run_loop(cluster, eps=0.0005, robust_enough=1.1)  # where nothing can be gained
            self.assertEqual(sorted(outputs), ["attack", "gate", "harden"])
            self.assertEqual(self.value(outputs, "gate"), "refuse")
            self.assertEqual(cluster.patches, [])
        self.assertEqual(self.stable.read_bytes(), before)


if __name__ == "__main__":
    arguments, sys.argv[1:] = sys.argv[1:], []
    FOLDER = pathlib.Path(arguments[0]).resolve()
    if len(arguments) == 4:
        PROGRAM, MODEL, DATA = (pathlib.Path(each).resolve() for each in arguments[1:])
    else:
        del OnThisMachine  # a test of its own, registered with the program
    sys.path.insert(0, str(FOLDER))
    import pipeline
    unittest.main()

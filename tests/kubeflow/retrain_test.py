"""From an event of degradation to the recovered model, with the program itself: it trains, judges, serves.

    retrain_test.py EXAMPLES_KUBEFLOW_FOLDER PROGRAM MODEL FASHION_MNIST_FOLDER

The cluster is the test's own (cluster.py): a TrainJob runs `redoubt train` with the arguments that its manifest has.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from cluster import Cluster
from volume import Volume

FOLDER = PROGRAM = MODEL = DATA = pathlib.Path()


def arguments_of(manifest):
    """A TrainJob's, as they are in its text."""
    return re.findall(r"^ +- (--\S+)$", manifest, re.MULTILINE)


class Server:
    """`redoubt serve` on a model file, for as long as the block lasts."""

    def __init__(self, model):
        self.process = subprocess.Popen([PROGRAM, "serve", f"--model={model}", "--name=fashion", "--shape=1,28,28",
                                         "--host=127.0.0.1", "--port=0", "--drain=0"], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"http://[\d.]+:\d+", line)
            if found:
                self.address = found.group()
                return
        raise AssertionError("the server did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.stderr.close()
        self.process.wait()

    def version(self):
        with urllib.request.urlopen(self.address + "/metrics", timeout=30) as answer:
            return float(re.search(r"^redoubt_model_version\{.*\} (\S+)", answer.read().decode(), re.MULTILINE).group(1))

    def reaches(self, version, seconds=60):
        end = time.monotonic() + seconds
        while self.version() != version and time.monotonic() < end:
            time.sleep(0.2)
        return self.version() == version


class Retraining(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.volume = Volume(self.root, MODEL, DATA)
        self.said = ""
        self.train_job = self.root / "train-job.yaml"
        manifest = (FOLDER / "base/train-job.yaml").read_text()
        self.train_job.write_text(manifest.replace("--data=/data", f"--data={self.volume.data}"))
        self.event = self.root / "event"
        self.event.write_text(json.dumps({"specversion": "1.0", "type": "io.redoubt.degradation.detected",
                                          "source": "redoubt-monitor", "id": "fashion-1"}))

    def trains(self, _name, manifest):
        done = subprocess.run([PROGRAM, "train", *arguments_of(manifest), "--epochs=1"], capture_output=True, text=True,
                              check=False)
        self.said = done.stderr
        return "Complete" if done.returncode == 0 else "Failed"

    def retrain(self, cluster, *flags):
        environment = {**os.environ, "KUBERNETES_API": cluster.address, "NAMESPACE": "models", "REDOUBT": str(PROGRAM)}
        return subprocess.run([sys.executable, str(FOLDER / "loop/retrain.py"), "--inference-service=fashion",
                               f"--models={self.root}/models", f"--event={self.event}", f"--train-job={self.train_job}",
                               f"--images={self.volume.images}", f"--labels={self.volume.labels}", "--gate-flag=--steps=10",
                               f"--broker={cluster.address}/broker", "--poll=0.2", "--watch=0.5", *flags],
                              env=environment, capture_output=True, text=True, check=False)

    def test_the_hardened_model_serves_in_the_end(self):
        with Cluster("Knative", on_train_job=self.trains) as cluster, Server(self.volume.stable) as server:
            self.assertEqual(server.version(), 1)
            done = self.retrain(cluster, "--gate-flag=--max-clean-drop=0.4")  # so few images cost accuracy
            self.assertEqual(done.returncode, 0, done.stderr + self.said)
            self.assertEqual([told["outcome"] for _, told in cluster.events], ["promoted"])
            self.assertTrue(server.reaches(2), "the server did not take the promoted model in")
        (verdict,) = self.root.glob("models/fashion/candidate-*/verdict.json")
        verdict = json.loads(verdict.read_text())
        self.assertEqual(verdict["verdict"], "promote")
        self.assertGreater(verdict["candidate"]["robust_accuracy"], verdict["baseline"]["robust_accuracy"] + 0.1)

    def test_a_refused_model_never_serves(self):
        with Cluster("Standard", on_train_job=self.trains) as cluster, Server(self.volume.stable) as server:
            done = self.retrain(cluster, "--gate-flag=--max-clean-drop=0", "--gate-flag=--min-robust-gain=1")
            self.assertEqual(done.returncode, 3, done.stderr + self.said)
            self.assertEqual([told["outcome"] for _, told in cluster.events], ["refused"])
            self.assertEqual(cluster.patches, [])
            time.sleep(1.5)  # twice what it takes a server to notice
            self.assertEqual(server.version(), 1)


if __name__ == "__main__":
    FOLDER, PROGRAM, MODEL, DATA = (pathlib.Path(each).resolve() for each in sys.argv[1:])
    del sys.argv[1:]
    unittest.main()

"""What examples/kubeflow asks of the program, it has: flags, metrics that the Prometheus rules read, answers to traffic.

    program_test.py EXAMPLES_KUBEFLOW_FOLDER PROGRAM MODEL FASHION_MNIST_FOLDER
"""

import gzip
import pathlib
import re
import signal
import string
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import yaml

from cluster import Cluster
from walk import within

FOLDER = PROGRAM = MODEL = DATA = pathlib.Path()
CONTAINER = "/opt/redoubt/"


def manifests():
    return [path for path in sorted(FOLDER.glob("**/*.yaml"))
            if path.name not in ("kustomization.yaml", "pipeline.yaml", "prometheus-rules.yaml")]


def objects(path):
    text = path.read_text()
    if path.name == "train-job.yaml":
        text = string.Template(text).substitute(dict.fromkeys(("name", "service", "eps", "baseline", "candidate"), "x"))
    return [each for each in yaml.safe_load_all(text) if each]


def containers(thing):
    return within(thing, lambda each: "command" in each and "image" in each)


def flags(arguments):
    return {each.partition("=")[0] for each in arguments if each.startswith("--")}


def asked():
    """(file, subcommand or script, its flags) of all that the manifests run."""
    for path in manifests():
        for thing in objects(path):
            if thing["kind"] == "TrainJob":
                yield path.name, "train", flags(thing["spec"]["trainer"]["args"])
            if thing["kind"] == "InferenceService":
                yield path.name, "serve", flags(thing["spec"]["predictor"]["model"]["args"])
            for container in containers(thing):
                ours = [at for at, word in enumerate(container["command"]) if word.startswith(CONTAINER)]
                if ours:
                    command = container["command"][ours[0]:]
                    what = command[1] if len(command) > 1 else command[0].removeprefix(CONTAINER)
                    yield path.name, what, flags(container.get("args", []))


def help_of(what):
    command = [sys.executable, str(FOLDER / what)] if what.endswith(".py") else [str(PROGRAM), what]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{what} --help: {done.stderr}"
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", done.stdout))


class Flags(unittest.TestCase):
    def test_each_flag_in_a_manifest_is_one(self):
        seen = list(asked())
        self.assertEqual({what for _, what, _ in seen}, {"serve", "monitor", "train", "loop/retrain.py", "loop/alert.py"})
        for file, what, given in seen:
            with self.subTest(file, of=what):
                self.assertEqual(given - help_of(what), set())

    def test_those_that_the_scripts_give_the_gate_are_too(self):
        text = (FOLDER / "loop/retrain.py").read_text()
        command = text[text.index("command = [REDOUBT"):text.index("with subprocess.Popen")]
        given = set(re.findall(r'"(--[a-z-]+)=', command))
        self.assertIn("--verdict", given)
        self.assertEqual(given - help_of("gate"), set())


class Served(unittest.TestCase):
    """With the program's servers."""

    def started(self, what, *arguments):
        """The address of a server that is ready."""
        process = subprocess.Popen([str(PROGRAM), what, f"--model={MODEL}", "--name=fashion", "--shape=1,28,28",
                                    "--host=127.0.0.1", "--port=0", *arguments], stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.send_signal, signal.SIGTERM)
        for line in process.stderr:
            address = re.search(r"http://[\d.]+:\d+", line)
            if address:
                return address.group()
        self.fail(f"{what} did not start")

    def read(self, address, ready):
        end = time.monotonic() + 300
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(address + ready, timeout=30).close()
                with urllib.request.urlopen(address + "/metrics", timeout=30) as answer:
                    return answer.read().decode()
            except (urllib.error.HTTPError, urllib.error.URLError):
                time.sleep(0.5)
        self.fail(f"{address} is not ready")

    def data(self, what):
        (found,) = DATA.glob(f"t10k-{what}-idx?-ubyte*")
        return found

    def test_traffic_is_answered_and_labels_are_told(self):
        address = self.started("serve", "--drain=0")
        self.read(address, "/v2/health/ready")
        with tempfile.TemporaryDirectory() as folder, Cluster() as cluster:
            adversarial = f"{folder}/adversarial.pt"
            limited = f"{folder}/labels"
            text = gzip.decompress(self.data("labels").read_bytes())
            pathlib.Path(limited).write_bytes(text[:4] + (60).to_bytes(4, "big") + text[8:68])
            subprocess.run([PROGRAM, "attack", f"--model={MODEL}", f"--images={self.data('images')}",
                            f"--labels={self.data('labels')}", "--attack=fgsm", "--eps=0.1", "--limit=60",
                            f"--out={adversarial}"], check=True, capture_output=True)
            accuracies = []
            for images, labels in ((self.data("images"), self.data("labels")), (adversarial, limited)):
                done = subprocess.run([sys.executable, str(FOLDER / "loop/traffic.py"), f"--url={address}", "--name=fashion",
                                       f"--images={images}", f"--labels={labels}", f"--broker={cluster.address}/broker",
                                       "--count=60", "--every=60", "--rate=1000"], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                accuracies.append(float(done.stdout.split()[-1]))
            told = [event for headers, event in cluster.events if headers["Ce-Type"] == "io.redoubt.label"]
        self.assertGreater(accuracies[0], 0.8)
        self.assertLess(accuracies[1], 0.2)
        self.assertEqual(len(told), 120)
        self.assertEqual(len({event["id"] for event in told}), 120)
        self.assertEqual([event["label"] for event in told[:60]], list(text[8:68]))

    def test_metrics_in_the_rules_are_exported_under_their_labels(self):
        with tempfile.TemporaryDirectory() as state:
            text = self.read(self.started("serve", "--drain=0"), "/v2/health/ready")
            text += self.read(self.started("monitor", f"--reference-images={self.data('images')}",
                                           f"--reference-labels={self.data('labels')}", f"--state={state}"), "/readyz")
            self.doCleanups()
        series = re.findall(r"^(\w+)\{(.*)\} ", text, re.MULTILINE)
        exported = {name: set(re.findall(r"(\w+)=", labels)) for name, labels in series}
        rules = (FOLDER / "prometheus-rules.yaml").read_text()
        rules = "\n".join(line.partition("#")[0] for line in rules.splitlines())
        read = set(re.findall(r"\bredoubt_(?:monitor|model|log)\w+", rules))
        self.assertGreater(len(read), 5)
        self.assertEqual(read - exported.keys(), set())
        for name in read:
            self.assertIn("model_name", exported[name], name)
        self.assertLessEqual({"lambda", "incarnation"}, exported["redoubt_log_evidence_sum"])
        self.assertIn("evidence", exported["redoubt_monitor_alarms_total"])


if __name__ == "__main__":
    FOLDER, PROGRAM, MODEL, DATA = (pathlib.Path(each).resolve() for each in sys.argv[1:])
    del sys.argv[1:]
    unittest.main()

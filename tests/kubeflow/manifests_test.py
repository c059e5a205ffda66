"""The manifests beside the schemas of what they are, and beside each other.

    manifests_test.py EXAMPLES_KUBEFLOW_FOLDER SCHEMAS_FOLDER [KUBECTL]

Each file by itself; with kubectl, what `kubectl kustomize` makes of each overlay, too.
"""

import copy
import pathlib
import re
import shutil
import string
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import yaml

from cluster import merge
from schemas import Schemas
from walk import within

FOLDER = pathlib.Path()
SCHEMAS = None
KUBECTL = None
BY_HAND = {"name": "by-hand", "service": "fashion", "eps": "0.1", "baseline": "/models/fashion/stable/model.pt",
           "candidate": "/models/fashion/candidate-by-hand/model.pt"}


class StrictLoader(yaml.SafeLoader):
    """YAML's own rule that keys differ, which the loader does not check."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key} comes twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def objects(text):
    return [each for each in yaml.load_all(text, Loader=StrictLoader) if each]


def manifests():
    """All files of Kubernetes objects, by path."""
    return [path for path in sorted(FOLDER.glob("**/*.yaml"))
            if path.name not in ("kustomization.yaml", "pipeline.yaml", "prometheus-rules.yaml")]


def read(path):
    text = path.read_text()
    return objects(string.Template(text).substitute(BY_HAND) if path.name == "train-job.yaml" else text)


def pods(thing):
    """All pod specs in an object, wherever they are."""
    return within(thing, lambda each: isinstance(each.get("containers"), list))


class EachFile(unittest.TestCase):
    def test_fits_its_schemas(self):
        self.assertGreater(len(manifests()), 12)
        for path in manifests():
            for thing in read(path):
                with self.subTest(path.name, kind=thing.get("kind")):
                    self.assertEqual(SCHEMAS.complaints(thing), [])
                    if thing["kind"] == "JobSink":  # whose schema takes any Job
                        job = {**thing["spec"]["job"], "metadata": {"name": "x"}}
                        self.assertEqual(SCHEMAS.complaints(job), [])

    def test_begins_by_saying_what_it_is(self):
        for path in sorted(FOLDER.glob("**/*.yaml")):
            if path.name != "pipeline.yaml":  # which a compiler writes
                self.assertRegex(path.read_text(), r"\A# [A-Z].{30}", path)

    def test_runs_as_nobody_with_no_rights(self):
        for path in manifests():
            for thing in read(path):
                for pod in pods(thing):
                    if path.name == "benchmark-job.yaml":
                        continue  # builds and installs, as root
                    for container in pod["containers"]:
                        with self.subTest(path.name, container=container["name"]):
                            rights = {**pod.get("securityContext", {}), **container["securityContext"]}
                            self.assertTrue(rights["runAsNonRoot"])
                            self.assertEqual(rights["runAsUser"], 65532)
                            self.assertFalse(rights["allowPrivilegeEscalation"])
                            self.assertEqual(rights["capabilities"], {"drop": ["ALL"]})
                            self.assertIn("limits", container["resources"])
                            self.assertIn("command", container, "the images have no ENTRYPOINT")


class Rendered(unittest.TestCase):
    """What an overlay gives an API server."""

    def render(self, folder):
        done = subprocess.run([KUBECTL, "kustomize", str(folder)], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return objects(done.stdout)

    def setUp(self):
        if KUBECTL is None:
            self.fail("give kubectl as the third argument")

    def test_every_overlay_fits_its_schemas(self):
        for mode in ("Knative", "Standard"):
            things = self.render(FOLDER / "overlays" / mode.lower())
            for thing in things:
                with self.subTest(mode, kind=thing["kind"], name=thing["metadata"]["name"]):
                    self.assertEqual(SCHEMAS.complaints(thing), [])
            (service,) = (each for each in things if each["kind"] == "InferenceService")
            self.assertEqual(service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"], mode)
            self.check_references(things)

    def check_references(self, things):
        """What one object names is there, in the same namespace."""
        there = {(each["kind"], each["metadata"]["name"]) for each in things}
        (namespace,) = (name for kind, name in there if kind == "Namespace")
        for thing in things:
            if thing["kind"] not in ("Namespace", "ClusterServingRuntime", "ClusterTrainingRuntime"):
                self.assertEqual(thing["metadata"].get("namespace"), namespace, thing["metadata"]["name"])
            text = yaml.dump(thing)
            for pattern, kind in [(r"claimName: (\S+)", "PersistentVolumeClaim"), (r"pvc://([^/\s]+)", "PersistentVolumeClaim"),
                                  (r"serviceAccountName: (\S+)", "ServiceAccount"), (r"broker: (\S+)", "Broker"),
                                  (r"broker-ingress\.knative-eventing\.svc\.cluster\.local/redoubt/(\S+)", "Broker"),
                                  (r"configMap:\s+name: (\S+)", "ConfigMap")]:
                for name in re.findall(pattern, text):
                    self.assertIn((kind, name), there, thing["metadata"]["name"])
            for pod in pods(thing):
                for container in pod["containers"]:
                    self.assertRegex(container["image"], r"^[\w./-]+:[\w.]+$", "an image without its version")
            self.assertNotRegex(text, r"svc\.cluster\.local/(?!redoubt/redoubt)\w", "another namespace or broker")
        (config,) = (each for each in things if each["kind"] == "ConfigMap")
        (job,) = objects(string.Template(config["data"]["train-job.yaml"]).substitute(BY_HAND))
        self.assertIn((job["spec"]["runtimeRef"]["kind"], job["spec"]["runtimeRef"]["name"]), there)
        self.check_monitors(things)

    def check_monitors(self, things):
        """As many Triggers as monitors, each to its own, all of the same events; and each monitor knows how many they are."""
        (monitor,) = (each for each in things if each["kind"] == "StatefulSet")
        count = monitor["spec"]["replicas"]
        environment = monitor["spec"]["template"]["spec"]["containers"][0]["env"]
        self.assertIn({"name": "REPLICAS", "value": str(count)}, environment)
        triggers = [each["spec"] for each in things if each["kind"] == "Trigger" and "uri" in each["spec"]["subscriber"]]
        self.assertEqual(sorted(each["subscriber"]["uri"] for each in triggers), [
            f"http://redoubt-monitor-{number}.redoubt-monitor.redoubt.svc.cluster.local:8080/" for number in range(count)])
        for each in triggers:
            self.assertEqual(each["filters"], triggers[0]["filters"])

    def test_four_monitors_and_their_alarm(self):
        for mode in ("knative", "standard"):
            folder = FOLDER / "overlays" / mode
            plain = (folder / "kustomization.yaml").read_text()
            self.assertIn("# components: [../../components/four-monitors, ../../components/pooled-alarm]", plain)
        with tempfile.TemporaryDirectory() as copied:
            shutil.copytree(FOLDER, f"{copied}/kubeflow")
            kustomization = pathlib.Path(copied, "kubeflow/overlays/knative/kustomization.yaml")
            kustomization.write_text(plain.replace("# components:", "components:"))
            things = self.render(kustomization.parent)
        for thing in things:
            self.assertEqual(SCHEMAS.complaints(thing), [])
        self.assertEqual(sum(each["kind"] == "Trigger" for each in things), 5)
        self.check_references(things)


class Canaries(unittest.TestCase):
    """The canaries by hand are what promote.py makes."""

    def patched(self, mode):
        (service,) = read(FOLDER / "base/inference-service.yaml")
        service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] = mode
        service["metadata"]["namespace"] = "redoubt"
        with mock.patch.object(kube, "patch", lambda _, change: merge(service, change)), \
                mock.patch.object(kube, "request", lambda *_: service), mock.patch.object(kube, "namespace", lambda: "redoubt"):
            promote.canary_of(promote.Service("fashion"), service).begin(service, "candidate-by-hand", 10)
        service["metadata"]["annotations"].pop(promote.STABLE, None)
        return service

    def test_they_are(self):
        for mode in ("Standard", "Knative"):
            (by_hand,) = read(FOLDER / f"canary/{mode.lower()}.yaml")
            self.assertEqual(by_hand, self.patched(mode))
            self.assertEqual(SCHEMAS.complaints(self.patched(mode)), [])


class TheCheckItself(unittest.TestCase):
    """Mistakes that people make are found."""

    def wrong(self, file, change):
        (thing, *_) = read(FOLDER / file)
        thing = copy.deepcopy(thing)
        change(thing)
        return "\n".join(SCHEMAS.complaints(thing))

    def test_mistakes_are_found(self):
        def misspelt(job):
            job["spec"]["trainer"]["comand"] = ["x"]

        def of_another_type(job):
            job["spec"]["trainer"]["numNodes"] = "2"

        def against_a_rule(job):
            job["spec"]["trainer"]["numProcPerNode"] = 0

        def in_a_pod(monitor):
            monitor["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"

        def in_a_container(service):
            service["spec"]["predictor"]["model"]["enviroment"] = []

        self.assertIn("comand", self.wrong("base/train-job.yaml", misspelt))
        self.assertIn("numNodes", self.wrong("base/train-job.yaml", of_another_type))
        self.assertIn("numProcPerNode", self.wrong("base/train-job.yaml", against_a_rule))
        self.assertIn("imagePullPolice", self.wrong("base/monitor.yaml", in_a_pod))
        self.assertIn("enviroment", self.wrong("base/inference-service.yaml", in_a_container))
        self.assertIn("no schema", self.wrong("base/broker.yaml", lambda each: each.update(kind="Borker")))

    def test_a_key_that_comes_twice_is_found(self):
        with self.assertRaises(yaml.YAMLError):
            objects("a: 1\na: 2\n")


if __name__ == "__main__":
    arguments, sys.argv[1:] = sys.argv[1:], []
    if len(arguments) == 3:
        KUBECTL = arguments.pop()
    else:
        del Rendered  # its own test, registered where kubectl is
    sys.path.insert(0, str(pathlib.Path(arguments[0], "loop")))
    import kube
    import promote
    FOLDER, SCHEMAS = pathlib.Path(arguments[0]).resolve(), Schemas(arguments[1])
    unittest.main()

"""What is said in two places is said alike: versions in the Dockerfile and the sources, alerts in the rules and the docs.
And the images are what clusters ask of one.

    repository_test.py REPOSITORY
"""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path()


def instructions():
    """Each with its arguments, lines joined, without comments."""
    text = (ROOT / "examples/kubeflow/Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def stages():
    """Of each stage its instructions, by its name."""
    found, name = {}, None
    for word, rest in instructions():
        if word == "FROM":
            name = rest.rpartition(" ")[2]
            found[name] = []
        elif name:
            found[name].append((word, rest))
    return found


def argument(name):
    (value,) = {rest.partition("=")[2] for word, rest in instructions() if word == "ARG" and rest.startswith(name + "=")}
    return value


class Image(unittest.TestCase):
    def test_versions_are_those_of_the_sources(self):
        (torch,) = re.findall(r"set\(redoubt_torch_version (\S+)\)", (ROOT / "cmake/versions.cmake").read_text())
        self.assertEqual(argument("TORCH"), torch)
        (cudart,) = re.findall(r"nvidia-cuda-runtime==(\d+\.\d+)", (ROOT / "cmake/versions.cmake").read_text().partition(
            "redoubt_nvrtc_version")[0])
        self.assertEqual(argument("CUDA"), cudart)
        (kfp,) = re.findall(r"^kfp==(\S+)$", (ROOT / "tests/kubeflow/requirements-pipeline.txt").read_text(), re.MULTILINE)
        self.assertEqual(argument("KFP"), kfp)
        (ours,) = re.findall(r'version = "(\S+)"', (ROOT / "include/redoubt/core/version.hpp").read_text())
        for name in ("program", "trainer"):
            labels = dict(re.findall(r'(\S+)="([^"]*)"', dict(stages()[name])["LABEL"]))
            self.assertEqual(labels["org.opencontainers.image.version"], ours)
        comment = (ROOT / "examples/kubeflow/Dockerfile").read_text()
        self.assertEqual(set(re.findall(r"pytorch/pytorch:([\d.]+)-cuda([\d.]+)", comment)), {(torch, cudart)})

    def test_both_run_as_nobody_and_without_an_entrypoint(self):
        self.assertEqual(list(stages()), ["build", "program", "trainer"])
        for name in ("program", "trainer"):
            words = [word for word, _ in stages()[name]]
            self.assertNotIn("ENTRYPOINT", words)
            self.assertIn(("USER", "65532:0"), stages()[name])
            self.assertLess(max(at for at, word in enumerate(words) if word == "RUN"), words.index("USER"))
            self.assertEqual(words[-1], "CMD")
            self.assertTrue(dict(stages()[name])["CMD"].startswith('["'), "a shell would be process 1")

    def test_nothing_comes_in_by_address(self):
        for word, rest in instructions():
            self.assertNotEqual(word, "ADD")
            self.assertNotRegex(rest, r"https?://|curl|wget|(?i:password|token|secret)")


class Docs(unittest.TestCase):
    def setUp(self):
        self.text = (ROOT / "docs/kubeflow.md").read_text()

    def test_each_alert_is_explained_and_no_other(self):
        rules = (ROOT / "examples/kubeflow/prometheus-rules.yaml").read_text()
        explained = re.findall(r"^\| (Redoubt\w+) \|", self.text, re.MULTILINE)
        self.assertEqual(re.findall(r"- alert: (\w+)", rules), explained)

    def test_files_that_are_named_are_there(self):
        named = re.findall(r"`((?:base/|canary/|loop/|overlays/|components/)?[\w./-]+\.(?:yaml|py))`", self.text)
        named += re.findall(r"\bexamples/kubeflow/[\w./-]+\w", self.text)
        self.assertGreater(len(named), 10)
        for name in named:
            path = ROOT / (name if name.startswith("examples/") else f"examples/kubeflow/{name}")
            self.assertTrue(path.exists() or (ROOT / "tests/data/kube" / name).exists(), name)


if __name__ == "__main__":
    ROOT = pathlib.Path(sys.argv.pop()).resolve()
    unittest.main()

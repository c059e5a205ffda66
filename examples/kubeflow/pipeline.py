#!/usr/bin/env python3
"""The loop as a Kubeflow pipeline: attack, harden, gate, and promote what passed.

    python3 pipeline.py            # writes pipeline.yaml beside it; needs kfp and kfp-kubernetes 2.17.0

Each step is one command of the container's program. A step is a Python function all the same, as a gate's refusal is an
exit code and the program prints what becomes a metric; and as what runs on a cluster runs on a laptop then, in kfp's
SubprocessRunner. The image has kfp, so nothing is installed when a step starts.

REDOUBT_HOME names where bin/redoubt and loop/promote.py are; on a cluster that is /opt/redoubt.
"""

import pathlib

from kfp import compiler, dsl, kubernetes

IMAGE = "ghcr.io/redoubt/redoubt-trainer:0.1"
component = dsl.component(base_image=IMAGE, install_kfp_package=False)


@component
def attack(model: str, images: str, labels: str, eps: float, limit: int, metrics: dsl.Output[dsl.Metrics]) -> float:
    """How the model that serves fares under PGD: its robust accuracy."""
    import json
    import os
    import subprocess

    program = os.environ.get("REDOUBT_HOME", "/opt/redoubt") + "/bin/redoubt"
    done = subprocess.run([program, "evaluate", f"--model={model}", f"--images={images}", f"--labels={labels}",
                           "--attack=pgd", "--norm=linf", f"--eps={eps}", f"--limit={limit}", "--json"],
                          check=True, stdout=subprocess.PIPE, text=True)
    report = json.loads(done.stdout)
    for name in ("clean_accuracy", "robust_accuracy"):
        metrics.log_metric(name, report[name])
    return report["robust_accuracy"]


@component
def harden(model: str, data: str, eps: float, epochs: int, candidate: str, metrics: dsl.Output[dsl.Metrics]) -> str:
    """Adversarial training, from the model that serves to the file `candidate`, which is what it returns."""
    import json
    import os
    import pathlib
    import subprocess

    program = os.environ.get("REDOUBT_HOME", "/opt/redoubt") + "/bin/redoubt"
    pathlib.Path(candidate).parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([program, "train", f"--data={data}", f"--model={model}", f"--out={candidate}", "--attack=pgd",
                           "--norm=linf", f"--eps={eps}", f"--epochs={epochs}", "--json"],
                          check=True, stdout=subprocess.PIPE, text=True)
    report = json.loads(done.stdout)
    for name, value in report["epochs"][-1].items():
        metrics.log_metric(name, value)
    return candidate


@component
def gate(candidate: str, baseline: str, images: str, labels: str, eps: float, limit: int, max_clean_drop: float,
         metrics: dsl.Output[dsl.Metrics]) -> str:
    """Whether the candidate may replace the baseline: promote or refuse. A refusal is no failure of the step."""
    import json
    import os
    import subprocess

    program = os.environ.get("REDOUBT_HOME", "/opt/redoubt") + "/bin/redoubt"
    done = subprocess.run([program, "gate", f"--candidate={candidate}", f"--baseline={baseline}", f"--images={images}",
                           f"--labels={labels}", "--attack=pgd", "--norm=linf", f"--eps={eps}", f"--limit={limit}",
                           f"--max-clean-drop={max_clean_drop}", "--json"], check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"redoubt gate ended with {done.returncode}: {done.stdout}")
    report = json.loads(done.stdout)
    for who in ("candidate", "baseline"):
        for name in ("clean_accuracy", "robust_accuracy"):
            metrics.log_metric(f"{who}_{name}", report[who][name])
    return report["verdict"]


@component
def promote(candidate: str, inference_service: str, models: str, percent: int, watch: float) -> str:
    """A canary, then all traffic (promoted) or back (rolled back)."""
    import os
    import subprocess
    import sys

    script = os.environ.get("REDOUBT_HOME", "/opt/redoubt") + "/loop/promote.py"
    done = subprocess.run([sys.executable, script, f"--inference-service={inference_service}", f"--candidate={candidate}",
                           f"--models={models}", f"--percent={percent}", f"--watch={watch}", f"--poll={min(10, watch)}"],
                          check=False)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"promote.py ended with {done.returncode}")
    return "promoted" if done.returncode == 0 else "rolled back"


def on_volumes(task):
    """Models and data lie on volumes, not in the artifact store: what serves looks at the volume. And a step is run anew
    each time: the paths stay the same while the files in them do not."""
    kubernetes.mount_pvc(task, pvc_name="redoubt-models", mount_path="/models")
    kubernetes.mount_pvc(task, pvc_name="redoubt-data", mount_path="/data")
    return task.set_caching_options(False)


@dsl.pipeline(name="redoubt-loop", description="Attack the served model, harden it, and promote what passes the gate")
def loop(inference_service: str = "fashion", model: str = "/models/fashion/stable/model.pt",
         candidate: str = "/models/fashion/candidate-pipeline/model.pt", models: str = "/models", data: str = "/data",
         images: str = "/data/t10k-images-idx3-ubyte.gz", labels: str = "/data/t10k-labels-idx1-ubyte.gz",
         eps: float = 0.1, epochs: int = 12, limit: int = 2000, max_clean_drop: float = 0.06,
         percent: int = 10, watch: float = 600.0, robust_enough: float = 0.5):
    """Nothing is trained where the model that serves is robust enough already."""
    attacked = on_volumes(attack(model=model, images=images, labels=labels, eps=eps, limit=limit))
    with dsl.If(attacked.outputs["Output"] < robust_enough, name="fragile"):
        hardened = on_volumes(harden(model=model, data=data, eps=eps, epochs=epochs, candidate=candidate))
        hardened.set_cpu_request("4").set_memory_request("4Gi")
        verdict = on_volumes(gate(candidate=hardened.outputs["Output"], baseline=model, images=images, labels=labels, eps=eps,
                                  limit=limit, max_clean_drop=max_clean_drop))
        with dsl.If(verdict.outputs["Output"] == "promote", name="passed"):
            on_volumes(promote(candidate=hardened.outputs["Output"], inference_service=inference_service, models=models,
                               percent=percent, watch=watch))


if __name__ == "__main__":
    compiler.Compiler().compile(loop, str(pathlib.Path(__file__).with_name("pipeline.yaml")))

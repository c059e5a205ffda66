#!/usr/bin/env python3
"""From an event of degradation to the recovered model: the Job that the JobSink runs for each such event.

    retrain.py --inference-service fashion --train-job /etc/redoubt/train-job.yaml --images F --labels F --eps 0.1

A TrainJob hardens the model that is served, `redoubt gate` measures the result beside it on data that neither was trained
on, and promote.py takes it to the traffic. What came of it is told to the broker (io.redoubt.retraining.finished).

One retraining of a model at a time, and none within --cool-down of the last: of several events about the same
degradation (from several replicas, or delivered twice) the first is worked on. A Job that is started anew goes on where
the one before it was.

Exit: 0 promoted, or nothing to do; 1 the work failed and may be tried again; 3 refused; 4 the training failed.
"""

import argparse
import filecmp
import hashlib
import json
import os
import pathlib
import string
import subprocess
import sys
import time
import urllib.request

import kube
import promote

REDOUBT = os.environ.get("REDOUBT", "/opt/redoubt/bin/redoubt")
JOBS = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/{}/trainjobs"


def train(name, manifest, alive, poll):
    """Creates the TrainJob unless it is there, and waits for its end. Whether it succeeded."""
    jobs = JOBS.format(kube.namespace())
    try:
        kube.request("POST", jobs, manifest, "application/yaml")
        print(f"created TrainJob {name}", flush=True)
    except kube.Conflict:
        print(f"TrainJob {name} is there already", flush=True)
    while True:
        job = kube.request("GET", f"{jobs}/{name}")
        if job is None or kube.condition(job, "Failed"):
            return False
        if kube.condition(job, "Complete"):
            return True
        alive()
        time.sleep(poll)


def passes_gate(chosen, candidate, baseline, alive):
    """Asks `redoubt gate`; the verdict is kept beside the candidate."""
    command = [REDOUBT, "gate", f"--candidate={candidate}", f"--baseline={baseline}", f"--images={chosen.images}",
               f"--labels={chosen.labels}", "--attack=pgd", "--norm=linf", f"--eps={chosen.eps}",
               f"--verdict={candidate.with_name('verdict.json')}", *chosen.gate_flag]
    with subprocess.Popen(command) as running:
        while running.poll() is None:
            alive()
            try:
                running.wait(chosen.poll)
            except subprocess.TimeoutExpired:
                pass
    if running.returncode not in (0, 3):
        raise RuntimeError(f"redoubt gate ended with {running.returncode}")
    return running.returncode == 0


def tell(broker, name, model, outcome):
    """An io.redoubt.retraining.finished event, for the monitors."""
    headers = {"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Type": "io.redoubt.retraining.finished",
               "Ce-Source": "redoubt-retrain", "Ce-Id": name, "Ce-Time": kube.now().isoformat()}
    body = json.dumps({"model": model, "outcome": outcome}).encode()
    urllib.request.urlopen(urllib.request.Request(broker, body, headers), timeout=30).close()


def retrain(chosen, name, lease):
    """The outcome: promoted, refused or failed."""
    stable = promote.Service(chosen.inference_service).folder(chosen.models) / "model.pt"
    candidate = stable.parent.parent / f"candidate-{name}" / "model.pt"
    candidate.parent.mkdir(exist_ok=True)
    manifest = string.Template(pathlib.Path(chosen.train_job).read_text()).substitute(
        name=name, service=chosen.inference_service, baseline=stable, candidate=candidate, eps=chosen.eps)
    if not train(name, manifest, lease.renew, chosen.poll):
        return "failed"
    in_place = stable.exists() and filecmp.cmp(candidate, stable, shallow=False)  # by a pod that died before it said so
    if not in_place and not passes_gate(chosen, candidate, stable, lease.renew):
        return "refused"
    chosen.candidate = candidate
    return "promoted" if promote.promote(chosen, lease.renew) else "refused"


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    promote.add_flags(flags)
    flags.add_argument("--event", default="/etc/jobsink-event/event", help="the CloudEvent, JSON")
    flags.add_argument("--train-job", required=True, help="manifest with $name, $service, $baseline, $candidate, $eps")
    flags.add_argument("--images", required=True, help="held-out data, for the gate")
    flags.add_argument("--labels", required=True)
    flags.add_argument("--eps", default="0.1")
    flags.add_argument("--gate-flag", action="append", default=[], help="another flag for redoubt gate; may be repeated")
    flags.add_argument("--broker", required=True, help="address that the outcome is POSTed to")
    flags.add_argument("--cool-down", type=int, default=1800, help="seconds without a retraining after one [1800]")
    chosen = flags.parse_args()
    promote.check_flags(flags, chosen)

    event = json.loads(pathlib.Path(chosen.event).read_text())
    name = "redoubt-" + hashlib.sha256(f"{event['source']} {event['id']}".encode()).hexdigest()[:12]
    lease = kube.Lease(f"redoubt-retrain-{chosen.inference_service}", name)
    state = lease.acquire()
    if state == "taken":
        print(f"{chosen.inference_service} is being retrained: nothing to do", flush=True)
        return 0  # whose outcome the monitors will be told
    if state == "resting":
        print(f"{chosen.inference_service} was retrained less than --cool-down ago: nothing is done", flush=True)
        tell(chosen.broker, name, chosen.inference_service, "refused")  # or they would wait for an outcome
        return 0
    outcome = retrain(chosen, name, lease)
    tell(chosen.broker, name, chosen.inference_service, outcome)
    lease.end(chosen.cool_down)
    print(outcome, flush=True)
    return {"promoted": 0, "refused": 3, "failed": 4}[outcome]


if __name__ == "__main__":
    sys.exit(main())

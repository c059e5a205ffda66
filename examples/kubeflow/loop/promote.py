#!/usr/bin/env python3
"""Takes a candidate that a gate let through to an InferenceService: a canary first, then all traffic, or back.

    promote.py --inference-service fashion --candidate /models/fashion/candidate-1/model.pt

The InferenceService serves pvc://CLAIM/FOLDER, mounted here under --models; its servers look at FOLDER/model.pt and take a
new file in while they serve. So what is promoted is the file, and the InferenceService ends as it began, as the
manifests in the repository have it:
  1. the canary: a share of the traffic goes to a server of the candidate's own folder;
  2. for --watch seconds it must be ready, and --refuse-if, a PromQL expression, must find nothing;
  3. promoted: the candidate is put in model.pt's place (what was there is kept as model.pt.previous);
  4. either way the canary ends.
Exit: 0 promoted, 1 the work failed, 2 wrong usage, 3 refused and rolled back.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys
import time
import urllib.parse
import urllib.request

import kube

CLAIM = "pvc://"
STABLE = "redoubt.io/stable"  # an annotation, for whoever goes on with a canary that another began


class Service:
    """An InferenceService, by name."""

    def __init__(self, name):
        self.path = f"/apis/serving.kserve.io/v1beta1/namespaces/{kube.namespace()}/inferenceservices/{name}"
        self.name = name

    def get(self):
        found = kube.request("GET", self.path)
        if found is None:
            raise RuntimeError(f"there is no InferenceService {self.name} in namespace {kube.namespace()}")
        return found

    def folder(self, models):
        """Where the volume has the stable model, seen from here."""
        uri = stable_uri(self.get())
        if not uri.startswith(CLAIM):
            raise RuntimeError(f"{self.name} serves {uri}; a model file can only be put in place on a volume ({CLAIM}...)")
        return pathlib.Path(models, uri[len(CLAIM):].partition("/")[2])


def stable_uri(found):
    """What the InferenceService serves, or served before a canary took the place of its storageUri."""
    noted = found["metadata"].get("annotations", {}).get(STABLE)
    return noted or found["spec"]["predictor"]["model"]["storageUri"]


def candidate_uri(found, folder_name):
    """The URI of the folder of that name beside the stable one."""
    return stable_uri(found).rstrip("/").rpartition("/")[0] + "/" + folder_name


class StandardCanary:
    """Deployments without Knative: an entry of spec.canary, beside the predictor."""

    def __init__(self, service):
        self.service = service

    def begin(self, found, folder_name, percent):
        model = {"name": "kserve-container", **found["spec"]["predictor"]["model"],  # the CRD asks for a name here
                 "storageUri": candidate_uri(found, folder_name)}
        predictor = {**found["spec"]["predictor"], "name": folder_name, "model": model, "minReplicas": 1}
        for autoscaled in ("maxReplicas", "scaleTarget", "scaleMetric"):  # which a canary may not be
            predictor.pop(autoscaled, None)
        self.name = folder_name
        kube.patch(self.service.path, {"spec": {"canary": [{"predictor": predictor, "trafficPercent": percent}]}})

    def ready(self):
        statuses = self.service.get().get("status", {}).get("canaryStatuses", [])
        return any(each.get("name") == self.name and each.get("ready") for each in statuses)

    def end(self, _wait):
        kube.patch(self.service.path, {"spec": {"canary": None}})


class KnativeCanary:
    """Revisions: the newest gets canaryTrafficPercent, the one that was rolled out before it the rest."""

    def __init__(self, service):
        self.service = service

    def begin(self, found, folder_name, percent):
        self.stable = stable_uri(found)
        self.serve(candidate_uri(found, folder_name), percent, self.stable)

    def serve(self, uri, percent, stable):
        """One change, as each makes a revision: the annotation is part of it."""
        found = self.service.get()
        changes = found["spec"]["predictor"]["model"]["storageUri"] != uri
        self.before = self.revisions(found).get("latestCreatedRevision") if changes else None
        kube.patch(self.service.path, {
            "metadata": {"annotations": {STABLE: stable}},
            "spec": {"predictor": {"canaryTrafficPercent": percent, "model": {"storageUri": uri}}}})

    @staticmethod
    def revisions(found):
        return found.get("status", {}).get("components", {}).get("predictor", {})

    def ready(self):
        now = self.revisions(self.service.get())
        newest = now.get("latestCreatedRevision")
        return newest != self.before and newest == now.get("latestReadyRevision")

    def end(self, wait):
        # In this order: were the percentage dropped first, all traffic would go to the candidate, the newest that is ready.
        kube.patch(self.service.path, {"spec": {"predictor": {"canaryTrafficPercent": 0}}})
        self.serve(self.stable, 0, None)
        if not wait(self.ready):
            raise RuntimeError(f"{self.service.name}: the stable model's new revision is not ready; no traffic goes to the "
                               "candidate. When it is ready, remove spec.predictor.canaryTrafficPercent")
        kube.patch(self.service.path, {"spec": {"predictor": {"canaryTrafficPercent": None}}})


def canary_of(service, found):
    mode = found["metadata"].get("annotations", {}).get("serving.kserve.io/deploymentMode")
    mode = mode or found.get("status", {}).get("deploymentMode", "Knative")
    return (StandardCanary if mode in ("Standard", "RawDeployment") else KnativeCanary)(service)


def finds(prometheus, expression):
    """Whether Prometheus finds anything; no Prometheus, no answer: an error, not a pass."""
    address = prometheus.rstrip("/") + "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(address, timeout=30) as answer:
        return bool(json.load(answer)["data"]["result"])


def put_in_place(candidate, stable):
    """The candidate becomes the file `stable`: whole at once, and what was there stays as .previous."""
    waiting = stable.with_name(stable.name + ".new")
    shutil.copyfile(candidate, waiting)
    with open(waiting, "rb") as written:
        os.fsync(written.fileno())
    if stable.exists():
        previous = stable.with_name(stable.name + ".previous")
        previous.unlink(missing_ok=True)
        os.link(stable, previous)
    os.replace(waiting, stable)


def promote(chosen, alive=lambda: None):
    """Whether the candidate serves now. `alive` is called now and then."""
    service = Service(chosen.inference_service)
    candidate = pathlib.Path(chosen.candidate)
    stable = service.folder(chosen.models) / "model.pt"
    if candidate.parent.parent != stable.parent.parent or candidate.name != "model.pt":
        raise RuntimeError(f"--candidate {candidate}: a canary serves a folder beside {stable.parent}, with model.pt in it")
    found = service.get()
    canary = canary_of(service, found)

    def wait(holds):
        end = time.monotonic() + chosen.timeout
        while time.monotonic() < end:
            if holds():
                return True
            alive()
            time.sleep(chosen.poll)
        return False

    why = ""
    try:
        canary.begin(found, candidate.parent.name, chosen.percent)
        if not wait(canary.ready):
            why = f"the canary was not ready within {chosen.timeout:g} s"
        end = time.monotonic() + chosen.watch
        while not why and time.monotonic() < end:
            alive()
            time.sleep(min(chosen.poll, chosen.watch))
            if not canary.ready():
                why = "the canary is ready no longer"
            elif chosen.refuse_if and finds(chosen.prometheus, chosen.refuse_if):
                why = f"Prometheus finds {chosen.refuse_if}"
        if not why:
            put_in_place(candidate, stable)
    finally:
        canary.end(wait)
    print(f"rolled back: {why}" if why else f"promoted {candidate}", flush=True)
    return not why


def add_flags(flags):
    flags.add_argument("--inference-service", required=True)
    flags.add_argument("--models", default="/models", help="where the volume of models is mounted [/models]")
    flags.add_argument("--percent", type=int, default=10, help="the canary's share of the traffic [10]")
    flags.add_argument("--watch", type=float, default=600, help="seconds that the canary is watched for [600]")
    flags.add_argument("--timeout", type=float, default=600, help="seconds until it must be ready [600]")
    flags.add_argument("--poll", type=float, default=10, help="seconds between two looks [10]")
    flags.add_argument("--prometheus", help="address that --refuse-if is asked of")
    flags.add_argument("--refuse-if", help="PromQL: a canary under which this finds anything is rolled back")


def check_flags(flags, chosen):
    if bool(chosen.prometheus) != bool(chosen.refuse_if):
        flags.error("--prometheus and --refuse-if belong together")
    if not 1 <= chosen.percent <= 99:
        flags.error(f"--percent: 1 to 99, got {chosen.percent}")


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(flags)
    flags.add_argument("--candidate", required=True, help="its model.pt, in a folder beside the one that is served")
    chosen = flags.parse_args()
    check_flags(flags, chosen)
    return 0 if promote(chosen) else 3


if __name__ == "__main__":
    sys.exit(main())

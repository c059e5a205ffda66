"""As much of a cluster as the loop's scripts meet: an API server with merge patches, conflicts and 404s, controllers that
react to what is written, and a broker. Reacts at once, so that tests take no time.
"""

import http.server
import json
import re
import threading

PREFIX = "/apis/serving.kserve.io/v1beta1/namespaces/models/inferenceservices/"
JOBS = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/models/trainjobs"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/models/leases"


def merge(target, change):
    """RFC 7396."""
    for key, value in change.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            target[key] = merge(target.get(key) if isinstance(target.get(key), dict) else {}, value)
        else:
            target[key] = value
    return target


def inference_service(mode):
    return {"metadata": {"name": "fashion", "annotations": {"serving.kserve.io/deploymentMode": mode}},
            "spec": {"predictor": {"minReplicas": 1, "maxReplicas": 3, "model": {
                "runtime": "redoubt", "storageUri": "pvc://redoubt-models/fashion/stable"}}},
            "status": {"components": {"predictor": {"latestCreatedRevision": "r0", "latestReadyRevision": "r0"}}}}


class Cluster(http.server.ThreadingHTTPServer):
    """`things` by path; `patches` and `events` as they came; `on_train_job` decides the outcome of a TrainJob."""

    def __init__(self, mode="Standard", on_train_job=lambda name, text: "Complete", canary_gets_ready=True):
        self.things = {PREFIX + "fashion": inference_service(mode)}
        self.patches, self.events, self.bodies, self.found = [], [], [], []
        self.on_train_job, self.canary_gets_ready = on_train_job, canary_gets_ready
        self.lock, self.versions = threading.Lock(), 0
        super().__init__(("127.0.0.1", 0), Api)
        self.address = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def service(self):
        return self.things[PREFIX + "fashion"]

    @property
    def lease(self):
        return self.things[LEASES + "/redoubt-retrain-fashion"]

    def write(self, path, thing):
        self.versions += 1
        thing["metadata"]["resourceVersion"] = str(self.versions)
        self.things[path] = thing
        return thing

    def patch(self, path, change):
        before = self.things[path]["spec"]["predictor"]["model"]["storageUri"]
        self.patches.append(change)
        thing = self.write(path, merge(self.things[path], change))
        status = thing["status"]
        status["canaryStatuses"] = [{"name": each["predictor"]["name"], "ready": self.canary_gets_ready}
                                    for each in thing["spec"].get("canary", [])]
        now = thing["spec"]["predictor"]["model"]["storageUri"]
        if now != before:
            revisions = status["components"]["predictor"]
            revisions["latestCreatedRevision"] = f"r{self.versions}"
            if self.canary_gets_ready or now.endswith("/stable"):
                revisions["latestReadyRevision"] = f"r{self.versions}"
        return thing

    def create(self, path, body, is_yaml):
        if is_yaml:  # only a TrainJob comes as YAML
            name = re.search(r"^  name: (\S+)$", body, re.MULTILINE).group(1)
            thing = {"metadata": {"name": name}, "text": body}
        else:
            thing = json.loads(body)
            name = thing["metadata"]["name"]
        if f"{path}/{name}" in self.things:
            return None
        if path == JOBS:
            threading.Thread(target=self.run, args=(thing, name, body)).start()
        return self.write(f"{path}/{name}", thing)

    def run(self, job, name, manifest):
        """A TrainJob, to its end."""
        outcome = self.on_train_job(name, manifest)
        with self.lock:
            job["status"] = {"conditions": [{"type": outcome, "status": "True"}]}

    def replace(self, path, thing):
        wanted = thing["metadata"].pop("resourceVersion", None)
        if wanted and wanted != self.things[path]["metadata"]["resourceVersion"]:
            return None
        return self.write(path, thing)


class Api(http.server.BaseHTTPRequestHandler):
    def answer(self, code, thing):
        data = json.dumps(thing).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def text(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()

    def do_GET(self):
        with self.server.lock:
            if self.path.startswith("/api/v1/query"):  # Prometheus
                self.answer(200, {"data": {"result": self.server.found}})
            elif self.path in self.server.things:
                self.answer(200, self.server.things[self.path])
            else:
                self.answer(404, {})

    def do_POST(self):
        body = self.text()
        with self.server.lock:
            if self.path == "/broker":
                self.server.events.append((dict(self.headers), json.loads(body)))
                self.answer(202, {})
                return
            self.server.bodies.append(body)
            made = self.server.create(self.path, body, self.headers["Content-Type"] == "application/yaml")
            self.answer(201 if made else 409, made or {})

    def do_PUT(self):
        thing = json.loads(self.text())
        with self.server.lock:
            made = self.server.replace(self.path, thing)
            self.answer(200 if made else 409, made or {})

    def do_PATCH(self):
        change = json.loads(self.text())
        assert self.headers["Content-Type"] == "application/merge-patch+json"
        with self.server.lock:
            self.answer(200, self.server.patch(self.path, change))

    def log_message(self, *_):
        pass

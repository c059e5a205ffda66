"""The few calls to the Kubernetes API that the loop makes, with Python's own library: no package to install or to pin.

In a pod it speaks as the pod's service account. KUBERNETES_API names another address, such as that of `kubectl proxy`.
"""

import datetime
import json
import os
import pathlib
import ssl
import urllib.error
import urllib.request

ACCOUNT = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Conflict(Exception):
    """What was to be created is there, or what was to be replaced has changed (409)."""


def namespace():
    """The pod's own; NAMESPACE names another."""
    return os.environ.get("NAMESPACE") or (ACCOUNT / "namespace").read_text()


def request(method, path, body=None, content_type="application/json"):
    """The answer as an object, or None where there is no such thing (404). `body`: an object, or text as it is."""
    address = os.environ.get("KUBERNETES_API")
    headers, context = {"Content-Type": content_type}, None
    if not address:
        address = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
        headers["Authorization"] = "Bearer " + (ACCOUNT / "token").read_text()  # read each time: it is renewed
        context = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
    data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    asked = urllib.request.Request(address + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=30, context=context) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404 and method == "GET":
            return None
        if error.code == 409:
            raise Conflict(path) from error
        raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')[:500]}") from error


def patch(path, change):
    """Merges `change` into what is at the path; None removes a field."""
    return request("PATCH", path, change, "application/merge-patch+json")


def condition(thing, kind):
    """Whether the object's condition of that kind is True."""
    found = (thing or {}).get("status", {}).get("conditions", [])
    return any(each["type"] == kind and each["status"] == "True" for each in found)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


class Lease:
    """One retraining of a model at a time, and none for a while after it: a coordination.k8s.io Lease.

    It survives the pod: whoever died holding it is taken over from when his time is up, and the same holder, in a pod
    started anew, goes on at once.
    """

    def __init__(self, name, holder, seconds=60):
        self.collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace()}/leases"
        self.name, self.holder, self.seconds = name, holder, seconds

    def acquire(self):
        """ours, taken (another has it), or resting (the last one ended a short while ago)."""
        try:
            held = request("GET", f"{self.collection}/{self.name}")
            if held is None:
                request("POST", self.collection, self.body(self.holder, self.seconds))
                return "ours"
            spec = held["spec"]
            until = datetime.datetime.fromisoformat(spec["renewTime"].replace("Z", "+00:00"))
            until += datetime.timedelta(seconds=spec["leaseDurationSeconds"])
            holder = spec.get("holderIdentity", "")
            if holder != self.holder and until > now():
                return "taken" if holder else "resting"
            self.write(self.holder, self.seconds, held["metadata"]["resourceVersion"])
            return "ours"
        except Conflict:  # of two who ask at once the API server refuses the second
            return "taken"

    def renew(self):
        self.write(self.holder, self.seconds)

    def end(self, cool_down):
        """Nobody's, and not to be had for so many seconds."""
        self.write("", max(1, cool_down))

    def write(self, holder, seconds, version=None):
        request("PUT", f"{self.collection}/{self.name}", self.body(holder, seconds, version))

    def body(self, holder, seconds, version=None):
        metadata = {"name": self.name, **({"resourceVersion": version} if version else {})}
        spec = {"holderIdentity": holder, "leaseDurationSeconds": seconds,
                "renewTime": now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}

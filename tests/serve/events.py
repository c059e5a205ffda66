"""Drives `redoubt monitor` with the CloudEvents SDK: events as KServe's payload logger sends them, labels, and what is reported.

    events.py PROGRAM MODEL FASHION_MNIST_FOLDER

JSON and raw bodies, binary and structured mode; the monitor is killed (-9) half way and goes on; then every label is wrong, and the
one event that it reports is read by the SDK.
"""

import http.client
import http.server
import json
import pathlib
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

import numpy
from clients import idx
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent, from_http

NAME = "fashion"
REFERENCE = 900


class Monitor:
    """The monitor, once it is ready; it can be killed and started again on the same port and state."""

    def __init__(self, command):
        self.command = [str(part) for part in command]
        self.port = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen([*self.command, "--port", str(self.port)], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "http://" in line:
                self.port = int(line.rsplit(":", 1)[1].split("/")[0])
            if ": ready: " in line or "/v2" in line:
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return
        sys.exit("the monitor did not become ready")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def post(self, headers, body, route="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", route, body, dict(headers))
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, (answer.status, said)

    def status(self, until=lambda status: True):
        """What the monitor knows, once it knows enough: it works on what it was sent on a thread of its own."""
        for _ in range(1800):  # beside a server it works only while the processor is free
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            connection.request("GET", "/status")
            status = json.loads(connection.getresponse().read())
            if until(status):
                return status
            time.sleep(0.1)
        raise AssertionError(status)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=20) == 0


class Sink(http.server.BaseHTTPRequestHandler):
    events = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Sink.events.put(from_http(dict(self.headers), body))
        self.send_response(202)
        self.end_headers()

    def log_message(self, *_):
        pass


def attributes(kind, identity):
    return {"type": kind, "source": "http://localhost:9081/", "id": identity}


def logged(image, identity, raw):
    """A request as KServe's agent logs it: the body as it came; its header in the metadata, where it was told to keep it."""
    tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "FP32"}
    of = {**attributes("org.kubeflow.serving.inference.request", identity), "inferenceservicename": NAME,
          "namespace": "default", "component": "predictor", "endpoint": ""}
    if not raw:
        body = json.dumps({"inputs": [{**tensor, "data": image.flatten().tolist()}]}).encode()
        return to_binary(CloudEvent({**of, "datacontenttype": "application/json"}, body))
    header = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": image.nbytes}}]}).encode()
    if raw == "kept":
        of["metadata"] = json.dumps({"Inference-Header-Content-Length": [str(len(header))]})
    return to_binary(CloudEvent(of, header + image.tobytes()))


def write_reference(folder, pixels, labels):
    files = folder / "images", folder / "labels"
    files[0].write_bytes(struct.pack(">IIII", 0x803, REFERENCE, 28, 28) + pixels[:REFERENCE * 784].tobytes())
    files[1].write_bytes(struct.pack(">II", 0x801, REFERENCE) + labels[:REFERENCE].tobytes())
    return files


def check_beside_the_server(program, model, reference, targets, images, labels):
    """`serve --monitor`: requests are seen as they are answered, labels come by the id in the request."""
    monitor = Monitor([program, "serve", "--model", model, "--name", NAME, "--host", "127.0.0.1", "--monitor",
                       "--reference-images", reference, "--reference-labels", targets])
    for i in range(50):
        tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "FP32", "data": images[i].flatten().tolist()}
        monitor.post({}, json.dumps({"id": f"s{i}", "inputs": [tensor]}), f"/v2/models/{NAME}/infer")
    monitor.post({}, json.dumps([{"id": f"s{i}", "label": int(labels[i])} for i in range(50)]), "/labels")
    seen = monitor.status(lambda now: now["ready"] and now["labels"]["matched"] == 50)
    assert seen["requests"] == 50 and seen["errors"] <= 15, seen
    connection = http.client.HTTPConnection("127.0.0.1", monitor.port, timeout=20)
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read()
    for name in (b"request_predict_seconds_count", b"redoubt_log_evidence_sum", b"redoubt_monitor_skipped_total"):
        assert name in metrics, name
    monitor.end()


def main(program, model, dataset):
    _, pixels = idx(dataset, "t10k-images", 16)
    _, labels = idx(dataset, "t10k-labels", 8)
    images = pixels.reshape(-1, 1, 28, 28).astype(numpy.float32) / 255
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        reference, targets = write_reference(folder, pixels, labels)
        monitor = Monitor([program, "monitor", "--model", model, "--name", NAME, "--host", "127.0.0.1", "--reference-images", reference,
                           "--reference-labels", targets, "--state", folder / "state", "--sink",
                           f"http://127.0.0.1:{sink.server_address[1]}/"])
        forms = (None, "kept", "found")
        for i in range(300):
            monitor.post(*logged(images[REFERENCE + i], f"r{i}", forms[i % 3]))
        monitor.status(lambda now: now["requests"] == 300)
        label = lambda i, wrong=0: {"id": f"r{i}", "label": (int(labels[REFERENCE + i]) + wrong) % 10}
        for i in range(100):
            monitor.post(*to_structured(CloudEvent(attributes("io.redoubt.label", f"l{i}"), label(i))))
        monitor.post({}, json.dumps([label(i) for i in range(100, 200)]), "/labels")
        before = monitor.status(lambda now: now["labels"]["matched"] == 200)
        assert before["evidence"]["labelled"]["alarms"] == 0, before

        monitor.kill()
        monitor.start()
        after = monitor.status()
        assert after["evidence"]["labelled"]["statistic"] == before["evidence"]["labelled"]["statistic"], (before, after)
        for i in range(200, 300):  # labels of requests from before the restart, all wrong
            monitor.post(*to_binary(CloudEvent(attributes("io.redoubt.label", f"l{i}"), label(i, wrong=1))))
        event = Sink.events.get(timeout=20)
        assert event["type"] == "io.redoubt.degradation.detected" and event["subject"] == NAME, event
        assert event["source"] == "/redoubt/monitor" and event["id"].startswith(f"{NAME}-"), event
        assert event.data["evidence"]["labelled"]["statistic"] >= 1e6, event.data
        assert event.data["cause"] in ("unknown", "shift", "attack") and event.data["error_rate"] > event.data["error_limit"]
        last = monitor.status(lambda now: now["evidence"]["labelled"]["seen"] == 300)
        assert last["reported"] == 1 and last["retraining_in_flight"] and Sink.events.empty(), last
        monitor.end()
        check_beside_the_server(program, model, reference, targets, images[REFERENCE:], labels[REFERENCE:])
        print(f"detected after {event.data['evidence']['labelled']['seen'] - 200} labels, cause {event.data['cause']}")


if __name__ == "__main__":
    main(*sys.argv[1:])

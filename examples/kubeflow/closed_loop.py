"""The closed loop out of process: serve, monitor, a broker and a training job, each a process of its own.

    closed_loop.py --program redoubt --data FASHION_MNIST_FOLDER [--report DIR] [--kill]

What `redoubt loop` does in one process, this does with the parts that run in a cluster: `redoubt serve` answers requests in the
Open Inference Protocol; what KServe's agent would log goes as CloudEvents through a broker to `redoubt monitor`; an FGSM attack
with the gradient of the served file begins; the monitor's event starts a job that trains (`redoubt train`), gates and promotes
(`redoubt gate --promote-to`); the server swaps the file, and accuracy comes back. This script is the cluster: it starts the
processes, restarts what dies, as Kubernetes would, and is the traffic. With --kill each process is killed (-9) once.

Python's standard library alone. Ends with report.json as `redoubt loop` writes it, and the page that `redoubt report` draws.
"""

import argparse
import atexit
import collections
import http.client
import http.server
import json
import os
import pathlib
import queue
import random
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

from loop import traffic

NAME = "fashion"
SHAPE = (1, 28, 28)
PIXELS = 28 * 28
DETECTED = "io.redoubt.degradation.detected"
SUSPECTED = "io.redoubt.degradation.suspected"
REQUEST = "org.kubeflow.serving.inference.request"


# ---------------------------------------------------------------------------------------------------------------- data


def read_idx(folder, name):
    """The items of the data set's file of that name: images, or labels of one byte."""
    return traffic.idx(sorted(p for p in pathlib.Path(folder).iterdir() if p.name.startswith(name))[0])


def write_images(path, images):
    path.write_bytes(struct.pack(">IIII", 0x803, len(images), 28, 28) + b"".join(images))


def write_labels(path, labels):
    path.write_bytes(struct.pack(">II", 0x801, len(labels)) + b"".join(labels))


def split(data, folder):
    """Disjoint parts, as `redoubt loop` has them: to learn from (training holds out the last 1,000), for the monitor, for the gate."""
    images, labels = read_idx(data, "train-images"), read_idx(data, "train-labels")
    learn = folder / "learn"
    learn.mkdir(parents=True, exist_ok=True)
    for directory, image_file, label_file, first, end in (
            (learn, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 0, 51000),
            (folder, "reference-images", "reference-labels", 51000, 60000),
            (folder, "gate-images", "gate-labels", 57000, 60000)):
        write_images(directory / image_file, images[first:end])
        write_labels(directory / label_file, labels[first:end])
    images, labels = read_idx(data, "t10k-images"), read_idx(data, "t10k-labels")
    write_images(folder / "test-images", images)
    write_labels(folder / "test-labels", labels)
    floats = struct.Struct(f"<{PIXELS}f")
    return [floats.pack(*(pixel / 255 for pixel in image)) for image in images], [label[0] for label in labels]


# --------------------------------------------------------------------------------------------------------------- broker


class Broker(http.server.BaseHTTPRequestHandler):
    """Takes events by POST and delivers them by type: degradations become jobs, all else goes to the monitor.

    Acknowledges what has been delivered, so that nothing is lost when it is killed: senders repeat what was not acknowledged.
    """

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        structured = self.headers.get("Content-Type", "").startswith("application/cloudevents+json")
        event = json.loads(body) if structured else {}
        kind = event.get("type") or self.headers.get("ce-type")
        if kind in (DETECTED, SUSPECTED):
            # One file an id: an event that comes twice is one job.
            target = pathlib.Path(self.server.jobs) / f"{kind}-{event['id']}.json"
            staged = target.with_suffix(f".{uuid.uuid4()}")
            staged.write_bytes(body)
            staged.rename(target)
            status = 202
        else:
            status = self.forward(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def forward(self, body):
        keep = {k: v for k, v in self.headers.items() if k.lower().startswith("ce-") or k.lower() == "content-type"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.server.monitor, body, keep), timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 503

    def log_message(self, *_):
        pass


def run_broker(port, monitor, jobs):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Broker)
    server.daemon_threads = True
    server.monitor, server.jobs = monitor, jobs
    server.serve_forever()


# -------------------------------------------------------------------------------------------------------------- cluster


def free_port():
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        return server.server_address[1]


def give_up(why):
    """Ends the calling thread, and by a signal to the main one the loop."""
    print(why, file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    sys.exit()


class Deployment:
    """A process that is started again when it dies."""

    def __init__(self, name, command, ready, logs):
        self.name, self.command, self.ready = name, [str(c) for c in command], ready
        self.log = open(logs / f"{name}.log", "ab")
        self.starts = 0
        self.stopping = False
        self.lock = threading.Lock()
        atexit.register(self.stop)  # whatever ends the loop, nothing of it stays behind
        self.start()
        threading.Thread(target=self.watch, daemon=True).start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        self.starts += 1

    def watch(self):
        while not self.stopping:
            self.process.wait()
            with self.lock:
                if not self.stopping and self.process.poll() is not None:
                    if self.starts > 10:
                        give_up(f"{self.name} died {self.starts} times; see {self.log.name}")
                    self.start()

    def wait_until_ready(self, timeout=180):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(self.ready, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError as error:
                if isinstance(error, urllib.error.HTTPError) and error.code in (404, 501):
                    return  # there, and has no such page
            time.sleep(0.05)
        sys.exit(f"{self.name} was not ready within {timeout} s; see {self.log.name}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)

    def stop(self):
        if self.stopping:
            return
        with self.lock:
            self.stopping = True
            self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Job(threading.Thread):
    """What the degradation event sets off: train, gate and promote, tell the monitor. A step that is killed is run again."""

    def __init__(self, plan, event):
        super().__init__(daemon=True)
        self.plan, self.event = plan, event
        self.killed = not plan.kill
        self.outcome = None

    def run(self):
        plan = self.plan
        candidate = plan.folder / "hardened.pt"
        train = [plan.program, "train", "--data", plan.folder / "learn", "--out", candidate, "--attack", "pgd",
                 "--eps", plan.eps, "--step", 1.4 * plan.eps / 2, "--steps", 2, "--epochs", plan.hardened_epochs,
                 "--lr", 8e-3, "--averaging", 0.999, "--seed", plan.seed, "--checkpoint", plan.folder / "checkpoint"]
        self.repeat("train", train, (0,), self.kill_once)
        baseline = plan.folder / "baseline.pt"  # the gate compares with what serves, and puts the candidate in its place
        shutil.copy(plan.served, baseline)
        gate = [plan.program, "gate", "--candidate", candidate, "--baseline", baseline, "--images",
                plan.folder / "gate-images", "--labels", plan.folder / "gate-labels", "--attack", "pgd", "--eps", plan.eps,
                "--step", plan.eps / 4, "--steps", 20, "--seed", plan.seed, "--promote-to", plan.served, "--verdict",
                plan.folder / "verdict.json"]
        code = self.repeat("gate", gate, (0, 3))
        self.outcome = "promoted" if code == 0 else "refused"
        plan.agent.post(event_of("io.redoubt.retraining.finished", json.dumps({"outcome": self.outcome}).encode()))

    def repeat(self, name, command, right, meanwhile=None):
        for attempt in range(5):
            with open(self.plan.logs / f"{name}.log", "ab") as log:
                process = subprocess.Popen([str(c) for c in command], stdout=log, stderr=log)
                atexit.register(process.kill)
                if meanwhile:
                    meanwhile(process)
                code = process.wait()
            if code in right:
                return code
        give_up(f"{name} failed with {code}; see {self.plan.logs / name}.log")

    def kill_once(self, process):
        checkpoint = self.plan.folder / "checkpoint" / "checkpoint.pt"
        while not self.killed and process.poll() is None:
            if checkpoint.exists():
                process.send_signal(signal.SIGKILL)
                self.killed = True
                self.plan.say("killed the training after an epoch")
            time.sleep(0.2)


# -------------------------------------------------------------------------------------------------------------- traffic


def event_of(kind, data, identity=None, extensions=()):
    headers = {"ce-specversion": "1.0", "ce-id": identity or str(uuid.uuid4()), "ce-source": "/closed-loop",
               "ce-type": kind, "Content-Type": "application/json", **dict(extensions)}
    return headers, data


class Agent(threading.Thread):
    """What KServe's agent is beside a server: passes events on in order, on a thread of its own, and repeats what was not taken."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self.broker = broker
        self.events = queue.Queue()
        self.start()

    def post(self, event):
        self.events.put(event)

    def run(self):
        connection = http.client.HTTPConnection(self.broker, timeout=30)
        while True:
            headers, body = self.events.get()
            while True:
                try:
                    connection.request("POST", "/", body, headers)
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status < 500:
                        break
                except (OSError, http.client.HTTPException):
                    connection.close()
                time.sleep(0.2)
            self.events.task_done()


class Client:
    """Sends one request after the other and counts what comes back; a request is repeated until it is answered."""

    def __init__(self, plan, labels):
        self.plan, self.labels = plan, labels
        self.connection = http.client.HTTPConnection(plan.server, timeout=30)
        self.random = random.Random(plan.seed)
        self.position = 0
        self.repeated = self.dropped = 0
        self.unlabelled = collections.deque()
        self.recent = collections.deque(maxlen=plan.window)
        self.series = []
        self.version = 1
        self.attacked_labels = 0
        header = {"inputs": [{"name": "images", "shape": [1, *SHAPE], "datatype": "FP32",
                              "parameters": {"binary_data_size": 4 * PIXELS}}],
                  "parameters": {"binary_data_output": True}}
        self.header = json.dumps(header).encode()

    def infer(self, body):
        """The logits; None where no answer came within a minute."""
        headers = {"Inference-Header-Content-Length": str(len(self.header))}
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                self.connection.request("POST", f"/v2/models/{NAME}/infer", body, headers)
                answer = self.connection.getresponse()
                data = answer.read()
                if answer.status == 200:
                    size = int(answer.headers["Inference-Header-Content-Length"])
                    self.version = int(json.loads(data[:size])["model_version"])
                    return struct.unpack("<10f", data[size:])
            except (OSError, http.client.HTTPException):
                self.connection.close()
            self.repeated += 1
            time.sleep(0.05)
        self.dropped += 1
        return None

    def send(self, images, attacked):
        """A request of a random sample, the event that is logged of it, and the label that falls due. Whether it was answered right."""
        row = self.random.randrange(len(images))
        body = self.header + images[row]
        logits = self.infer(body)
        right = logits is not None and logits.index(max(logits)) == self.labels[row]
        identity = f"{self.plan.run}-{self.position}"
        metadata = json.dumps({"Inference-Header-Content-Length": [str(len(self.header))]})
        self.plan.agent.post(event_of(REQUEST, body, identity, {"ce-metadata": metadata, "Content-Type": "application/octet-stream"}))
        self.unlabelled.append((identity, self.labels[row], attacked))
        if len(self.unlabelled) > self.plan.label_delay:
            known, label, of_attack = self.unlabelled.popleft()
            self.plan.agent.post(event_of("io.redoubt.label", json.dumps({"id": known, "label": label}).encode()))
            self.attacked_labels += of_attack
        self.recent.append(right)
        if (self.position + 1) % 25 == 0 and len(self.recent) == self.plan.window:
            self.series.append({"request": self.position, "accuracy": sum(self.recent) / self.plan.window,
                                "model": min(self.version, 2)})
        self.position += 1
        return right

    def settle(self):
        """Waits until the monitor has been told of everything and has looked at it: it is then asked what it makes of it."""
        self.plan.agent.events.join()
        while self.plan.status()["waiting"]:
            time.sleep(0.002)


# ------------------------------------------------------------------------------------------------------------- the loop


class Plan:
    def __init__(self, arguments):
        self.program = shutil.which(arguments.program) or sys.exit(f"there is no program {arguments.program}; name the one you built")
        self.folder = pathlib.Path(arguments.report)
        self.logs = self.folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.jobs = self.folder / "jobs"
        shutil.rmtree(self.jobs, ignore_errors=True)
        shutil.rmtree(self.folder / "checkpoint", ignore_errors=True)
        shutil.rmtree(self.folder / "monitor", ignore_errors=True)
        self.jobs.mkdir()
        self.served = self.folder / "served.pt"
        self.data, self.seed, self.kill, self.eps = arguments.data, arguments.seed, arguments.kill, arguments.eps
        self.standard_epochs, self.hardened_epochs = arguments.standard_epochs, arguments.epochs
        self.clean_requests, self.after_requests = arguments.requests, arguments.requests // 3
        self.window, self.label_delay = 200, 50
        self.run = uuid.uuid4().hex[:8]
        self.seconds, self.lap_began = {}, time.monotonic()

    def say(self, text):
        print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)

    def lap(self, phase):
        now = time.monotonic()
        self.seconds[phase], self.lap_began = now - self.lap_began, now

    def redoubt(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments), "--json"], capture_output=True)
        if done.returncode:
            sys.exit(f"redoubt {arguments[0]} failed: {done.stdout.decode()}")
        return json.loads(done.stdout)

    def versions(self):
        listed = self.redoubt("detect", "--list")
        return {"redoubt": listed["version"], "LibTorch": listed["torch"], "Python": sys.version.split()[0]}

    def attack(self, model, out):
        """The whole test set, attacked through the model's own gradient."""
        self.redoubt("attack", "--model", model, "--images", self.folder / "test-images", "--labels",
                     self.folder / "test-labels", "--attack", "fgsm", "--eps", self.eps, "--out", out)
        return traffic.tensor(out, self.test_samples)

    def measure(self, model):
        def robust(*attack):
            return self.redoubt("evaluate", "--model", model, "--images", self.folder / "test-images", "--labels",
                                self.folder / "test-labels", *attack)
        weak = robust("--attack", "fgsm", "--eps", self.eps)
        hard = robust("--attack", "pgd", "--eps", self.eps, "--step", self.eps / 10, "--steps", 40, "--seed", self.seed)
        return {"clean": weak["clean_accuracy"], "fgsm": weak["robust_accuracy"], "pgd": hard["robust_accuracy"]}

    def status(self):
        with urllib.request.urlopen(f"http://{self.monitor_address}/status", timeout=10) as answer:
            return json.load(answer)


def start_processes(plan):
    ports = {name: free_port() for name in ("serve", "monitor", "broker")}
    plan.server = f"127.0.0.1:{ports['serve']}"
    plan.monitor_address = f"127.0.0.1:{ports['monitor']}"
    plan.broker = f"127.0.0.1:{ports['broker']}"
    shape = ",".join(map(str, SHAPE))
    serve = [plan.program, "serve", "--model", plan.served, "--name", NAME, "--shape", shape, "--host", "127.0.0.1",
             "--port", ports["serve"], "--max-delay", 0]
    monitor = [plan.program, "monitor", "--model", plan.served, "--name", NAME, "--shape", shape, "--host", "127.0.0.1",
               "--port", ports["monitor"], "--reference-images", plan.folder / "reference-images", "--reference-labels",
               plan.folder / "reference-labels", "--eps", plan.eps, "--sink", f"http://{plan.broker}/", "--state",
               plan.folder / "monitor"]
    broker = [sys.executable, __file__, "broker", "--port", ports["broker"], "--monitor",
              f"http://{plan.monitor_address}/", "--jobs", plan.jobs]
    parts = {"broker": Deployment("broker", broker, f"http://{plan.broker}/", plan.logs),
             "serve": Deployment("serve", serve, f"http://{plan.server}/v2/health/ready", plan.logs),
             "monitor": Deployment("monitor", monitor, f"http://{plan.monitor_address}/readyz", plan.logs)}
    for part in parts.values():
        part.wait_until_ready()
    plan.agent = Agent(plan.broker)
    return parts


def jobs_of(plan, kind):
    return sorted(plan.jobs.glob(f"{kind}-*.json"))


def serve_clean(plan, client, parts, images):
    """Clean traffic; with --kill each of the three processes dies once in the middle of it."""
    victims = dict(zip((plan.clean_requests // 4, plan.clean_requests // 2, 3 * plan.clean_requests // 4), parts)) if plan.kill else {}
    for _ in range(plan.clean_requests):
        if client.position in victims:
            plan.say(f"killing {victims[client.position]} at request {client.position}")
            parts[victims[client.position]].kill()
        client.send(images, attacked=False)
    for part in parts.values():
        part.wait_until_ready()
    client.settle()


def note_alarms(plan, client, before, found):
    """Where each kind of evidence first alarmed after the attack began, as the monitor tells."""
    evidence = plan.status()["evidence"]
    for kind, now in evidence.items():
        if now["alarms"] > before["evidence"][kind]["alarms"]:
            found.setdefault(kind, client.position - 1)


def serve_attacked(plan, client, images, before):
    """Until the degradation is reported. Positions of alarms, by evidence, and of the report."""
    found = {}
    end = client.position + 3000
    while not jobs_of(plan, DETECTED) and client.position < end:
        client.send(images, attacked=True)
        client.settle()
        note_alarms(plan, client, before, found)
    if jobs_of(plan, DETECTED):
        found[DETECTED] = client.position - 1
    return found


def harden(plan, client, images, before, found):
    """The job runs while requests go on; until the server says that another version answers, or the gate has refused."""
    (event,) = jobs_of(plan, DETECTED)
    job = Job(plan, json.loads(event.read_bytes()))
    job.start()
    while job.outcome is None or (job.outcome == "promoted" and client.version == client.first_version):
        client.send(images, attacked=True)
        if job.outcome is None and client.position % 10 == 0:
            note_alarms(plan, client, before, found)
        time.sleep(0.02)  # the job needs the processor more
    job.join()
    return job


def accuracy(client, images, count):
    return sum(client.send(images, attacked=True) for _ in range(count)) / count


def detectors(plan, before, after, found, client, labels_seen):
    def one(name, kind, key, position, acts, note):
        return {"name": name, "kind": kind, "acts": acts, "position": position,
                "labels_seen": labels_seen if acts else None, "false_alarms": before["evidence"][key]["alarms"], "note": note}
    return [one("e-SR", "labelled", "labelled", found.get(DETECTED), True,
                f"errors; at least {after['run_length']:,.0f} labels to a false alarm on average, guaranteed while the error rate "
                f"is at most {100 * after['error_limit']:.1f} %"),
            one("self-attack CUSUM", "label-free", "label_free", found.get("label_free"), False, "features and logits; calibrated, not guaranteed"),
            one("KS tests", "two-sample", "two_sample", found.get("two_sample"), False, "confidence, brightness and roughness of the last 200 requests")]


def gate_of(plan):
    path = plan.folder / "verdict.json"
    if not path.exists():
        return None
    verdict = json.loads(path.read_bytes())
    def side(of):
        return {part: {"value": of[f"{part}_accuracy"], "ci95": of[f"{part}_accuracy_ci95"]} for part in ("clean", "robust")}
    return {"verdict": verdict["verdict"], "reasons": verdict["reasons"], "candidate": side(verdict["candidate"]),
            "baseline": side(verdict["baseline"])}


def training_of(plan):
    """What the training printed for Katib: name=value lines, an epoch after the other."""
    points = []
    for line in (plan.logs / "train.log").read_text(errors="replace").splitlines():
        name, found, value = line.strip().partition("=")
        if found and name == "epoch":
            points.append({"epoch": float(value), "clean": None, "robust": None})
        elif found and points and name in ("clean_accuracy", "robust_accuracy"):
            points[-1][name.split("_")[0]] = float(value)
    return list({point["epoch"]: point for point in points}.values())


def run(plan):
    images, labels = split(plan.data, plan.folder)
    plan.test_samples = len(labels)
    plan.lap("splitting the data")
    standard = plan.folder / "standard.pt"
    plan.say("training the standard model")
    plan.redoubt("train", "--data", plan.folder / "learn", "--out", standard, "--attack", "none", "--epochs", plan.standard_epochs,
                 "--lr", 2e-3, "--averaging", 0, "--seed", plan.seed)
    plan.lap("training the standard model")
    shutil.copy(standard, plan.served)
    for log in plan.logs.iterdir():
        log.unlink()
    parts = start_processes(plan)
    plan.lap("starting the processes")
    client = Client(plan, labels)
    plan.say("serving, clean")
    serve_clean(plan, client, parts, images)
    before = plan.status()
    began = client.position
    plan.say("attacking what is served")
    adversarial = plan.attack(plan.served, plan.folder / "adversarial.pt")
    client.first_version = client.version
    found = serve_attacked(plan, client, adversarial, before)
    if DETECTED not in found:
        sys.exit("the degradation was not detected within 3,000 requests")
    labels_seen, noticed = client.attacked_labels, plan.status()
    plan.lap("serving the standard model")
    plan.say(f"detected at request {found[DETECTED]}, +{found[DETECTED] - began}; hardening while serving")
    training_began = client.position
    job = harden(plan, client, adversarial, before, found)
    training_ended = deployed = client.position
    plan.lap("hardening while serving")
    white_box = replayed = replay_began = None
    if job.outcome == "promoted":
        plan.say("the hardened model serves; attacking that")
        again = plan.attack(plan.served, plan.folder / "adversarial_again.pt")
        white_box = accuracy(client, again, plan.after_requests)
        replay_began = client.position
        replayed = accuracy(client, adversarial, plan.after_requests)
    client.settle()
    plan.lap("serving the hardened model")
    for part in parts.values():
        part.stop()
    plan.say("measuring on the test set")
    hardened = plan.folder / "hardened.pt"
    figures = {"standard": plan.measure(standard), "hardened": {**plan.measure(hardened), "auto_attack": None}}
    plan.lap("measuring on the test set")
    report = {"data_set": "Fashion-MNIST", "eps": plan.eps, **figures,
              "recovered": {"white_box": white_box, "replayed": replayed},
              "detection": {"attack_began_at": began, "flagged_at": found[DETECTED], "labels_seen": labels_seen,
                            "flagged_without_labels_at": found.get("label_free"),
                            "false_alarms": before["evidence"]["labelled"]["alarms"] + before["evidence"]["label_free"]["alarms"]},
              "detectors": detectors(plan, before, noticed, found, client, labels_seen), "gate": gate_of(plan),
              "training_began_at": training_began, "training_ended_at": training_ended, "replayed_clean": None,
              "replay_began_at": replay_began, "deployed_at": deployed if job.outcome == "promoted" else None,
              "requests": client.position, "dropped_requests": client.dropped, "repeated_requests": client.repeated,
              "starts": {name: part.starts for name, part in parts.items()}, "label_delay": plan.label_delay,
              "window": plan.window, "series": client.series, "training": training_of(plan), "seconds": plan.seconds,
              "versions": plan.versions(), "seed": plan.seed,
              "command": " ".join(["closed_loop.py", *sys.argv[1:]])}
    staged = plan.folder / "report.json.new"
    staged.write_text(json.dumps(report, indent=2) + "\n")
    staged.rename(plan.folder / "report.json")
    subprocess.run([plan.program, "report", "--from", plan.folder / "report.json", "--out", plan.folder], check=True)
    return 0 if job.outcome == "promoted" else 3


def main():
    if sys.argv[1:2] == ["broker"]:
        flags = argparse.ArgumentParser()
        flags.add_argument("broker")
        flags.add_argument("--port", type=int, required=True)
        flags.add_argument("--monitor", required=True)
        flags.add_argument("--jobs", required=True)
        chosen = flags.parse_args()
        return run_broker(chosen.port, chosen.monitor, chosen.jobs)
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--program", default="redoubt", help="the program that you built [redoubt]")
    flags.add_argument("--data", required=True, help="folder of Fashion-MNIST's four IDX files, gzipped or not")
    flags.add_argument("--report", default="redoubt-processes", help="folder for all that is made [redoubt-processes]")
    flags.add_argument("--kill", action="store_true", help="kill each process once")
    flags.add_argument("--eps", type=float, default=0.1)
    flags.add_argument("--seed", type=int, default=1)
    flags.add_argument("--requests", type=int, default=6000, help="clean requests before the attack [6000]")
    flags.add_argument("--standard-epochs", type=int, default=6)
    flags.add_argument("--epochs", type=int, default=12, help="of adversarial training [12]")
    # An exit that runs what was registered. And threads that wait for each other should not spin for long: several
    # processes share the cores here, and where they do a training took up to fifteen times as long.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    sys.exit(run(Plan(flags.parse_args())))


if __name__ == "__main__":
    main()

"""The pooled evidence in a real Prometheus, which is killed and started again in the middle; and, with an Alertmanager, its
way from the alarm to the broker.

    prometheus_live_test.py EXAMPLES_KUBEFLOW_FOLDER PROMETHEUS [ALERTMANAGER]

Three replicas (one HTTP server of this test's own) fall while healthy, stand still, rise under attack. While they stand
still Prometheus is killed, one replica goes for good and another begins anew from 0; another is out of reach for a
while during the rise. What the e-CUSUM is worth in the end is then exactly what the survivors rose, whenever Prometheus
looked.
"""

import http.server
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request

from cluster import Cluster

PROMETHEUS, ALERTMANAGER = "", None
FOLDER = pathlib.Path()


class Replicas(http.server.ThreadingHTTPServer):
    """/0, /1, ...: one replica's metrics each; a sum of None is answered with an error."""

    def __init__(self, sums):
        self.sums, self.incarnations = list(sums), ["a"] * len(sums)
        super().__init__(("127.0.0.1", 0), Page)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        number = int(self.path.strip("/"))
        value, incarnation = self.server.sums[number], self.server.incarnations[number]
        labels = f'model_name="fashion",lambda="1.25",incarnation="{incarnation}"'
        text = (f"redoubt_log_evidence_sum{{{labels}}} {value}\n"
                'redoubt_monitor_run_length{model_name="fashion"} 1e6\n'
                'redoubt_monitor_retraining_in_flight{model_name="fashion"} 0\n').encode()
        self.send_response(503 if value is None else 200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"" if value is None else text)

    def log_message(self, *_):
        pass


class Tool:
    """A program that says on which port of its own choice it listens; its log is in `folder`."""

    def __init__(self, folder, name, *command):
        self.path, self.command = pathlib.Path(folder, f"{name}.log"), command
        self.start()

    def start(self):
        self.log = open(self.path, "w")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(600):
            listens = re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)|on http://127\.0\.0\.1:(\d+)', self.path.read_text())
            if listens:
                self.port = listens.group(1) or listens.group(2)
                self.address = f"http://127.0.0.1:{self.port}"
                return
            time.sleep(0.1)
        self.kill()
        raise AssertionError(self.path.read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()


class Prometheus(Tool):
    """A Prometheus with the rules and its data in `folder`, which looks once a second."""

    def __init__(self, folder, replicas, alertmanager):
        self.folder = pathlib.Path(folder)
        rules = (FOLDER / "prometheus-rules.yaml").read_text()
        looks_every_second = rules.replace("interval: 15s", "interval: 1s").replace("offset 1s", "offset 500ms")
        (self.folder / "rules.yaml").write_text(looks_every_second)
        scrapes = [{"job_name": "redoubt-monitor", "metrics_path": f"/{number}",
                    "static_configs": [{"targets": [f"127.0.0.1:{replicas.server_port}"],
                                        "labels": {"replica": str(number)}}]} for number in range(len(replicas.sums))]
        for number, job in enumerate(scrapes):
            job["job_name"] += f"-{number}"
        told = [f"127.0.0.1:{alertmanager.port}"] if alertmanager else []
        (self.folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"], "scrape_configs": scrapes,
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": told}]}]}}))
        super().__init__(folder, "prometheus", PROMETHEUS, f"--config.file={folder}/prometheus.yml",
                         f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:0")

    def ask(self, expression):
        """The values of an instant query, by replica or bet."""
        address = f"{self.address}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(address, timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
        return [float(each["value"][1]) for each in found]

    def wait_for(self, expression, wanted, seconds=30):
        """Until the query gives what is wanted; fails with what it gave last."""
        end, got = time.monotonic() + seconds, None
        while time.monotonic() < end:
            try:
                got = self.ask(expression)
            except OSError:
                got = None  # not serving yet
            if got is not None and wanted(got):
                return got
            time.sleep(0.2)
        raise AssertionError(f"{expression}: still {got} after {seconds} s\n" + self.path.read_text()[-2000:])


SUMS = "sort(redoubt:log_evidence_sum)"
E_CUSUM = 'redoubt:log_e_cusum{lambda="1.25"}'


class PooledEvidence(unittest.TestCase):
    def test_in_a_real_prometheus(self):
        replicas = Replicas([0.0, 0.0, 0.0])
        self.addCleanup(replicas.server_close)
        self.addCleanup(replicas.shutdown)
        with tempfile.TemporaryDirectory() as folder, Cluster() as cluster:
            alertmanager = ALERTMANAGER and self.alertmanager(folder, f"{cluster.address}/broker")
            self.live(replicas, self.tool(Prometheus(folder, replicas, alertmanager)), cluster)
            self.doCleanups()

    def alertmanager(self, folder, broker):
        """One that tells alert.py, which tells the broker."""
        webhook = self.tool(Tool(folder, "webhook", sys.executable, str(FOLDER / "loop/alert.py"), "--host=127.0.0.1",
                                 "--port=0", f"--broker={broker}"))
        route = {"matchers": ['alertname="RedoubtDegradation"'], "group_wait": "0s", "repeat_interval": "1h",
                 "receiver": "redoubt"}
        pathlib.Path(folder, "alertmanager.yml").write_text(json.dumps({
            "route": {"receiver": "nobody", "routes": [route]},
            "receivers": [{"name": "nobody"}, {"name": "redoubt", "webhook_configs": [{"url": webhook.address + "/"}]}]}))
        return self.tool(Tool(folder, "alertmanager", ALERTMANAGER, f"--config.file={folder}/alertmanager.yml",
                              f"--storage.path={folder}/alerts", "--web.listen-address=127.0.0.1:0",
                              "--cluster.listen-address="))

    def tool(self, started):
        self.addCleanup(started.kill)
        return started

    def live(self, replicas, prometheus, cluster):
        prometheus.wait_for(SUMS, lambda sums: sums == [0, 0, 0])
        for _ in range(12):  # healthy: everybody falls
            replicas.sums = [value - step for value, step in zip(replicas.sums, (1, 2, 30))]
            time.sleep(0.5)
        prometheus.wait_for(SUMS, lambda sums: sums == [-360, -24, -12])

        replicas.sums[2] = None  # scaled away, with the largest sum of all
        replicas.incarnations[1], replicas.sums[1] = "b", 0.0  # began anew, its state lost
        prometheus.wait_for(SUMS, lambda sums: sums == [-12, 0])
        prometheus.wait_for(E_CUSUM, lambda values: values == [0])
        prometheus.kill()
        time.sleep(3)
        prometheus.start()
        prometheus.wait_for(SUMS, lambda sums: sums == [-12, 0])

        for turn in range(12):  # attacked: both rise, the first out of reach meanwhile
            replicas.sums[1] += 0.25
            replicas.sums[0] = None if turn < 11 else -12 + 12 * 0.5
            if turn == 6:
                prometheus.kill()
                prometheus.start()
            time.sleep(0.5)
        (value,) = prometheus.wait_for(E_CUSUM, lambda values: values == [12 * 0.25 + 12 * 0.5])
        self.assertEqual(value, 9.0)
        self.assertEqual(prometheus.ask('ALERTS{alertname="RedoubtDegradation"}'), [])

        replicas.sums[1] += 10
        prometheus.wait_for('ALERTS{alertname="RedoubtDegradation", alertstate="firing"}', lambda fires: fires == [1])
        if ALERTMANAGER is None:
            return
        end = time.monotonic() + 60
        while not cluster.events and time.monotonic() < end:
            time.sleep(0.2)
        ((headers, told),) = cluster.events
        self.assertEqual((headers["Ce-Type"], told["model"]), ("io.redoubt.degradation.detected", "fashion"))


if __name__ == "__main__":
    FOLDER, PROMETHEUS = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    ALERTMANAGER = sys.argv[3] if len(sys.argv) > 3 else None
    del sys.argv[1:]
    unittest.main()

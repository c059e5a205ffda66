"""The pooled evidence in a real Prometheus, which is killed and started again in the middle.

    prometheus_live_test.py PROMETHEUS RULES_FILE

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

PROMETHEUS = RULES = ""


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


class Prometheus:
    """A Prometheus on a port of its own, with its data in `folder`."""

    def __init__(self, folder, replicas):
        self.folder = pathlib.Path(folder)
        rules = pathlib.Path(RULES).read_text()
        looks_every_second = rules.replace("interval: 15s", "interval: 1s").replace("offset 1s", "offset 500ms")
        (self.folder / "rules.yaml").write_text(looks_every_second)
        scrapes = [{"job_name": "redoubt-monitor", "metrics_path": f"/{number}",
                    "static_configs": [{"targets": [f"127.0.0.1:{replicas.server_port}"],
                                        "labels": {"replica": str(number)}}]} for number in range(len(replicas.sums))]
        for number, job in enumerate(scrapes):
            job["job_name"] += f"-{number}"
        (self.folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"], "scrape_configs": scrapes}))  # JSON is YAML
        self.start()

    def start(self):
        self.log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen([PROMETHEUS, f"--config.file={self.folder}/prometheus.yml",
                                         f"--storage.tsdb.path={self.folder}/data", "--web.listen-address=127.0.0.1:0"],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(300):
            listens = re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)', (self.folder / "log").read_text())
            if listens:
                self.address = f"http://127.0.0.1:{listens.group(1)}"
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

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
        raise AssertionError(f"{expression}: still {got} after {seconds} s\n" + (self.folder / "log").read_text()[-2000:])


SUMS = "sort(redoubt:log_evidence_sum)"
E_CUSUM = 'redoubt:log_e_cusum{lambda="1.25"}'


class PooledEvidence(unittest.TestCase):
    def test_in_a_real_prometheus(self):
        replicas = Replicas([0.0, 0.0, 0.0])
        with tempfile.TemporaryDirectory() as folder:
            prometheus = Prometheus(folder, replicas)
            try:
                self.live(replicas, prometheus)
            finally:
                prometheus.kill()
                replicas.shutdown()
                replicas.server_close()

    def live(self, replicas, prometheus):
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


if __name__ == "__main__":
    RULES = sys.argv.pop()
    PROMETHEUS = sys.argv.pop()
    unittest.main()

"""The loop's scripts against a cluster of the test's own (cluster.py): canary, promotion, roll-back, one at a time.

    loop_test.py FOLDER_OF_THE_SCRIPTS
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

from cluster import JOBS, LEASES, Cluster

SCRIPTS = pathlib.Path()
GATE = """#!/bin/sh
for flag; do case $flag in --verdict=*) echo '{"verdict": "%s"}' > "${flag#*=}";; esac; done
echo "$@" > "$(dirname "$0")/asked"
exit %d
"""


class OnACluster(unittest.TestCase):
    """A volume with a stable model, and what a script does to it and to the cluster."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.stable = self.root / "models/fashion/stable/model.pt"
        self.stable.parent.mkdir(parents=True)
        self.stable.write_text("standard")
        self.gate_says("promote", 0)

    def gate_says(self, verdict, code):
        program = self.root / "redoubt"
        program.write_text(GATE % (verdict, code))
        program.chmod(0o755)

    def trains(self, name, _text):
        (self.root / f"models/fashion/candidate-{name}/model.pt").write_text("hardened")
        return "Complete"

    def run_script(self, cluster, script, *flags):
        environment = {**os.environ, "KUBERNETES_API": cluster.address, "NAMESPACE": "models",
                       "REDOUBT": str(self.root / "redoubt"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, str(SCRIPTS / script), "--inference-service=fashion", f"--models={self.root}/models",
                   "--poll=0.01", "--watch=0.05", "--timeout=20", *flags]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def promotes(self, cluster, *flags):
        candidate = self.root / "models/fashion/candidate-1/model.pt"
        candidate.parent.mkdir(exist_ok=True)
        candidate.write_text("hardened")
        return self.run_script(cluster, "promote.py", f"--candidate={candidate}", *flags)

    def retrains(self, cluster, event_id="e1", *flags):
        event = self.root / f"event-{event_id}"
        event.write_text(json.dumps({"specversion": "1.0", "type": "io.redoubt.degradation.detected",
                                     "source": "redoubt-monitor-0", "id": event_id, "data": {}}))
        return self.run_script(cluster, "retrain.py", f"--event={event}", f"--train-job={SCRIPTS}/../base/train-job.yaml",
                               "--images=/data/i", "--labels=/data/l", f"--broker={cluster.address}/broker", *flags)


class Promotion(OnACluster):
    def test_standard_mode_promotes_the_file_and_ends_as_it_began(self):
        with Cluster("Standard") as cluster:
            before = json.dumps(cluster.service["spec"])
            done = self.promotes(cluster, "--percent=7")
            self.assertEqual(done.returncode, 0, done.stderr)
            (begun,) = cluster.patches[0]["spec"]["canary"]
            self.assertEqual(begun["trafficPercent"], 7)
            self.assertEqual(begun["predictor"]["name"], "candidate-1")
            self.assertEqual(begun["predictor"]["model"]["storageUri"], "pvc://redoubt-models/fashion/candidate-1")
            self.assertNotIn("maxReplicas", begun["predictor"])
            self.assertEqual(json.dumps(cluster.service["spec"]), before)
        self.assertEqual(self.stable.read_text(), "hardened")
        self.assertEqual(self.stable.with_name("model.pt.previous").read_text(), "standard")

    def test_knative_mode_sends_no_traffic_to_the_candidate_once_it_is_over(self):
        with Cluster("Knative") as cluster:
            before = json.dumps(cluster.service["spec"])
            done = self.promotes(cluster)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.dumps(cluster.service["spec"]), before)
            self.assertNotIn("redoubt.io/stable", cluster.service["metadata"]["annotations"])
            predictors = [patch["spec"]["predictor"] for patch in cluster.patches]
            self.assertEqual([each["canaryTrafficPercent"] for each in predictors], [10, 0, 0, None])
            folders = [each.get("model", {}).get("storageUri", "").rpartition("/")[2] for each in predictors]
            self.assertEqual(folders, ["candidate-1", "", "stable", ""])
        self.assertEqual(self.stable.read_text(), "hardened")

    def test_a_canary_that_is_not_ready_is_rolled_back(self):
        for mode in ("Standard", "Knative"):
            with Cluster(mode, canary_gets_ready=False) as cluster:
                before = json.dumps(cluster.service["spec"])
                done = self.promotes(cluster, "--timeout=0.3")
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertIn("not ready within", done.stdout)
                self.assertEqual(json.dumps(cluster.service["spec"]), before)
            self.assertEqual(self.stable.read_text(), "standard")

    def test_a_canary_that_prometheus_complains_of_is_rolled_back(self):
        for mode in ("Standard", "Knative"):
            with Cluster(mode) as cluster:
                cluster.found = [{"metric": {}, "value": [0, "1"]}]
                before = json.dumps(cluster.service["spec"])
                done = self.promotes(cluster, f"--prometheus={cluster.address}", "--refuse-if=errors > 0")
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertIn("Prometheus finds errors > 0", done.stdout)
                self.assertEqual(json.dumps(cluster.service["spec"]), before)
            self.assertEqual(self.stable.read_text(), "standard")

    def test_a_prometheus_out_of_reach_promotes_nothing(self):
        with Cluster() as cluster:
            before = json.dumps(cluster.service["spec"])
            done = self.promotes(cluster, "--prometheus=http://127.0.0.1:1", "--refuse-if=errors > 0")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(json.dumps(cluster.service["spec"]), before)
        self.assertEqual(self.stable.read_text(), "standard")

    def test_a_canary_that_another_pod_began_is_gone_on_with(self):
        with Cluster("Knative") as cluster:
            predictor = cluster.service["spec"]["predictor"]
            predictor["model"]["storageUri"] = "pvc://redoubt-models/fashion/candidate-1"
            predictor["canaryTrafficPercent"] = 10
            cluster.service["metadata"]["annotations"]["redoubt.io/stable"] = "pvc://redoubt-models/fashion/stable"
            done = self.promotes(cluster)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(predictor["model"]["storageUri"], "pvc://redoubt-models/fashion/stable")
            self.assertNotIn("canaryTrafficPercent", predictor)
        self.assertEqual(self.stable.read_text(), "hardened")

    def test_flags_that_make_no_sense_are_refused(self):
        with Cluster() as cluster:
            self.assertEqual(self.promotes(cluster, "--percent=0").returncode, 2)
            self.assertEqual(self.promotes(cluster, "--refuse-if=errors > 0").returncode, 2)
            self.assertEqual(cluster.patches, [])


class Retraining(OnACluster):
    def test_from_the_event_to_the_recovered_model(self):
        with Cluster(on_train_job=self.trains) as cluster:
            done = self.retrains(cluster)
            self.assertEqual(done.returncode, 0, done.stderr)
            ((headers, told),) = cluster.events
        self.assertEqual(headers["Ce-Type"], "io.redoubt.retraining.finished")
        self.assertEqual(told, {"model": "fashion", "outcome": "promoted"})
        self.assertEqual(self.stable.read_text(), "hardened")
        (verdict,) = self.root.glob("models/fashion/candidate-*/verdict.json")
        self.assertEqual(json.loads(verdict.read_text()), {"verdict": "promote"})

    def test_the_train_job_starts_from_the_stable_model(self):
        with Cluster(on_train_job=self.trains) as cluster:
            self.retrains(cluster, "e1", "--eps=0.2")
            manifest = next(body for body in cluster.bodies if "TrainJob" in body)
        self.assertIn(f"--model={self.stable}", manifest)
        self.assertIn("--eps=0.2", manifest)
        self.assertNotIn("$", manifest)

    def test_a_refusal_by_the_gate_changes_nothing(self):
        self.gate_says("refuse", 3)
        with Cluster(on_train_job=self.trains) as cluster:
            self.assertEqual(self.retrains(cluster).returncode, 3)
            self.assertEqual(cluster.patches, [])
            self.assertEqual(cluster.events[0][1]["outcome"], "refused")
        self.assertEqual(self.stable.read_text(), "standard")

    def test_a_gate_that_fails_is_not_a_refusal(self):
        self.gate_says("", 1)
        with Cluster(on_train_job=self.trains) as cluster:
            self.assertEqual(self.retrains(cluster).returncode, 1)
            self.assertEqual(cluster.events, [])

    def test_a_canary_rolled_back_is_a_refusal(self):
        with Cluster(on_train_job=self.trains, canary_gets_ready=False) as cluster:
            self.assertEqual(self.retrains(cluster, "e1", "--timeout=0.3").returncode, 3)
            self.assertEqual(cluster.events[0][1]["outcome"], "refused")

    def test_a_training_that_fails_is_told(self):
        with Cluster(on_train_job=lambda name, text: "Failed") as cluster:
            self.assertEqual(self.retrains(cluster).returncode, 4)
            self.assertEqual(cluster.events[0][1]["outcome"], "failed")

    def test_an_event_within_the_cool_down_is_answered_and_dropped(self):
        with Cluster(on_train_job=self.trains) as cluster:
            self.assertEqual(self.retrains(cluster, "e1", "--cool-down=3600").returncode, 0)
            again = self.retrains(cluster, "e2")
            self.assertEqual(again.returncode, 0)
            self.assertIn("nothing is done", again.stdout)
            self.assertEqual([told["outcome"] for _, told in cluster.events], ["promoted", "refused"])
            self.stable.write_text("standard")
            earlier = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=3601)
            cluster.lease["spec"]["renewTime"] = earlier.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            self.assertEqual(self.retrains(cluster, "e2").returncode, 0)
            self.assertEqual([told["outcome"] for _, told in cluster.events], ["promoted", "refused", "promoted"])

    def test_a_pod_that_died_after_the_promotion_is_followed_by_one_that_says_so(self):
        self.gate_says("refuse", 3)  # as it does of a candidate that serves already
        with Cluster(on_train_job=self.trains) as cluster:
            self.stable.write_text("hardened")
            self.assertEqual(self.retrains(cluster).returncode, 0)
            self.assertEqual(cluster.events[0][1]["outcome"], "promoted")

    def test_of_two_events_at_once_one_is_worked_on(self):
        with Cluster(on_train_job=self.trains) as cluster:
            results = []
            threads = [threading.Thread(target=lambda each=each: results.append(self.retrains(cluster, each)))
                       for each in ("e1", "e2", "e3")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual([each.returncode for each in results], [0, 0, 0], [each.stderr for each in results])
            trained = [path for path in cluster.things if path.startswith(JOBS)]
            self.assertEqual(len(trained), 1)
            outcomes = sorted(told["outcome"] for _, told in cluster.events)  # refused: who came when it was over
            self.assertEqual(outcomes[0], "promoted")
            self.assertLessEqual(set(outcomes[1:]), {"refused"})

    def test_a_job_started_anew_goes_on_with_its_train_job(self):
        self.gate_says("", 1)
        trained = []

        def trains(name, text):
            trained.append(name)
            return self.trains(name, text)

        with Cluster(on_train_job=trains) as cluster:
            self.assertEqual(self.retrains(cluster).returncode, 1)
            self.gate_says("promote", 0)
            self.assertEqual(self.retrains(cluster).returncode, 0)
        self.assertEqual(len(trained), 1)

    def test_who_died_holding_the_lease_is_taken_over_from(self):
        with Cluster(on_train_job=self.trains) as cluster:
            long_ago = {"holderIdentity": "redoubt-dead", "leaseDurationSeconds": 60,
                        "renewTime": "2020-01-01T00:00:00.000000Z"}
            cluster.write(LEASES + "/redoubt-retrain-fashion", {"metadata": {}, "spec": long_ago})
            self.assertEqual(self.retrains(cluster).returncode, 0)
            self.assertEqual(len(cluster.events), 1)


class Webhook(unittest.TestCase):
    """alert.py, as Alertmanager calls it."""

    def started(self, broker):
        process = subprocess.Popen([sys.executable, str(SCRIPTS / "alert.py"), f"--broker={broker}", "--host=127.0.0.1",
                                    "--port=0"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process.stdout.readline().split()[-1]

    @staticmethod
    def post(address, body):
        try:
            with urllib.request.urlopen(urllib.request.Request(address, body), timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    @staticmethod
    def body(*alerts):
        """(name, status, begin) each."""
        return json.dumps({"version": "4", "alerts": [
            {"status": status, "startsAt": begin, "labels": {"alertname": name, "model_name": "fashion"}}
            for name, status, begin in alerts]}).encode()

    def test_a_firing_degradation_becomes_an_event_and_a_repetition_the_same(self):
        with Cluster() as cluster:
            address = self.started(cluster.address + "/broker")
            firing = ("RedoubtDegradation", "firing", "2026-01-01T00:00:00Z")
            for body in (self.body(firing), self.body(firing, ("RedoubtEventsSkipped", "firing", "x")),
                         self.body(("RedoubtDegradation", "resolved", "2026-01-01T00:00:00Z")),
                         self.body(("RedoubtDegradation", "firing", "2026-01-02T00:00:00Z"))):
                self.assertEqual(self.post(address, body), 200)
            told = [(headers["Ce-Type"], headers["Ce-Id"], data["model"]) for headers, data in cluster.events]
        self.assertEqual([(kind, model) for kind, _, model in told], [("io.redoubt.degradation.detected", "fashion")] * 3)
        self.assertEqual(told[0], told[1])
        self.assertNotEqual(told[0], told[2])

    def test_what_the_broker_does_not_take_is_to_be_sent_again(self):
        address = self.started("http://127.0.0.1:1")
        self.assertEqual(self.post(address, self.body(("RedoubtDegradation", "firing", "x"))), 502)
        self.assertEqual(self.post(address, self.body(("RedoubtMonitorDown", "firing", "x"))), 200)

    def test_anything_else_is_refused(self):
        address = self.started("http://127.0.0.1:1")
        for body in (b"", b"{", b"[]", b"{}", b'{"alerts": [{}]}'):
            self.assertEqual(self.post(address, body), 400)


if __name__ == "__main__":
    SCRIPTS = pathlib.Path(sys.argv.pop()).resolve()
    unittest.main()

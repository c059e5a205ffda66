"""The Prometheus rules under `promtool test rules`: replicas that come, go and forget, beside the exact e-CUSUM.

    prometheus_rules_test.py PROMTOOL RULES_FILE
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

import evidence
from evidence import LAMBDAS, Replica

PROMTOOL = RULES = ""
SECONDS = 15  # between two looks
HOUR = 3600 // SECONDS  # how long a series may be away
LITERAL = ("sum by (model_name, lambda) (redoubt_log_evidence_sum)"
           " - min_over_time(sum by (model_name, lambda) (redoubt_log_evidence_sum)[6h:15s])")


def series(metric, values, **labels):
    """An input series of promtool: `stale` where a scrape failed after one that did not, `_` where there was nothing."""
    written, before = [], None
    for value in values:
        written.append(("stale" if before is not None else "_") if value is None else repr(value))
        before = value
    labels = ",".join(f'{key}="{value}"' for key, value in {"model_name": "fashion", **labels}.items())
    return {"series": f"{metric}{{{labels}}}", "values": " ".join(written)}


def scraped(replicas, in_flight=()):
    looks = len(replicas[0].labels)
    shown = [series("redoubt_monitor_run_length", [evidence.RUN_LENGTH] * looks),
             series("redoubt_monitor_retraining_in_flight", [int(look in in_flight) for look in range(looks)])]
    for number, replica in enumerate(replicas):
        for incarnation in replica.incarnations():
            for bet in LAMBDAS:
                shown.append(series("redoubt_log_evidence_sum", replica.sums(bet, incarnation), instance=str(number),
                                    **{"lambda": evidence.name(bet), "incarnation": incarnation}))
    return shown


def is_close(look, expression, value, labels, tolerance=1e-9):
    """A test of promtool's that `expression` has the value, up to rounding."""
    close = f"abs(({expression}) - ({value!r})) <= bool {tolerance * max(1, abs(value))!r}"
    return {"expr": close, "eval_time": f"{look * SECONDS}s", "exp_samples": [{"labels": labels, "value": 1}]}


def log_is_close(look, bet, value):
    labels = f'{{model_name="fashion", lambda="{evidence.name(bet)}"}}'
    return is_close(look, f'redoubt:log_e_cusum{{lambda="{evidence.name(bet)}"}}', value, labels)


def alert(look, name, fires):
    expected = [{"exp_labels": {"severity": "critical", "model_name": "fashion"}, "exp_annotations": annotations(name)}]
    return {"eval_time": f"{look * SECONDS}s", "alertname": name, "exp_alerts": expected if fires else []}


def annotations(name):
    """As the rules file has them, which are not what is tested."""
    lines = pathlib.Path(RULES).read_text().split(f"- alert: {name}\n")[1].split("- alert:")[0].splitlines()
    found = (line.strip().split(": ", 1) for line in lines if line.strip().startswith(("summary:", "action:")))
    return {key: text.strip('"').replace("{{ $labels.model_name }}", "fashion") for key, text in found}


def promtool(tests):
    """What promtool says to tests of the rules: (whether they hold, its words)."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "tests.yaml")  # JSON is YAML
        path.write_text(json.dumps({"rule_files": [RULES], "evaluation_interval": f"{SECONDS}s", "tests": tests}))
        done = subprocess.run([PROMTOOL, "test", "rules", str(path)], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def healthy(seed, looks, **life):
    return Replica(evidence.draw_labels(seed, looks, 4, lambda look: 0.07), **life)


def attacked(seed, looks, begin, **life):
    return Replica(evidence.draw_labels(seed, looks, 4, lambda look: 0.6 if look >= begin else 0.07), **life)


class PooledEvidence(unittest.TestCase):
    def check(self, tests):
        holds, words = promtool(tests)
        self.assertTrue(holds, words[-3000:])

    def check_against_reference(self, replicas, first, alarms):
        """Every look, every bet, and the alert, beside the reference; `alarms`: whether the alert ever fires."""
        counted = evidence.pool(replicas, HOUR)
        exact = {bet: evidence.e_cusum_by_looks(counted, bet) for bet in LAMBDAS}
        logs, alerts, fired = [], [], []
        for look in range(first, len(counted)):
            mean = sum(math.exp(min(exact[bet][look], 700)) for bet in LAMBDAS) / len(LAMBDAS)
            logs += [log_is_close(look, bet, exact[bet][look]) for bet in LAMBDAS]
            logs.append(is_close(look, "redoubt:e_cusum", mean, '{model_name="fashion"}', tolerance=1e-6))
            alerts.append(alert(look, "RedoubtDegradation", mean >= evidence.RUN_LENGTH))
            fired.append(mean >= evidence.RUN_LENGTH)
        self.assertEqual(any(fired), alarms, "the streams are not what this test is about")
        for bet in LAMBDAS:
            fine = evidence.e_cusum_by_labels(counted, bet)
            for coarse, by_label in zip(exact[bet], fine):
                self.assertLessEqual(max(coarse, 0), max(by_label, 0) + 1e-9)
        self.check([{"interval": f"{SECONDS}s", "input_series": scraped(replicas), "promql_expr_test": logs,
                     "alert_rule_test": alerts}])

    def test_four_replicas_are_worth_the_e_cusum_of_all_their_labels(self):
        self.check_against_reference([attacked(seed, 120, 80) for seed in range(4)], 1, alarms=True)

    def test_restarts_losses_and_scaling_are_no_evidence(self):
        looks = 300
        self.check_against_reference([
            healthy(1, looks, away=range(50, 58), deaf=True),  # restarts with its state
            healthy(2, looks, away=range(90, 100)),            # is unreachable, and goes on working
            healthy(3, looks, lost=150),                       # restarts without its state
            healthy(4, looks, gone=200),                       # is scaled away
            healthy(5, looks, born=220),                       # is scaled up again
        ], 1, alarms=False)

    def test_an_attack_is_seen_through_all_that(self):
        looks = 160
        self.check_against_reference([
            attacked(1, looks, 100, away=range(104, 110)),
            attacked(2, looks, 100, lost=103),
            attacked(3, looks, 100, gone=101),
        ], 1, alarms=True)

    def test_who_was_away_for_more_than_an_hour_counts_from_his_return(self):
        looks = 2 * HOUR
        away = range(40, 40 + HOUR + 20)
        self.check_against_reference([healthy(6, looks), attacked(7, looks, 60, away=away)], 1, alarms=True)

    def test_the_literal_form_would_have_alarmed(self):
        replicas = [healthy(1, 220), healthy(2, 220, gone=200)]
        leap = {"expr": f"avg(exp({LITERAL})) >= bool {evidence.RUN_LENGTH}", "eval_time": f"{205 * SECONDS}s",
                "exp_samples": [{"labels": "{}", "value": 1}]}
        self.check([{"interval": f"{SECONDS}s", "input_series": scraped(replicas), "promql_expr_test": [leap],
                     "alert_rule_test": [alert(205, "RedoubtDegradation", False)]}])

    def test_a_flood_of_evidence_does_not_overflow(self):
        flood = Replica([[1] * 400] * 20)  # a thousand e-folds and more
        peak = is_close(19, "redoubt:e_cusum", math.exp(700), '{model_name="fashion"}')
        self.check([{"interval": f"{SECONDS}s", "input_series": scraped([flood]), "promql_expr_test": [peak],
                     "alert_rule_test": [alert(19, "RedoubtDegradation", True)]}])

    def test_evidence_begins_anew_while_a_retraining_is_in_flight(self):
        replicas = [attacked(8, 90, 20)]
        steps = [sum(evidence.gain(LAMBDAS[0], error) for error in labels) for labels in replicas[0].labels]
        tests = [log_is_close(look, LAMBDAS[0], steps[look]) for look in range(50, 60)]
        tests.append(log_is_close(60, LAMBDAS[0], max(steps[59], 0) + steps[60]))
        self.check([{"interval": f"{SECONDS}s", "input_series": scraped(replicas, in_flight=range(50, 60)),
                     "promql_expr_test": tests,
                     "alert_rule_test": [alert(49, "RedoubtDegradation", True), alert(55, "RedoubtDegradation", False),
                                         alert(89, "RedoubtDegradation", True)]}])

    def test_evidence_against_a_model_does_not_outlive_it(self):
        replicas = [attacked(8, 90, 20)]
        swaps = series("redoubt_model_swaps_total", [0] * 60 + [1] * 30, instance="server")
        steps = [sum(evidence.gain(LAMBDAS[0], error) for error in labels) for labels in replicas[0].labels]
        tests = [log_is_close(61, LAMBDAS[0], steps[61])]
        self.check([{"interval": f"{SECONDS}s", "input_series": [*scraped(replicas), swaps], "promql_expr_test": tests,
                     "alert_rule_test": [alert(59, "RedoubtDegradation", True), alert(62, "RedoubtDegradation", False)]}])

    def test_a_wrong_expectation_is_noticed(self):
        replicas = [healthy(9, 10)]
        holds, _ = promtool([{"interval": f"{SECONDS}s", "input_series": scraped(replicas),
                              "promql_expr_test": [log_is_close(9, LAMBDAS[0], 1.0)]}])
        self.assertFalse(holds)


class OtherAlerts(unittest.TestCase):
    def check(self, name, look, input_series, labels, fires=True):
        """`name` fires at the look, with these labels, or nothing does."""
        expected = [{"exp_labels": labels, "exp_annotations": annotations(name)}] if fires else []
        for values in expected:
            for key, text in values["exp_annotations"].items():
                values["exp_annotations"][key] = text.replace("{{ $labels.evidence }}", labels.get("evidence", ""))
        holds, words = promtool([{"interval": f"{SECONDS}s", "input_series": input_series, "alert_rule_test": [
            {"eval_time": f"{look * SECONDS}s", "alertname": name, "exp_alerts": expected}]}])
        self.assertTrue(holds, words[-3000:])

    def test_alarms_without_labels(self):
        for kind, fires in [("label_free", True), ("two_sample", True), ("labelled", False)]:
            alarms = [series("redoubt_monitor_alarms_total", [0] * 10 + [1] * 10, evidence=kind)]
            self.check("RedoubtAlarmWithoutLabels", 12, alarms,
                       {"severity": "warning", "model_name": "fashion", "evidence": kind}, fires)

    def test_a_monitor_that_is_down_or_was_never_there(self):
        up = {"series": 'up{job="redoubt-monitor",instance="0"}', "values": "1x9 0x30"}
        down = {"severity": "critical", "job": "redoubt-monitor", "instance": "0"}
        self.check("RedoubtMonitorDown", 8, [up], down, fires=False)
        self.check("RedoubtMonitorDown", 20, [up], down)
        self.check("RedoubtMonitorDown", 20, [], {"severity": "critical", "job": "redoubt-monitor"})

    def test_a_monitor_scraped_by_two_jobs(self):
        twice = [series("redoubt_log_evidence_sum", [0.5] * 20, job=job, incarnation="a", **{"lambda": "1"})
                 for job in ("x", "y")]
        labels = {"severity": "critical", "model_name": "fashion", "lambda": "1", "incarnation": "a"}
        self.check("RedoubtMonitorScrapedTwice", 15, twice, labels)
        self.check("RedoubtMonitorScrapedTwice", 15, twice[:1], labels, fires=False)

    def test_events_skipped(self):
        labels = {"severity": "warning", "model_name": "fashion"}
        self.check("RedoubtEventsSkipped", 60, [series("redoubt_monitor_skipped_total", list(range(100)))], labels)
        self.check("RedoubtEventsSkipped", 60, [series("redoubt_monitor_skipped_total", [5] * 100)], labels, fires=False)

    def test_a_retraining_in_flight_for_hours(self):
        labels = {"severity": "warning", "model_name": "fashion"}
        long = [series("redoubt_monitor_retraining_in_flight", [1] * 7 * HOUR)]
        self.check("RedoubtRetrainingStuck", 5 * HOUR, long, labels, fires=False)
        self.check("RedoubtRetrainingStuck", 6 * HOUR + 1, long, labels)

    def test_a_model_file_refused(self):
        refused = [series("redoubt_model_swaps_refused_total", [0] * 10 + [1] * 10)]
        self.check("RedoubtModelRefused", 12, refused, {"severity": "critical", "model_name": "fashion"})


class RulesFile(unittest.TestCase):
    def test_promtool_accepts_it(self):
        done = subprocess.run([PROMTOOL, "check", "rules", RULES], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    RULES = str(pathlib.Path(sys.argv.pop()).resolve())  # promtool takes it from where the tests lie
    PROMTOOL = sys.argv.pop()
    unittest.main()

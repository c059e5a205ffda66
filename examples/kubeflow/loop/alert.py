#!/usr/bin/env python3
"""Turns Alertmanager's webhook into the event that starts a retraining, for the evidence that only Prometheus has: of all
monitors together.

    alert.py --broker http://... --port 8080

POST / takes Alertmanager's JSON. Each firing RedoubtDegradation becomes an io.redoubt.degradation.detected event whose id
is made of the alert and of when it began, so that Alertmanager's repetitions start nothing anew. While the broker does not
take it the answer is 502, and Alertmanager tries again. GET /healthz.
"""

import argparse
import hashlib
import http.server
import json
import signal
import sys
import urllib.request

ALERT = "RedoubtDegradation"


def event_of(alert):
    """Its headers and body."""
    labels = alert["labels"]
    text = json.dumps([sorted(labels.items()), alert["startsAt"]])
    headers = {"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Type": "io.redoubt.degradation.detected",
               "Ce-Source": "redoubt-alert", "Ce-Id": "pooled-" + hashlib.sha256(text.encode()).hexdigest()[:16]}
    data = {"model": labels.get("model_name"), "evidence": {"pooled": {"labels": labels, "began": alert["startsAt"]}}}
    return headers, json.dumps(data).encode()


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200 if self.path == "/healthz" else 404)

    def do_POST(self):
        try:
            alerts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]
            events = [event_of(each) for each in alerts
                      if each["status"] == "firing" and each["labels"].get("alertname") == ALERT]
        except (KeyError, TypeError, ValueError) as error:
            self.answer(400, f"not Alertmanager's webhook: {error!r}")
            return
        try:
            for headers, body in events:
                urllib.request.urlopen(urllib.request.Request(self.server.broker, body, headers), timeout=10).close()
                print(f"told the broker of {headers['Ce-Id']}: {body.decode()}", flush=True)
        except OSError as error:
            self.answer(502, f"the broker took no event: {error}")
            return
        self.answer(200)

    def answer(self, code, text=""):
        data = text.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def stop(*_):
    raise SystemExit(0)


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--broker", required=True, help="address that events are POSTed to")
    flags.add_argument("--host", default="0.0.0.0")
    flags.add_argument("--port", type=int, default=8080, help="0 for any that is free [8080]")
    chosen = flags.parse_args()
    signal.signal(signal.SIGTERM, stop)
    server = http.server.ThreadingHTTPServer((chosen.host, chosen.port), Webhook)
    server.broker = chosen.broker
    print(f"listening on http://{chosen.host}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())

"""Inference servers under the same load, in turn: requests a second, latency, errors.

    apt-get install wrk; python3 -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    benchmarks/peers/serve_load.py \\
      redoubt="build/release/bin/redoubt serve --model tests/data/golden/std.pt --name model --port {port}" \\
      kserve="peers/bin/python benchmarks/peers/serve_kserve.py --file tests/data/golden/std.pt --http_port {port} --enable_grpc false"

Any number of NAME=COMMAND of servers that speak the Open Inference Protocol and call the model "model". All start at once, on one
core (--server-core); in each round each gets the load by itself, from wrk on another core (--client-core): requests of one image
[1, 1, 28, 28] with binary tensors in and out, over --connections that are kept. First of all each server's answer must be the
first's, so that all do the same work. A table at the end, medians over the rounds; with --out every
round as JSON. Its last columns, "rate" and "p99", are medians of the ratios to the last server named in the same round, "95 %" the
rate's interval (sign test): where the machine has other work, many short rounds tell more than few long ones. Two processes of one
program differ by some percent for as long as they live: for differences that small, --starts starts all anew so many times, and each
start counts as one. "requests a CPU second" counts the server's own processor time.
"""

import argparse
import json
import math
import os
import pathlib
import random
import shlex
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PIXELS = 28 * 28
ROUTE = "/v2/models/model/infer"
SIZE_HEADER = "Inference-Header-Content-Length"
TICKS = os.sysconf("SC_CLK_TCK")

# What wrk runs: the request, and at the end its figures as one line of JSON.
SCRIPT = """
local file = io.open("BODY", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.headers["SIZE_HEADER"] = "SIZE"
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "max_ms": %f, "not_200": %d, "socket_errors": %d, "timeouts": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
"""


def request_body():
    """The body, and how much of it is JSON."""
    header = json.dumps({
        "id": "1",
        "inputs": [{"name": "images", "shape": [1, 1, 28, 28], "datatype": "FP32",
                    "parameters": {"binary_data_size": 4 * PIXELS}}],
        "outputs": [{"name": "logits", "parameters": {"binary_data": True}}],
    }, separators=(",", ":")).encode()
    draw = random.Random(1)
    return header + struct.pack(f"<{PIXELS}f", *(draw.random() for _ in range(PIXELS))), len(header)


class Server:
    """A server's process on one core, until it is stopped."""

    def __init__(self, name, command, core):
        self.name = name
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = tempfile.TemporaryFile()
        pinned = ["taskset", "-c", str(core), *shlex.split(command.replace("{port}", str(self.port)))]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(pinned, stdout=self.log, stderr=self.log, env=environment)

    def wait_until_ready(self):
        deadline = time.monotonic() + 120
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                sys.exit(f"{self.name} does not serve:\n{self.log.read().decode(errors='replace')}")
            time.sleep(0.2)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/models/model/ready", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def megabytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def logits(self, body, size):
        headers = {"Content-Type": "application/octet-stream", SIZE_HEADER: str(size)}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{ROUTE}", body, headers)
        with urllib.request.urlopen(request) as answer:
            start = int(answer.headers[SIZE_HEADER])
            raw = answer.read()[start:]
        return struct.unpack(f"<{len(raw) // 4}f", raw)


def load(server, script, wrk, core, connections, seconds):
    before = server.cpu_seconds()
    done = subprocess.run(
        ["taskset", "-c", str(core), wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", script,
         f"http://127.0.0.1:{server.port}{ROUTE}"],
        capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    figures["server"] = server.name
    figures["requests_a_second"] = figures["requests"] / figures["seconds"]
    figures["cpu_seconds"] = server.cpu_seconds() - before
    figures["requests_a_cpu_second"] = figures["requests"] / max(figures["cpu_seconds"], 1 / TICKS)
    figures["megabytes"] = server.megabytes()
    return figures


def check_same(servers, body, size):
    first = servers[0].logits(body, size)
    for server in servers[1:]:
        difference = max(abs(a - b) for a, b in zip(first, server.logits(body, size), strict=True))
        if difference > 1e-3:
            sys.exit(f"{server.name} answers something else than {servers[0].name}: logits differ by {difference}")


def ratios(rounds, name, last, column):
    """Of `name` to `last`, ascending: one for each start, the median of its rounds; with one start, one for each round."""
    starts = {}
    for each in rounds:
        starts.setdefault(each["start"], {}).setdefault(each["round"], {})[each["server"]] = each[column]
    by_start = [[of[name] / of[last] for of in start.values()] for start in starts.values()]
    return sorted(by_start[0] if len(by_start) == 1 else map(statistics.median, by_start))


def interval(ascending):
    """Of the median, by the sign test: at least 95 %, or as much as so few allow."""
    n = len(ascending)
    left, outside = 0, 2 * 0.5**n  # the chance that the median lies outside of what is left without `left` values on each side
    while left < (n - 1) // 2 and (outside := outside + 2 * math.comb(n, left + 1) * 0.5**n) <= 0.05:
        left += 1
    return ascending[left], ascending[n - 1 - left]


def table(rounds, names):
    columns = ["requests_a_second", "p50_ms", "p99_ms", "requests_a_cpu_second", "megabytes"]
    medians = {name: {column: statistics.median(r[column] for r in rounds if r["server"] == name) for column in columns}
               for name in names}
    print(f"{'':<14}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'requests/CPU s':>16}{'MB':>7}{'not 200':>9}{'broken':>8}{'late':>6}"
          f"{'rate':>8}{'95 %':>14}{'p99':>8}")
    for name in names:
        ours, rates = medians[name], ratios(rounds, name, names[-1], "requests_a_second")
        low, high = interval(rates)
        bad = [sum(r[kind] for r in rounds if r["server"] == name) for kind in ("not_200", "socket_errors", "timeouts")]
        print(f"{name:<14}{ours['requests_a_second']:>12.0f}{ours['p50_ms']:>9.2f}{ours['p99_ms']:>9.2f}"
              f"{ours['requests_a_cpu_second']:>16.0f}{ours['megabytes']:>7.0f}{bad[0]:>9}{bad[1]:>8}{bad[2]:>6}"
              f"{statistics.median(rates):>8.3f}{f'{low:.3f}-{high:.3f}':>14}"
              f"{statistics.median(ratios(rounds, name, names[-1], 'p99_ms')):>8.3f}")


def arguments():
    flags = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    flags.add_argument("servers", nargs="+", metavar="NAME=COMMAND")
    flags.add_argument("--wrk", default="wrk")
    flags.add_argument("--connections", type=int, default=64)
    flags.add_argument("--seconds", type=int, default=10)
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--starts", type=int, default=1)
    flags.add_argument("--settle", type=float, default=0, help="seconds between the start and the load")
    flags.add_argument("--server-core", type=int, default=0)
    flags.add_argument("--client-core", type=int, default=1)
    flags.add_argument("--out", type=pathlib.Path)
    return flags.parse_args()


def rounds_of_a_start(chosen, start, script, body, size):
    servers = [Server(*each.split("=", 1), chosen.server_core) for each in chosen.servers]
    try:
        for server in servers:
            server.wait_until_ready()
        check_same(servers, body, size)
        time.sleep(chosen.settle)
        for server in servers:  # a first second, which does not count
            load(server, script, chosen.wrk, chosen.client_core, chosen.connections, 1)
        for number in range(chosen.rounds):
            for server in servers if number % 2 == 0 else reversed(servers):
                figures = load(server, script, chosen.wrk, chosen.client_core, chosen.connections, chosen.seconds)
                print(json.dumps({"start": start, "round": number, **figures}), file=sys.stderr, flush=True)
                yield {"start": start, "round": number, **figures}
    finally:
        for server in servers:
            server.stop()


def main():
    chosen = arguments()
    body, size = request_body()
    with tempfile.TemporaryDirectory() as folder:
        content, script = pathlib.Path(folder, "body"), pathlib.Path(folder, "load.lua")
        content.write_bytes(body)
        script.write_text(SCRIPT.replace("BODY", str(content)).replace("SIZE_HEADER", SIZE_HEADER).replace("SIZE", str(size)))
        rounds = [each for start in range(chosen.starts)
                  for each in rounds_of_a_start(chosen, start, script, body, size)]
    table(rounds, [each.split("=", 1)[0] for each in chosen.servers])
    if chosen.out:
        settings = {"connections": chosen.connections, "seconds": chosen.seconds, "commands": chosen.servers}
        chosen.out.write_text(json.dumps({**settings, "rounds": rounds}, indent=1))


if __name__ == "__main__":
    main()

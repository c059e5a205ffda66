"""Requests as bytes, and who sends many of them: what load.py and hostile.py share. Nothing but Python's own library."""

import json
import random
import select
import socket
import struct
import subprocess
import sys

PIXELS = 28 * 28
NAME = "fashion"
ROUTE = f"/v2/models/{NAME}/infer"


def request(images, binary=True):
    """A request for these images' logits, as one string of bytes; the answer is binary as the request is."""
    count = len(images) // PIXELS
    tensor = {"name": "images", "shape": [count, 1, 28, 28], "datatype": "FP32"}
    raw = struct.pack(f"<{len(images)}f", *images) if binary else b""
    tensor |= {"parameters": {"binary_data_size": len(raw)}} if binary else {"data": list(images)}
    header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": binary}}).encode()
    return http(header + raw, size=len(header) if binary else None)


def http(body, size=None, route=ROUTE, method="POST", extra=""):
    size_header = "" if size is None else f"Inference-Header-Content-Length: {size}\r\n"
    return f"{method} {route} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{size_header}{extra}\r\n".encode() + body


def some_images(count, seed=1):
    draw = random.Random(seed)
    return [draw.random() for _ in range(count * PIXELS)]


def is_near(a, b):
    """Whether these are the same logits: what shares a batch with others is rounded otherwise."""
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) < 1e-3


class Answer:
    """A whole answer at the beginning of some bytes, if there is one."""

    def __init__(self, bytes_):
        self.size = None
        end = bytes_.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = bytes_[:end].decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        size = end + 4 + int(self.headers.get("content-length", 0))
        if len(bytes_) >= size:
            self.size = size
            self.body = bytes(bytes_[end + 4:size])

    def logits(self):
        raw = self.body[int(self.headers["inference-header-content-length"]):]
        return struct.unpack(f"<{len(raw) // 4}f", raw)


class Served:
    """The server, for as long as the block lasts; it must end in order."""

    def __init__(self, program, model, *flags):
        command = [program, "serve", "--model", str(model), "--name", NAME, "--host", "127.0.0.1", "--port", "0", *flags]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "http://" in line:
                host, _, port = line.split("http://")[1].split("/")[0].partition(":")
                self.address = (host, int(port))
                return
        sys.exit("the server did not start")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        code = self.process.wait(timeout=60)
        if kind is None and code != 0:
            sys.exit(f"after SIGTERM the server ended with {code}")

    def megabytes(self, what="VmRSS"):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith(what))

    def ask(self, bytes_, timeout=60):
        """The answer to one request on a connection of its own; None where it was closed without one."""
        with socket.create_connection(self.address, timeout) as one:
            one.sendall(bytes_)
            return heard(one)


def heard(one):
    bytes_ = bytearray()
    while True:
        part = one.recv(1 << 16)
        bytes_ += part
        answer = Answer(bytes_)
        if answer.size is not None:
            return answer
        if not part:
            return None


class Load:
    """Keeps `connections` busy with one request, and calls `check` with each answer."""

    def __init__(self, address, request_, connections, check):
        self.request = request_
        self.check = check
        self.answered = 0
        self.events = select.epoll()
        self.sockets = {}
        for _ in range(connections):
            one = socket.create_connection(address)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets[one.fileno()] = (one, bytearray())
            self.events.register(one, select.EPOLLIN)
            one.sendall(request_)

    def run(self, seconds):
        for number, _ in self.events.poll(seconds):
            one, bytes_ = self.sockets[number]
            part = one.recv(1 << 16)
            if not part:
                sys.exit(f"a connection was closed after {self.answered} answers")
            bytes_ += part
            answer = Answer(bytes_)
            if answer.size is not None:
                del bytes_[:answer.size]
                self.answered += 1
                self.check(answer)
                one.sendall(self.request)

    def close(self):
        for one, _ in self.sockets.values():
            one.close()

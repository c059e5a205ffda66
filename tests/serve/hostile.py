"""`redoubt serve` under requests that mean it no good.

    hostile.py PROGRAM MODEL [MUTATIONS] [SEED]

What is wrong in a known way must get a 4xx and {"error": ...}; mutations of good requests any answer of HTTP with JSON in it where it
is an error, or none; who is slow, idle, half gone or many must keep nobody waiting. After each group one who asks in good order gets the
right logits, and in the end the server has taken no more memory than MOST_MEGABYTES.
"""

import gzip
import json
import random
import socket
import sys
import time
import zlib

from raw_requests import ROUTE, Served, heard, http, is_near, request, some_images

MOST_MEGABYTES = 1500
MOST_SECONDS = 20  # for an answer to one in good order; a machine that is busy with other tests needs some
MEGABYTES = 1 << 20


def body(**changes):
    tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "FP32", "data": [0] * 784} | changes
    return json.dumps({"inputs": [tensor]}).encode()


def raw(header, tensors=b"", size=None):
    text = json.dumps(header).encode()
    return http(text + tensors, size=len(text) if size is None else size)


def binary(size, shape=(1, 1, 28, 28), **changes):
    return {"inputs": [{"name": "images", "shape": list(shape), "datatype": "FP32",
                        "parameters": {"binary_data_size": size}} | changes]}


def wrong():
    """Names, and requests that must be answered with a status of these."""
    zeros = bytes(4 * 784)
    yield "no body", 400, http(b"")
    yield "no JSON", 400, http(b"\xff\xfe")
    yield "half of a JSON", 400, http(body()[:-1])
    yield "another JSON", 400, http(b"[1, 2]")
    yield "header longer than body", 400, raw(binary(3136), zeros, size=99999)
    yield "header of no bytes", 400, raw(binary(3136), zeros, size=0)
    yield "header longer than any number", 400, raw(binary(3136), zeros, size="9" * 40)
    yield "header below zero", 400, raw(binary(3136), zeros, size=-1)
    yield "raw tensor too short", 400, raw(binary(3136), zeros[1:])
    yield "raw tensor too long", 400, raw(binary(3136), zeros + b"1")
    yield "size of the largest number", 400, raw(binary(2**64 - 1), zeros)
    yield "sizes that overflow", 400, raw(binary(3136, (2**31 - 1,) * 8), zeros)
    yield "size over 64 bits", 400, http(body().replace(b"[1, 1, 28, 28]", b"[99999999999999999999]"))
    yield "wrong shape", 400, http(body(shape=[1, 784]))
    yield "no sample", 400, raw(binary(0, (0, 1, 28, 28)))
    yield "negative size", 400, http(body(shape=[-1, 1, 28, 28]))
    yield "unknown datatype", 400, http(body(datatype="COMPLEX"))
    yield "another datatype", 400, http(body(datatype="INT64"))
    yield "another input", 400, http(body(name="x"))
    yield "text among numbers", 400, http(body(data=["a"] * 784))
    yield "NaN in JSON", 400, http(body(data=[float("nan")] * 784))
    yield "infinity in JSON", 400, http(body(data=[1e39] * 784))
    yield "NaN, answered in JSON", 400, raw(binary(3136), b"\x00\x00\xc0\x7f" * 784)
    yield "too few numbers", 400, http(body(data=[0] * 783))
    yield "a name twice", 400, http(b'{"inputs": [], "inputs": []}')
    yield "an output that is not there", 400, raw(binary(3136) | {"outputs": [{"name": "x"}]}, zeros)
    yield "a thousand outputs", 400, raw(binary(3136) | {"outputs": [{"name": "logits"}] * 1000}, zeros)
    yield "deep JSON", 400, http(b"[" * (60 * MEGABYTES))
    yield "deep data", 400, http(b'{"inputs": [{"name": "images", "data": ' + b"[" * (20 * MEGABYTES))
    yield "many values", 400, http(b'{"inputs": [' + b"{}," * (10 * MEGABYTES) + b"{}]}")
    yield "a long name", 400, http(body(name="\u00e9" * MEGABYTES))
    yield "another model", 404, http(body(), route="/v2/models/nobody/infer")
    yield "a model that is no UTF-8", 404, http(body(), route="/v2/models/%ff%fe/infer")
    yield "another version", 404, http(body(), route=ROUTE.replace("/infer", "/versions/7/infer"))
    yield "another route", 404, http(body(), route="/v3")
    yield "another method", 405, http(body(), method="PUT")
    yield "no HTTP", 400, b"hello\r\n\r\n"
    yield "no length", 400, f"POST {ROUTE} HTTP/1.1\r\n\r\n".encode()
    yield "length below zero", 400, f"POST {ROUTE} HTTP/1.1\r\nContent-Length: -1\r\n\r\n".encode()
    yield "two lengths", 400, http(body(), extra="Content-Length: 3\r\n")
    yield "length and chunks", 400, http(body(), extra="Transfer-Encoding: chunked\r\n")
    yield "chunks of no size", 400, f"POST {ROUTE} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
    yield "a body too large", 413, f"POST {ROUTE} HTTP/1.1\r\nContent-Length: {1 << 40}\r\n\r\n".encode()
    yield "a head too large", 431, b"GET /" + b"a" * 100000
    yield "a gzip that grows", 413, http(gzip.compress(bytes(200 * MEGABYTES), 1), extra="Content-Encoding: gzip\r\n")
    yield "a deflate that grows", 413, http(zlib.compress(bytes(200 * MEGABYTES), 1), extra="Content-Encoding: deflate\r\n")
    yield "a gzip that is none", 400, http(body(), extra="Content-Encoding: gzip\r\n")
    yield "half of a gzip", 400, http(gzip.compress(body())[:-9], extra="Content-Encoding: gzip\r\n")
    yield "an encoding of no name", 415, http(body(), extra="Content-Encoding: rot13\r\n")


def check_error(name, answer, statuses):
    if answer is None or answer.status not in statuses:
        sys.exit(f"{name}: answered with {answer and answer.status}, not {statuses}: {answer and answer.body[:300]}")
    error = json.loads(answer.body)["error"]
    if not isinstance(error, str) or len(error) > 1000:
        sys.exit(f"{name}: its error is {len(error)} long")


class Orderly:
    """One who asks in good order, on a connection of his own each time."""

    def __init__(self, server):
        self.server = server
        self.asked = request(some_images(1))
        self.logits = server.ask(self.asked).logits()
        self.slowest = 0.0

    def ask(self, after):
        began = time.monotonic()
        answer = self.server.ask(self.asked)
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        if answer is None or answer.status != 200 or not is_near(answer.logits(), self.logits):
            sys.exit(f"after {after} a good request got {answer and (answer.status, answer.body[:200])}")
        if took > MOST_SECONDS:
            sys.exit(f"after {after} a good request took {took:.1f} s")


def connected(server):
    one = socket.create_connection(server.address, 60)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one


def say(one, words):
    try:
        one.sendall(words)
    except OSError:  # it may be closed by then
        pass


def check_crowds(server, orderly):
    """Many who hold connections and say little or nothing."""
    good = request(some_images(1))
    crowds = {
        "a thousand idle connections": [connected(server) for _ in range(1000)],
        "a thousand half requests": [connected(server) for _ in range(1000)],
        "a hundred who have gone half": [connected(server) for _ in range(100)],
        "a hundred who never read": [connected(server) for _ in range(100)],
    }
    for one in crowds["a thousand half requests"]:
        say(one, good[:random.Random(one.fileno()).randrange(1, len(good))])
    for one in crowds["a hundred who have gone half"]:
        say(one, good)
        one.shutdown(socket.SHUT_WR)
    for one in crowds["a hundred who never read"]:
        say(one, good * 20)
    dripping = crowds["a thousand half requests"][:100]
    for letter in range(20):
        for one in dripping:
            say(one, b"x")
        if letter % 5 == 0:
            orderly.ask("who sends letter by letter")
    for _ in range(10):
        orderly.ask("crowds")
    for one in crowds["a hundred who have gone half"]:
        answer = heard(one)
        if answer is None or answer.status != 200:
            sys.exit("who has said all and only listens got no answer")
    for crowd in crowds.values():
        for one in crowd:
            one.close()
    orderly.ask("crowds that left")


def mutated(draw, good):
    bytes_ = bytearray(draw.choice(good))
    for _ in range(draw.randrange(1, 6)):
        at = draw.randrange(len(bytes_))
        kind = draw.randrange(6)
        if kind == 0:
            bytes_[at] = draw.randrange(256)
        elif kind == 1:
            del bytes_[at:at + draw.randrange(1, 64)]
        elif kind == 2:
            bytes_[at:at] = bytes(draw.randrange(256) for _ in range(draw.randrange(1, 16)))
        elif kind == 3:
            bytes_[at:at] = bytes_[draw.randrange(len(bytes_)):][:draw.randrange(1, 200)]
        elif kind == 4:
            bytes_[at:at] = draw.choice([b"\r\n", b"\r\n\r\n", b"\0", b"{", b"[", b'"', b"-1", b"1e999", b"18446744073709551616"])
        else:
            del bytes_[at:]
        if not bytes_:
            return b"\r\n"
    return bytes(bytes_)


def check_mutations(server, orderly, count, seed):
    draw = random.Random(seed)
    good = [request(some_images(1)), request(some_images(1)[:784], binary=False), http(body()),
            http(gzip.compress(body()), extra="Content-Encoding: gzip\r\n"),
            http(b"3e8\r\n" + body()[:1000] + b"\r\n0\r\n\r\n").replace(b"Content-Length: 1014", b"Transfer-Encoding: chunked"),
            f"GET {ROUTE.removesuffix('/infer')} HTTP/1.1\r\n\r\n".encode(), b"GET /metrics HTTP/1.1\r\n\r\n"]
    statuses = {}
    for number in range(count):
        words = mutated(draw, good)
        with connected(server) as one:
            say(one, words)
            one.shutdown(socket.SHUT_WR)
            try:
                answer = heard(one)
            except ConnectionResetError:
                answer = None
        statuses[answer and answer.status] = statuses.get(answer and answer.status, 0) + 1
        if answer is not None and answer.status >= 400:
            check_error(f"mutation {number} of seed {seed}, {words!r}", answer, range(400, 504))
            if answer.status == 500:
                sys.exit(f"mutation {number} of seed {seed} got 500: {answer.body}: {words!r}")
        if number % 200 == 0:
            orderly.ask(f"mutation {number} of seed {seed}")
    return statuses


def main(program, model, mutations="5000", seed="1"):
    with Served(program, model) as server:
        orderly = Orderly(server)
        count = 0
        for name, status, words in wrong():
            check_error(name, server.ask(words), [status])
            orderly.ask(name)
            count += 1
        print(f"{count} requests that are wrong: refused as they should be")
        check_crowds(server, orderly)
        print("crowds: nobody waited for them")
        statuses = check_mutations(server, orderly, int(mutations), int(seed))
        print(f"{mutations} mutations: {dict(sorted(statuses.items(), key=str))}")
        most = server.megabytes("VmHWM")
        print(f"the slowest answer to a good request: {orderly.slowest:.2f} s; memory at its most: {most:.0f} MB")
        if most > MOST_MEGABYTES:
            sys.exit("the server took too much memory")


if __name__ == "__main__":
    main(*sys.argv[1:])

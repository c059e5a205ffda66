"""`redoubt serve` under load: models are swapped and no request is lost, and memory stays what it is.

    load.py PROGRAM MODEL OTHER_MODEL [REQUESTS] [SWAPS]

64 connections ask all the time. First the two models take each other's place in the file, SWAPS times: each answer must be the
one model's or the other's. Then REQUESTS more are answered, half of them before and half of them after the server's memory is looked
at: it may not grow.
"""

import http.client
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

from raw_requests import NAME, Load, Served, is_near, request, some_images

CONNECTIONS = 64
MOST_GROWTH = 8  # megabytes


def logits_of(program, model, asked):
    with Served(program, model) as server:
        return server.ask(asked).logits()


class Checked:
    """Counts answers by the model that gave them."""

    def __init__(self, models):
        self.models = models
        self.seen = {}
        self.counts = [0] * len(models)

    def __call__(self, answer):
        if answer.status != 200:
            sys.exit(f"a request was answered with {answer.status}: {answer.body[:200]}")
        which = self.seen.get(answer.body[-40:])
        if which is None:
            logits = answer.logits()
            near = [i for i, model in enumerate(self.models) if is_near(logits, model)]
            if len(near) != 1:
                sys.exit(f"an answer is neither model's: {logits}")
            which = self.seen[answer.body[-40:]] = near[0]
        self.counts[which] += 1


def version(address):
    connection = http.client.HTTPConnection(*address, timeout=60)
    connection.request("GET", f"/v2/models/{NAME}")
    return int(json.loads(connection.getresponse().read())["versions"][0])


def put(model, place):
    shutil.copy(model, f"{place}.new")
    os.replace(f"{place}.new", place)


def swap(server, load, models, place, swaps):
    for number in range(1, swaps + 1):
        put(models[number % 2], place)
        deadline = time.monotonic() + 120
        while version(server.address) != number + 1:
            if time.monotonic() > deadline:
                sys.exit(f"the model was not swapped: version {version(server.address)} serves, not {number + 1}")
            began = time.monotonic()
            while time.monotonic() < began + 0.1:
                load.run(0.1)


def run_for(load, count):
    until = load.answered + count
    while load.answered < until:
        load.run(60)


def main(program, model, other, requests="100000", swaps="50"):
    requests, swaps = int(requests), int(swaps)
    asked = request(some_images(1))
    models = [model, other]
    checked = Checked([logits_of(program, each, asked) for each in models])
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder, "model.pt")
        put(model, place)
        with Served(program, place) as server:
            load = Load(server.address, asked, CONNECTIONS, checked)
            began = time.monotonic()
            swap(server, load, models, place, swaps)
            print(f"{swaps} swaps in {time.monotonic() - began:.0f} s: {checked.counts[0]} answers of the one model, "
                  f"{checked.counts[1]} of the other, none failed; {server.megabytes():.1f} MB")
            if swaps > 1 and min(checked.counts) == 0:
                sys.exit("one of the models never answered")
            began = time.monotonic()
            run_for(load, requests // 2)
            half = server.megabytes()
            run_for(load, requests - requests // 2)
            end = server.megabytes()
            print(f"{requests} requests in {time.monotonic() - began:.0f} s: {half:.1f} MB after half of them, {end:.1f} MB after all")
            if end > half + MOST_GROWTH:
                sys.exit("the server's memory grows")
            load.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

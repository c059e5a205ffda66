#!/usr/bin/env python3
"""Clients of the served model, for trying the loop: requests by their own ids, and their true labels a moment later.

    traffic.py --url http://fashion.redoubt.svc.cluster.local --name fashion --images F --labels F --broker http://...

--images: an IDX file, gzipped or not, or what `redoubt attack --out` wrote (adversarial examples). A request is one image,
as a raw tensor. Its id goes into the header Ce-Id, which KServe's logger passes on, and the label's event names it.
Prints the accuracy of each --every requests. Exit: 0 done, 1 a request failed.
"""

import argparse
import collections
import gzip
import json
import pathlib
import struct
import sys
import time
import urllib.request
import uuid
import zipfile


def idx(path):
    """The items of an IDX file, as bytes each."""
    data = pathlib.Path(path).read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    start = 4 * (1 + data[3])
    (count,) = struct.unpack(">I", data[4:8])
    size = (len(data) - start) // count
    return [data[start + i * size:start + (i + 1) * size] for i in range(count)]


def tensor(path, count):
    """The items of a saved FP32 tensor whose first size is `count`, as bytes each."""
    with zipfile.ZipFile(path) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith("/data/0"))
        data = archive.read(name)
    size = len(data) // count
    return [data[i * size:(i + 1) * size] for i in range(count)]


def post(url, body, headers):
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
        return json.load(answer) if answer.headers.get("Content-Type", "").startswith("application/json") else None


def predicted(chosen, request_id, datatype, image):
    """The class that the model answers with."""
    described = {"name": "images", "datatype": datatype, "shape": [1, *chosen.shape],
                 "parameters": {"binary_data_size": len(image)}}
    head = json.dumps({"id": request_id, "inputs": [described]}).encode()
    answer = post(f"{chosen.url}/v2/models/{chosen.name}/infer", head + image, {
        "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head)), "Ce-Id": request_id})
    logits = answer["outputs"][0]["data"]
    return logits.index(max(logits))


def tell_label(chosen, request_id, label):
    post(chosen.broker, json.dumps({"id": request_id, "label": label}).encode(), {
        "Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Type": "io.redoubt.label",
        "Ce-Source": "redoubt-traffic", "Ce-Id": "label-" + request_id})


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--url", required=True, help="address of the InferenceService")
    flags.add_argument("--name", required=True)
    flags.add_argument("--images", required=True)
    flags.add_argument("--labels", required=True, help="an IDX file")
    flags.add_argument("--shape", default="1,28,28", help="sizes of an image [1,28,28]")
    flags.add_argument("--broker", help="where labels go; without it nobody learns them")
    flags.add_argument("--label-delay", type=int, default=20, help="requests until a label is known [20]")
    flags.add_argument("--count", type=int, default=1000, help="requests [1000]")
    flags.add_argument("--rate", type=float, default=20, help="requests a second [20]")
    flags.add_argument("--every", type=int, default=100, help="requests until the accuracy is printed [100]")
    chosen = flags.parse_args()
    chosen.shape = [int(size) for size in chosen.shape.split(",")]

    labels = [each[0] for each in idx(chosen.labels)]
    saved = zipfile.is_zipfile(chosen.images)
    images = tensor(chosen.images, len(labels)) if saved else idx(chosen.images)
    run, known, right = uuid.uuid4().hex[:8], collections.deque(), 0
    for number in range(chosen.count):
        request_id, at = f"{run}-{number}", number % len(labels)
        right += predicted(chosen, request_id, "FP32" if saved else "UINT8", images[at]) == labels[at]
        known.append((request_id, labels[at]))
        if chosen.broker and len(known) > chosen.label_delay:
            tell_label(chosen, *known.popleft())
        if (number + 1) % chosen.every == 0:
            print(f"{number + 1} requests, accuracy of the last {chosen.every}: {right / chosen.every:.3f}", flush=True)
            right = 0
        time.sleep(1 / chosen.rate)
    while chosen.broker and known:
        tell_label(chosen, *known.popleft())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:  # refused, timed out, or answered with an error
        sys.exit(f"traffic: {error}")

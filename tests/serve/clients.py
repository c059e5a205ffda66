"""Drives `redoubt serve` with the clients that people use: tritonclient and KServe's InferenceRESTClient.

    clients.py PROGRAM MODEL FASHION_MNIST_FOLDER

Every route, JSON and binary in and out, gzip; and the accuracy of what comes back is
that of `redoubt evaluate` on the same files.
"""

import asyncio
import gzip
import json
import pathlib
import signal
import subprocess
import sys
import urllib.request

import numpy
import tritonclient.http as triton
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig
from tritonclient.utils import InferenceServerException

NAME = "fashion"


def idx(folder, name, offset):
    """The path and the bytes of the test set's file of that name."""
    (path,) = [p for p in pathlib.Path(folder).iterdir() if p.name.startswith(name)]
    data = path.read_bytes()
    return path, numpy.frombuffer(gzip.decompress(data) if path.suffix == ".gz" else data, numpy.uint8, offset=offset)


class Served:
    """The server, for as long as the block lasts; it must end in order."""

    def __init__(self, program, model):
        command = [program, "serve", "--model", str(model), "--name", NAME, "--host", "127.0.0.1", "--port", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "http://" in line:
                self.address = line.split("http://")[1].split("/")[0]
                return
        sys.exit("the server did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        assert code == 0, f"after SIGTERM the server ended with {code}"


def accuracy(logits, labels):
    return float((numpy.asarray(logits).reshape(len(labels), -1).argmax(1) == labels).mean())


def check_triton(address, images, labels, expected):
    client = triton.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(NAME) and client.is_model_ready(NAME, "1")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    about = client.get_model_metadata(NAME)
    assert about["inputs"][0]["shape"] == [-1, 1, 28, 28] and about["outputs"][0]["shape"] == [-1, 10], about
    answers = []
    for binary_in in (True, False):
        for binary_out in (True, False):
            for packed in (None, "gzip", "deflate"):
                given = triton.InferInput("images", images.shape, "FP32")
                given.set_data_from_numpy(images, binary_data=binary_in)
                wanted = triton.InferRequestedOutput("logits", binary_data=binary_out)
                answer = client.infer(NAME, [given], outputs=[wanted], request_id="7", request_compression_algorithm=packed,
                                      response_compression_algorithm=packed)
                assert answer.get_response()["id"] == "7"
                answers.append(answer.as_numpy("logits"))
    given = triton.InferInput("images", images.shape, "FP32")
    given.set_data_from_numpy(images)
    answers.append(client.infer(NAME, [given], model_version="1").as_numpy("logits"))
    for answer in answers:
        assert numpy.array_equal(answer, answers[0]), "the form of a request changes its answer"
    assert accuracy(answers[0], labels) == expected, (accuracy(answers[0], labels), expected)
    for wrong, words in ((("nobody", [given]), "there is no model"), ((NAME, [given], "9"), "there is no version")):
        try:
            client.infer(*wrong)
        except InferenceServerException as error:
            assert words in str(error), error
        else:
            raise AssertionError(f"{wrong[0]} was answered")
    return answers[0]


async def check_kserve(address, images, logits):
    base = f"http://{address}"
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(base) and await client.is_server_ready(base)
    assert await client.is_model_ready(base, NAME)
    for binary in (True, False):
        given = InferInput("images", list(images.shape), "FP32")
        given.set_data_from_numpy(images, binary_data=binary)
        answer = await client.infer(base, InferRequest(model_name=NAME, infer_inputs=[given]), model_name=NAME)
        assert numpy.array_equal(answer.outputs[0].as_numpy().reshape(logits.shape), logits)


def main(program, model, dataset):
    count = 64
    image_file, pixels = idx(dataset, "t10k-images", 16)
    label_file, labels = idx(dataset, "t10k-labels", 8)
    images = pixels.reshape(-1, 1, 28, 28)[:count].astype(numpy.float32) / 255
    flags = ["--model", model, "--images", image_file, "--labels", label_file, "--attack", "none", "--limit", str(count)]
    done = subprocess.run([program, "evaluate", *flags, "--json"], capture_output=True, check=True)
    expected = json.loads(done.stdout)["clean_accuracy"]
    with Served(program, model) as server:
        logits = check_triton(server.address, images, labels[:count], expected)
        asyncio.run(check_kserve(server.address, images, logits))
        with urllib.request.urlopen(f"http://{server.address}/metrics") as answer:
            assert b"request_predict_seconds_count" in answer.read()
    print(f"{count} images, accuracy {expected}: both clients agree")


if __name__ == "__main__":
    main(*sys.argv[1:])

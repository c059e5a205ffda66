"""A TorchScript file behind KServe's own server, for serve_load.py: `redoubt serve`'s peer.

    peers/bin/python benchmarks/peers/serve_kserve.py --file model.pt --http_port 8081 --enable_grpc false

KServe's model of a custom predictor, with what costs it requests switched off: gRPC, and lines in its log for every request.
One worker, one thread: the benchmark gives each server one core.
"""

import argparse
import logging

import torch
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Net(Model):
    def __init__(self, name, file):
        super().__init__(name)
        self.net = torch.jit.load(file).eval()
        self.ready = True

    async def predict(self, payload: InferRequest, headers=None, response_headers=None):
        with torch.inference_mode():
            logits = self.net(torch.from_numpy(payload.inputs[0].as_numpy())).numpy()
        output = InferOutput(name="logits", shape=list(logits.shape), datatype="FP32")
        output.set_data_from_numpy(logits, binary_data=True)
        return InferResponse(
            response_id=payload.id, model_name=self.name, infer_outputs=[output],
            use_binary_outputs=payload.use_binary_outputs, requested_outputs=payload.request_outputs)


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("--file", required=True)
    chosen, _ = flags.parse_known_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    ModelServer(enable_latency_logging=False).start([Net("model", chosen.file)])


if __name__ == "__main__":
    main()

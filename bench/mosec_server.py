"""A model behind mosec: its Rust front takes the requests, one worker process runs them.

usage: MOSEC_PORT=… MOSEC_ADDRESS=127.0.0.1 BENCH_MODEL=… mosec_server.py
"""

import os

import numpy as np
import onnxruntime
import orjson
from mosec import Server, Worker


class Inference(Worker):
    def __init__(self):
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name

    # mosec's own are the slower `json`.
    def deserialize(self, data):
        return orjson.loads(data)

    def serialize(self, data):
        return orjson.dumps(data)

    def forward(self, data):
        rows = np.array([record["tensor"] for record in data], dtype=np.float32)
        result = self.session.run([self.output], {self.input: rows})[0]
        return [{"in": record, "out": {self.output: row}} for record, row in zip(data, result.tolist())]


if __name__ == "__main__":
    server = Server()
    server.append_worker(Inference, num=1)
    server.run()

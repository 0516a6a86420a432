"""The model in Triton's Python backend: ONNX Runtime on the tensors that Triton hands over."""

import os
import sys

# Triton starts its interpreter without the environment's packages.
sys.path.append(os.environ["BENCH_PACKAGES"])

import onnxruntime  # noqa: E402
import triton_python_backend_utils as triton  # noqa: E402


class TritonPythonModel:
    def initialize(self, arguments):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name

    def execute(self, requests):
        answers = []
        for request in requests:
            rows = triton.get_input_tensor_by_name(request, "tensor").as_numpy()
            result = self.session.run(None, {self.input: rows})[0]
            answers.append(triton.InferenceResponse([triton.Tensor("result", result)]))
        return answers

"""The other servers of the comparison, each with the model in ONNX Runtime on one thread."""

import json
import os
import shutil

import numpy as np
from harness import ROOT
from servers import Request, Server, environment_of, free_port, wait_for


class HandWritten(Server):
    name = "FastAPI + uvicorn, by hand"
    path = "/infer"

    def start(self):
        self.port = free_port()
        script = ROOT / "bench/fastapi_server.py"
        self._spawn([environment_of("fastapi"), script, self.work.model, str(self.port)])
        wait_for(self.port, "/docs", self.process, self.log)


class Mosec(Server):
    """No Arrow: its body is what a worker's `deserialize` gets, so that would be our code again."""

    name = "mosec, one worker"
    path = "/inference"

    def start(self):
        self.port = free_port()
        environment = dict(
            os.environ,
            MOSEC_PORT=str(self.port),
            MOSEC_ADDRESS="127.0.0.1",
            MOSEC_LOG_LEVEL="error",
            BENCH_MODEL=str(self.work.model),
        )
        self._spawn([environment_of("mosec"), ROOT / "bench/mosec_server.py"], environment)
        wait_for(self.port, "/", self.process, self.log)

    def large(self):
        return {"json": super().large()["json"]}


class Oip(Server):
    """A server of the Open Inference Protocol v2; it does not send the inputs back."""

    path = "/v2/models/bench/infer"
    json_type = json_accept = "application/json"
    echoes_inputs = False

    def _document(self, rows, **data):
        tensor = {"name": "tensor", "shape": list(rows.shape), "datatype": "FP32"}
        return {"inputs": [tensor | data]}

    def one_row_body(self):
        rows = self.work.rows[:1]
        return json.dumps(self._document(rows, data=rows.ravel().tolist())).encode()

    def large(self):
        document = self._document(self.work.rows, data=self.work.rows.ravel().tolist())
        text = json.dumps(document, separators=(",", ":")).encode()
        return {"json": Request(self.path, text, {"Content-Type": "application/json"})}

    def outputs(self, kind, body, headers):
        return np.float32(json.loads(body)["outputs"][0]["data"]).reshape(-1, 1)


class MLServer(Oip):
    """Without worker processes, in which it is three times as fast as with its default of one."""

    name = "MLServer, no workers"

    def start(self):
        self.port = free_port()
        folder = self.work.folder / "mlserver"
        shutil.copytree(ROOT / "bench/mlserver", folder)
        settings = {
            "host": "127.0.0.1",
            "http_port": self.port,
            "grpc_port": free_port(),
            "metrics_endpoint": None,
            "parallel_workers": 0,
            "debug": False,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        model = {"name": "bench", "implementation": "bench_runtime.OnnxModel"}
        (folder / "model-settings.json").write_text(json.dumps(model))
        python = environment_of("mlserver")
        environment = dict(os.environ, BENCH_MODEL=str(self.work.model), PYTHONPATH=str(folder))
        self._spawn([python.parent / "mlserver", "start", folder], environment)
        wait_for(self.port, "/v2/models/bench/ready", self.process, self.log)


class Triton(Oip):
    """tritonserver of the nvidia-pytriton wheel with its Python backend."""

    name = "Triton, Python backend"

    def start(self):
        python = environment_of("triton")
        lib = next((python.parent.parent / "lib").glob("python3*/site-packages"))
        package = lib / "pytriton/tritonserver"
        version = lib.parent.name.removeprefix("python")
        # Triton looks for the stub beside the backend; the wheel keeps one for each Python apart.
        backends = self.work.folder / "backends"
        shutil.copytree(package / "backends/python", backends / "python")
        stub = package / "python_backend_stubs" / version / "triton_python_backend_stub"
        (backends / "python" / stub.name).symlink_to(stub)
        self.port = free_port()
        environment = dict(os.environ, BENCH_MODEL=str(self.work.model), BENCH_PACKAGES=str(lib))
        self._spawn(
            [
                package / "bin/tritonserver",
                f"--model-repository={ROOT / 'bench/triton'}",
                f"--backend-directory={backends}",
                f"--http-port={self.port}",
                "--http-address=127.0.0.1",
                "--allow-grpc=0",
                "--allow-metrics=0",
                "--log-info=0",
            ],
            environment,
        )
        wait_for(self.port, "/v2/models/bench/ready", self.process, self.log)

    def large(self):
        """Its binary tensors stand in the place of Arrow."""
        rows = self.work.rows
        document = self._document(rows, parameters={"binary_data_size": rows.nbytes})
        document["parameters"] = {"binary_data_output": True}
        head = json.dumps(document).encode()
        headers = {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(len(head)),
        }
        return super().large() | {"arrow": Request(self.path, head + rows.tobytes(), headers)}

    def outputs(self, kind, body, headers):
        if kind == "json":
            return super().outputs(kind, body, headers)
        head = int(headers["Inference-Header-Content-Length"])
        return np.frombuffer(body[head:], np.float32).reshape(-1, 1)


ALL = {"fastapi": HandWritten, "triton": Triton, "mlserver": MLServer, "mosec": Mosec}

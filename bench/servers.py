"""The servers of the comparison, each with the same model, and what to send them."""

import contextlib
import dataclasses
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import harness
import numpy as np
import procs
import pyarrow as pa
from harness import ARROW, RECORDS, ROOT, Api, Joey

CACHE = pathlib.Path(
    os.environ.get("JOEY_CACHE")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "joey")
)
CPUS = os.cpu_count()


@dataclasses.dataclass
class Request:
    path: str
    body: bytes
    headers: dict


@dataclasses.dataclass
class Work:
    """The model, the rows and where files may be put."""

    model: pathlib.Path
    input: str
    output: str
    rows: np.ndarray
    expected: np.ndarray
    folder: pathlib.Path


def environment_of(name):
    """The Python of an environment in the cache folder, made when first needed."""
    suffix = "" if name == "fastapi" else f"-{name}"
    requirements = ROOT / f"bench/requirements{suffix}.txt"
    folder = CACHE / f"bench-{name}"
    stamp = hashlib.sha256(requirements.read_bytes()).hexdigest()
    mark = folder / "stamp"
    if not mark.exists() or mark.read_text() != stamp:
        print(f"making the environment {folder}", flush=True)
        system = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
        subprocess.run([system, "-m", "venv", folder], check=True)
        install = [folder / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", requirements], check=True)
        mark.write_text(stamp)
    return folder / "bin/python"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, path, process, log, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", path)
            if connection.getresponse().status < 500:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{process.args[0]} did not listen in {seconds} s")


def arrow_file(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


class Server:
    """`requests` maps a kind ("json", "arrow", …) to the large request of that kind."""

    json_type = json_accept = RECORDS
    echoes_inputs = True

    def __init__(self, work):
        self.work = work
        self.process = None
        self.port = None

    def records(self, rows):
        return json.dumps([{"tensor": row} for row in rows.tolist()], separators=(",", ":")).encode()

    def prepare(self):
        """Writes the one-row body and makes the large ones."""
        self.one_row_file = self.work.folder / f"{type(self).__name__}.body"
        self.one_row_file.write_bytes(self.one_row_body())
        self.requests = self.large()

    def one_row_body(self):
        return self.records(self.work.rows[:1])

    def large(self):
        column = pa.FixedSizeListArray.from_arrays(pa.array(self.work.rows.ravel()), self.work.rows.shape[1])
        types = {"Content-Type": ARROW, "Accept": ARROW}
        return {
            "json": Request(
                self.path,
                self.records(self.work.rows),
                {"Content-Type": self.json_type, "Accept": self.json_accept},
            ),
            "arrow": Request(self.path, arrow_file(pa.table({"tensor": column})), types),
        }

    def outputs(self, kind, body, headers):
        """The model's output out of an answer, to see that all servers say the same."""
        if kind.startswith("arrow"):
            table = pa.ipc.open_file(pa.py_buffer(body)).read_all()
            outputs = table["out"].combine_chunks().field(self.work.output)
            return np.asarray(outputs.to_pylist(), np.float32)
        rows = [row["out"][self.work.output] for row in json.loads(body)]
        return np.asarray(rows, np.float32)

    def pids(self):
        return procs.tree(self.process.pid)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def _spawn(self, command, environment=None):
        self.log = self.work.folder / f"{type(self).__name__}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )


class Engine(Server):
    """`joey engine` by itself, without logs."""

    name = "joey engine, no logs"
    path = "/pipelines/bench"

    def large(self):
        large = super().large()
        for kind in list(large):
            request = large[kind]
            path = f"{request.path}?dataset[]=out"
            large[f"{kind}, outputs only"] = Request(path, request.body, request.headers)
        return large

    def start(self):
        folder = self.work.folder
        model = self.work.model
        self.engine = harness.Engine(folder, [model], ["tensor"], float(CPUS), name="bench").start()
        self.process = self.engine.process
        self.port = self.engine.port


class Gateway(Engine):
    """`joey serve`: the whole way, with every row in the log."""

    name = "joey gateway, logs on"

    def start(self):
        self.joey = Joey(self.work.folder / "data").start()
        self.process = self.joey.process
        self.api = Api(self.joey.url)
        model = self.work.model.read_bytes()
        deployment = self.api.deploy("bench", model, cpus=CPUS, memory="2Gi", tensor_fields=["tensor"])
        self.path = deployment.path
        self.port = self.joey.port

    def stop(self):
        self.api.close()
        self.joey.close()


class LoggingEngine(Engine):
    """The engine of that deployment, asked directly."""

    name = "joey engine, logs on"

    def __init__(self, work, gateway):
        super().__init__(work)
        self.gateway = gateway

    def start(self):
        (pid,) = self.gateway.joey.engines()
        arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        ready = pathlib.Path(arguments[arguments.index("--ready-file") + 1])
        self.port = int(ready.read_text().rpartition(":")[2])
        self.process = self.gateway.process

    def stop(self):
        """Ended with the gateway."""


class HandWritten(Server):
    name = "FastAPI + uvicorn, by hand"
    path = "/infer"

    def start(self):
        self.port = free_port()
        script = ROOT / "bench/fastapi_server.py"
        self._spawn([environment_of("fastapi"), script, self.work.model, str(self.port)])
        wait_for(self.port, "/docs", self.process, self.log)


class Triton(Server):
    """tritonserver of the nvidia-pytriton wheel with its Python backend, OIP v2; no inputs echoed."""

    name = "Triton, Python backend"
    path = "/v2/models/bench/infer"
    json_type = json_accept = "application/json"
    echoes_inputs = False

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

    def _document(self, rows, **data):
        tensor = {"name": "tensor", "shape": list(rows.shape), "datatype": "FP32"}
        return {"inputs": [tensor | data]}

    def one_row_body(self):
        rows = self.work.rows[:1]
        return json.dumps(self._document(rows, data=rows.ravel().tolist())).encode()

    def large(self):
        rows = self.work.rows
        document = self._document(rows, data=rows.ravel().tolist())
        text = json.dumps(document, separators=(",", ":")).encode()
        binary_document = self._document(rows, parameters={"binary_data_size": rows.nbytes})
        binary_document["parameters"] = {"binary_data_output": True}
        head = json.dumps(binary_document).encode()
        headers = {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(len(head)),
        }
        return {
            "json": Request(self.path, text, {"Content-Type": "application/json"}),
            "arrow": Request(self.path, head + rows.tobytes(), headers),
        }

    def outputs(self, kind, body, headers):
        if kind == "json":
            return np.float32(json.loads(body)["outputs"][0]["data"]).reshape(-1, 1)
        head = int(headers["Inference-Header-Content-Length"])
        return np.frombuffer(body[head:], np.float32).reshape(-1, 1)

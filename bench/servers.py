"""What all servers of the comparison have in common: the same model, rows and requests."""

import contextlib
import dataclasses
import hashlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import numpy as np
import onnxruntime
import procs
import pyarrow as pa
from harness import ARROW, RECORDS, ROOT

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


def session_of(model, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


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
        """Whose CPU time counts."""
        return procs.tree(self.process.pid)

    def serving_pids(self):
        """Whose memory counts."""
        return self.pids()

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

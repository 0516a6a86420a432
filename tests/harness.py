"""A real `joey serve` under a test, and its REST API without the SDK."""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time
import uuid

import httpx

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Of an engine where a test does not care; sanitizers need more (scripts/run_tests.py).
MEMORY = os.environ.get("JOEY_TEST_MEMORY", "256Mi")
ARROW = "application/vnd.apache.arrow.file"
RECORDS = "application/json; format=pandas-records"


def binary():
    return pathlib.Path(os.environ.get("JOEY_BIN", ROOT / "build" / "release" / "joey"))


def wait_until(condition, seconds=60.0, what="the condition"):
    """Calls `condition` until it gives something true, which is returned."""
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        if found := condition():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true in {seconds:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def unique(stem):
    """A name no other test uses."""
    return f"{stem}-{uuid.uuid4().hex[:8]}"


def processes(mark):
    """Process ids whose command line holds `mark`, as a dictionary pid → arguments."""
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if any(str(mark) in argument for argument in arguments):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z":
                    found[int(folder.name)] = arguments
    return found


class Joey:
    """One `joey serve` with its data folder. `arguments` are appended to the command line.

    Everybody may use it unless `auth` says otherwise (`joey serve --auth`).
    """

    def __init__(self, data, arguments=(), environment=None, auth="none"):
        self.data = pathlib.Path(data)
        self.arguments = ["--auth", auth, *arguments]
        self.environment = dict(os.environ, **(environment or {}))
        self.log = self.data.with_name(self.data.name + ".log")
        self.ready = self.data.with_name(self.data.name + ".ready")
        self.address = "127.0.0.1:0"
        self.process = None

    @property
    def url(self):
        return f"http://{self.address}"

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        self.ready.unlink(missing_ok=True)
        command = [binary(), "serve", "--data", self.data, "--listen", self.address]
        command += ["--ready-file", self.ready, *self.arguments]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )

        def listening():
            if self.process.poll() is not None:
                raise RuntimeError(f"joey serve ended with {self.process.returncode}:\n{self.log_tail()}")
            return self.ready.exists() and self.ready.read_text().strip()

        self.address = wait_until(listening, what="joey serve")
        return self

    def stop(self, seconds=60):
        """Asks the server to end, as an operator would; returns its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=seconds)
        self.process = None
        return status

    def kill(self):
        """kill -9 of the server; engines are not touched."""
        self.process.kill()
        self.process.wait()

    def restart(self):
        """Starts again on the same port with the same data."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        return self.start()

    def engines(self):
        """Process ids of the engines of this server."""
        return [pid for pid, arguments in processes(self.data).items() if "engine" in arguments[1:2]]

    def command(self, *arguments, stdin=""):
        """`joey user …` or `joey token …` on the data of this server; what it prints."""
        group, *rest = arguments
        command = [binary(), group, "--data", self.data, *rest]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()

    def log_tail(self, lines=40):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def close(self):
        """Ends the server and whatever of it still runs; returns the command lines that had to be killed."""
        if self.process is not None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not processes(self.data), seconds=20)
        left = processes(self.data)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return [" ".join(arguments) for arguments in left.values()]


class Engine:
    """`joey engine` by itself: one pipeline without logs. `steps` are the models, bytes or paths."""

    def __init__(self, folder, steps, tensor_fields=None, cpus=0.0, name="test", **document):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.path = f"/pipelines/{name}"
        self.log = self.folder / "engine.log"
        self.ready = self.folder / "engine.ready"
        self.document = self._document(steps, tensor_fields, cpus) | document
        self.address = None
        self.process = None

    def _document(self, steps, tensor_fields, cpus):
        models = []
        for number, step in enumerate(steps):
            path = step
            if isinstance(step, bytes):
                path = self.folder / f"model-{number}.onnx"
                path.write_bytes(step)
            reference = {
                "name": f"{self.name}-{number}",
                "version": str(uuid.UUID(int=number + 1)),
                "sha": hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest(),
            }
            settings = {"path": str(path), "runtime": "onnx", "batch_config": None}
            fields = {"tensor_fields": tensor_fields if number == 0 else None}
            models.append((reference, reference | settings | fields))
        pipeline = {"name": self.name, "version": str(uuid.UUID(int=100)), "topic": "test"}
        return {
            "deployment": f"{self.name}-1",
            "partition": "engine-test",
            "pipeline": pipeline,
            "steps": [{"ModelInference": {"models": [reference]}} for reference, _ in models],
            "models": [entry for _, entry in models],
            "cpus": cpus,
            "memory_bytes": 0,
            "check_column": "anomaly",
            "logs": None,
        }

    @property
    def url(self):
        return f"http://{self.address}"

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    def start(self):
        file = self.folder / "deployment.json"
        file.write_text(json.dumps(self.document))
        self.ready.unlink(missing_ok=True)
        command = [binary(), "engine", "--deployment", file, "--listen", "127.0.0.1:0"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*command, "--ready-file", self.ready], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

        def listening():
            if self.process.poll() is not None:
                log = self.log.read_text(errors="replace")
                raise RuntimeError(f"joey engine ended with {self.process.returncode}:\n{log}")
            return self.ready.exists() and self.ready.read_text().strip()

        self.address = wait_until(listening, what="joey engine")
        return self

    def stop(self, seconds=60):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class ApiError(Exception):
    def __init__(self, response):
        self.status = response.status_code
        self.body = response.text
        try:
            document = response.json()
            # Inference answers its errors as an array of one.
            self.document = document[0] if isinstance(document, list) else document
        except ValueError:
            self.document = {}
        super().__init__(f"{response.request.url.path}: {self.status} {self.body[:500]}")


class Deployment:
    """A running pipeline, reached through the gateway."""

    def __init__(self, api, pipeline, version, deployment_id, name):
        self.api = api
        self.pipeline = pipeline  # pk
        self.version = version  # pk
        self.id = deployment_id
        self.name = name
        self.path = f"/v1/api/pipelines/infer/{name}-{deployment_id}/{name}"

    def post(self, content, content_type=RECORDS, accept=RECORDS, **arguments):
        """One inference as it is, whatever the answer; `content` is bytes, text or a JSON value."""
        if not isinstance(content, (bytes, str)):
            content = json.dumps(content)
        headers = {"Content-Type": content_type, "Accept": accept}
        parameters = {"dataset[]": ["*", "metadata"], "dataset.separator": "."}
        return self.api.http.post(self.path, content=content, headers=headers, params=parameters, **arguments)

    def infer(self, records):
        """Answer records of one inference; raises ApiError."""
        response = self.post(records)
        if response.status_code != 200:
            raise ApiError(response)
        return response.json()

    def status(self):
        return self.api.post("/v1/api/status/get_deployment", {"name": f"{self.name}-{self.id}"})

    def logs(self, rows=None):
        """All log records, oldest first; waits for at least `rows` of them when given."""
        topic = self.api.post("/v1/api/plateau/get_topic_name", {"pipeline_pk_id": self.pipeline})
        topic = topic["topic_name"]
        if rows is not None:
            wait_until(lambda: len(self.api.records(topic)) >= rows, what=f"{rows} log rows")
        return self.api.records(topic)

    def undeploy(self):
        self.api.post("/v1/api/pipelines/undeploy", {"deployment_id": self.id})
        self.api.wait_gone(f"{self.name}-{self.id}")


class Api:
    """The REST API without the SDK, as the holder of `token` where the server asks who somebody is."""

    def __init__(self, url, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=url, timeout=60, headers=headers)

    def close(self):
        self.http.close()

    def post(self, path, document, expect=200):
        response = self.http.post(path, json=document)
        if response.status_code != expect:
            raise ApiError(response)
        return response.json() if response.content else None

    def workspace(self):
        return self.post("/v1/api/workspaces/current", {})["id"]

    def upload(self, name, model, framework="onnx", schemas=(None, None), **metadata):
        """Uploads the bytes of a model; the id of the model version."""
        document = {
            "name": name,
            "visibility": "private",
            "workspace_id": self.workspace(),
            "conversion": {"framework": framework, "python_version": "3.8", "requirements": []},
        }
        for key, schema in zip(("input_schema", "output_schema"), schemas):
            if schema is not None:
                document[key] = base64.b64encode(schema.serialize().to_pybytes()).decode()
        document |= metadata
        files = {
            "metadata": (None, json.dumps(document), "application/json"),
            "file": (f"{name}.onnx", model, "application/octet-stream"),
        }
        response = self.http.post("/v1/api/models/upload", files=files)
        if response.status_code not in (200, 202):
            raise ApiError(response)
        return response.json()["insert_models"]["returning"][0]["models"][0]["id"]

    def configure(self, version_id, **settings):
        """A configuration of a model version; its id."""
        document = {"model_version_id": version_id, **settings}
        return self.post("/v1/api/models/insert_model_config", document)["model_config"]["id"]

    def create_pipeline(self, name, version_ids):
        """A pipeline with one step for each model version; what the server answers."""
        steps = []
        for version_id in version_ids:
            version = self.post("/v1/api/models/get_version_by_id", {"model_version_id": version_id})
            version = version["model_version"]["model_version"]
            model = {key: version[key] for key in ("name", "version", "sha")}
            steps.append({"ModelInference": {"models": [model]}})
        document = {
            "pipeline_id": name,
            "workspace_id": self.workspace(),
            "definition": {"id": name, "steps": steps},
        }
        return self.post("/v1/api/pipelines/create", document)

    def deploy(self, name, models, replicas=1, cpus=0.25, memory=MEMORY, wait=True, **settings):
        """Uploads `models` (bytes, or a list of bytes for several steps), deploys them as pipeline `name`.

        `settings` configure every model: tensor_fields=…, batch_config=….
        """
        models = models if isinstance(models, list) else [models]
        versions = [self.upload(f"{name}-{i}" if i else name, model) for i, model in enumerate(models)]
        configs = [self.configure(version, **settings) for version in versions]
        return self.deploy_versions(name, versions, configs, replicas, cpus, memory, wait)

    def deploy_versions(
        self, name, versions, configs, replicas=1, cpus=0.25, memory=MEMORY, wait=True, **engine
    ):
        """`engine`: further settings of the engines."""
        created = self.create_pipeline(name, versions)
        resources = {"cpu": cpus, "memory": memory}
        engine = {"replicas": replicas, "cpu": cpus} | engine
        document = {
            "deploy_id": name,
            "pipeline_version_pk_id": created["pipeline_variant_pk_id"],
            "pipeline_id": created["pipeline_pk_id"],
            "engine_config": {"engine": engine | {"resources": {"limits": resources, "requests": resources}}},
            "model_configs": configs,
        }
        answer = self.post("/v1/api/pipelines/deploy", document)
        deployment = Deployment(
            self, created["pipeline_pk_id"], created["pipeline_variant_pk_id"], answer["id"], name
        )
        if wait:
            wait_until(lambda: deployment.status()["status"] == "Running", what=f"deployment {name}")
        return deployment

    def wait_gone(self, name):
        def gone():
            response = self.http.post("/v1/api/status/get_deployment", json={"name": name})
            return response.status_code == 404

        wait_until(gone, what=f"end of deployment {name}")

    def records(self, topic, page_size=10000):
        """All log records of a topic, in order, as flat dictionaries."""
        import pyarrow as pa

        parameters = {
            "time.start": "2000-01-01T00:00:00+00:00",
            "time.end": "2100-01-01T00:00:00+00:00",
            "page_size": page_size,
            "dataset[]": ["*", "metadata"],
            "dataset.separator": ".",
        }
        rows, cursor = [], {}
        while True:
            response = self.http.post(
                f"/v1/logs/topic/{topic}/records",
                params=parameters,
                json=cursor,
                headers={"Accept": ARROW},
            )
            if response.status_code != 200:
                raise ApiError(response)
            table = pa.ipc.open_file(pa.py_buffer(response.content)).read_all()
            rows += table.to_pylist()
            status = json.loads((table.schema.metadata or {}).get(b"status", b"{}"))
            cursor = status.get("next")
            if not cursor or not table.num_rows:
                return rows

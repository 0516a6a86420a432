"""The second table: what other pipelines cost above the runtime under them.

Each pipeline is deployed with the SDK on one `joey serve` and asked at its engine, with logs on as always.
The floor is the same work in this process, without a server.
"""

import contextlib
import dataclasses
import http.client
import json
import runpy
import statistics
import sys
import time

import harness
import load
import models
import numpy as np
import pandas as pd
import pipeline_models
import polars as pl
import procs
import pyarrow as pa
from harness import ARROW, RECORDS, ROOT
from joey_servers import engine_port
from servers import CPUS, Request, arrow_file, session_of

sys.path.insert(0, str(ROOT / "sdk/python"))

import wallaroo  # noqa: E402
from wallaroo.deployment_config import DeploymentConfigBuilder  # noqa: E402
from wallaroo.framework import Framework  # noqa: E402

ROWS = 10_000
WIDTH = 29
STEP = ROOT / "bench/python_step.py"


def column_of(array):
    """Nested fixed-size lists over the array's memory."""
    values = pa.array(array.ravel())
    for size in reversed(array.shape[1:]):
        values = pa.FixedSizeListArray.from_arrays(values, size)
    return values


@dataclasses.dataclass
class Pipeline:
    """`build(client, upload)` makes it, `floor(rows, threads)` gives a function that does the same here."""

    name: str
    column: str
    rows: np.ndarray
    output: str
    build: object
    floor: object
    floor_name: str
    kinds: tuple = ("one row, JSON", "10,000 rows, Arrow")

    def json(self, rows):
        records = [{self.column: row} for row in rows.tolist()]
        return json.dumps(records, separators=(",", ":")).encode()

    def arrow(self, rows):
        return arrow_file(pa.table({self.column: column_of(rows)}))


def _run(models_in_order, threads):
    """Models one after the other, each with the first output of the one before as its only input."""
    sessions = [session_of(model, threads) for model in models_in_order]
    names = [session.get_inputs()[0].name for session in sessions]

    def run(rows):
        for session, name in zip(sessions, names):
            rows = session.run(None, {name: rows})[0]
        return rows

    return run


def _models(*files):
    """(build, floor) of a pipeline of ONNX models, one step each."""

    def build(client, upload):
        pipeline = client.build_pipeline("bench")
        for number, file in enumerate(files):
            pipeline.add_model_step(upload(f"model-{number}", file, number == 0))
        return pipeline

    return build, lambda threads: _run(files, threads)


def _python_step(model):
    def build(client, upload):
        floats = pa.list_(pa.float32())
        step = client.upload_model("center", str(STEP), framework=Framework.PYTHON).configure(
            "python",
            input_schema=pa.schema([pa.field("raw", floats)]),
            output_schema=pa.schema([pa.field("tensor", floats)]),
        )
        pipeline = client.build_pipeline("bench").add_model_step(step)
        return pipeline.add_model_step(upload("model", model, False))

    def floor(threads):
        step = runpy.run_path(str(STEP), {"pd": pd})["wallaroo_json"]
        run = _run([model], threads)
        return lambda rows: run(np.stack(step(pd.DataFrame({"raw": list(rows)}))["tensor"].to_numpy()))

    return build, floor


def _split_with_checks(model):
    """Both sides of the split hold the same model, so that the answers are known."""
    first = pl.col("out.dense_1").list.get(0)
    checks = {"low": first > 0.001, "high": first < 0.999}

    def build(client, upload):
        sides = [(2, upload("control", model, True)), (1, upload("challenger", model, True))]
        return client.build_pipeline("bench").add_random_split(sides).add_validations(**checks)

    def floor(threads):
        run = _run([model], threads)

        def work(rows):
            out = run(rows)
            frame = pl.DataFrame({"out.dense_1": out})
            frame.with_columns(pl.col("out.dense_1").arr.to_list()).select(**checks)
            return out

        return work

    return build, floor


def all_pipelines(folder):
    def file(name, content):
        path = folder / f"{name}.onnx"
        path.write_bytes(content)
        return path

    random = np.random.default_rng(11)
    rows = random.normal(size=(ROWS, WIDTH)).astype(np.float32)
    image = random.random(size=(1, 3, 224, 224), dtype=np.float32)
    trees = file("trees", pipeline_models.trees())
    classifier = file("image", pipeline_models.image_classifier())
    scaled = file("scale", models.scale(0.5, WIDTH, output="scaled"))
    after_scale = file("after-scale", models.mlp(WIDTH, name="scaled"))
    mlp = file("mlp", models.mlp(WIDTH))
    runtime = "ONNX Runtime"
    megabytes = trees.stat().st_size / 1e6
    return [
        Pipeline(f"trees, {megabytes:.1f} MB", "tensor", rows, "variable", *_models(trees), runtime),
        Pipeline(
            "image, 3 × 224 × 224",
            "image",
            image,
            "probabilities",
            *_models(classifier),
            runtime,
            ("one image, Arrow", "one image, JSON"),
        ),
        Pipeline("two models in a chain", "tensor", rows, "dense_1", *_models(scaled, after_scale), runtime),
        Pipeline(
            "Python step, then a model",
            "raw",
            rows,
            "dense_1",
            *_python_step(mlp),
            "the function on a DataFrame, ONNX Runtime",
        ),
        Pipeline(
            "split, two checks",
            "tensor",
            rows,
            "dense_1",
            *_split_with_checks(mlp),
            "ONNX Runtime, polars for the checks",
        ),
    ]


class Engine:
    """A deployed pipeline's engine, as load.py wants servers."""

    path = "/pipelines/bench"
    json_type = json_accept = RECORDS

    def __init__(self, pipeline, pid, folder):
        self.name = pipeline.name
        self.pid = pid
        self.port = engine_port(pid)
        self.one_row_file = folder / "one-row.body"
        self.one_row_file.write_bytes(pipeline.json(pipeline.rows[:1]))

    def pids(self):
        """The engine and its Python workers."""
        return procs.tree(self.pid)


def _microseconds(work, rows, seconds=0.5):
    """Median of single calls."""
    work(rows)
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        work(rows)
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


def _elapsed(engine, request, repeats):
    """Medians of the engine's own clock in µs: reading the request, running all steps."""
    connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=60)
    asked = Request(f"{engine.path}?dataset[]=metadata", request.body, request.headers | {"Accept": RECORDS})
    parse, steps = [], []
    for _ in range(repeats):
        body, _ = load.post(connection, asked)
        elapsed = json.loads(body)[0]["metadata"]["elapsed"]
        parse.append(elapsed[0] / 1e3)
        steps.append(sum(elapsed[1:]) / 1e3)
    connection.close()
    return statistics.median(parse), statistics.median(steps)


def _check(pipeline, engine, request, expected):
    connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=60)
    asked = Request(f"{engine.path}?dataset[]=out", request.body, request.headers | {"Accept": RECORDS})
    body, _ = load.post(connection, asked)
    found = np.float32([record["out"][pipeline.output] for record in json.loads(body)])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=pipeline.name)
    connection.close()


def _one_row(pipeline, engine, arguments):
    """CPU time of the engine against the CPU time of the floor, both µs a request."""
    rows = pipeline.rows[:1]
    request = Request(engine.path, pipeline.json(rows), {"Content-Type": RECORDS, "Accept": RECORDS})
    floor = pipeline.floor(1)
    _check(pipeline, engine, request, floor(rows))
    load.one_row(engine, 8, 1)
    rounds = [load.one_row(engine, 8, arguments.seconds) for _ in range(arguments.rounds)]
    parse, steps = _elapsed(engine, request, 200)
    return {
        "unit": "µs CPU",
        "rps": statistics.median(figures["rps"] for figures in rounds),
        "measured": statistics.median(figures["cpu_us"] for figures in rounds),
        "floor": _microseconds(floor, rows),
        "parse": parse,
        "steps": steps,
    }


def _one_request(pipeline, engine, kind, arguments):
    """Time from sending to having the answer against the floor's time, both ms."""
    rows = pipeline.rows
    if kind.endswith("Arrow"):
        request = Request(engine.path, pipeline.arrow(rows), {"Content-Type": ARROW, "Accept": ARROW})
    else:
        request = Request(engine.path, pipeline.json(rows), {"Content-Type": RECORDS, "Accept": RECORDS})
    floors = [pipeline.floor(threads) for threads in sorted({1, CPUS})]
    _check(pipeline, engine, request, floors[0](rows))
    rounds = [load.many_rows(engine, request, arguments.repeats) for _ in range(arguments.rounds)]
    parse, steps = _elapsed(engine, request, 10)
    return {
        "unit": "ms",
        "measured": statistics.median(figures["median_ms"] for figures in rounds),
        "cpu": statistics.median(figures["cpu_ms"] for figures in rounds),
        "floor": min(_microseconds(floor, rows) for floor in floors) / 1e3,
        "parse": parse / 1e3,
        "steps": steps / 1e3,
    }


@contextlib.contextmanager
def _deployed(pipeline, client, joey, folder):
    def upload(name, file, first):
        model = client.upload_model(f"bench-{name}", str(file), framework=Framework.ONNX)
        return model.configure(tensor_fields=[pipeline.column]) if first else model

    made = pipeline.build(client, upload)
    configuration = DeploymentConfigBuilder().cpus(CPUS).memory("2Gi").build()
    before = set(joey.engines())
    made.deploy(deployment_config=configuration)
    try:
        (pid,) = set(joey.engines()) - before
        yield Engine(pipeline, pid, folder)
    finally:
        made.undeploy()


def measure(folder, arguments):
    """Rows of the table; a pipeline that cannot be deployed has the reason in the place of figures."""
    joey = harness.Joey(folder / "pipelines").start()
    rows = []
    try:
        client = wallaroo.Client(joey.url, interactive=False)
        for number, pipeline in enumerate(all_pipelines(folder)):
            print(f"pipeline: {pipeline.name}", flush=True)
            client.set_current_workspace(client.create_workspace(f"bench-{number}"))
            row = {"pipeline": pipeline.name, "floor": pipeline.floor_name, "requests": {}}
            rows.append(row)
            with contextlib.ExitStack() as stack:
                try:
                    engine = stack.enter_context(_deployed(pipeline, client, joey, folder))
                except Exception as error:  # whatever the SDK says: the other rows do not depend on it
                    row["skipped"] = str(error).strip().splitlines()[0]
                    print(f"skipped: {error}", flush=True)
                    continue
                for kind in pipeline.kinds:
                    if kind == "one row, JSON":
                        row["requests"][kind] = _one_row(pipeline, engine, arguments)
                    else:
                        row["requests"][kind] = _one_request(pipeline, engine, kind, arguments)
    finally:
        joey.close()
    return rows

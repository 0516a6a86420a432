"""What models of other frameworks cost in Joey, native and in a worker, beside their own predict.

    python bench/frameworks.py [sklearn xgboost keras pytorch]

Prints the table of docs/models.md: medians of one row as JSON and of 10000 rows as Arrow through joey serve,
and of the framework's predict in a process of its own, on one thread, on the same rows.
"""

import http.client
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import pyarrow as pa
import wallaroo

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import harness  # noqa: E402

FEATURES = 10
MANY = 10_000
ONE_RUNS, MANY_RUNS = 300, 9
CONFIG = wallaroo.DeploymentConfigBuilder().cpus(1).memory("3Gi").build()

DATA = f"""
import sys, time, pickle
import numpy as np
random = np.random.default_rng(1)
x = random.normal(size=(2000, {FEATURES}))
y = x @ random.normal(size={FEATURES}) + x[:, 0] * x[:, 1]
"""
MEASURE = f"""
def median(rows, runs):
    predict(rows)
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        predict(rows)
        times.append(time.perf_counter() - begin)
    return sorted(times)[runs // 2]
many = random.normal(size=({MANY}, {FEATURES})).astype(np.float32)
print(median(many[:1], {ONE_RUNS}), median(many, {MANY_RUNS}))
"""
SKLEARN = """
{make}
pickle.dump(model, open(sys.argv[1], "wb"))
predict = lambda rows: model.predict(rows.astype(np.float64))
"""
MODELS = {
    "sklearn": [
        ("LinearRegression", "from sklearn.linear_model import LinearRegression as M; model = M().fit(x, y)"),
        (
            "GradientBoosting, 100 trees",
            "from sklearn.ensemble import GradientBoostingRegressor as M; model = M().fit(x, y)",
        ),
        (
            "RandomForest, 100 trees",
            "from sklearn.ensemble import RandomForestRegressor as M; model = M(max_depth=8).fit(x, y)",
        ),
    ],
    "xgboost": [
        ("XGBRegressor, 100 trees", "import xgboost; model = xgboost.XGBRegressor(n_jobs=1).fit(x, y)")
    ],
    "keras": [
        (
            "dense 64-64",
            """
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
L = tf.keras.layers
model = tf.keras.Sequential([L.Input((10,)), L.Dense(64, "relu"), L.Dense(64, "relu"), L.Dense(1)])
model.save(sys.argv[1])
predict = lambda rows: model(tf.constant(rows.astype(np.float32))).numpy()
""",
        )
    ],
    "pytorch": [
        (
            "dense 64-64",
            """
import torch
torch.set_num_threads(1)
N = torch.nn
layers = N.Linear(10, 64), N.ReLU(), N.Linear(64, 64), N.ReLU(), N.Linear(64, 1)
model = torch.jit.script(N.Sequential(*layers))
model.save(sys.argv[1])
predict = lambda rows: model(torch.from_numpy(rows.astype(np.float32))).detach().numpy()
""",
        )
    ],
}
SUFFIX = {"keras": "h5", "pytorch": "pt"}


def median(call, runs):
    call()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return sorted(times)[runs // 2]


class Sender:
    """Requests over one kept connection."""

    def __init__(self, url):
        host, _, self._path = url.removeprefix("http://").partition("/")
        self._connection = http.client.HTTPConnection(host)
        self._path = "/" + self._path

    def send(self, body, kind):
        self._connection.request("POST", self._path, body, {"Content-Type": kind, "Accept": kind})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(content[:500])


def joey(wl, framework, name, file, type_):
    """(runtime, seconds for one row, for many)."""
    scalar = framework in ("sklearn", "xgboost")
    output = type_ if scalar else pa.list_(type_, 1)
    model = wl.upload_model(
        harness.unique("bench"),
        file,
        framework,
        pa.schema([pa.field("x", pa.list_(type_, FEATURES))]),
        pa.schema([pa.field("y", output)]),
    )
    pipeline = wl.build_pipeline(harness.unique("bench")).add_model_step(model)
    pipeline.deploy(deployment_config=CONFIG)
    rows = np.random.default_rng(2).normal(size=(MANY, FEATURES))
    sender = Sender(pipeline.url())
    one = json.dumps([{"x": rows[0].tolist()}]).encode()
    out = io.BytesIO()
    table = pa.table({"x": pa.array(list(rows.astype(type_.to_pandas_dtype())), pa.list_(type_))})
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    many = out.getvalue()
    result = (
        model.config().runtime(),
        median(lambda: sender.send(one, harness.RECORDS), ONE_RUNS),
        median(lambda: sender.send(many, harness.ARROW), MANY_RUNS),
    )
    pipeline.undeploy()
    return result


def main():
    chosen = sys.argv[1:] or list(MODELS)
    with tempfile.TemporaryDirectory() as folder:
        server = harness.Joey(pathlib.Path(folder) / "data").start()
        wl = wallaroo.Client(server.url, interactive=False)
        print("| model | runtime | one row | 10k rows | own predict, one row | 10k rows |")
        print("|---|---|---|---|---|---|")
        try:
            for framework in chosen:
                for name, make in MODELS[framework]:
                    file = pathlib.Path(folder) / f"model.{SUFFIX.get(framework, 'pkl')}"
                    body = make if framework in SUFFIX else SKLEARN.format(make=make)
                    done = subprocess.run(
                        [harness.python_of(framework), "-c", DATA + body + MEASURE, file],
                        capture_output=True,
                        text=True,
                        check=True,
                        env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
                    )
                    own = [float(word) for word in done.stdout.split()[-2:]]
                    for type_ in (pa.float32(), pa.float64()):
                        if framework == "pytorch" and type_ == pa.float64():
                            continue  # this model is one of float32
                        runtime, one, many = joey(wl, framework, name, file, type_)
                        cells = [f"{one * 1e6:.0f} µs", f"{many * 1e3:.1f} ms"]
                        cells += [f"{own[0] * 1e6:.0f} µs", f"{own[1] * 1e3:.1f} ms"]
                        print(f"| {framework}: {name} | {runtime} | {' | '.join(cells)} |", flush=True)
        finally:
            server.close()


if __name__ == "__main__":
    main()

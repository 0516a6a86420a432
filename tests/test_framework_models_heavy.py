"""Keras and PyTorch models, where their environments are installed (`make test-heavy` installs them)."""

import subprocess

import harness
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import wallaroo
from wallaroo.framework import Framework

pytestmark = pytest.mark.xdist_group("models-heavy")

F32, F64 = pa.float32(), pa.float64()
SMALL = wallaroo.DeploymentConfigBuilder().cpus(0.5).memory("2Gi").build()
ROWS = np.random.default_rng(5).normal(size=(30, 4)).astype(np.float32)


def of(name, type_, size):
    return pa.schema([pa.field(name, pa.list_(type_, size))])


@pytest.fixture
def wl(joey_url):
    client = wallaroo.Client(joey_url, interactive=False)
    client.set_current_workspace(client.create_workspace(harness.unique("heavy")))
    return client


def made(python, program, file, tmp_path):
    """Runs `program` with the file and rows; what it gives for the rows, as an array."""
    rows, results = tmp_path / "rows.npy", tmp_path / "results.npy"
    np.save(rows, ROWS)
    subprocess.run([python, "-c", program, file, rows, results], check=True, capture_output=True, timeout=300)
    return np.load(results)


KERAS = """
import sys
import numpy as np, tensorflow as tf
file, rows, results = sys.argv[1:]
tf.keras.utils.set_random_seed(1)
layers = tf.keras.layers
model = tf.keras.Sequential([layers.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
model.save(file)
np.save(results, model.predict(np.load(rows), verbose=0))
"""

TORCH = """
import sys
import numpy as np, torch
file, rows, results = sys.argv[1:]
torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
if "double" in file:
    model = model.double()
rows = torch.from_numpy(np.load(rows))
torch.jit.script(model).save(file)
with torch.no_grad():
    np.save(results, model(rows.double() if "double" in file else rows).numpy())
"""


# A softmax of missing values is another in ONNX: that model of Keras is not converted.
@pytest.mark.parametrize(
    ("lock", "framework", "program", "suffix", "type_", "runtime"),
    [
        ("keras", Framework.KERAS, KERAS, "h5", F32, "flight"),
        ("keras", Framework.KERAS, KERAS, "h5", F64, "flight"),
        ("pytorch", Framework.PYTORCH, TORCH, "pt", F32, "onnx"),
        ("pytorch", Framework.PYTORCH, TORCH, "pt", F64, "flight"),
    ],
)
def test_native_and_worker(wl, undeployed, tmp_path, heavy, type_, runtime, lock, framework, program, suffix):
    kind = "double" if type_ == F64 else "float"
    file = tmp_path / f"{kind}.{suffix}"
    expected = made(heavy(lock), program, file, tmp_path)
    model = wl.upload_model(f"net-{kind}", file, framework, of("x", type_, 4), of("y", type_, 3))
    assert model.config().runtime() == runtime, model._document["status_text"]
    pipeline = wl.build_pipeline(f"net-{kind}").add_model_step(model)
    undeployed.append(pipeline)
    pipeline.deploy(deployment_config=SMALL)
    got = pipeline.infer(pd.DataFrame({"x": ROWS.tolist()}))
    np.testing.assert_allclose(np.array(got["out.y"].tolist()), expected, rtol=1e-4, atol=1e-6)


LAMBDA = """
import sys
import tensorflow as tf
tf.keras.Sequential([
    tf.keras.layers.Input((4,)),
    tf.keras.layers.Lambda(lambda x: (__import__("os").system("touch {mark}"), x)[1]),
]).save(sys.argv[1])
"""


def test_a_keras_lambda_reaches_nothing(wl, tmp_path, heavy):
    mark = tmp_path / "mark"
    file = tmp_path / "lambda.h5"
    subprocess.run([heavy("keras"), "-c", LAMBDA.replace("{mark}", str(mark)), file], check=True, timeout=300)
    mark.unlink(missing_ok=True)
    model = wl.upload_model("lambda", file, Framework.KERAS, of("x", F64, 4), of("y", F64, 4))
    assert model.config().runtime() == "flight"
    assert not mark.exists()


GADGET = """
import os, sys, torch
class Gadget:
    def __reduce__(self):
        return os.system, ("touch {mark}",)
torch.save(Gadget(), sys.argv[1])
"""


def test_a_torch_pickle_is_no_torchscript(wl, tmp_path, heavy):
    mark = tmp_path / "mark"
    file = tmp_path / "gadget.pt"
    subprocess.run(
        [heavy("pytorch"), "-c", GADGET.replace("{mark}", str(mark)), file], check=True, timeout=300
    )
    with pytest.raises(
        wallaroo.exceptions.ModelConversionError, match="TorchScript|cannot be loaded with torch"
    ):
        wl.upload_model("gadget", file, Framework.PYTORCH, of("x", F32, 4), of("y", F32, 3))
    assert not mark.exists()

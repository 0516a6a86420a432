"""Models of other frameworks, from the upload to the answer: states, versions, custom models, attacks."""

import contextlib
import io
import os
import pickle
import subprocess
import textwrap
import zipfile

import harness
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import wallaroo
from harness import wait_until
from sklearn.linear_model import LinearRegression
from wallaroo.framework import Framework

pytestmark = pytest.mark.xdist_group("models")

F32, F64, I64 = pa.float32(), pa.float64(), pa.int64()
SMALL = wallaroo.DeploymentConfigBuilder().cpus(0.5).memory("1Gi").build()
RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(200, 3))
Y = X @ [1.0, 2.0, 3.0] + 4.0


def row(type_, size=3):
    return pa.schema([pa.field("inputs", pa.list_(type_, size))])


def one(name, type_):
    return pa.schema([pa.field(name, type_)])


@pytest.fixture
def wl(joey_url):
    client = wallaroo.Client(joey_url, interactive=False)
    client.set_current_workspace(client.create_workspace(harness.unique("models")))
    return client


@pytest.fixture
def pickled(tmp_path):
    def make(thing, name="model.pkl"):
        file = tmp_path / name
        file.write_bytes(thing if isinstance(thing, bytes) else pickle.dumps(thing))
        return file

    return make


def text_of(model):
    model._refresh()
    return model._document["status_text"]


def test_an_upload_returns_before_the_conversion(wl, pickled, undeployed):
    model = wl.upload_model(
        "linear",
        pickled(LinearRegression().fit(X, Y)),
        Framework.SKLEARN,
        row(F32),
        one("y", F32),
        convert_wait=False,
    )
    assert model.status() in ("pending_load_native", "attempting_load_native", "ready")
    pipeline = wl.build_pipeline("linear").add_model_step(model)
    undeployed.append(pipeline)
    if model.status() != "ready":
        with pytest.raises(wallaroo.exceptions.JoeyError, match="not ready yet|is 'ready'"):
            pipeline.deploy(deployment_config=SMALL)
    wait_until(lambda: model.status() == "ready", what="the conversion")
    assert model.config().runtime() == "onnx" and model.image_path() is None
    assert "native: converted from scikit-learn" in text_of(model) and "agrees on" in text_of(model)
    pipeline.deploy(deployment_config=SMALL)
    got = pipeline.infer(pd.DataFrame({"inputs": [[1.0, 1.0, 1.0]]}))
    assert got["out.y"][0] == pytest.approx(10.0, rel=1e-5)


def test_a_model_in_a_worker(wl, pickled, undeployed):
    model = wl.upload_model(
        "worker", pickled(LinearRegression().fit(X, Y)), Framework.SKLEARN, row(F64), one("y", F64)
    )
    assert model.config().runtime() == "flight"
    assert model.image_path().startswith("joey/sklearn@sha256:")
    assert "double" in text_of(model)
    model.configure(tensor_fields=["features"])
    assert model.config().runtime() == "flight" and model.config().input_schema() == row(F64)
    pipeline = wl.build_pipeline("worker").add_model_step(model)
    undeployed.append(pipeline)
    pipeline.deploy(deployment_config=SMALL)
    rows = pd.DataFrame({"features": X[:20].tolist()})
    np.testing.assert_allclose(pipeline.infer(rows)["out.y"], Y[:20], rtol=1e-12)
    many = pa.table({"features": pa.array(np.tile(X, (50, 1)).tolist())})
    assert pipeline.infer(many)["out.y"].to_numpy() == pytest.approx(np.tile(Y, 50))
    with pytest.raises(wallaroo.exceptions.JoeyError, match="a row has 2 values|has 2 values"):
        pipeline.infer(pd.DataFrame({"features": [[1.0, 2.0]]}))


def test_an_older_environment_loads_what_the_newest_cannot(wl, pickled, tmp_path):
    """Trees pickled before scikit-learn 1.3 have nodes of another layout."""
    program = """
import pickle, sys
import numpy as np
from sklearn.tree import DecisionTreeRegressor
x = np.arange(20.0).reshape(10, 2)
pickle.dump(DecisionTreeRegressor().fit(x, x[:, 0]), open(sys.argv[1], "wb"))
"""
    file = tmp_path / "tree.pkl"
    subprocess.run([harness.python_of("sklearn-1.2"), "-c", program, file], check=True)
    model = wl.upload_model("old-tree", file, Framework.SKLEARN, row(F32, 2), one("y", F32))
    assert "scikit-learn 1.2.2" in text_of(model)


@pytest.mark.parametrize(
    ("thing", "inputs", "says"),
    [
        (b"no pickle", row(F64), "cannot be loaded with scikit-learn 1.9.1"),
        ({"a": 1}, row(F64), "neither predict nor transform"),
        (LinearRegression().fit(X, Y), row(F64, 4), "trained with 3 features"),
    ],
)
def test_a_file_that_cannot_be_served(wl, pickled, thing, inputs, says):
    with pytest.raises(wallaroo.exceptions.ModelConversionError, match=says):
        wl.upload_model("broken", pickled(thing), Framework.SKLEARN, inputs, one("y", F64))
    model = wl.get_model("broken")
    assert model.status() == "error"
    with pytest.raises(wallaroo.exceptions.JoeyError, match="cannot be deployed"):
        wl.build_pipeline("broken").add_model_step(model).deploy(deployment_config=SMALL)


def test_a_conversion_survives_a_kill_of_the_server(joey, pickled):
    wl = wallaroo.Client(joey.url, interactive=False)
    model = wl.upload_model(
        "survivor",
        pickled(LinearRegression().fit(X, Y)),
        Framework.SKLEARN,
        row(F32),
        one("y", F32),
        convert_wait=False,
    )
    joey.kill()
    joey.restart()
    wait_until(lambda: wl.get_model("survivor").status() == "ready", what="the conversion")
    assert wl.get_model("survivor").sha() == model.sha()


# Attacks (pickles, archives, requirements, what a model does while it runs)


class Evil:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_pickle_with_os_system_reaches_nothing(wl, pickled, tmp_path):
    mark = tmp_path / "mark"
    command = f"touch {mark}; echo pwned > /var/tmp/joey-{os.getpid()}; cat /etc/passwd; env; sleep 0"
    with pytest.raises(wallaroo.exceptions.ModelConversionError):
        wl.upload_model("evil", pickled(Evil(command)), Framework.SKLEARN, row(F64), one("y", F64))
    assert not mark.exists() and not os.path.exists(f"/var/tmp/joey-{os.getpid()}")
    assert wl.list_models() is not None


def archive(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in files.items():
            target.writestr(name, text)
    return out.getvalue()


ARCHIVES = {
    "no zip": (b"PK\x03\x04 but no more", "zip"),
    "climbs": (archive(**{"../../evil.py": "x"}), "outside of its own folder"),
    "absolute": (archive(**{"/etc/evil.py": "x"}), "outside of its own folder"),
    "bomb": (archive(**{f"zeros{i}.bin": b"\0" * (200 << 20) for i in range(6)}), "unpacks to more than"),
    "many": (archive(**{f"f{i}": "" for i in range(10_001)}), "10000"),
    "index": (archive(**{"a.py": "", "requirements.txt": "--index-url http://evil\nnumpy"}), "an option"),
    "git": (archive(**{"a.py": "", "requirements.txt": "git+https://evil/x.git"}), "a URL"),
    "direct": (archive(**{"a.py": "", "requirements.txt": "x @ https://evil/x.whl"}), "a URL"),
    "path": (archive(**{"m/a.py": "", "m/requirements.txt": "./setup"}), "a path"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_evil_archives_are_refused(wl, pickled, name):
    content, says = ARCHIVES[name]
    with pytest.raises(wallaroo.exceptions.ModelUploadError, match=says):
        wl.upload_model("evil", pickled(content, "m.zip"), Framework.CUSTOM, one("x", F64), one("y", F64))
    assert len(wl.list_models()) == 0


def test_requirements_that_do_not_exist_end_as_an_error(wl, pickled):
    content = archive(**{"a.py": "", "requirements.txt": "joey-no-such-package==1.2.3"})
    with pytest.raises(wallaroo.exceptions.ModelConversionError, match="Could not pip install user provided"):
        wl.upload_model("lacking", pickled(content, "m.zip"), Framework.CUSTOM, one("x", F64), one("y", F64))


CUSTOM = """
    import ctypes, os, socket, sys, time

    import numpy as np
    from mac.inference import Inference
    from mac.inference.creation import InferenceBuilder


    def forks():
        for count in range(100000):
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)


    ATTACKS = {
        1: lambda: ctypes.string_at(0),
        2: lambda: bytearray(100 << 30),
        3: lambda: socket.create_connection(("127.0.0.1", 1)),
        4: lambda: open("/etc/joey-attack", "w"),
        5: forks,
        6: lambda: sys.exit(1),
        7: lambda: os.kill(os.getppid(), 9),
        8: lambda: open("/proc/1/environ").read(),
    }


    class Attack(Inference):
        @property
        def expected_model_types(self):
            return {str}

        def _predict(self, input_data):
            for value in input_data["x"]:
                if int(value) in ATTACKS:
                    ATTACKS[int(value)]()
            return {"y": input_data["x"] * 2}


    class Builder(InferenceBuilder):
        @property
        def inference(self):
            return Attack()

        def create(self, config):
            inference = self.inference
            inference._model = "attack"
            return inference
"""


def test_attacks_of_a_running_model_end_its_worker_at_most(wl, pickled, undeployed):
    content = archive(**{"attack/attack.py": textwrap.dedent(CUSTOM)})
    model = wl.upload_model(
        "attack", pickled(content, "m.zip"), Framework.CUSTOM, one("x", F64), one("y", F64)
    )
    assert model.config().runtime() == "flight" and model.image_path().startswith("joey/custom@")
    pipeline = wl.build_pipeline("attack").add_model_step(model)
    undeployed.append(pipeline)
    pipeline.deploy(deployment_config=SMALL)

    def works():
        try:
            return pipeline.infer(pd.DataFrame({"x": [20.0]}))["out.y"][0] == 40.0
        except wallaroo.exceptions.JoeyError:
            return False

    assert works()
    expected = {
        1: "died while it worked on this request: signal 11",
        2: "out of memory",
        3: "Permission denied",
        4: "Read-only|Permission denied|No such file",
        5: "Resource temporarily unavailable|did not answer|died",
        6: "SystemExit|died",
    }
    for attack, says in expected.items():
        with pytest.raises(wallaroo.exceptions.JoeyError, match=says):
            pipeline.infer(pd.DataFrame({"x": [20.0, float(attack)]}))
        wait_until(works, what=f"an answer after attack {attack}")
    for attack in (7, 8):  # there is nobody else to kill, and nothing secret to read
        with contextlib.suppress(wallaroo.exceptions.JoeyError):
            pipeline.infer(pd.DataFrame({"x": [20.0, float(attack)]}))
        wait_until(works, what=f"an answer after attack {attack}")


def test_frameworks_that_are_not_there_yet_say_so(wl, pickled):
    with pytest.raises(wallaroo.exceptions.ModelUploadError, match="not supported yet"):
        wl.upload_model(
            "later",
            pickled(b"x", "m.zip"),
            Framework.HUGGING_FACE_SUMMARIZATION,
            one("x", pa.string()),
            one("y", F64),
        )

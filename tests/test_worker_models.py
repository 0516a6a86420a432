"""The Python side of model workers by itself: arrays, made-up rows, agreement, frameworks, custom models."""

import io
import os
import pathlib
import pickle
import re
import subprocess
import sys
import textwrap
import zipfile

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workers"))

from joey_worker import agreement, arrays, convert, failure, onnx_graph, samples  # noqa: E402
from joey_worker.model_file import ModelFile  # noqa: E402
from joey_worker.start_frame import Start  # noqa: E402

F32, F64, I32, I64 = pa.float32(), pa.float64(), pa.int32(), pa.int64()


def schema(**types):
    return pa.schema(list(types.items()))


def fixed(type_, *sizes):
    for size in reversed(sizes):
        type_ = pa.list_(type_, size)
    return type_


def batch(**columns):
    return pa.record_batch([pa.array(*column) for column in columns.values()], names=list(columns))


# Columns and arrays


def test_columns_become_arrays_of_the_declared_type_and_shape():
    table = batch(
        a=([[1.0, 2.0], [3.0, 4.0]],),
        b=([5, 6], I64),
        c=([[1, 2, 3, 4], [5, 6, 7, 8]],),
        d=(["x", "y"],),
        e=([True, False],),
        f=([[[1.0]], [[2.0]]],),
    )
    got = arrays.arrays_of(
        table,
        schema(
            a=fixed(F32, 2), b=F64, c=fixed(I32, 2, 2), d=pa.string(), e=pa.bool_(), f=pa.list_(pa.list_(F64))
        ),
    )
    assert got["a"].dtype == np.float32 and got["a"].tolist() == [[1, 2], [3, 4]]
    assert got["b"].dtype == np.float64 and got["b"].tolist() == [5, 6]
    assert got["c"].dtype == np.int32 and got["c"].tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert got["d"].tolist() == ["x", "y"]
    assert got["e"].tolist() == [True, False]
    assert got["f"].shape == (2, 1, 1)


@pytest.mark.parametrize(
    ("column", "type_", "says"),
    [
        (([[1.0, 2.0]],), fixed(F32, 3), "a row of the column 'x' has 2 values, the schema declares"),
        (([[1.0], [2.0, 3.0]],), pa.list_(F32), "not all of one size"),
        (([["a"]],), fixed(F32, 1), "does not fit"),
        (([1.5],), I32, "does not fit"),
        (([300],), pa.int8(), "does not fit"),
        (([1.0],), pa.string(), "does not fit"),
        (([1.0],), pa.list_(F32), "0 lists deep"),
    ],
)
def test_columns_that_do_not_fit(column, type_, says):
    with pytest.raises(failure.StepError, match=says):
        arrays.arrays_of(batch(x=column), schema(x=type_))


def test_arrays_become_the_declared_columns():
    out = arrays.batch_of(
        {
            "a": np.array([1, 2], np.int64),
            "b": np.array([[1.5], [2.5]]),
            "c": np.array([1.5, 2.5]),
            "d": np.array([[[1, 2]], [[3, 4]]]),
            "e": np.array(["x", "y"], object),
            "f": np.array([True, False]),
            "g": [[1], [2, 3]],
        },
        schema(a=I32, b=F32, c=fixed(F64, 1), d=fixed(I64, 1, 2), e=pa.string(), f=I32, g=pa.list_(I64)),
        2,
    )
    assert out.to_pydict() == {
        "a": [1, 2],
        "b": [1.5, 2.5],
        "c": [[1.5], [2.5]],
        "d": [[[1, 2]], [[3, 4]]],
        "e": ["x", "y"],
        "f": [1, 0],
        "g": [[1], [2, 3]],
    }


@pytest.mark.parametrize(
    ("values", "type_", "says"),
    [
        (np.array([1.5, 2]), I32, "does not fit the declared int32"),
        (np.array([1, 2, 3]), I32, r"shape \[3\] for 2 rows"),
        (np.array(1), I32, r"shape \[\] for 2 rows"),
        (np.zeros((2, 3)), F32, "declared is float"),
        (np.zeros((2, 3)), fixed(F32, 4), "declare the shape"),
        (np.array(["a", "b"]), F32, "does not fit"),
    ],
)
def test_arrays_that_do_not_fit(values, type_, says):
    with pytest.raises(failure.StepError) as error:
        arrays.batch_of({"y": values}, schema(y=type_), 2)
    assert re.search(says, f"{error.value} {error.value.hint}")


def test_a_missing_output_is_named():
    with pytest.raises(failure.StepError, match=r"gave no 'y', it gave \['z'\]"):
        arrays.batch_of({"z": np.zeros(1)}, schema(y=F32), 1)


# Made-up rows and agreement


def test_the_rows_are_always_the_same_and_have_extremes():
    inputs = {"x": (np.float32, (3,)), "n": (np.int8, ())}
    first, second = samples.blocks(inputs), samples.blocks(inputs)
    assert [b.name for b in first] == [b.name for b in second]
    for a, b in zip(first, second):
        for name in inputs:
            np.testing.assert_array_equal(a.arrays[name], b.arrays[name])
    everything = np.concatenate([b.arrays["x"].ravel() for b in first])
    assert np.isnan(everything).any() and np.isinf(everything).any() and np.nanmax(everything) >= 1e20
    numbers = np.concatenate([b.arrays["n"] for b in first])
    assert numbers.dtype == np.int8 and numbers.max() == 127 and numbers.min() == -128


def test_thresholds_are_met_exactly_and_a_hair_beside():
    threshold = 0.1
    rows = next(
        b for b in samples.blocks({"x": (np.float32, (2,))}, None, [(1, threshold)]) if "threshold" in b.name
    )
    values = set(rows.arrays["x"][:, 1].tolist())
    exact = np.float32(threshold)
    assert {
        float(exact),
        float(np.nextafter(exact, np.float32(1))),
        float(np.nextafter(exact, np.float32(0))),
    } <= values


@pytest.mark.parametrize(
    ("expected", "got", "agrees"),
    [
        ([1.0, 2.0], [1.0, 2.0000001], True),
        ([1.0, 2.0], [1.0, 2.001], False),
        ([0.0, 1.0], [1e-7, 1.0], True),
        ([np.nan], [np.nan], True),
        ([np.nan], [1.0], False),
        ([np.inf], [np.inf], True),
        ([np.inf], [1e30], False),
        ([1, 2], [1, 3], False),
        (["a"], ["b"], False),
        ([[1.0]], [1.0], False),
    ],
)
def test_agreement(expected, got, agrees):
    rows = [samples.Block("rows", {"x": np.zeros(len(expected))}, True)]
    run = lambda values: lambda _: {"y": np.array(values)}  # noqa: E731
    if agrees:
        assert agreement.compare(run(expected), run(got), rows, 1e-5).rows == len(expected)
    else:
        with pytest.raises(agreement.Disagreement):
            agreement.compare(run(expected), run(got), rows, 1e-5)


# scikit-learn


def converted(model, tmp_path, inputs, outputs, framework="sklearn"):
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(model) if not isinstance(model, bytes) else model)
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return convert.convert(Start("m", framework, inputs, outputs), ModelFile(descriptor))
    finally:
        os.close(descriptor)


RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(300, 4))
Y = X @ [1.0, -2.0, 0.5, 3.0] + RANDOM.normal(0, 0.1, 300)
LABELS = (Y > 0).astype(int)
ROW = schema(inputs=fixed(F32, 4))


@pytest.mark.parametrize(
    ("model", "outputs"),
    [
        (LinearRegression().fit(X, Y), schema(predictions=F32)),
        (GradientBoostingRegressor(n_estimators=20).fit(X, Y), schema(predictions=F32)),
        (RandomForestRegressor(10).fit(X, Y), schema(predictions=F32)),
        (make_pipeline(StandardScaler(), LogisticRegression()).fit(X, LABELS), schema(predictions=I32)),
        (LogisticRegression().fit(X, LABELS), schema(predictions=I64, probabilities=fixed(F32, 2))),
        (LogisticRegression().fit(X, np.array(["no", "yes"])[LABELS]), schema(predictions=pa.string())),
    ],
)
def test_sklearn_models_that_convert_exactly(tmp_path, model, outputs):
    document, graph = converted(model, tmp_path, ROW, outputs)
    assert document["outcome"] == "native", document
    assert "agrees on" in document["text"]
    session = onnx_graph.Session(graph)
    rows = X[:50].astype(np.float32)
    got = session.run({"inputs": rows})
    assert list(got) == outputs.names
    expected = model.predict(rows)
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(got["predictions"], expected, rtol=1e-4)
    else:
        assert got["predictions"].tolist() == expected.tolist()
    assert got["predictions"].shape == (50,)


def test_a_conversion_that_differs_is_found_out(tmp_path):
    """Far away from its centres float32 does not tell k-means which one is nearest."""
    document, graph = converted(KMeans(3, n_init=1).fit(X), tmp_path, ROW, schema(predictions=I32))
    assert document["outcome"] == "incompatible" and graph == b""
    assert "is not the same model" in document["text"] and "e+20" in document["text"]


def test_forests_send_missing_values_where_the_original_does(tmp_path):
    """skl2onnx leaves that out."""
    forest = RandomForestClassifier(10, random_state=1).fit(X, LABELS)
    document, graph = converted(forest, tmp_path, ROW, schema(predictions=I64))
    assert document["outcome"] == "native", document
    rows = X[:100].astype(np.float32)
    rows[::3, 1] = np.nan
    got = onnx_graph.Session(graph).run({"inputs": rows})["predictions"]
    assert got.tolist() == forest.predict(rows).tolist()


def test_double_is_never_converted(tmp_path):
    """The native runtime would compute in float32 what was declared as more."""
    document, graph = converted(
        LinearRegression().fit(X, Y), tmp_path, schema(inputs=fixed(F64, 4)), schema(predictions=F32)
    )
    assert document["outcome"] == "incompatible" and graph == b"" and "double" in document["text"]


@pytest.mark.parametrize(
    ("model", "inputs", "outputs", "says"),
    [
        (
            LinearRegression().fit(X, Y),
            schema(inputs=fixed(F64, 3)),
            schema(p=F64),
            "trained with 4 features",
        ),
        (LinearRegression().fit(X, Y), schema(inputs=fixed(F64, 2, 2)), schema(p=F64), "one flat list"),
        (LinearRegression(), schema(inputs=fixed(F64, 4)), schema(p=F64), "not fitted"),
        (LogisticRegression().fit(X, np.array(["a", "b"])[LABELS]), ROW, schema(p=I32), "does not fit"),
        (LinearRegression().fit(X, Y), ROW, schema(a=F32, b=F32), "output_schema declares"),
        ({"no": "model"}, ROW, schema(p=F32), "neither predict nor transform"),
        (b"no pickle at all", ROW, schema(p=F32), "cannot be loaded with scikit-learn"),
    ],
)
def test_models_that_cannot_be_served_say_why(tmp_path, model, inputs, outputs, says):
    with pytest.raises(failure.StepError) as error:
        converted(model, tmp_path, inputs, outputs)
    assert says in f"{error.value} {error.value.hint}"


def test_a_wrong_converted_output_name_is_renamed_without_a_clash():
    node = helper.make_node("Relu", ["y"], ["z"])
    first = helper.make_node("Neg", ["x"], ["y"])
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1])  # noqa: E731
    graph = helper.make_graph([first, node], "g", [value("x")], [value("z")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    fitted = onnx_graph.fitted(model, ["z"], schema(y=F64))
    onnx.checker.check_model(fitted)
    got = onnx_graph.Session(fitted.SerializeToString()).run({"x": np.array([[-2.0], [3.0]], np.float32)})
    assert got["y"].dtype == np.float64 and got["y"].tolist() == [2.0, 0.0]


# Custom models

GOOD = """
    import pathlib

    import numpy as np
    from mac.config.inference import CustomInferenceConfig
    from mac.inference import Inference
    from mac.inference.creation import InferenceBuilder
    from mac.types import InferenceData


    class Doubler(Inference):
        @property
        def expected_model_types(self):
            return {str}

        @Inference.model.setter
        def model(self, model):
            self._raise_error_if_model_is_wrong_type(model)
            self._model = model

        def _predict(self, input_data: InferenceData) -> InferenceData:
            return {"y": input_data["x"] * 2}


    class Builder(InferenceBuilder):
        @property
        def inference(self) -> Doubler:
            return Doubler()

        def create(self, config: CustomInferenceConfig) -> Doubler:
            inference = self.inference
            inference.model = (config.model_path / "word.txt").read_text()
            return inference
"""


def zipped(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), textwrap.dedent(text))
    return out.getvalue()


def load_custom(tmp_path, content):
    """In a process of its own: custom models bring modules."""
    file = tmp_path / "model.zip"
    file.write_bytes(content)
    program = f"""
import os, sys
sys.path.insert(0, {str(ROOT / "workers")!r})
import numpy as np
from joey_worker.failure import StepError
from joey_worker.frameworks import module_of
from joey_worker.model_file import ModelFile
try:
    model = module_of("custom").load(ModelFile(os.open({str(file)!r}, os.O_RDONLY)), None, None)
    print({{name: v.tolist() for name, v in model.predict({{"x": np.array([1.0, 2.0])}}).items()}})
except StepError as error:
    print("error:", error)
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("folder", ["", "my_model/"])
def test_a_custom_model(tmp_path, folder):
    files = {f"{folder}model.py": GOOD, f"{folder}word.txt": "double", "__MACOSX/._model.py": "litter"}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, textwrap.dedent(text))
    assert load_custom(tmp_path, out.getvalue()) == "{'y': [2.0, 4.0]}"


def changed(*pairs):
    text = GOOD
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def without(begin, end):
    first = GOOD.index(begin)
    return GOOD[:first] + GOOD[GOOD.index(end, first) :]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No Python modules found in the model directory"),
        (
            changed(("Doubler(Inference)", "Doubler(object)")),
            "No Inference-inherited class found in the model directory",
        ),
        (
            without("@property\n        def expected", "@Inference"),
            "Inference class must implement the abstract 'expected_model_types' property",
        ),
        (
            changed(("def _predict", "def predict_")),
            "Inference class must implement the abstract '_predict' method",
        ),
        (
            changed(("input_data: InferenceData", "input_data: str")),
            "The Inference class's predict method may only accept a dictionary of numpy arrays.",
        ),
        (
            changed(("(InferenceBuilder)", "()")),
            "No InferenceBuilder-inherited class found in the model directory",
        ),
        (
            GOOD + "\n\n    class Second(InferenceBuilder):\n        pass\n",
            "Multiple InferenceBuilder-inherited classes found: ['Builder', 'Second'].",
        ),
        (
            without("@property\n        def inference", "def create").replace("self.inference", "Doubler()"),
            "The InferenceBuilder class must contain the inference method.",
        ),
        (changed(("def create", "def make")), "The InferenceBuilder class must contain the create method."),
        (changed(("return {str}", "return {int}")), "the model is a str, Doubler expects int"),
        (changed(("word.txt", "gone.txt")), "FileNotFoundError"),
        ("import nothing_like_it", "No module named 'nothing_like_it'"),
    ],
)
def test_custom_models_that_must_not_load(tmp_path, text, says):
    content = (
        zipped(word_dot_txt="double") if text is None else zipped(model_dot_py=text, word_dot_txt="double")
    )
    assert says in load_custom(tmp_path, content)

"""Conformance cases of models in other frameworks (guide L636-773, L5145-5382, L6271-6507)."""

import re
import textwrap
import zipfile

import harness
import pandas as pd
import pyarrow as pa
import pytest
import wallaroo
from cases_judge import Case, deploy, shown
from wallaroo.framework import Framework

pytestmark = pytest.mark.xdist_group("cases")

QUARTER = wallaroo.DeploymentConfigBuilder().cpus(0.25).memory("1Gi").build()


def client(url):
    wl = wallaroo.Client(url, interactive=True)
    wl.set_current_workspace(wl.create_workspace(harness.unique("case")))
    return wl


def of_list(name, type_, size):
    return pa.schema([pa.field(name, pa.list_(type_, list_size=size))])


def of_value(name, type_):
    return pa.schema([pa.field(name, type_)])


F32, F64 = pa.float32(), pa.float64()


def told(case, text):
    """The progress text. Some recordings lack the native attempt: the client did not look in that moment."""
    expected = case.check("progress_text")["value"]
    if "attempting loading to a native" not in expected:
        text = re.sub(r"Model is \w+ loading to a native runtime\.+(successful|incompatible)\n*", "", text)
    case.observed["progress_text"] = text


SKLEARN = {
    "sklearn-kmeans": ("model-auto-conversion_sklearn_kmeans.pkl", 4, pa.int32()),
    "sklearn-svm-pipeline": ("model-auto-conversion_sklearn_svm_pipeline.pkl", 4, pa.int32()),
    "sklearn-linear-regression": ("model-auto-conversion_sklearn_linreg_diabetes.pkl", 10, F32),
}


@pytest.mark.parametrize("name", SKLEARN)
def test_sklearn(check_joey, cases, undeployed, tmp_path, capsys, name):
    file, features, output = SKLEARN[name]
    run(
        check_joey,
        Case(cases, name),
        undeployed,
        tmp_path,
        capsys,
        file,
        Framework.SKLEARN,
        of_list("inputs", F64, features),
        of_value("predictions", output),
    )


XGBOOST = {
    "xgboost-regressor-diabetes": "model-auto-conversion_xgboost_xgb_regressor_diabetes.pkl",
    "xgboost-rf-regressor-diabetes": "model-auto-conversion_xgboost_xgb_rf_regressor_diabetes.pkl",
}


@pytest.mark.parametrize("name", XGBOOST)
def test_xgboost(check_joey, cases, undeployed, tmp_path, capsys, name):
    run(
        check_joey,
        Case(cases, name),
        undeployed,
        tmp_path,
        capsys,
        XGBOOST[name],
        Framework.XGBOOST,
        of_list("inputs", F64, 10),
        of_value("output", F64),
    )


BOOSTERS = {
    "xgboost-booster-binary-native": ("xgb_booster_binary_classification.pkl", 30, "probabilities"),
    "xgboost-booster-regression-native": ("xgb_booster_regression.pkl", 10, "predictions"),
}


@pytest.mark.parametrize("name", BOOSTERS)
def test_booster(shared_joey, cases, undeployed, tmp_path, capsys, name):
    file, features, output = BOOSTERS[name]
    model = run(
        shared_joey,
        Case(cases, name),
        undeployed,
        tmp_path,
        capsys,
        file,
        Framework.XGBOOST,
        of_list("inputs", F32, features),
        of_value(output, F32),
    )
    assert model.config().runtime() == "onnx"


def run(server, case, undeployed, tmp_path, capsys, file, framework, inputs, outputs):
    wl = client(server.url)
    capsys.readouterr()
    name = (
        dict(case.check("model_display")["fields"])["Name"]
        if has(case, "model_display")
        else case.expected["case"]
    )
    model = wl.upload_model(name, case.file(file), framework, inputs, outputs)
    if has(case, "progress_text"):
        told(case, capsys.readouterr().out)
    if has(case, "model_display"):
        case.observed["model_display"] = shown(model)
    if has(case, "runtime"):
        case.observed["runtime"] = model.config().runtime()
    pipeline = deploy(wl, undeployed, f"{name}-pipeline", model, config=QUARTER)
    case.frame("infer", pipeline.infer(pd.read_json(case.file("input.df.json"))))
    case.judge(tmp_path)
    return model


def has(case, id):
    return any(check["id"] == id for check in case.expected["checks"])


# Bring your own predict

PREPROCESS = """
    import numpy as np
    from mac.inference import Inference
    from mac.inference.creation import InferenceBuilder


    class Preprocess(Inference):
        @property
        def expected_model_types(self):
            return {str}

        def _predict(self, input_data):
            known = input_data["cust_known"].astype(np.float64)
            price = input_data["UnitPrice"].astype(np.float64)
            return {"tensor": np.stack([price, known, price * known], axis=1)}


    class Builder(InferenceBuilder):
        @property
        def inference(self):
            return Preprocess()

        def create(self, config):
            inference = self.inference
            inference._model = "nothing to load"
            return inference
"""
POSTPROCESS = PREPROCESS.replace("Preprocess", "Postprocess").replace(
    PREPROCESS[PREPROCESS.index("            known =") : PREPROCESS.index("    class Builder")],
    '            return {"prediction": np.maximum(input_data["variable"], 0.0)}\n\n\n',
)


def custom_zip(path, **files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(
                f"{path.stem}/{name.replace('_txt', '.txt')}" + ("" if "_txt" in name else ".py"), text
            )
    return path


def test_byop_demand_curve(shared_joey, cases, undeployed, tmp_path):
    case = Case(cases, "byop-demand-curve")
    wl = client(shared_joey.url)
    fields = [
        ("Date", pa.string()),
        ("cust_known", pa.bool_()),
        ("UnitPrice", F32),
        ("UnitsSold", pa.int32()),
    ]
    data = pa.schema(fields)
    before = custom_zip(tmp_path / "preprocess.zip", preprocess=textwrap.dedent(PREPROCESS))
    after = custom_zip(tmp_path / "postprocess.zip", postprocess=textwrap.dedent(POSTPROCESS))
    tensor = pa.schema([pa.field("tensor", pa.list_(pa.float64(), list_size=3))])
    variable = pa.schema([pa.field("variable", pa.list_(pa.float64()))])
    result = pa.schema([pa.field("prediction", pa.list_(pa.float64()))])
    first = wl.upload_model("curve-preprocess", before, Framework.CUSTOM, data, tensor)
    model = wl.upload_model("demand-curve", case.file("demand_curve_v1.onnx"), Framework.ONNX)
    model.configure(tensor_fields=["tensor"])
    last = wl.upload_model("curve-postprocess", after, Framework.CUSTOM, variable, result)
    assert [m.config().runtime() for m in (first, model, last)] == ["flight", "onnx", "flight"]
    pipeline = deploy(wl, undeployed, "demand-curve-pipeline", first, model, last, config=QUARTER)
    for id in ("single", "ten"):
        rows = pd.read_json(case.file(f"{id}.df.json"), convert_dates=False)
        # Codes of products are numbers and texts mixed; the step does not use them.
        rows["StockCode"] = rows["StockCode"].astype(str)
        case.frame(id, pipeline.infer(rows))
    case.observed["steps_field"] = dict(shown(pipeline))["steps"]
    case.judge(tmp_path)


# Heavy frameworks: where their environments are installed


def test_torch_multi_io(check_joey, cases, undeployed, tmp_path, capsys, heavy):
    heavy("pytorch")
    case = Case(cases, "torch-multi-io")
    wl = client(check_joey.url)
    capsys.readouterr()
    model = wl.upload_model(
        "pytorch-multi-io",
        case.file("model-auto-conversion_pytorch_multi_io_model.pt"),
        Framework.PYTORCH,
        pa.schema([pa.field("input_1", pa.list_(F32, 10)), pa.field("input_2", pa.list_(F32, 5))]),
        pa.schema([pa.field("output_1", pa.list_(F32, 3)), pa.field("output_2", pa.list_(F32, 2))]),
    )
    told(case, capsys.readouterr().out)
    case.observed["model_display"] = shown(model)
    case.observed["runtime"] = model.config().runtime()
    pipeline = deploy(wl, undeployed, "pt-multi-io-pipeline", model, config=QUARTER)
    frame = pipeline.infer(pd.read_json(case.file("input.df.json"), orient="records"))
    case.observed["columns"] = list(frame.columns)
    values = case.check("values")["value"]
    case.observed["values"] = {
        name: [list(map(float, v)) for v in frame[name][: len(values[name])]] for name in values
    }
    case.judge(tmp_path)


def test_keras_savedmodel_zip(shared_joey, cases, undeployed, tmp_path, heavy):
    heavy("keras")
    case = Case(cases, "keras-savedmodel-zip")
    wl = client(shared_joey.url)
    embedding = of_list("embedding", F32, 800)
    embedder = wl.upload_model(
        "embedder", case.file("embedder.zip"), Framework.KERAS, of_list("tensor", F32, 100), embedding
    )
    sentiment = wl.upload_model(
        "sentiment",
        case.file("sentiment_model.zip"),
        Framework.KERAS,
        embedding,
        of_list("sentiment", F32, 1),
    )
    assert {m.config().runtime() for m in (embedder, sentiment)} == {"onnx"}
    rows = pd.read_json(case.file("test_data.df.json"))
    one = deploy(wl, undeployed, "embedder-only", embedder, config=QUARTER).infer(rows)
    case.observed["embedder"] = list(map(float, one["out.embedding"][0][:16]))
    chain = deploy(wl, undeployed, "embedder-chain", embedder, sentiment, config=QUARTER).infer(rows)
    case.observed["chain"] = [float(v[0]) for v in chain["out.sentiment"]]
    case.judge(tmp_path)

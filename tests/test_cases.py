"""The open conformance cases, run through the SDK or plain HTTP, judged by the cases' compare.py.

The recordings are of a version with the column check_failures, so the server is told to write that.
"""

import datetime
import json
import re
import time

import harness
import models
import pandas as pd
import pytest
import wallaroo
from cases_judge import Case, deploy, shown
from wallaroo.framework import Framework

pytestmark = pytest.mark.xdist_group("cases")


def test_arrow_houseprice_1k(wl, cases, undeployed, tmp_path, capsys):
    case = Case(cases, "arrow-houseprice-1k")
    model = wl.upload_model("logcontrol", case.file("rf_model.onnx"), Framework.ONNX)
    pipeline = deploy(wl, undeployed, "logpipeline", model.configure(tensor_fields=["tensor"]))
    houses = [pd.read_json(cases / "hotswap-houseprice" / f"{name}.df.json") for name in ("normal", "large")]
    singles = [pipeline.infer(house) for house in houses]
    start, end = (
        single["time"][0].to_pydatetime().replace(tzinfo=datetime.timezone.utc) for single in singles
    )
    # Times of inferences are whole milliseconds: the batch must be at least one later than `end`.
    end += datetime.timedelta(milliseconds=2)
    while datetime.datetime.now(datetime.timezone.utc) <= end + datetime.timedelta(milliseconds=1):
        time.sleep(0)
    batch = pipeline.infer_from_file(case.file("xtest-1k.arrow"))
    case.frame("head20", batch.to_pandas())
    alone, together = singles[0]["out.variable"][0][0], batch["out.variable"][0].as_py()[0]
    case.observed["rounding_note"] = [alone, together]
    capsys.readouterr()
    case.frame("logs_default", pipeline.logs())
    case.observed["warning"] = capsys.readouterr().err
    table = pipeline.logs(arrow=True)
    case.observed["logs_arrow_schema"] = ["pyarrow.Table", *table.schema.to_string().splitlines()]
    meta = pipeline.logs(dataset=["time", "out.variable", "metadata"])
    case.observed["meta_columns"] = list(meta.loc[:, case.check("meta_columns")["value"]].columns)
    capsys.readouterr()
    case.frame("logs_dates", pipeline.logs(start_datetime=start, end_datetime=end, limit=50))
    assert capsys.readouterr().err == ""
    version = pipeline.infer(houses[0], dataset=["*", "metadata.pipeline_version"])
    case.observed["infer_with_metadata"] = list(version.columns)
    assert version["metadata.pipeline_version"][0] == pipeline.versions()[0].name()
    last = pipeline.logs(dataset=["out", "metadata"]).loc[:, case.check("last_model")["columns"]]
    case.observed["last_model"] = {
        "columns": list(last.columns),
        "rows": [{"metadata.last_model": last["metadata.last_model"][0]}],
    }
    case.judge(tmp_path)


def test_onnx_chain_imdb(wl, cases, undeployed, tmp_path):
    case = Case(cases, "onnx-chain-imdb")
    embedder = wl.upload_model("embedder-o", case.file("embedder.onnx"), Framework.ONNX)
    smodel = wl.upload_model("smodel-o", case.file("sentiment_model.onnx"), Framework.ONNX)
    pipeline = deploy(
        wl,
        undeployed,
        "imdb-pipeline",
        embedder.configure(tensor_fields=["tensor"]),
        smodel.configure(tensor_fields=["flatten_1"]),
    )
    case.frame("single", pipeline.infer(pd.read_json(case.file("singleton.df.json"))))
    batch = pipeline.infer_from_file(case.file("test_data.arrow"))
    case.observed["batch_computed"] = [row[0] for row in batch["out.dense_1"].to_pylist()]
    status = pipeline.status()["engines"][0]["model_statuses"]["models"]
    case.observed["models_in_status"] = [model["name"] for model in status]
    case.observed["steps_field"] = dict(shown(pipeline))["steps"]
    case.judge(tmp_path)


def test_onnx_multi_input_seed1(wl, cases, undeployed, tmp_path):
    case = Case(cases, "onnx-multi-input-seed1")
    model = wl.upload_model("onnx-multi-io-model", case.file("multi_io.onnx"), Framework.ONNX)
    case.observed["model_display"] = shown(model)
    pipeline = deploy(wl, undeployed, "multi-io", model)
    case.frame("infer", pipeline.infer(pd.read_json(case.file("input.df.json"))))
    case.judge(tmp_path)


def test_http_xgb_ccfraud_arrow_in_json_out(wl, cases, undeployed, tmp_path):
    import httpx

    case = Case(cases, "http-xgb-ccfraud-arrow-in-json-out")
    model = wl.upload_model("ccfraud-xgboost", case.file("xgboost_ccfraud.onnx"), Framework.ONNX)
    pipeline = deploy(wl, undeployed, "ccfraud", model.configure(tensor_fields=["tensor"]))
    answer = httpx.post(
        pipeline.url(),
        content=case.file("cc_data_1k.arrow").read_bytes(),
        headers={"Content-Type": harness.ARROW, "Accept": harness.RECORDS},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    records = answer.json()
    case.observed["values"] = [record["out"]["variable"][0] for record in records]
    keys = case.check("record_keys")["value"]
    for record in records:
        assert list(record) == keys["record"]
        assert list(record["metadata"]) == keys["metadata"]
        assert record["check_failures"] == []
        assert len(record["metadata"]["elapsed"]) == 2
        assert record["metadata"]["elapsed"] == records[0]["metadata"]["elapsed"]
    found = {"record": list(records[0]), "metadata": list(records[0]["metadata"])}
    case.observed["record_keys"] = keys | found
    case.observed["sha"] = json.loads(records[0]["metadata"]["last_model"])["model_sha"]
    # The recorded texts carry the noise of pandas' JSON reader in their last digits, and tree sums
    # differ between machines. The numbers in them are compared as those of the check "values" are;
    # where they agree the recorded text is taken.
    tolerance = case.check("values")["tol"]
    rows = []
    for record, row in zip(records, case.check("shown")["rows"]):
        number = float(re.search(r"\[(.*)\]", row["out"]).group(1))
        agrees = record["out"] == {"variable": [pytest.approx(number, **tolerance)]}
        rows.append({"out": row["out"] if agrees else str(record["out"])})
    case.observed["shown"] = {"columns": ["time", "out", "partition"], "rows": rows}
    case.judge(tmp_path)


def test_hotswap_houseprice(wl, cases, undeployed, tmp_path):
    case = Case(cases, "hotswap-houseprice")
    names = {
        "rf_model": "housingmodelcontrol",
        "gbr_model": "gbrhousing",
        "xgb_model": "xgbhousing",
    }
    uploaded = {}
    for file, name in names.items():
        model = wl.upload_model(name, case.file(f"{file}.onnx"), Framework.ONNX)
        uploaded[file] = model.configure(tensor_fields=["tensor"])
    listed = wl.list_models()
    assert [model.name() for model in listed] == list(reversed(names.values()))
    assert len(listed) == case.check("list_models")["n_rows"]
    case.observed["list_models"] = list(listed.to_pandas().columns)
    pipeline = deploy(wl, undeployed, "hotswap", uploaded["rf_model"])
    counts, steps = [], []
    for file, model in uploaded.items():
        if file != "rf_model":
            pipeline.replace_with_model_step(0, model).deploy()
        counts.append(len(pipeline.versions()))
        steps.append(dict(shown(pipeline))["steps"])
        for size in ("normal", "large"):
            data = pd.read_json(case.file(f"{size}.df.json"))
            case.frame(f"{file}_{size}", pipeline.infer(data))
    case.observed["version_counts"] = counts
    case.observed["steps_field"] = steps
    case.judge(tmp_path)


class Summarizer:
    """What the builder asks of a model."""

    def name(self):
        return "hf-bart-summarizer3"

    def id(self):
        return 28


def test_deployment_two_replicas_status(wl, cases, undeployed, tmp_path):
    case = Case(cases, "deployment-two-replicas-status")
    file = tmp_path / "identity.onnx"
    file.write_bytes(models.identity())
    pipeline = wl.build_pipeline("two-replicas").add_model_step(wl.upload_model("identity", file))
    undeployed.append(pipeline)
    config = wallaroo.DeploymentConfigBuilder().replica_count(2).cpus(0.25).memory("256Mi").build()
    status = pipeline.deploy(deployment_config=config).status()
    assert len(status["engines"]) == 2
    case.observed["status"] = status
    case.observed["document"] = (
        wallaroo.DeploymentConfigBuilder()
        .cpus(0.25)
        .memory("1Gi")
        .gpus(0)
        .sidekick_gpus(Summarizer(), 1)
        .sidekick_env(Summarizer(), {"GUNICORN_CMD_ARGS": "--timeout=180 --workers=1"})
        .image(case.check("document")["value"]["engine"]["image"])
        .build()
    )
    case.judge(tmp_path)


def test_the_judge_refuses_what_is_wrong(cases, tmp_path):
    case = Case(cases, "hotswap-houseprice")
    with pytest.raises(AssertionError):
        case.judge(tmp_path)
    case.observed["version_counts"] = [1, 2, 3]
    with pytest.raises(AssertionError):
        case.judge(tmp_path)

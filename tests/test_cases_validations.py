"""Conformance cases of validations (guide L6585-6788, L7296-7392)."""

import harness
import pandas as pd
import polars as pl
import pytest
import wallaroo
from cases_judge import SMALL, Case, deploy
from wallaroo.framework import Framework


def client(joey):
    wl = wallaroo.Client(joey.url, interactive=False)
    wl.set_current_workspace(wl.create_workspace(harness.unique("case")))
    return wl


@pytest.fixture
def wl(shared_joey):
    return client(shared_joey)


def redeploy(pipeline, **validations):
    """As the tutorial does it: undeploy, add the next rules, deploy."""
    pipeline.undeploy()
    pipeline.add_validations(**validations)
    pipeline.deploy(deployment_config=SMALL)


@pytest.mark.xdist_group("shared-joey")
def test_validations_ccfraud(wl, cases, undeployed, tmp_path):
    case = Case(cases, "validations-ccfraud")
    first = pl.col("out.dense_1").list.get(0)
    model = wl.upload_model("ccfraud", case.file("ccfraud.onnx"), Framework.ONNX)
    pipeline = wl.build_pipeline("ccfraud-anomalies").add_model_step(model)
    pipeline.add_validations(fraud=first > 0.9)
    case.observed["steps"] = str(pipeline.steps())
    undeployed.append(pipeline)
    pipeline.deploy(deployment_config=SMALL)
    smoke, high = case.file("dev_smoke_test.pandas.json"), case.file("dev_high_fraud.json")
    case.frame("fraud_smoke", pipeline.infer_from_file(smoke))
    case.frame("fraud_high", pipeline.infer_from_file(high))
    redeploy(pipeline, too_low=first < 0.001)
    case.frame("two_smoke", pipeline.infer_from_file(smoke))
    case.frame("two_high", pipeline.infer_from_file(high))
    redeploy(pipeline, in_between_2=(first < 0.9) & (first > 0.001))
    all_rows = pipeline.infer_from_file(case.file("cc_data_1k.df.json"))
    case.frame("between_rows", all_rows)
    case.observed["between_count"] = int(all_rows["anomaly.in_between_2"].sum())
    count_only = pipeline.infer_from_file(
        high,
        dataset=["time", "in", "out", "anomaly.count"],
        dataset_exclude=["anomaly"],
    )
    case.frame("dataset_exclude", count_only)
    case.judge(tmp_path)


@pytest.mark.xdist_group("shared-joey")
def test_validations_houseprice_1k(wl, cases, undeployed, tmp_path):
    case = Case(cases, "validations-houseprice-1k")
    price = pl.col("out.variable").list.get(0)
    file = case.file("test-1000.df.json")
    model = wl.upload_model("house-price", case.file("rf_model.onnx"), Framework.ONNX)
    pipeline = wl.build_pipeline("house-anomalies").add_model_step(model)
    pipeline.add_validations(too_high=price > 1000000.0)
    undeployed.append(pipeline)
    pipeline.deploy(deployment_config=SMALL)
    answer = pipeline.infer_from_file(file)
    case.frame("head20", answer)
    case.frame("too_high", answer, marked="anomaly.too_high")
    redeploy(pipeline, too_low=price < 250000.0)
    case.frame("too_low", pipeline.infer_from_file(file))
    redeploy(pipeline, in_between=(price > 500000.0) & (price < 1000000.0))
    answer = pipeline.infer_from_file(file)
    case.frame("in_between", answer)
    expected = case.check("counts")["value"]
    case.observed["counts"] = {rule: int(answer[f"anomaly.{rule}"].sum()) for rule in expected}
    rules = [c for c in answer.columns if c.startswith("anomaly.") and c != "anomaly.count"]
    assert (answer[rules].sum(axis=1) == answer["anomaly.count"]).all()
    count_only = pipeline.infer_from_file(
        file, dataset=["time", "in", "out", "anomaly.count"], dataset_exclude=["anomaly"]
    )
    case.frame("exclude", count_only)
    failed = pipeline.logs(valid=False, limit=2000, dataset=["out", "anomaly"])
    assert (failed["anomaly.count"] > 0).all()
    case.judge(tmp_path)


@pytest.mark.xdist_group("cases")
def test_validation_legacy_houseprice_1k(check_joey, cases, undeployed, tmp_path):
    wl = client(check_joey)
    case = Case(cases, "validation-legacy-houseprice-1k")
    file = case.file("xtest-1k.arrow")
    model = wl.upload_model("housepricesaga", case.file("rf_model.onnx"), Framework.ONNX)
    model.configure(tensor_fields=["tensor"])
    pipeline = deploy(wl, undeployed, "housepricesaga", model)
    case.frame("head20", pipeline.infer_from_file(file).to_pandas())
    case.observed["logs_schema"] = [
        "pyarrow.Table",
        *pipeline.logs(arrow=True).schema.to_string().splitlines(),
    ]
    pipeline.add_validation("price too high", model.outputs[0][0] < 1500000.0)
    pipeline.deploy(deployment_config=SMALL)
    answer = pipeline.infer_from_file(file, dataset=["time", "out", "check_failures"]).to_pandas()
    case.frame("failures", answer, marked="check_failures")
    failed = pipeline.logs(valid=False)
    numbers = [row["index"] for row in case.check("failures")["rows"]]
    expected = answer.iloc[reversed(numbers)].reset_index(drop=True)
    pd.testing.assert_frame_equal(failed[list(expected.columns)], expected, check_dtype=False)
    case.judge(tmp_path)

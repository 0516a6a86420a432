"""Validations as a notebook uses them (guide L6585-6788, L7296-7392)."""

import json

import harness
import models
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import wallaroo
from joey_fixtures import SMALL
from wallaroo import exceptions


def client(url):
    wl = wallaroo.Client(url, interactive=False)
    wl.set_current_workspace(wl.create_workspace(harness.unique("valid")))
    return wl


@pytest.fixture
def wl(joey_url):
    return client(joey_url)


def scale(wl, tmp_path, name="double", factor=2.0, width=3):
    file = tmp_path / f"{name}.onnx"
    file.write_bytes(models.scale(factor, width))
    return wl.upload_model(name, file)


def rows(*tensors):
    return pd.DataFrame({"tensor": [list(map(float, t)) for t in tensors]})


@pytest.mark.xdist_group("shared-joey")
def test_inputs_and_outputs_are_validated(wl, tmp_path, deploy):
    pipeline = wl.build_pipeline("sales").add_model_step(scale(wl, tmp_path))
    sales, predicted = pl.col("in.tensor"), pl.col("out.result")
    pipeline.add_validations(
        minimum_sales=sales.list.min() < 500,
        average_sales_too_low=predicted.list.get(0) < 500,
    )
    pipeline.add_validations(spread=(sales.list.max() - sales.list.min() > 1000) & (sales.list.mean() > 900))
    deploy(pipeline)
    answer = pipeline.infer(rows([1357, 350, 952], [200, 110, 400], [617, 525, 513], [5000, 600, 600]))
    assert list(answer.columns) == [
        "time",
        "in.tensor",
        "out.result",
        "anomaly.average_sales_too_low",
        "anomaly.count",
        "anomaly.minimum_sales",
        "anomaly.spread",
    ]
    assert answer["anomaly.minimum_sales"].tolist() == [True, True, False, False]
    assert answer["anomaly.average_sales_too_low"].tolist() == [False, True, False, False]
    assert answer["anomaly.spread"].tolist() == [False, False, False, True]
    assert answer["anomaly.count"].tolist() == [1, 2, 0, 1]

    tensor = pa.array([[1.0, 1.0, 1.0]], pa.list_(pa.float32()))
    table = pipeline.infer(pa.table({"tensor": tensor}))
    assert table.schema.field("anomaly.count").type == pa.int8()
    assert table.schema.field("anomaly.spread").type == pa.bool_()
    assert table["anomaly.count"].to_pylist() == [2]

    failed = pipeline.logs(valid=False, limit=1)
    assert failed["anomaly.count"].tolist() == [2]
    outputs = ["out", "anomaly"]
    failed = pipeline.logs(valid=False, dataset=outputs)
    everything = pipeline.logs(dataset=outputs)
    assert failed["anomaly.count"].tolist() == [2, 1, 2, 1]
    assert everything["anomaly.count"].tolist() == [2, 1, 0, 2, 1]
    assert list(everything["anomaly.spread"]) == [False, True, False, False, False]
    kept = pipeline.infer(rows([1, 1, 1]), dataset=["time", "anomaly.count"], dataset_exclude=["anomaly"])
    assert list(kept.columns) == ["time", "anomaly.count"]
    left = pipeline.infer(rows([1, 1, 1]), dataset_exclude=["anomaly.spread", "in", "out"])
    assert list(left.columns) == [
        "time",
        "anomaly.average_sales_too_low",
        "anomaly.count",
        "anomaly.minimum_sales",
    ]


@pytest.mark.xdist_group("shared-joey")
def test_rules_come_and_go_while_the_pipeline_runs(wl, tmp_path, deploy, capsys):
    pipeline = deploy(wl.build_pipeline("grows").add_model_step(scale(wl, tmp_path)))
    first = pl.col("out.result").list.get(0)
    data = rows([10, 0, 0])
    assert "anomaly.high" not in pipeline.infer(data)
    pipeline.add_validations(high=first > 15).deploy()
    assert pipeline.infer(data)["anomaly.high"].tolist() == [True]
    pipeline.add_validations(high=first > 25, low=first < 25).deploy()
    answer = pipeline.infer(data)
    assert (answer["anomaly.high"][0], answer["anomaly.low"][0]) == (False, True)

    # Another notebook goes on where this one was.
    again = wl.get_pipeline("grows")
    again.add_validations(odd=first == 20).deploy()
    assert sorted(c for c in again.infer(data) if c.startswith("anomaly.")) == [
        "anomaly.count",
        "anomaly.high",
        "anomaly.low",
        "anomaly.odd",
    ]
    capsys.readouterr()
    assert len(again.logs()) == 1
    assert "schema has changed" in capsys.readouterr().err
    assert again.logs(dataset=["anomaly.count"])["anomaly.count"].tolist() == [2, 1, 1, 0]
    assert again.logs(valid=False, dataset=["anomaly.count"])["anomaly.count"].tolist() == [2, 1, 1]


@pytest.mark.xdist_group("shared-joey")
def test_count_is_left_out_and_the_others_run(wl, tmp_path, deploy):
    pipeline = wl.build_pipeline("reserved").add_model_step(scale(wl, tmp_path))
    first = pl.col("out.result").list.get(0)
    with pytest.warns(UserWarning, match="count"):
        pipeline.add_validations(count=first > 0, other=first > 0)
    answer = deploy(pipeline).infer(rows([1, 1, 1]))
    assert answer["anomaly.count"].tolist() == [1]
    assert answer["anomaly.other"].tolist() == [True]


@pytest.mark.xdist_group("shared-joey")
@pytest.mark.parametrize(
    ("expression", "says"),
    [
        (pl.col("out.nothing").list.get(0) > 1, "out.nothing"),
        (pl.col("result").list.get(0) > 1, "result"),
        (pl.col("out.result").list.get(0), "v"),
        (pl.col("out.result").list.get(0).rank() > 1, "rank"),
    ],
)
def test_a_rule_that_cannot_work_says_so(wl, tmp_path, undeployed, expression, says):
    pipeline = wl.build_pipeline("wrong").add_model_step(scale(wl, tmp_path))
    undeployed.append(pipeline)
    pipeline.deploy(deployment_config=SMALL)
    with pytest.raises(exceptions.JoeyError) as caught:
        pipeline.add_validations(v=expression).deploy(deployment_config=SMALL)
    assert says.lower() in str(caught.value).lower()
    # What ran before goes on.
    assert pipeline.infer(rows([1, 1, 1]))["out.result"][0] == [2.0, 2.0, 2.0]


@pytest.mark.xdist_group("shared-joey")
def test_a_rule_that_does_not_fit_the_model_is_refused_by_deploy(wl, tmp_path):
    """By what is known of the model since its upload; no engine is started."""
    model = scale(wl, tmp_path)
    for expression, words in (
        (pl.col("out.price").list.get(0) > 1, "gives out.result"),
        (pl.col("out.result") > 1, "check 'v'"),
    ):
        pipeline = wl.build_pipeline("unfit").clear().add_model_step(model).add_validations(v=expression)
        with pytest.raises(exceptions.InvalidRequestError, match=words):
            pipeline.deploy(deployment_config=SMALL)
        assert pipeline.status()["status"] != "Running"


@pytest.mark.xdist_group("shared-joey")
def test_validations_of_splits_and_shadows(wl, tmp_path, deploy):
    one, two = scale(wl, tmp_path), scale(wl, tmp_path, "triple", 3.0)
    first = pl.col("out.result").list.get(0)
    pipeline = wl.build_pipeline("split").add_random_split([(1, one), (1, two)], "key")
    deploy(pipeline.add_validations(triple=first > 2.5))
    data = rows(*[[1, 0, 0]] * 40).assign(key=[f"k{i}" for i in range(40)])
    answer = pipeline.infer(data)
    names = [json.loads(cell[0])["name"] for cell in answer["out._model_split"]]
    assert set(names) == {"double", "triple"}
    assert answer["anomaly.triple"].tolist() == [name == "triple" for name in names]

    pipeline.clear().add_shadow_deploy(one, [two])
    pipeline.add_validations(triple=first > 2.5, high=first > 1.5).deploy()
    answer = pipeline.infer(rows([1, 0, 0]))
    assert answer["anomaly.count"].tolist() == [1]
    assert answer["out_triple.result"][0] == [3.0, 0.0, 0.0]


# The older form


@pytest.mark.xdist_group("cases")
def test_older_validations(check_joey, tmp_path, deploy):
    wl = client(check_joey.url)
    one, two = scale(wl, tmp_path), scale(wl, tmp_path, "triple", 3.0)
    # The second model takes what the first one gives.
    two.configure(tensor_fields=["result"])
    pipeline = wl.build_pipeline("older").add_model_step(one).add_model_step(two)
    pipeline.add_validation("price too high", two.outputs[0][0] < 100.0)
    pipeline.add_validation("difference", abs(one.inputs[0][0] - one.outputs[0][1]) <= 20)
    pipeline.add_validation("known", one.outputs[0][2].isin([2, 4, 6]))
    deploy(pipeline)
    answer = pipeline.infer(rows([1, 1, 1], [50, 1, 2], [50, 0, 9]))
    assert list(answer.columns) == ["time", "in.tensor", "out.result", "check_failures"]
    assert answer["check_failures"].tolist() == [0, 2, 3]
    failed = pipeline.logs(valid=False)
    assert failed["check_failures"].tolist() == [3, 2]
    assert len(pipeline.logs()) == 3

    # The document that the guide prints.
    (result,) = pipeline.infer({"tensor": [[50.0, 1.0, 2.0]]})
    assert result.check_failures == [
        {"False": {"expr": "triple.outputs[0][0] < 100"}},
        {"False": {"expr": "abs(double.inputs[0][0] - double.outputs[0][1]) <= 20"}},
    ]
    assert str(result).startswith(
        "InferenceResult({'check_failures': [{'False': {'expr': 'triple.outputs[0][0] < "
    )
    assert result["pipeline_name"] == "older"


@pytest.mark.xdist_group("shared-joey")
def test_an_older_validation_brings_its_own_column(wl, tmp_path, deploy):
    model = scale(wl, tmp_path)
    pipeline = wl.build_pipeline("own").add_model_step(model)
    deploy(pipeline.add_validation("low", model.outputs[0][0] < 5))
    answer = pipeline.infer(rows([1, 1, 1], [9, 9, 9]))
    assert answer["check_failures"].tolist() == [0, 1]
    assert "anomaly.count" not in answer
    assert len(pipeline.logs(valid=False)) == 1

"""Splits, shadow deployments and several models in a step, as a notebook uses them (guide L7394-7539)."""

import json
import warnings

import harness
import models
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import wallaroo
from joey_fixtures import SMALL
from wallaroo import exceptions

pytestmark = pytest.mark.xdist_group("shared-joey")

FACTORS = {"control": 2.0, "challenger": 3.0, "other": 5.0}


@pytest.fixture
def wl(joey_url):
    client = wallaroo.Client(joey_url, interactive=False)
    client.set_current_workspace(client.create_workspace(harness.unique("kinds")))
    return client


@pytest.fixture
def three(wl, tmp_path):
    """Three models that multiply by 2, 3 and 5."""
    uploaded = []
    for name, factor in FACTORS.items():
        file = tmp_path / f"{name}.onnx"
        file.write_bytes(models.scale(factor, 1))
        uploaded.append(wl.upload_model(name, file))
    return uploaded


def frame(rows, **columns):
    return pd.DataFrame({"tensor": [[float(i + 1)] for i in range(rows)], **columns})


def served_by(answer):
    """Name of the model of each row, after a look at its output."""
    names = []
    for tensor, out, cell in zip(answer["in.tensor"], answer["out.result"], answer["out._model_split"]):
        (text,) = cell
        model = json.loads(text)
        assert set(model) == {"name", "version", "sha"}
        assert list(out) == [FACTORS[model["name"]] * tensor[0]]
        names.append(model["name"])
    return names


# A/B tests


def test_weights_of_a_random_split(wl, three, deploy):
    control, challenger, other = three
    pipeline = wl.build_pipeline("weights")
    deploy(pipeline.add_random_split([(2, control), (1, challenger), (0, other)]))
    # Without a key one number decides for a request.
    answer = pipeline.infer(frame(3))
    assert len(set(served_by(answer))) == 1
    names = [served_by(pipeline.infer(frame(1)))[0] for _ in range(900)]
    assert abs(names.count("control") - 600) < 75  # more than five standard deviations
    assert names.count("other") == 0
    assert list(answer.columns) == [
        "time",
        "in.tensor",
        "out._model_split",
        "out.result",
        "anomaly.count",
    ]
    assert served_by(pipeline.logs(limit=50)) == names[:-51:-1]
    table = pipeline.infer(pa.table({"tensor": pa.array([[1.0]], pa.list_(pa.float32()))}))
    assert table.schema.field("out._model_split").type.value_type == pa.string()
    status = pipeline.status()["engines"][0]["model_statuses"]["models"]
    assert {m["name"]: m["status"] for m in status} == dict.fromkeys(FACTORS, "Running")


def test_a_hash_key_keeps_its_model(wl, three, deploy):
    control, challenger, _ = three
    pipeline = wl.build_pipeline("sticky")
    deploy(pipeline.add_random_split([(1, control), (1, challenger)], "session_id"))
    keys = [f"session-{i}" for i in range(400)]
    first = served_by(pipeline.infer(frame(400, session_id=keys)))
    assert 120 < first.count("control") < 280
    backwards = pipeline.infer(frame(400, session_id=keys[::-1]))
    assert served_by(backwards) == first[::-1]
    alone = [pipeline.infer(frame(1, session_id=[key])) for key in keys[:20]]
    assert [served_by(answer)[0] for answer in alone] == first[:20]
    without = [served_by(pipeline.infer(frame(1)))[0] for _ in range(40)]
    assert set(without) == {"control", "challenger"}
    pipeline.deploy(deployment_config=SMALL)
    assert served_by(pipeline.infer(frame(400, session_id=keys))) == first


def test_a_key_split_routes_by_value(wl, three, deploy):
    control, challenger, other = three
    pipeline = wl.build_pipeline("routes")
    deploy(pipeline.add_key_split(control, "card", {"gold": challenger, "7": other}))
    answer = pipeline.infer(frame(4, card=["gold", "silver", "7", "gold"]))
    assert served_by(answer) == ["challenger", "control", "other", "challenger"]
    assert served_by(pipeline.infer(frame(2, card=[7, 8]))) == ["other", "control"]
    assert served_by(pipeline.infer(frame(1))) == ["control"]


def test_a_step_of_a_running_pipeline_becomes_a_split(wl, three, deploy, capsys):
    control, challenger, _ = three
    pipeline = deploy(wl.build_pipeline("becomes").add_model_step(control))
    assert pipeline.infer(frame(1))["out.result"][0] == [2.0]
    pipeline.replace_with_random_split(0, [(0, control), (1, challenger)]).deploy()
    assert served_by(pipeline.infer(frame(3))) == ["challenger"] * 3
    capsys.readouterr()
    assert len(pipeline.logs()) == 3
    assert "schema has changed over the logs requested 3 newest" in capsys.readouterr().err
    assert len(pipeline.logs(dataset=["out.result"])) == 4

    # The version of before, and what is stored as seen by another object.
    again = wl.get_pipeline("becomes")
    assert [s.to_json() for s in again.steps()] == [s.to_json() for s in pipeline.steps()]
    assert [s.kind() for s in again.steps()] == ["RandomSplit"]
    again.deploy(deployment_config=SMALL)
    assert served_by(again.infer(frame(1))) == ["challenger"]
    old = pipeline.versions()[2]
    old.deploy("becomes", old.model_configs(), SMALL)
    assert "out._model_split" not in pipeline.infer(frame(1))


def test_a_split_in_a_chain(wl, three, deploy, tmp_path):
    control, challenger, _ = three
    file = tmp_path / "next.onnx"
    file.write_bytes(models.scale(10, 1, name="result", output="final"))
    last = wl.upload_model("next", file)
    pipeline = wl.build_pipeline("chain").add_random_split([(1, control), (1, challenger)])
    answer = deploy(pipeline.add_model_step(last)).infer(frame(50))
    for tensor, out, (text,) in zip(answer["in.tensor"], answer["out.final"], answer["out._model_split"]):
        assert list(out) == [10 * FACTORS[json.loads(text)["name"]] * tensor[0]]


# Shadow deployments


def test_a_shadow_deployment(wl, three, deploy):
    champion, first, second = three
    pipeline = deploy(wl.build_pipeline("shadow").add_shadow_deploy(champion, [second, first]))
    answer = pipeline.infer(frame(3))
    assert list(answer.columns) == [
        "time",
        "in.tensor",
        "out.result",
        "anomaly.count",
        "out_challenger.result",
        "out_other.result",
    ]
    for column, factor in (("out.result", 2), ("out_challenger.result", 3), ("out_other.result", 5)):
        assert [list(v) for v in answer[column]] == [[factor * (i + 1)] for i in range(3)]
    logs = pipeline.logs()
    pd.testing.assert_frame_equal(
        logs.map(lambda v: list(v) if isinstance(v, np.ndarray) else v),
        answer.iloc[::-1].reset_index(drop=True),
        check_dtype=False,
    )
    only = pipeline.infer(frame(1), dataset=["out_other"])
    assert list(only.columns) == ["time", "out_other.result"]
    without = pipeline.infer(frame(1), dataset_exclude=["out_other", "anomaly", "in"])
    assert list(without.columns) == ["time", "out.result", "out_challenger.result"]
    assert list(pipeline.logs(dataset=["out_challenger"], limit=1).columns) == [
        "time",
        "out_challenger.result",
    ]
    table = pipeline.infer(pa.table({"tensor": pa.array([[4.0]], pa.list_(pa.float32()))}))
    assert table["out_other.result"].to_pylist() == [[20.0]]
    classic = pipeline.infer({"tensor": [[1.0]]})[0]
    assert [a.tolist() for a in classic.data()] == [[[2.0]]]
    assert set(classic.shadow_data) == {"challenger", "other"}
    status = pipeline.status()["engines"][0]["model_statuses"]["models"]
    assert {m["name"] for m in status} == set(FACTORS)

    pipeline.replace_with_model_step(0, second).deploy()
    assert list(pipeline.infer(frame(1)).columns) == [
        "time",
        "in.tensor",
        "out.result",
        "anomaly.count",
    ]


def test_one_of_several_models_is_selected(wl, three, deploy):
    pipeline = wl.build_pipeline("select").add_multi_model_step(three).add_select(1)
    assert deploy(pipeline).infer(frame(1))["out.result"][0] == [3.0]
    pipeline.clear().add_multi_model_step(three).add_audit("1:").deploy()
    answer = pipeline.infer(frame(1))
    assert answer["out.result"][0] == [2.0]
    assert answer["out_other.result"][0] == [5.0]


def test_steps_that_cannot_be_deployed_say_why(wl, three):
    control = three[0]
    pipeline = wl.build_pipeline("cannot").add_model_step(control).add_select(2)
    with pytest.raises(exceptions.JoeyError) as caught:
        pipeline.deploy(deployment_config=SMALL)
    assert "select" in str(caught.value)
    assert caught.value.hint


def test_steps_that_do_not_meet_are_refused_by_deploy(wl, three, tmp_path, undeployed):
    """By what is known of the models since their upload; no engine is started."""
    control, challenger, _ = three
    pipeline = wl.build_pipeline("apart").add_model_step(control).add_model_step(challenger)
    undeployed.append(pipeline)
    with pytest.raises(exceptions.InvalidRequestError, match="control.*gives result") as caught:
        pipeline.deploy(deployment_config=SMALL)
    assert "tensor_fields=['result']" in caught.value.hint
    assert pipeline.status()["status"] != "Running"
    challenger.configure(tensor_fields=["result"])
    pipeline.clear().add_model_step(control).add_model_step(challenger).deploy(deployment_config=SMALL)
    assert pipeline.infer(frame(1))["out.result"][0] == [6.0]


# Metadata: the guide (L10552-10583) restricts it by kind of step; every combination works here.

KINDS = {
    "model": lambda p, m: p.add_model_step(m[0]),
    "split": lambda p, m: p.add_random_split([(1, m[0]), (1, m[1])]),
    "shadow": lambda p, m: p.add_shadow_deploy(m[0], [m[1]]),
}
METADATA = ["elapsed", "last_model", "partition", "pipeline_version"]


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_of_every_kind_of_step(wl, three, deploy, kind):
    pipeline = deploy(KINDS[kind](wl.build_pipeline(harness.unique("meta")), three))
    basic = list(pipeline.infer(frame(1)).columns)

    def asked(dataset, **more):
        answer = pipeline.infer(frame(2), dataset=dataset, **more)
        table = pipeline.infer(
            pa.table({"tensor": pa.array([[4.0]], pa.list_(pa.float32()))}), dataset=dataset, **more
        )
        assert set(table.column_names) == set(answer.columns)
        return answer, table

    answer, table = asked(["*", "metadata.elapsed"])
    assert set(answer.columns) == {*basic, "metadata.elapsed"}
    for cell in (answer["metadata.elapsed"][0], table["metadata.elapsed"][0].as_py()):
        assert len(cell) == 2 and all(isinstance(nanos, int) and nanos > 0 for nanos in cell)
    assert table.schema.field("metadata.elapsed").type == pa.list_(pa.uint64())
    assert isinstance(table["metadata.elapsed"][0][0], pa.UInt64Scalar)
    assert set(asked(["metadata.elapsed"])[0].columns) == {"time", "metadata.elapsed"}
    for dataset in ("metadata", ["metadata"], ["meta"]):
        answer, _ = asked(dataset)
        assert {f"metadata.{name}" for name in METADATA} <= set(answer.columns)
        assert "out.result" not in answer
    assert answer["metadata.pipeline_version"][0] == pipeline.versions()[0].name()
    last = json.loads(answer["metadata.last_model"][0])
    assert set(last) == {"model_name", "model_sha"} and last["model_name"] in FACTORS
    answer, _ = asked(["*", "metadata"])
    assert {*basic, *(f"metadata.{name}" for name in METADATA)} <= set(answer.columns)
    answer, _ = asked(["*", "metadata"], dataset_exclude=["metadata.elapsed", "in"])
    assert not {"metadata.elapsed", "in.tensor"} & set(answer.columns)
    logs = pipeline.logs(dataset=["time", "out", "metadata"], limit=1)
    assert len(logs["metadata.elapsed"][0]) == 2
    flat = pipeline.infer(frame(1), dataset_separator="_")
    assert "out_result" in flat


def test_nothing_warns(wl, three, deploy):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline = deploy(wl.build_pipeline("quiet").add_random_split([(1, three[0])]))
        pipeline.infer(frame(1))
        pipeline.logs()

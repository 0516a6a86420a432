"""Conformance cases of A/B splits and shadow deployments (guide L7394-7539)."""

import datetime
import json

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from cases_judge import SMALL, Case, plain
from wallaroo.framework import Framework

pytestmark = pytest.mark.xdist_group("cases")


def served_by(frame, row=0):
    """What out._model_split says of one row."""
    (text,) = frame["out._model_split"][row]
    return json.loads(text)


def test_ab_random_split_logs(wl, cases, undeployed, tmp_path):
    case = Case(cases, "ab-random-split-logs")
    recorded = [json.loads(line) for line in case.file("abtests-1.json").read_text().splitlines()]
    names = {
        "rf_model": "logcontrol",
        "xgb_model": "logcontrolchallenger01",
        "gbr_model": "logcontrolchallenger02",
    }
    files = {name: case.file(f"{file}.onnx") for file, name in names.items()}
    uploaded = [
        wl.upload_model(name, file, Framework.ONNX).configure(tensor_fields=["tensor"])
        for name, file in files.items()
    ]
    pipeline = wl.build_pipeline("abtests").clear()
    pipeline.add_random_split([(1, model) for model in uploaded], "session_id")
    undeployed.append(pipeline)
    pipeline.deploy(deployment_config=SMALL)
    start = datetime.datetime.now(datetime.timezone.utc)
    wanted = []  # number in the log of the answer that came from the recorded model
    sent = 0
    for record in recorded:
        row = pd.Series([record["in.tensor"]], index=["tensor"])
        frame = row.to_frame("tensor").reset_index()
        for _ in range(200):
            answer = pipeline.infer(frame)
            sent += 1
            if served_by(answer)["name"] == served_by(pd.DataFrame([record]))["name"]:
                wanted.append(sent - 1)
                break
    assert len(wanted) == len(recorded)
    case.observed["infer_columns"] = [c for c in answer.columns if c.startswith("out.")]
    end = datetime.datetime.now(datetime.timezone.utc)
    logs = pipeline.logs(start_datetime=start, end_datetime=end, limit=sent)
    assert len(logs) == sent
    case.observed["extra_column"] = logs["in.index"][0]
    as_stored = logs.assign(time=logs["time"].astype("int64"))
    case.observed["records"] = [{k: plain(v) for k, v in as_stored.loc[i].items()} for i in wanted]

    # Every answer is that of the model it names.
    sessions = {model.name(): onnxruntime.InferenceSession(files[model.name()]) for model in uploaded}
    by_name = {model.name(): model for model in uploaded}
    for i in range(sent):
        model = served_by(logs, i)
        assert model["version"] == by_name[model["name"]].version()
        assert model["sha"] == by_name[model["name"]].sha()
        session = sessions[model["name"]]
        tensor = np.array([logs["in.tensor"][i]], dtype=np.float32)
        (expected,) = session.run(None, {session.get_inputs()[0].name: tensor})
        assert logs["out.variable"][i] == pytest.approx(expected[0], rel=2e-6)
    assert {served_by(logs, i)["name"] for i in range(sent)} == set(names.values())

    meta = pipeline.logs(
        start_datetime=start, end_datetime=end, limit=sent, dataset=["time", "out", "metadata"]
    )
    keys = case.check("metadata")["keys"]
    assert set(meta.columns) == {*keys, "metadata.partition"}
    for i in range(sent):
        last = json.loads(meta["metadata.last_model"][i])
        model = served_by(meta, i)
        assert last == {"model_name": model["name"], "model_sha": model["sha"]}
        assert len(meta["metadata.elapsed"][i]) == 2
        assert list(meta["metadata.dropped"][i]) == []
    assert set(meta["metadata.pipeline_version"]) == {pipeline.versions()[0].name()}
    meta = meta.assign(time=meta["time"].astype("int64"))[keys]
    case.observed["metadata"] = [{k: plain(v) for k, v in meta.loc[i].items()} for i in wanted]
    case.judge(tmp_path)


def test_shadow_ccfraud_smoke(wl, cases, undeployed, tmp_path):
    case = Case(cases, "shadow-ccfraud-smoke")
    champion, xgb, rf = (
        wl.upload_model(name, case.file(file), Framework.ONNX).configure(tensor_fields=["tensor"])
        for name, file in (
            ("ccfraud-lstm", "keras_ccfraud.onnx"),
            ("ccfraud-xgb", "xgboost_ccfraud.onnx"),
            ("ccfraud-rf", "modelA.onnx"),
        )
    )
    pipeline = wl.build_pipeline("cc-shadow").add_shadow_deploy(champion, [xgb, rf])
    undeployed.append(pipeline)
    pipeline.deploy(deployment_config=SMALL)
    answer = pipeline.infer_from_file(case.file("smoke_test.df.json"))
    case.frame("infer", answer)
    logs = pipeline.logs()
    case.observed["logs"] = list(logs.columns)
    for column in answer.columns:
        assert plain(logs[column][0]) == pytest.approx(plain(answer[column][0]))
    arrow = pipeline.logs(arrow=True, dataset=["out_ccfraud-rf"])
    assert arrow.column_names == ["time", "out_ccfraud-rf.variable"]
    case.judge(tmp_path)

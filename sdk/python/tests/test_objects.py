"""Objects over recorded answers of the server: what they ask for, how they show themselves."""

from __future__ import annotations

import asyncio
import datetime
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from small_server import Reply, Request, Server

import wallaroo
from wallaroo import _codec, exceptions
from wallaroo.deployment import Deployment
from wallaroo.framework import Framework

TIME = "2023-11-22T16:24:51.123456+00:00"
NASTY = '<script>alert("x")</script>'

USER = {"id": "u1", "email": "default@ex.co", "user_type": "OWNER"}
WORKSPACE = {
    "id": 1,
    "name": "w",
    "created_at": TIME,
    "created_by": "u1",
    "archived": False,
    "models": [7],
    "pipelines": [3],
    "users": [USER],
}
MODEL_VERSION = {
    "id": 11,
    "model_id": "m",
    "name": "m",
    "model_version": "v-uuid",
    "version": "v-uuid",
    "models_pk_id": 7,
    "sha": "abc",
    "status": "ready",
    "status_text": None,
    "file_name": "m.onnx",
    "image_path": None,
    "arch": None,
    "updated_at": TIME,
    "created_at": TIME,
    "framework": "onnx",
    "inputs": [{"name": "x", "type": "float32", "shape": [None, 2]}],
    "outputs": [{"name": "y", "type": "float32", "shape": [None, 1]}],
}
CONFIG = {"id": 21, "model_version_id": 11, "runtime": "onnx", "tensor_fields": None}
STEPS = [{"ModelInference": {"models": [{"name": "m", "version": "v-uuid", "sha": "abc"}]}}]


def pipeline_document(**changes: Any) -> dict[str, Any]:
    version = {
        "id": 31,
        "version": "p-uuid",
        "pipeline_id": 3,
        "pipeline_name": "p",
        "created_at": TIME,
        "updated_at": TIME,
        "definition": {"id": "p", "steps": STEPS},
        "deployed": False,
        "model_config_ids": [],
    }
    return {
        "id": 3,
        "name": "p",
        "workspace_id": 1,
        "created_at": TIME,
        "updated_at": TIME,
        "tags": [],
        "published": False,
        "versions": [version],
        "deployment": None,
        **changes,
    }


DEPLOYMENT = {
    "id": 5,
    "deploy_id": "p",
    "deployed": True,
    "engine_config": {"engine": {"replicas": 2}},
    "pipeline_name": "p",
}


class Joey:
    """Answers by path; `calls` are the paths that were asked for."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answers: dict[str, Any] = {
            "/v1/api/workspaces/current": WORKSPACE,
            "/v1/api/pipelines/get": pipeline_document(deployment=DEPLOYMENT),
            "/v1/api/models/get_version_by_id": {
                "model_version": {"model_version": MODEL_VERSION, "config": CONFIG}
            },
            "/v1/api/models/find_version": {
                "model_version": {"model_version": MODEL_VERSION, "config": CONFIG}
            },
            "/v1/api/models/upload": {"insert_models": {"returning": [{"models": [{"id": 11}]}]}},
            "/v1/api/plateau/get_topic_name": {"topic_name": "topic-1"},
        }
        server.handler = self.answer

    def answer(self, request: Request) -> Reply:
        found = self.answers.get(request.path.partition("?")[0])
        if callable(found):
            found = found(request)
        if isinstance(found, Reply):
            return found
        return Reply(404, {"msg": request.path}) if found is None else Reply(200, found)

    @property
    def calls(self) -> list[str]:
        return [r.path for r in self.server.requests]


@pytest.fixture
def joey(server: Server) -> Joey:
    return Joey(server)


@pytest.fixture
def pipeline(joey: Joey, wl: wallaroo.Client) -> Any:
    joey.answers["/v1/api/pipelines/list"] = {
        "pipelines": [pipeline_document(deployment=DEPLOYMENT)]
    }
    found = wl.list_pipelines()[0]
    joey.server.requests.clear()
    return found


# Uploads


def test_upload_sends_metadata_then_file(joey: Joey, wl: wallaroo.Client, tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    file.write_bytes(bytes(range(256)) * 5000)
    schema = pa.schema([pa.field("x", pa.float32())])
    model = wl.upload_model("m", file, Framework.ONNX, input_schema=schema, arch="arm")
    request = next(r for r in joey.server.requests if r.path == "/v1/api/models/upload")
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    assert "transfer-encoding" not in request.headers
    empty, metadata, sent, end = request.body.split(b"--" + boundary)
    assert (empty, end) == (b"", b"--\r\n")
    head, _, body = metadata.strip(b"\r\n").partition(b"\r\n\r\n")
    assert b'name="metadata"' in head and b"filename" not in head
    assert json.loads(body) == {
        "name": "m",
        "visibility": "private",
        "workspace_id": 1,
        "conversion": {
            "arch": "arm",
            "framework": "onnx",
            "python_version": "3.8",
            "requirements": [],
        },
        "input_schema": _codec.schema_text(schema),
    }
    head, _, body = sent.partition(b"\r\n\r\n")
    assert b'name="file"; filename="m.onnx"' in head
    assert body == file.read_bytes() + b"\r\n"
    assert (model.name(), model.version(), model.sha()) == ("m", "v-uuid", "abc")
    assert model.config().runtime() == "onnx"


def test_framework_is_told_by_the_suffix(joey: Joey, wl: wallaroo.Client, tmp_path: Path) -> None:
    for name in ("m.onnx", "m.zip"):
        (tmp_path / name).write_bytes(b"x")
    wl.upload_model("m", str(tmp_path / "m.onnx"))
    with pytest.raises(exceptions.InvalidRequestError, match=r"m\.zip"):
        wl.upload_model("m", tmp_path / "m.zip")
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        wl.upload_model("m", tmp_path / "m.zip", "tensorflw")  # type: ignore[arg-type]
    assert "'tensorflow'" in caught.value.hint
    with pytest.raises(exceptions.InvalidRequestError, match="input_schema"):
        wl.upload_model("m", tmp_path / "m.zip", Framework.KERAS)


def test_no_such_file(wl: wallaroo.Client, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        wl.upload_model("m", tmp_path / "m.onnx")
    with pytest.raises(FileNotFoundError, match="directory"):
        wl.upload_model("m", tmp_path, Framework.ONNX)


def test_refused_upload(joey: Joey, wl: wallaroo.Client, tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    file.write_bytes(b"no model")
    joey.answers["/v1/api/models/upload"] = Reply(
        400, {"code": 400, "msg": "no ONNX file", "error": "invalid_argument", "hint": "export it"}
    )
    with pytest.raises(exceptions.ModelUploadError, match="no ONNX file"):
        wl.upload_model("m", file)


def test_conversion_is_waited_for(
    joey: Joey,
    wl: wallaroo.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "m.pkl"
    file.write_bytes(b"x")
    monkeypatch.setattr("wallaroo.model_version._LOOK_SECONDS", 0.001)
    joey.answers["/v1/api/models/upload_and_convert"] = Reply(
        202, {"insert_models": {"returning": [{"models": [{"id": 11}]}]}}
    )
    states = iter(
        ["pending_load_native"] * 2
        + ["attempting_load_native", "pending_load_container", "attempting_load_container", "ready"]
    )
    joey.answers["/v1/api/models/get_version_by_id"] = lambda request: {
        "model_version": {"model_version": {**MODEL_VERSION, "status": next(states)}}
    }
    schema = pa.schema([pa.field("x", pa.float32())])
    wl._shows_progress = True
    wl.upload_model("m", file, Framework.SKLEARN, schema, schema)
    assert capsys.readouterr().out.replace(".", "").splitlines() == [
        "Waiting for model loading - this will take up to 100min",
        "Model is pending loading to a native runtime",
        "Model is attempting loading to a native runtimeincompatible",
        "",
        "Model is pending loading to a container runtime",
        "Model is attempting loading to a container runtimesuccessful",
        "",
        "Ready",
    ]


# Models


def test_configure(joey: Joey, wl: wallaroo.Client) -> None:
    joey.answers["/v1/api/models/insert_model_config"] = lambda request: {
        "model_config": {**CONFIG, "id": 22, "tensor_fields": request.json().get("tensor_fields")}
    }
    model = wl.get_model("m", "v-uuid")
    assert model.configure("onnx", tensor_fields=["t"], batch_config="single") is model
    assert joey.server.requests[-1].json() == {
        "model_version_id": 11,
        "tensor_fields": ["t"],
        "batch_config": "single",
    }
    assert model.config().tensor_fields() == ["t"]
    assert model.config().id() == 22
    for bad in ({"tensor_fields": "t"}, {"tensor_fields": [1]}, {"runtime": "onix"}):
        with pytest.raises(exceptions.InvalidRequestError):
            model.configure(**bad)  # type: ignore[arg-type]


def test_model_shows_itself(joey: Joey, wl: wallaroo.Client) -> None:
    model = wl.get_model("m", "v-uuid")
    assert [name for name, _ in model._fields()] == [
        "Name",
        "Version",
        "File Name",
        "SHA",
        "Status",
        "Image Path",
        "Architecture",
        "Updated At",
    ]
    assert "2023-22-Nov 16:24:51" in model._repr_html_()
    assert repr(model).startswith("{'name': 'm', 'version': 'v-uuid', 'file_name': 'm.onnx'")
    assert "\n" not in repr(model)
    assert model.inputs == model.inputs()
    assert str(model.inputs) == "[x: float32[?, 2]]"
    assert model.outputs[0].name == "y"


def test_list_of_models(joey: Joey, wl: wallaroo.Client) -> None:
    joey.answers["/v1/api/models/list"] = {
        "models": [
            {
                "id": 7,
                "name": NASTY,
                "owner_id": "u1",
                "created_at": TIME,
                "updated_at": TIME,
                "versions": 2,
            }
        ]
    }
    models = wl.list_models()
    assert list(models.to_pandas().columns) == [
        "Name",
        "# of Versions",
        "Owner ID",
        "Last Updated",
        "Created At",
    ]
    assert models.to_arrow().column("Last Updated").to_pylist() == ["2023-22-Nov 16:24:51"]
    assert "<script>" not in models._repr_html_()
    assert "&lt;script&gt;" in models._repr_html_()
    with pytest.raises(exceptions.EntityNotFoundError, match="no model 'mm'"):
        wl.get_model("mm")


# Workspaces


def test_workspaces(joey: Joey, wl: wallaroo.Client) -> None:
    joey.answers["/v1/api/workspaces/list"] = {
        "workspaces": [WORKSPACE, {**WORKSPACE, "id": 2, "name": "x"}]
    }
    joey.answers["/v1/api/workspaces/get"] = {
        **WORKSPACE,
        "model_versions": [MODEL_VERSION],
        "pipeline_docs": [pipeline_document()],
    }
    workspaces = wl.list_workspaces()
    assert workspaces.to_pandas().iloc[0].to_dict() == {
        "Name": "w",
        "Created At": "2023-11-22 16:24:51",
        "Users": ["default@ex.co"],
        "Models": 1,
        "Pipelines": 1,
    }
    assert wl.get_current_workspace() == workspaces[0]
    assert wl.set_current_workspace(workspaces[1]) is workspaces[1]
    assert wl.get_current_workspace().id() == 2
    assert repr(workspaces[0]).startswith(
        "{'name': 'w', 'id': 1, 'archived': False, 'created_by': 'u1', "
        f"'created_at': '{TIME}', 'models': [{{'name': 'm', "
    )
    assert "'pipelines': [{'name': 'p', 'create_time': datetime.datetime(2023" in repr(
        workspaces[0]
    )
    with pytest.raises(exceptions.InvalidRequestError):
        wl.set_current_workspace("w")  # type: ignore[arg-type]
    with pytest.raises(exceptions.EntityNotFoundError) as caught:
        wl.get_workspace("ww")
    assert caught.value.hint == "Did you mean 'w'?"


# Steps, versions, deployment


def test_steps_are_local_until_deployed(joey: Joey, wl: wallaroo.Client, pipeline: Any) -> None:
    model = wl.get_model("m", "v-uuid")
    joey.server.requests.clear()
    assert pipeline.clear().steps() == []
    assert pipeline.add_model_step(model).add_model_step(model) is pipeline
    assert repr(pipeline) == str(
        {"name": "p", "create_time": pipeline.create_time(), "definition": str(STEPS * 2)}
    )
    pipeline.remove_step(1).replace_with_model_step(0, model)
    assert [s.to_json() for s in pipeline.steps()] == STEPS
    assert joey.calls == []
    for call in (
        lambda: pipeline.remove_step(1),
        lambda: pipeline.replace_with_model_step(-1, model),
        lambda: pipeline.add_model_step("m"),
    ):
        with pytest.raises(exceptions.InvalidRequestError):
            call()


def test_untouched_steps_are_those_of_the_newest_version(joey: Joey, pipeline: Any) -> None:
    assert repr(pipeline).endswith("'definition': '[]'}")
    assert [s.to_json() for s in pipeline.steps()] == STEPS


def test_deploy(
    joey: Joey, wl: wallaroo.Client, pipeline: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    created = {
        "pipeline_pk_id": 3,
        "pipeline_variant_pk_id": 31,
        "pipeline_variant_version": "p-uuid",
    }
    states = iter(["Starting", "Starting", "Running"])
    joey.answers.update(
        {
            "/v1/api/pipelines/create": created,
            "/v1/api/pipelines/deploy": {"id": 5},
            "/v1/api/status/get_deployment": lambda request: {"status": next(states)},
        }
    )
    wl._shows_progress = True
    model = wl.get_model("m", "v-uuid")
    config = wallaroo.DeploymentConfigBuilder().cpus(1).build()
    assert pipeline.clear().add_model_step(model).deploy(deployment_config=config) is pipeline
    bodies = {r.path: r.json() for r in joey.server.requests}
    assert bodies["/v1/api/pipelines/create"] == {
        "pipeline_id": "p",
        "workspace_id": 1,
        "definition": {"id": "p", "steps": STEPS},
    }
    assert bodies["/v1/api/pipelines/deploy"] == {
        "deploy_id": "p",
        "pipeline_version_pk_id": 31,
        "pipeline_id": 3,
        "engine_config": {**config, "workspace_id": 1},
        "model_configs": [21],
    }
    assert bodies["/v1/api/status/get_deployment"] == {"name": "p-5"}
    assert capsys.readouterr().out == ("Waiting for deployment - this will take up to 45s . ok\n")


def test_deploy_without_steps(pipeline: Any) -> None:
    with pytest.raises(exceptions.PreconditionError) as caught:
        pipeline.clear().deploy()
    assert "add_model_step" in caught.value.hint
    with pytest.raises(exceptions.InvalidRequestError):
        pipeline.deploy("small")


def test_failed_deployment_says_why(joey: Joey, wl: wallaroo.Client) -> None:
    deployment = Deployment(wl, DEPLOYMENT)
    status = {
        "status": "Error",
        "engines": [{"status": "Error", "reason": "the model needs opset 99", "details": []}],
    }
    joey.answers["/v1/api/status/get_deployment"] = status
    with pytest.raises(exceptions.WaitForDeployError, match="opset 99") as caught:
        deployment.wait_for_running()
    assert caught.value.status_document == status
    joey.answers["/v1/api/status/get_deployment"] = {
        "status": "Error",
        "engines": [{"status": "Pending", "required_cpu": "64"}],
    }
    with pytest.raises(exceptions.WaitForDeployError, match="insufficient resources.*64"):
        deployment.wait_for_running()
    joey.answers["/v1/api/status/get_deployment"] = {
        "status": "Error",
        "details": ["MAX_PIPELINES_LIMIT_EXCEEDED"],
    }
    with pytest.raises(exceptions.LimitError, match="license limit.*MAX_PIPELINES"):
        deployment.wait_for_running()
    joey.answers["/v1/api/status/get_deployment"] = {"status": "Starting", "details": ["loading"]}
    with pytest.raises(exceptions.WaitForDeployError, match="not running within 1s: loading"):
        deployment.wait_for_running(0.01)


def test_undeploy_waits_for_the_end(joey: Joey, pipeline: Any) -> None:
    replies = iter([Reply(200, b'{"status": "Running"}'), Reply(404, {"msg": "gone"})])
    joey.answers["/v1/api/pipelines/undeploy"] = lambda request: Reply(200, b"null")
    joey.answers["/v1/api/status/get_deployment"] = lambda request: next(replies)
    assert pipeline.undeploy() is pipeline
    assert joey.calls[-3:] == [
        "/v1/api/pipelines/undeploy",
        "/v1/api/status/get_deployment",
        "/v1/api/status/get_deployment",
    ]


def test_status_of_a_pipeline_that_is_not_deployed(joey: Joey, pipeline: Any) -> None:
    assert pipeline.status() == {"status": "Pipeline p is not deployed"}
    joey.answers["/v1/api/pipelines/get"] = pipeline_document()
    assert pipeline.status() == {"status": "Pipeline p is not deployed"}
    with pytest.raises(exceptions.PreconditionError):
        pipeline.url()


def test_url(joey: Joey, wl: wallaroo.Client, pipeline: Any) -> None:
    assert pipeline.url() == wl.api_endpoint + "/v1/api/pipelines/infer/p-5/p"
    assert pipeline._deployment._url() == pipeline.url()


def test_pipeline_table(pipeline: Any, wl: wallaroo.Client) -> None:
    assert wl.list_pipelines().to_pandas().iloc[0].to_dict() == {
        "name": "p",
        "created": "2023-22-Nov 16:24:51",
        "last_updated": "2023-22-Nov 16:24:51",
        "deployed": True,
        "tags": "",
        "versions": "p-uuid",
        "steps": "m",
        "published": False,
    }
    version = pipeline.versions()[0]
    assert version.name() == "p-uuid"
    assert [name for name, _ in version._fields()] == [
        "name",
        "version",
        "creation_time",
        "last_updated_time",
        "deployed",
        "tags",
        "steps",
    ]
    assert [c.id() for c in version.model_configs()] == [21]


def test_display_of_splits_and_validations(joey: Joey, wl: wallaroo.Client, pipeline: Any) -> None:
    model = wl.get_model("m", "v-uuid")
    pipeline.clear().add_random_split([(1, model)])
    assert dict(pipeline._fields())["steps"] == "m"
    pipeline.clear().add_model_step(model)
    pipeline.add_validation("low", model.outputs[0][0] > 0.5)
    tree = pipeline.steps()[1].to_json()["Check"]["tree"]
    assert repr(pipeline).endswith(str({"d": str(STEPS + [{"Check": {"tree": tree}}])})[6:])


def test_splits_are_deployed_with_every_model(joey: Joey, wl: wallaroo.Client) -> None:
    def version(request: Request) -> Any:
        number = 11 if request.json()["name"] == "m" else 12
        document = {**MODEL_VERSION, "id": number, "name": request.json()["name"]}
        config = {**CONFIG, "id": 10 + number}
        return {"model_version": {"model_version": document, "config": config}}

    created = {
        "pipeline_pk_id": 3,
        "pipeline_variant_pk_id": 31,
        "pipeline_variant_version": "p-uuid",
    }
    joey.answers.update(
        {
            "/v1/api/models/find_version": version,
            "/v1/api/pipelines/create": created,
            "/v1/api/pipelines/deploy": {"id": 5},
            "/v1/api/status/get_deployment": {"status": "Running"},
        }
    )
    one, two = wl.get_model("m", "v-uuid"), wl.get_model("n", "v-uuid")
    pipeline = wl.build_pipeline("p").add_random_split([(1, one), (2, two)], "k")
    pipeline.add_model_step(one).deploy()
    steps = [s.to_json() for s in pipeline.steps()]
    bodies = {r.path: r.json() for r in joey.server.requests}
    assert bodies["/v1/api/pipelines/create"]["definition"] == {"id": "p", "steps": steps}
    assert bodies["/v1/api/pipelines/deploy"]["model_configs"] == [21, 22]
    stored = pipeline_document()
    stored["versions"][0]["definition"]["steps"] = steps
    joey.answers["/v1/api/pipelines/get"] = stored
    again = wallaroo.pipeline.Pipeline(wl, stored)
    assert [s.to_json() for s in again.steps()] == steps
    assert [c.id() for c in again.versions()[0].model_configs()] == [21, 22]


# Inference

INFER = "/v1/api/pipelines/infer/p-5/p"


def test_infer_is_one_round_trip(joey: Joey, pipeline: Any) -> None:
    joey.answers[INFER] = [{"time": 1700253257005, "in.x": [1.0], "out.y": [2.5]}]
    first = pipeline.infer(pd.DataFrame({"x": [[1.0]]}))
    joey.server.requests.clear()
    again = pipeline.infer(pd.DataFrame({"x": [[1.0]]}))
    assert first.equals(again)
    (request,) = joey.server.requests
    assert request.path == (
        INFER + "?dataset%5B%5D=%2A&dataset.exclude%5B%5D=metadata&dataset.separator=."
    )
    assert request.headers["content-type"] == "application/json; format=pandas-records"
    assert request.body == b'[{"x":[1.0]}]'


def test_infer_with_arrow(joey: Joey, pipeline: Any) -> None:
    answer = pa.table({"time": pa.array([1], pa.int64()), "out.y": [[2.5]]})
    joey.answers[INFER] = lambda request: Reply(200, bytes(_codec.encode_table(answer)))
    table = pa.table({"x": [[1.0]]})
    result = pipeline.infer(table, dataset=["*", "metadata.elapsed"])
    assert result.column("out.y").to_pylist() == [[2.5]]
    request = joey.server.requests[-1]
    for name in ("content-type", "accept"):
        assert request.headers[name] == "application/vnd.apache.arrow.file"
    assert request.headers["format"] == "arrow"
    assert _codec.decode_table(request.body)[0] == table


def test_infer_with_json(joey: Joey, pipeline: Any) -> None:
    classic = [{"time": 1, "outputs": [{"Float": {"v": 1, "dim": [1, 1], "data": [0.5]}}]}]
    joey.answers[INFER] = classic
    (result,) = answer = pipeline.infer({"x": [[1.0]]})
    assert answer == classic
    assert repr(answer) == (
        "[InferenceResult({'outputs': [{'Float': {'data': [0.5], 'dim': [1, 1], 'v': 1}}], "
        "'time': 1})]"
    )
    assert [a.tolist() for a in result.data()] == [[[0.5]]]
    assert result.data()[0].dtype == "float64"
    assert (result.check_failures, result.shadow_data, result.model()) == ([], {}, ("", ""))
    assert result.time().microsecond == 1000
    request = joey.server.requests[-1]
    assert request.path == INFER
    assert request.headers["accept"] == "application/json"


def test_infer_refuses_other_data(joey: Joey, pipeline: Any) -> None:
    with pytest.raises(exceptions.InferenceError, match="not int"):
        pipeline.infer(5)
    assert joey.calls == []


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: [e]])
def test_infer_error(joey: Joey, pipeline: Any, wrap: Any) -> None:
    error = {"code": 400, "msg": "no column 'x'", "error": "invalid_argument", "hint": "add it"}
    joey.answers[INFER] = Reply(400, wrap(error))
    with pytest.raises(exceptions.InferenceError) as caught:
        pipeline.infer(pd.DataFrame({"z": [1]}))
    assert str(caught.value) == "Inference failed: no column 'x'\nHint: add it"
    assert caught.value.status == 400


def test_infer_on_a_pipeline_that_is_not_deployed(joey: Joey, pipeline: Any) -> None:
    joey.answers["/v1/api/pipelines/get"] = pipeline_document()
    with pytest.raises(exceptions.InferenceError, match="not deployed"):
        pipeline.infer({"x": 1})


def test_infer_finds_a_pipeline_deployed_under_another_name(joey: Joey, pipeline: Any) -> None:
    pipeline._deployed_as = Deployment(pipeline._client, {**DEPLOYMENT, "deploy_id": "old"})
    joey.answers[INFER] = [{"time": 1}]
    assert pipeline.infer({"x": 1}) == [{"time": 1}]


def test_infer_from_file(joey: Joey, pipeline: Any, tmp_path: Path) -> None:
    joey.answers[INFER] = [{"time": 1}]
    records = tmp_path / "a.df.json"
    records.write_bytes(b'[{"x": [0.12345678901234567]}]')
    pipeline.infer_from_file(str(records))
    assert joey.server.requests[-1].body == records.read_bytes()
    columns = tmp_path / "b.json"
    columns.write_bytes(b'{"x": {"0": 1.5, "1": 2.5}}')
    pipeline.infer_from_file(columns)
    assert joey.server.requests[-1].json() == [{"x": 1.5}, {"x": 2.5}]
    pipeline.infer_from_file(columns, data_format="custom-json")
    assert joey.server.requests[-1].body == columns.read_bytes()
    other = tmp_path / "c.txt"
    other.write_bytes(b"")
    with pytest.raises(exceptions.InvalidRequestError, match="data_format|tell"):
        pipeline.infer_from_file(other)
    with pytest.raises(FileNotFoundError):
        pipeline.infer_from_file(tmp_path / "none.json")


def test_parallel_infer_keeps_order_and_failures(joey: Joey, pipeline: Any) -> None:
    seen: dict[int, int] = {}

    def answer(request: Request) -> Reply:
        (record,) = request.json()
        number = record["x"]
        seen[number] = seen.get(number, 0) + 1
        if number == 3:
            return Reply(400, {"msg": "three"})
        return Reply(200, [{"time": 1, "out.y": number * 2}])

    joey.answers[INFER] = answer
    frames = [pd.DataFrame({"x": [i]}) for i in range(8)]
    results = asyncio.run(pipeline.parallel_infer(frames, num_parallel=4, retries=2))
    assert isinstance(results[3], exceptions.InferenceError)
    assert [int(r["out.y"][0]) for i, r in enumerate(results) if i != 3] == [
        i * 2 for i in range(8) if i != 3
    ]
    assert seen[3] == 1
    assert asyncio.run(pipeline.parallel_infer([])) == []
    for wrong in ({"num_parallel": 0}, {"num_parallel": 2.5}, {"retries": -1}):
        with pytest.raises(exceptions.InvalidRequestError, match="whole number"):
            asyncio.run(pipeline.parallel_infer(frames, **wrong))
    with pytest.raises(exceptions.InvalidRequestError, match="not DataFrame"):
        asyncio.run(pipeline.parallel_infer(frames[0]))


def test_parallel_infer_tries_lost_requests_again(joey: Joey, pipeline: Any) -> None:
    seen: dict[int, int] = {}

    def answer(request: Request) -> Reply:
        (record,) = request.json()
        number = record["x"]
        seen[number] = seen.get(number, 0) + 1
        # The transport itself sends a request a second time.
        return Reply(hang_up=seen[number] <= 2 * number, body=[{"time": 1, "out.y": number}])

    joey.answers[INFER] = answer
    frames = [pd.DataFrame({"x": [i]}) for i in range(3)]
    results = asyncio.run(pipeline.parallel_infer([*frames, 5], num_parallel=1, retries=1))
    assert [int(r["out.y"][0]) for r in results[:2]] == [0, 1]
    assert isinstance(results[2], exceptions.InferenceTimeoutError)
    assert isinstance(results[3], exceptions.InferenceError)
    assert seen == {0: 1, 1: 3, 2: 4}


# Logs

RECORDS = "/v1/logs/topic/topic-1/records"


def log_page(times: list[int], status: str = "All", **columns: Any) -> Reply:
    table = pa.table({"time": pa.array(times, pa.int64()), **columns})
    table = table.replace_schema_metadata({"status": json.dumps({"status": status, "next": None})})
    return Reply(200, bytes(_codec.encode_table(table)))


def test_logs(joey: Joey, pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    joey.answers[RECORDS] = log_page([1, 2], "RecordLimited", **{"metadata.partition": ["a", "b"]})
    frame = pipeline.logs(limit=2)
    assert list(frame.columns) == ["time"]
    assert str(frame["time"].dtype) == "datetime64[ms]"
    assert joey.calls[-1] == (
        RECORDS + "?page_size=2&order=desc&dataset%5B%5D=%2A&dataset.separator=."
    )
    assert joey.server.requests[-1].headers["accept"] == "application/vnd.apache.arrow.file"
    assert capsys.readouterr().err == (
        "Warning: There are more logs available. "
        "Please set a larger limit or request a file using export_logs.\n"
    )
    table = pipeline.logs(dataset=["time", "metadata"], arrow=True)
    assert table.column_names == ["time", "metadata.partition"]


def test_logs_with_dates(joey: Joey, pipeline: Any) -> None:
    joey.answers[RECORDS] = log_page([1])
    zone = datetime.timezone(datetime.timedelta(hours=2))
    start = datetime.datetime(2023, 1, 1, 2, tzinfo=zone)
    pipeline.logs(start_datetime=start, end_datetime=start)
    moment = "2023-01-01T00%3A00%3A00%2B00%3A00"
    assert joey.calls[-1].startswith(f"{RECORDS}?time.start={moment}&time.end={moment}&dataset")
    with pytest.raises(exceptions.InvalidRequestError, match="both"):
        pipeline.logs(start_datetime=start)
    with pytest.raises(exceptions.InvalidRequestError):
        pipeline.logs(limit=0)


def test_failed_rows_have_a_topic_of_their_own(joey: Joey, pipeline: Any) -> None:
    joey.answers["/v1/logs/topic/topic-1-failures/records"] = log_page([1])
    assert len(pipeline.logs(valid=False)) == 1
    # It is read once the log holds the inferences before it.
    joey.answers[INFER] = [{"time": 50, "out.y": 1}]
    pipeline.infer(pd.DataFrame({"x": [1]}))
    pages = iter([log_page([40]), log_page([50])])
    joey.answers[RECORDS] = lambda request: next(pages)
    joey.server.requests.clear()
    assert len(pipeline.logs(valid=False)) == 1
    assert [path.partition("/records")[0][-10:] for path in joey.calls] == [
        "ic/topic-1",
        "ic/topic-1",
        "1-failures",
    ]


def test_logs_wait_for_the_inferences_before_them(
    joey: Joey, pipeline: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for time_ms in (50, 60, 55):
        joey.answers[INFER] = [{"time": time_ms, "out.y": 1}] * 2
        pipeline.infer(pd.DataFrame({"x": [1, 2]}))
    pages = [
        log_page([40]),
        log_page([60, 60, 50, 50, 40, 40]),
        log_page([60, 60, 55, 55, 50, 40]),
        log_page([60, 60, 55, 55, 50, 50]),
        log_page([60, 60, 55, 55, 50, 50, 40]),
    ]
    answers = iter(pages)
    joey.answers[RECORDS] = lambda request: next(answers)
    assert len(pipeline.logs()) == 7
    asked = [r for r in joey.calls if r.startswith(RECORDS)]
    assert ["page_size=6&" in r for r in asked] == [False, True, True, True, False]
    assert capsys.readouterr().err == ""
    joey.answers[RECORDS] = log_page([60])
    joey.server.requests.clear()
    pipeline.logs()
    assert len(joey.calls) == 1


def test_logs_with_dates_wait_for_inferences_between_them(joey: Joey, pipeline: Any) -> None:
    for time_ms in (1_000, 9_000):
        joey.answers[INFER] = [{"time": time_ms, "out.y": 1}]
        pipeline.infer(pd.DataFrame({"x": [1]}))
    pages = iter([log_page([1_000]), log_page([9_000, 1_000]), log_page([9_000])])
    joey.answers[RECORDS] = lambda request: next(pages)

    def moment(seconds: float) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)

    # The first inference is older than what is asked for, the second is not.
    found = pipeline.logs(start_datetime=moment(8), end_datetime=moment(10))
    assert found["time"].astype("int64").tolist() == [9_000]


def test_what_logs_wait_for() -> None:
    from wallaroo import _logs

    recent = _logs.Recent()
    assert recent.awaited() is None
    recent.add(10, 1500)
    recent.add(20, 400)
    recent.add(15, 300)
    assert recent.awaited() == (15, 20, 700)
    recent.add(30, 10000)
    assert recent.awaited() == (30, 30, 10000)
    recent.arrived()
    assert recent.awaited() is None


def test_other_warnings_of_logs(
    joey: Joey, pipeline: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    joey.answers[RECORDS] = log_page([2], "SchemaChange")
    pipeline.logs()
    assert (
        "Pipeline log schema has changed over the logs requested 1 newest records retrieved "
        "successfully, newest record seen was at <datetime>. Please request additional records "
        "separately"
    ) in capsys.readouterr().err
    joey.answers[RECORDS] = log_page([2], "ByteLimited", **{"metadata.dropped": [["in.x"]]})
    pipeline.logs()
    err = capsys.readouterr().err
    assert "size limit exceeded" in err
    assert "have been suppressed for various rows in the logs: ['in.x']" in err


def test_displays_do_not_fail_while_the_server_is_away(
    joey: Joey, wl: wallaroo.Client, pipeline: Any
) -> None:
    model = wl.get_model("m", "v-uuid")
    model._document = {**MODEL_VERSION, "status": "converting"}
    workspace = wl.get_current_workspace()
    joey.answers.clear()
    assert "converting" in model._repr_html_()
    assert "p-uuid" in pipeline._repr_html_()
    assert "'models': [7]" in repr(workspace)


def test_containers_get_twice_the_time(joey: Joey, wl: wallaroo.Client, pipeline: Any) -> None:
    from wallaroo.model_config import ModelConfig

    joey.answers["/v1/api/pipelines/deploy"] = {"id": 5}
    joey.answers["/v1/api/status/get_deployment"] = {"status": "Running"}
    waited: list[float] = []
    wait = Deployment.wait_for_running
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Deployment,
            "wait_for_running",
            lambda self, timeout=None: waited.append(timeout) or wait(self, timeout),
        )
        version = pipeline.versions()[0]
        model = wl.get_model("m", "v-uuid")
        for runtime in ("onnx", "flight"):
            version.deploy("p", [ModelConfig(wl, {**CONFIG, "runtime": runtime}, model)])
    assert waited == [45, 90]

"""Uploads and models over recorded answers: what they ask for, how they show themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from recorded_joey import CONFIG, MODEL_VERSION, NASTY, TIME, Joey
from small_server import Reply

import wallaroo
from wallaroo import _codec, exceptions
from wallaroo.framework import Framework


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
        "model_version": {
            "model_version": {**MODEL_VERSION, "framework": "sklearn", "status": next(states)}
        }
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

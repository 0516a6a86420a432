"""Inference data: what is sent, and what an answer becomes."""

import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from wallaroo import _codec, _json
from wallaroo.exceptions import InferenceError, InvalidRequestError


@pytest.fixture(params=["orjson", "standard"])
def _encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "standard":
        monkeypatch.setattr(_json, "_orjson", None)
    elif _json._orjson is None:
        pytest.skip("orjson is not installed")


def sent(frame: pd.DataFrame) -> object:
    return json.loads(_codec.encode_frame(frame))


@pytest.mark.usefixtures("_encoder")
class TestEncodeFrame:
    def test_lists_keep_every_digit(self) -> None:
        frame = pd.DataFrame({"tensor": [[0.1, -1.06032975012345], [1e-12, 3.0]]})
        assert sent(frame) == [
            {"tensor": [0.1, -1.06032975012345]},
            {"tensor": [1e-12, 3.0]},
        ]

    def test_arrays_keep_their_shape(self) -> None:
        image = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
        frame = pd.DataFrame({"image": [image], "turned": [image.T]})
        assert sent(frame) == [{"image": image.tolist(), "turned": image.T.tolist()}]

    def test_scalars_of_all_kinds(self) -> None:
        frame = pd.DataFrame(
            {
                "i": np.array([1, -2], dtype=np.int8),
                "f": np.array([0.5, 1.25], dtype=np.float32),
                "b": [True, False],
                "s": ["x", 'ü"'],
            }
        )
        assert sent(frame) == [
            {"i": 1, "f": 0.5, "b": True, "s": "x"},
            {"i": -2, "f": 1.25, "b": False, "s": 'ü"'},
        ]

    def test_values_inside_of_lists(self) -> None:
        frame = pd.DataFrame({"x": [[np.float64(1.5), np.int64(2)], [np.array([1, 2])]]})
        assert sent(frame) == [{"x": [1.5, 2]}, {"x": [[1, 2]]}]

    def test_what_is_not_there_is_null(self) -> None:
        frame = pd.DataFrame({"x": [1.5, math.nan], "y": [[math.inf], None]})
        assert sent(frame) == [{"x": 1.5, "y": [None]}, {"x": None, "y": None}]

    def test_extension_types(self) -> None:
        frame = pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "s": ["a", "b"]})
        frame["s"] = frame["s"].astype("string")
        assert sent(frame) == [{"i": 1, "s": "a"}, {"i": None, "s": "b"}]

    def test_no_rows(self) -> None:
        assert sent(pd.DataFrame({"x": []})) == []

    def test_a_cell_that_json_has_not_is_named(self) -> None:
        frame = pd.DataFrame({"a": [1, 2], "x": [[1.0], [{1, 2}]]})
        with pytest.raises(InferenceError, match="Column 'x', row 1") as caught:
            _codec.encode_frame(frame)
        assert caught.value.__cause__ is None

    def test_complex_numbers_are_refused(self) -> None:
        with pytest.raises(InferenceError, match="Column 'x'"):
            _codec.encode_frame(pd.DataFrame({"x": [1 + 2j]}))


def test_two_columns_of_one_name() -> None:
    frame = pd.DataFrame([[1, 2]], columns=["x", "x"])
    with pytest.raises(InferenceError, match="'x'"):
        _codec.encode_frame(frame)


def test_answer_columns_are_ordered() -> None:
    record = {
        "anomaly.fraud": True,
        "out_b.variable": [1.0],
        "out.z": [2.0],
        "out.a": [3.0],
        "metadata.elapsed": [1, 2],
        "anomaly.count": 1,
        "in.b": 1,
        "in.B": 2,
        "check_failures": ["x", "y"],
        "time": 1700253257005,
    }
    frame, time_ms = _codec.decode_records(json.dumps([record]).encode())
    assert time_ms == 1700253257005
    assert list(frame.columns) == [
        "time",
        "in.B",
        "in.b",
        "out.a",
        "out.z",
        "check_failures",
        "anomaly.count",
        "metadata.elapsed",
        "anomaly.fraud",
        "out_b.variable",
    ]
    assert frame["time"].dtype == np.dtype("datetime64[ms]")
    assert str(frame["time"][0]) == "2023-11-17 20:34:17.005000"
    assert frame["check_failures"][0] == 2
    assert frame["out.a"][0] == [3.0]


@pytest.mark.parametrize("body", [b"<html>", b'{"a": 1}', b"[1]"])
def test_an_answer_that_is_no_list_of_records(body: bytes) -> None:
    with pytest.raises(InferenceError, match="not a list of records"):
        _codec.decode_records(body)


def test_table_there_and_back() -> None:
    table = pa.table({"tensor": pa.array([[1.0, 2.0]], pa.list_(pa.float32()))})
    data = bytes(_codec.encode_table(table))
    assert data.startswith(b"ARROW1")
    assert _codec.decode_table(data)[0] == table


def test_answer_table() -> None:
    table = pa.table(
        {
            "time": pa.array([1700253257005], pa.int64()),
            "out.x": pa.array([[1.5]], pa.list_(pa.float32())),
            "check_failures": pa.array([["a", "b"]], pa.list_(pa.string())),
        }
    ).replace_schema_metadata({"status": '{"status": "All"}'})
    found, metadata = _codec.decode_table(bytes(_codec.encode_table(table)))
    assert found.schema.field("time").type == pa.timestamp("ms")
    assert found.schema.field("check_failures").type == pa.int8()
    assert found.column("check_failures").to_pylist() == [2]
    assert metadata == {b"status": b'{"status": "All"}'}
    assert found.schema.metadata is None


def test_a_stream_is_rewritten_as_a_file() -> None:
    table = pa.table({"x": [1, 2]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data = bytes(_codec.arrow_file_bytes(sink.getvalue().to_pybytes()))
    assert _codec.decode_table(data)[0] == table
    with pytest.raises(InferenceError, match="no Arrow file"):
        _codec.arrow_file_bytes(b"PAR1 something else")


@pytest.mark.parametrize(
    ("dataset", "exclude", "expected"),
    [
        (None, None, "dataset%5B%5D=%2A&dataset.exclude%5B%5D=metadata&dataset.separator=."),
        (
            ["*", "metadata.elapsed"],
            ["in"],
            "dataset%5B%5D=%2A&dataset%5B%5D=metadata.elapsed&dataset.exclude%5B%5D=in"
            "&dataset.exclude%5B%5D=metadata&dataset.separator=.",
        ),
        ("metadata", None, "dataset%5B%5D=metadata&dataset.separator=."),
        (["out", "meta"], None, "dataset%5B%5D=out&dataset%5B%5D=metadata&dataset.separator=."),
    ],
)
def test_dataset_query(dataset: object, exclude: object, expected: str) -> None:
    assert _codec.dataset_query(dataset, exclude, None, infer=True) == expected  # type: ignore[arg-type]


def test_dataset_must_be_texts() -> None:
    with pytest.raises(InvalidRequestError):
        _codec.dataset_query([1], None, None, infer=True)  # type: ignore[list-item]


def test_schema_travels_as_text() -> None:
    schema = pa.schema([pa.field("x", pa.list_(pa.float32(), 3))])
    assert _codec.schema_of_text(_codec.schema_text(schema)) == schema
    assert _codec.schema_text(None) is None
    with pytest.raises(InvalidRequestError):
        _codec.schema_text({"x": 1})  # type: ignore[arg-type]

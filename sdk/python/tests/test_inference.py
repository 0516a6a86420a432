"""Inferences over recorded answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from recorded_joey import DEPLOYMENT, INFER, Joey, pipeline_document
from small_server import Reply, Request

from wallaroo import _codec, exceptions
from wallaroo.deployment import Deployment


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

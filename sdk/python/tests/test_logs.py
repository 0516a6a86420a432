"""Logs of a pipeline over recorded answers."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from recorded_joey import INFER, Joey
from small_server import Reply

from wallaroo import _codec, exceptions

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

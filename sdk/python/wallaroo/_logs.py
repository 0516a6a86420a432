"""Reading a pipeline's logs (guide L7750-7960)."""

from __future__ import annotations

import datetime
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union
from urllib.parse import quote, urlencode

from . import _codec, _json
from .exceptions import InvalidRequestError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from .client import Client

LIMIT_DEFAULT = 100

# How long an inference may take to reach the log before logs() goes on without it.
_ARRIVAL_SECONDS_MAX = 5.0
_LOOK_SECONDS_FIRST = 0.01
_LOOK_SECONDS_MAX = 0.25
_ROWS_COUNTED_MAX = 2000

_MORE_TEXT = (
    "Warning: There are more logs available. "
    "Please set a larger limit or request a file using export_logs."
)
_SIZE_TEXT = "Warning: Pipeline log size limit exceeded. Please request logs using export_logs"


class Request(NamedTuple):
    """What a call of ``logs()`` asks for, as said there."""

    limit: Optional[int]
    start: Optional[datetime.datetime]
    end: Optional[datetime.datetime]
    dataset: _codec.Dataset
    dataset_exclude: _codec.Dataset
    dataset_separator: Optional[str]

    def query(self) -> str:
        """The query of the REST call."""
        pairs: dict[str, Any] = {}
        if self.start is None or self.end is None:
            pairs["page_size"] = LIMIT_DEFAULT if self.limit is None else self.limit
            pairs["order"] = "desc"
        else:
            if self.limit is not None:
                pairs["page_size"] = self.limit
            pairs["time.start"] = _utc(self.start).isoformat()
            pairs["time.end"] = _utc(self.end).isoformat()
        datasets = _codec.dataset_query(
            self.dataset, self.dataset_exclude, self.dataset_separator, infer=False
        )
        return urlencode(pairs) + "&" + datasets


def checked(request: Request) -> Request:
    """`request`, or the error that it is."""
    if (request.start is None) != (request.end is None):
        raise InvalidRequestError(
            "logs() needs both start_datetime and end_datetime, or none of them",
            "Pass the missing one too",
        )
    for name, moment in (("start_datetime", request.start), ("end_datetime", request.end)):
        if moment is not None and not isinstance(moment, datetime.datetime):
            raise InvalidRequestError(
                f"{name} is a datetime.datetime, not {type(moment).__name__}",
                "Example: datetime.datetime.now()",
            )
    limit = request.limit
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InvalidRequestError(f"limit is a whole number from 1 up, not {limit!r}")
    return request


def fetch(client: Client, topic: str, request: Request) -> tuple[pa.Table, str]:
    """One page of a topic: its rows and the status of the page."""
    headers = {"Content-Type": "application/json", "Accept": _codec.ARROW_TYPE}
    answer = client._transport.request(
        "POST", f"/v1/logs/topic/{quote(topic)}/records?{request.query()}", b"{}", headers
    )
    if answer.status >= 400:
        raise answer.error()
    table, metadata = _codec.decode_table(answer.data)
    status = "All"
    if metadata.get(b"status"):
        status = str(_json.loads(metadata[b"status"]).get("status", status))
    return table, status


class Awaited(NamedTuple):
    """Rows that a log must hold: all of them are of `since_ms` to `until_ms`."""

    since_ms: int
    until_ms: int
    rows: int


class Recent:
    """Inferences of a pipeline that may not have reached its log yet.

    Engines hand their rows over a moment after they answered, each engine for itself, so rows are
    counted. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._inferences: deque[tuple[int, int, float]] = deque(maxlen=_ROWS_COUNTED_MAX)

    def add(self, time_ms: int, rows: int) -> None:
        """An inference of `rows` rows was answered just now."""
        self._inferences.append((time_ms, rows, time.monotonic()))

    def awaited(self) -> Optional[Awaited]:
        """What to wait for; None where everything has had its time."""
        answered_since = time.monotonic() - _ARRIVAL_SECONDS_MAX
        recent = [(t, n) for t, n, at in tuple(self._inferences) if at >= answered_since]
        if not recent:
            return None
        recent.sort(reverse=True)
        until_ms, rows = recent[0]
        since_ms = until_ms
        for time_ms, more in recent[1:]:
            if rows + more > _ROWS_COUNTED_MAX:
                break
            since_ms, rows = time_ms, rows + more
        return Awaited(since_ms, until_ms, rows)

    def arrived(self) -> None:
        """Everything added so far is in the log."""
        self._inferences.clear()


def fetch_with(
    client: Client, topic: str, request: Request, recent: Recent, failures: bool = False
) -> tuple[pa.Table, str]:
    """One page of a topic, or of its failures, as soon as it holds the inferences of `recent`."""
    view = topic + "-failures" if failures else topic
    awaited = recent.awaited()
    if awaited is None or not _asks_for(request, awaited):
        return fetch(client, view, request)
    if not failures and request.start is None and (request.limit or LIMIT_DEFAULT) >= awaited.rows:
        table, status = fetch(client, topic, request)
        if _holds(table, status, awaited):
            recent.arrived()
            return table, status
    page = min(awaited.rows, _ROWS_COUNTED_MAX)
    probe = Request(page, None, None, "time", None, None)
    deadline = time.monotonic() + _ARRIVAL_SECONDS_MAX
    pause = _LOOK_SECONDS_FIRST
    while not _holds(*fetch(client, topic, probe), awaited):
        if time.monotonic() >= deadline:
            print("Warning: the last inferences have not reached the log yet.", file=sys.stderr)
            break
        time.sleep(pause)
        pause = min(pause * 2, _LOOK_SECONDS_MAX)
    recent.arrived()
    return fetch(client, view, request)


def _holds(newest_first: pa.Table, status: str, awaited: Awaited) -> bool:
    """Whether a page, newest row first, holds the awaited rows or as many as fit."""
    if not newest_first.num_rows or "time" not in newest_first.column_names:
        return False
    times = newest_first.column("time").to_numpy().astype("int64")
    found = int((times >= awaited.since_ms).sum())
    cut = status not in ("All", "RecordLimited")
    return found >= min(awaited.rows, _ROWS_COUNTED_MAX) or (cut and found == len(times))


def finish(
    table: pa.Table, status: str, request: Request, arrow: bool
) -> Union[pd.DataFrame, pa.Table]:
    """The page as ``logs()`` returns it, after its warnings."""
    wanted = _codec.names(request.dataset) or ["*"]
    _warn(table, status, request)
    if not any(name.split(".")[0] == "metadata" for name in wanted):
        keep = [name for name in table.column_names if not name.startswith("metadata")]
        if len(keep) < table.num_columns:
            table = table.select(keep)
    if arrow:
        return table
    frame: pd.DataFrame = table.select(
        sorted(table.column_names, key=_codec.column_order)
    ).to_pandas()
    return frame


def _warn(table: pa.Table, status: str, request: Request) -> None:
    if status == "RecordLimited":
        print(_MORE_TEXT, file=sys.stderr)
    elif status == "ByteLimited":
        print(_SIZE_TEXT, file=sys.stderr)
    elif status == "SchemaChange":
        kind, side = ("newest", "before") if request.start is None else ("oldest", "after")
        last = table.column("time")[-1].as_py() if table.num_rows else None
        print(
            f"Pipeline log schema has changed over the logs requested {table.num_rows} {kind} "
            f"records retrieved successfully, {kind} record seen was at <datetime>. Please "
            f"request additional records separately (those {side} {last})",
            file=sys.stderr,
        )
    if "metadata.dropped" in table.column_names:
        cells = table.column("metadata.dropped").to_pylist()
        dropped = sorted({name for cell in cells for name in cell or []})
        if dropped:
            print(
                "The inference log is above the allowable limit and the following columns may "
                f"have been suppressed for various rows in the logs: {dropped}. To review the "
                "dropped columns for an individual inferences suppressed data, include "
                'dataset=["metadata"] in the log request.',
                file=sys.stderr,
            )


def _asks_for(request: Request, awaited: Awaited) -> bool:
    """Whether awaited rows may be among those that are asked for."""
    if request.start is None or request.end is None:
        return True
    start_ms = _utc(request.start).timestamp() * 1000
    end_ms = _utc(request.end).timestamp() * 1000
    return start_ms <= awaited.until_ms + 1 and awaited.since_ms <= end_ms


def _utc(moment: datetime.datetime) -> datetime.datetime:
    """`moment` in UTC; one without a time zone is local time."""
    return moment.astimezone(datetime.timezone.utc)

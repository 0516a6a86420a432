"""Reading a pipeline's logs (guide L7750-7960)."""

from __future__ import annotations

import datetime
import sys
import time
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


def fetch_with(
    client: Client, topic: str, request: Request, newest_ms: Optional[int]
) -> tuple[pa.Table, str]:
    """One page of a topic that holds the inference of the time `newest_ms`, once it is there.

    Parameters
    ----------
    newest_ms : int, optional
        Milliseconds since 1970 of the last inference that the log must hold; None for none.
    """
    deadline = time.monotonic() + _ARRIVAL_SECONDS_MAX
    pause = _LOOK_SECONDS_FIRST
    if newest_ms is None or not _asks_for(request, newest_ms):
        return fetch(client, topic, request)
    if request.start is None:
        table, status = fetch(client, topic, request)
        if _holds(table, newest_ms):
            return table, status
    probe = Request(1, None, None, "time", None, None)
    while not _holds(fetch(client, topic, probe)[0], newest_ms):
        if time.monotonic() >= deadline:
            print("Warning: the last inference has not reached the log yet.", file=sys.stderr)
            break
        time.sleep(pause)
        pause = min(pause * 2, _LOOK_SECONDS_MAX)
    return fetch(client, topic, request)


def _holds(newest_first: pa.Table, moment_ms: int) -> bool:
    """Whether the first row of a page is of `moment_ms` or later."""
    if not newest_first.num_rows or "time" not in newest_first.column_names:
        return False
    return bool(newest_first.column("time")[0].value >= moment_ms)


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


def _asks_for(request: Request, moment_ms: int) -> bool:
    if request.start is None or request.end is None:
        return True
    moment = moment_ms / 1000
    return _utc(request.start).timestamp() <= moment <= _utc(request.end).timestamp()


def _utc(moment: datetime.datetime) -> datetime.datetime:
    """`moment` in UTC; one without a time zone is local time."""
    return moment.astimezone(datetime.timezone.utc)

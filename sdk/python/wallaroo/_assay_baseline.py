"""The baseline of an assay: a time range of a pipeline's log, or an array."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Optional, Protocol
from urllib.parse import quote

from . import _codec, _json, _logs
from ._transport import JSON_HEADERS
from .exceptions import EntityNotFoundError, InvalidRequestError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from .client import Client
    from .pipeline import Pipeline

RUN_SECONDS_MAX = 300.0


class Baseline(Protocol):
    """What an assay compares with."""

    def document(self, source: dict[str, Any]) -> dict[str, Any]:
        """For the server; `source` says what is watched."""

    def shown(self, names: dict[str, str], summary: dict[str, Any]) -> dict[str, Any]:
        """For people."""

    def dataframe(self, pipeline: Pipeline, iopath: str) -> pd.DataFrame:
        """Its rows."""

    def values(self, pipeline: Pipeline, iopath: str) -> np.ndarray:
        """Its finite values."""


class FixedBaseline:
    """The inferences of a time range."""

    def __init__(self, start: datetime.datetime, end: datetime.datetime) -> None:
        self._start = moment("baseline_start", start)
        self._end = moment("baseline_end", end)
        if self._end <= self._start:
            raise InvalidRequestError(
                "baseline_end is not behind baseline_start", "Swap them, or widen the range"
            )

    def document(self, source: dict[str, Any]) -> dict[str, Any]:
        width = max(1, round((self._end - self._start) / datetime.timedelta(milliseconds=1)))
        times = {"start": text(self._start), "end": text(self._end), "width": f"{width} ms"}
        return {"fixed_window": {**source, **times}}

    def shown(self, names: dict[str, str], summary: dict[str, Any]) -> dict[str, Any]:
        return {"Fixed": {**names, "start_at": text(self._start), "end_at": text(self._end)}}

    def dataframe(self, pipeline: Pipeline, iopath: str) -> pd.DataFrame:
        import pandas as pd

        await_log(pipeline)
        request = _logs.Request(
            None, self._start, self._end, ["time", "in", "out", "metadata"], None, None
        )
        frames = [_spread(t) for t in pages(pipeline._client, pipeline._log_topic(), request)]
        frames = [frame for frame in frames if len(frame)]
        if not frames:
            raise EntityNotFoundError(
                f"The pipeline {pipeline.name()!r} has no inferences from {self._start} to "
                f"{self._end}",
                "Infer some data first, or choose another time: pipeline.logs() shows times",
            )
        return pd.concat(frames, ignore_index=True)

    def values(self, pipeline: Pipeline, iopath: str) -> np.ndarray:
        import numpy as np

        frame = self.dataframe(pipeline, iopath)
        column = column_name(iopath)
        if column not in frame:
            names = [n for n in frame.columns if n.startswith(("input_", "output_"))]
            raise EntityNotFoundError(
                f"The inferences have no {iopath!r}", "There are: " + ", ".join(names[:20])
            )
        values = frame[column].to_numpy(dtype="float64")
        return values[np.isfinite(values)]


class StaticBaseline:
    """Values that are given."""

    def __init__(self, data: Any) -> None:
        import numpy as np

        try:
            values = np.asarray(data, dtype="float64")
        except (TypeError, ValueError):
            raise InvalidRequestError(
                "baseline_data is an array of numbers", "Example: numpy.array([0.1, 0.2, 0.3])"
            ) from None
        if values.size != max(values.shape, default=0) or values.size == 0:
            raise InvalidRequestError(
                f"baseline_data has the shape {values.shape}",
                "Give a one-dimensional array with at least one value",
            )
        if not np.isfinite(values).all():
            raise InvalidRequestError(
                "baseline_data holds values that are no finite numbers",
                "Drop them: data[numpy.isfinite(data)]",
            )
        self._values = values.ravel()

    def document(self, source: dict[str, Any]) -> dict[str, Any]:
        return {"vector": self._values.tolist()}

    def shown(self, names: dict[str, str], summary: dict[str, Any]) -> dict[str, Any]:
        return {"Static": summary}

    def dataframe(self, pipeline: Pipeline, iopath: str) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame({column_name(iopath): self._values})

    def values(self, pipeline: Pipeline, iopath: str) -> np.ndarray:
        return self._values


def moment(name: str, value: Any) -> datetime.datetime:
    """`value` in UTC; a datetime without a time zone is local time."""
    if not isinstance(value, datetime.datetime):
        raise InvalidRequestError(
            f"{name} is a datetime.datetime, not {type(value).__name__}",
            "Example: datetime.datetime.now()",
        )
    return value.astimezone(datetime.timezone.utc)


def text(value: Optional[datetime.datetime]) -> Optional[str]:
    """A time for the server."""
    return None if value is None else value.isoformat()


def call(client: Client, path: str, document: dict[str, Any]) -> Any:
    """POST something that may take long."""
    answer = client._transport.request(
        "POST", path, _json.dumps(document), JSON_HEADERS, timeout=RUN_SECONDS_MAX
    )
    if answer.status >= 400:
        raise answer.error()
    return answer.document()


def await_log(pipeline: Pipeline) -> None:
    """Wait until the inferences made through this object are in the log."""
    if pipeline._recent.awaited() is not None:
        newest = _logs.Request(1, None, None, "time", None, None)
        _logs.fetch_with(pipeline._client, pipeline._log_topic(), newest, pipeline._recent)


def pages(client: Client, topic: str, request: _logs.Request) -> Iterator[pa.Table]:
    """All rows that are asked for, page by page; pages may differ in their columns."""
    cursor: Any = {}
    headers = {"Content-Type": "application/json", "Accept": _codec.ARROW_TYPE}
    path = f"/v1/logs/topic/{quote(topic)}/records?{request.query()}"
    while cursor is not None:
        answer = client._transport.request("POST", path, _json.dumps(cursor), headers)
        if answer.status >= 400:
            raise answer.error()
        table, metadata = _codec.decode_table(answer.data)
        yield table
        cursor = _json.loads(metadata.get(b"status") or b"{}").get("next")


def column_name(iopath: str) -> str:
    """The column of :meth:`dataframe` for "output variable 0": output_variable_0."""
    side, _, rest = iopath.partition(" ")
    field, _, index = rest.rpartition(" ")
    return f"{side}_{field}_{index}"


def _spread(table: pa.Table) -> pd.DataFrame:
    """Log rows with each number of a list in a column of its own, and metadata as one dict."""
    import numpy as np
    import pandas as pd

    columns: dict[str, Any] = {"time": table.column("time").to_numpy().astype("int64")}
    metadata = [n for n in table.column_names if n.startswith("metadata.")]
    cells = {name.partition(".")[2]: table.column(name).to_pylist() for name in metadata}
    columns["metadata"] = [dict(zip(cells, row)) for row in zip(*cells.values())]
    for name in table.column_names:
        group, _, field = name.partition(".")
        if group not in ("in", "out"):
            continue
        stem = ("input_" if group == "in" else "output_") + field
        values = table.column(name).to_pylist()
        try:
            grid = np.array(values)
        except ValueError:  # lists of several lengths
            grid = np.array([], dtype="object")
        if grid.ndim == 2:
            columns |= {f"{stem}_{i}": grid[:, i] for i in range(grid.shape[1])}
        else:
            columns[f"{stem}_0" if grid.ndim == 1 and grid.size else stem] = values
    return pd.DataFrame(columns)

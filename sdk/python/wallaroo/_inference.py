"""One inference on the wire, and many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Literal, NamedTuple, Optional

from . import _codec, _json, inference_result
from ._transport import Answer, Transport
from .exceptions import (
    CommunicationError,
    InferenceError,
    InferenceTimeoutError,
    InvalidRequestError,
    RequestTimeoutError,
)

Form = Literal["pandas-records", "custom-json", "arrow"]


class Job(NamedTuple):
    """A request ready to be sent."""

    form: Form
    body: Any
    headers: Mapping[str, str]
    query: str


def job(data: Any, query: str) -> Job:
    """The request that carries `data`.

    Parameters
    ----------
    data : pandas.DataFrame, pyarrow.Table, pyarrow.RecordBatch, dict or list
        What to infer on.
    query : str
        Which datasets to return.
    """
    if isinstance(data, (dict, list)):
        return Job("custom-json", _json_body(data), _codec.JSON_HEADERS, "")
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        return Job("pandas-records", _codec.encode_frame(data), _codec.RECORDS_HEADERS, query)
    import pyarrow as pa

    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if isinstance(data, pa.Table):
        return Job("arrow", _codec.encode_table(data), _codec.ARROW_HEADERS, query)
    raise InferenceError(
        f"Inference data is a pandas DataFrame, a pyarrow Table, a dict or a list, not "
        f"{type(data).__name__}",
        "Example: pipeline.infer(pandas.DataFrame({'tensor': [[1.0, 2.0]]}))",
    )


def job_of_file(path: Path, form: Optional[str], query: str) -> Job:
    """The request that carries the content of a file.

    Parameters
    ----------
    form : str, optional
        What the file holds; told by its suffix where None.
    """
    if form is None:
        suffix = path.suffix.lower()
        form = {".arrow": "arrow", ".json": "pandas-records"}.get(suffix)
        if form is None:
            raise InvalidRequestError(
                f"The file name {path.name!r} does not tell what the file holds",
                "Pass data_format='pandas-records', 'custom-json' or 'arrow'",
            )
    data = path.read_bytes()
    if form == "arrow":
        return Job("arrow", _codec.arrow_file_bytes(data), _codec.ARROW_HEADERS, query)
    if form == "custom-json":
        return Job("custom-json", data, _codec.JSON_HEADERS, "")
    if form != "pandas-records":
        raise InvalidRequestError(
            f"There is no data_format {form!r}", "One of: pandas-records, custom-json, arrow"
        )
    if data.lstrip()[:1] == b"{":
        # What DataFrame.to_json() writes when not told to write records.
        import io

        import pandas as pd

        return job(pd.read_json(io.BytesIO(data)), query)
    return Job("pandas-records", data, _codec.RECORDS_HEADERS, query)


def _json_body(data: Any) -> bytes:
    try:
        return _json.dumps_records(data)
    except (TypeError, ValueError, OverflowError) as error:
        raise InferenceError(
            f"The data cannot be sent as JSON: {error}",
            "Use numbers, texts, booleans, and lists and dicts of them",
        ) from None


def send(transport: Transport, path: str, request: Job, seconds: float) -> Answer:
    """Send a request and return the answer, whatever its status.

    Raises
    ------
    InferenceTimeoutError
        No answer in time, or the connection broke.
    """
    target = f"{path}?{request.query}" if request.query else path
    try:
        return transport.request(
            "POST", target, request.body, request.headers, timeout=seconds, repeatable=True
        )
    except RequestTimeoutError:
        raise InferenceTimeoutError(
            f"Inference did not return within {seconds:g}s",
            "Allow more time with timeout=, or send fewer rows at a time",
        ) from None
    except CommunicationError as error:
        raise InferenceTimeoutError(error.message, error.hint, code=error.code) from None


def result(answer: Answer, request: Job) -> tuple[Any, int, Optional[int]]:
    """What an answer holds: its data, its number of rows, and their time.

    The time is in milliseconds since 1970, None where the answer has none.

    Raises
    ------
    InferenceError
        The answer is an error.
    """
    if answer.status >= 400:
        error = answer.error(InferenceError)
        if not error.message.startswith("Inference failed"):
            error.message = f"Inference failed: {error.message}"
        raise error
    if request.form == "pandas-records":
        frame, frame_ms = _codec.decode_records(answer.data)
        return frame, len(frame), frame_ms
    if request.form == "arrow":
        table, _ = _codec.decode_table(answer.data)
        if table.num_rows and "time" in table.column_names:
            return table, table.num_rows, int(table.column("time")[-1].value)
        return table, table.num_rows, None
    document = answer.document()
    records = document if isinstance(document, list) else [document]
    last = records[-1] if records else None
    time_ms = last.get("time") if isinstance(last, dict) else None
    shown = inference_result.results(document)
    return shown, len(records), time_ms if isinstance(time_ms, int) else None


async def in_parallel(
    one: Callable[[Any], Any], data: list[Any], num_parallel: int, retries: int
) -> list[Any]:
    """Call `one` on every item, `num_parallel` at a time, and keep the order.

    Returns
    -------
    list
        What `one` returned, or the exception that it raised, at the item's place.
    """

    def attempt(item: Any) -> Any:
        for tries_left in range(retries, -1, -1):
            try:
                return one(item)
            except InferenceTimeoutError as error:
                if not tries_left:
                    return error
            except Exception as error:
                return error
        return None

    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(min(num_parallel, max(len(data), 1)), "wallaroo-infer")
    try:
        return list(
            await asyncio.gather(*(loop.run_in_executor(pool, attempt, item) for item in data))
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)

"""Inference data between Python and the wire.

DataFrames travel as pandas records (JSON), Arrow tables as Arrow IPC files; the answer comes in
the encoding of the request. Times are integer milliseconds on the wire.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Optional, Union
from urllib.parse import quote

from . import _json
from .exceptions import InferenceError, InvalidRequestError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

ARROW_TYPE = "application/vnd.apache.arrow.file"
ARROW_HEADERS = {"Content-Type": ARROW_TYPE, "Accept": ARROW_TYPE, "format": "arrow"}
RECORDS_HEADERS = {"Content-Type": "application/json; format=pandas-records"}
JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}

_ARROW_MAGIC = b"ARROW1"

Dataset = Union[None, str, list[str]]


def dataset_query(
    dataset: Dataset, dataset_exclude: Dataset, dataset_separator: Optional[str], infer: bool
) -> str:
    """The query that asks for datasets.

    Parameters
    ----------
    dataset, dataset_exclude : str or list of str, optional
        Names such as ``"*"``, ``"out"``, ``"out.variable"``, ``"metadata.elapsed"``.
    dataset_separator : str, optional
        Between the parts of a column's name; "." where None.
    infer : bool
        Inferences answer without metadata unless it is asked for.
    """
    return _query(
        tuple(names(dataset)), tuple(names(dataset_exclude)), dataset_separator or ".", infer
    )


@functools.lru_cache(maxsize=64)
def _query(dataset: tuple[str, ...], exclude: tuple[str, ...], separator: str, infer: bool) -> str:
    wanted = dataset or ("*",)
    left_out = list(exclude)
    if infer and "metadata" not in wanted and "metadata" not in left_out:
        left_out.append("metadata")
    pairs = [("dataset[]", name) for name in wanted]
    pairs += [("dataset.exclude[]", name) for name in left_out]
    pairs.append(("dataset.separator", separator))
    return "&".join(f"{quote(k)}={quote(v, safe='')}" for k, v in pairs)


def names(dataset: Dataset) -> list[str]:
    """The names of a dataset argument; the guide's short form "meta" is "metadata"."""
    if dataset is None:
        return []
    given = [dataset] if isinstance(dataset, str) else list(dataset)
    for name in given:
        if not isinstance(name, str):
            raise InvalidRequestError(
                f"A dataset is named by a text, not by {name!r}",
                "Example: dataset=['*', 'metadata.elapsed']",
            )
    return ["metadata" if name == "meta" else name for name in given]


def encode_frame(frame: pd.DataFrame) -> bytes:
    """A DataFrame as JSON records.

    Cells may be numbers, texts, lists or numpy arrays of any number of dimensions; arrays travel
    as nested lists, so the server sees their shape.

    Raises
    ------
    InferenceError
        A cell is of a type that inference data cannot have.
    """
    columns = [str(name) for name in frame.columns]
    if len(set(columns)) != len(columns):
        twice = sorted({name for name in columns if columns.count(name) > 1})
        raise InferenceError(
            f"The DataFrame has more than one column named {twice[0]!r}",
            "Give every column a name of its own",
        )
    lists = [frame.iloc[:, i].tolist() for i in range(len(columns))]
    records = [dict(zip(columns, row)) for row in zip(*lists)]
    try:
        return _json.dumps_records(records)
    except (TypeError, ValueError, OverflowError) as error:
        raise _refused_cell(columns, lists, str(error)) from None


def _refused_cell(columns: list[str], lists: list[list[Any]], reason: str) -> InferenceError:
    for name, cells in zip(columns, lists):
        for row, cell in enumerate(cells):
            try:
                _json.dumps_records([{name: cell}])
            except (TypeError, ValueError, OverflowError):
                return InferenceError(
                    f"Column {name!r}, row {row}: a value of type {type(cell).__name__} cannot be "
                    "sent",
                    "Use numbers, texts, booleans, or lists and numpy arrays of them; dates as "
                    "text (astype(str))",
                )
    return InferenceError(f"The DataFrame cannot be sent as JSON: {reason}")


def decode_records(data: bytes) -> tuple[pd.DataFrame, Optional[int]]:
    """JSON records as a DataFrame in the order of displays, and the time of the last of them.

    Columns: time (``datetime64[ms]``), in.*, out.*, then the others by what follows their first
    dot. ``check_failures`` is the number of failures.
    """
    import numpy as np
    import pandas as pd

    try:
        records = _json.loads(data)
    except ValueError:
        records = None
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise InferenceError(
            "The answer is not a list of records",
            "Is api_endpoint the address of a Joey server?",
            code="internal",
        )
    keys = dict.fromkeys(k for r in records for k in r)
    columns: dict[str, Any] = {}
    time_ms: Optional[int] = None
    for key in sorted(keys, key=column_order):
        values = [r.get(key) for r in records]
        if key == "time":
            columns[key] = np.array(values, dtype="int64").astype("datetime64[ms]")
            time_ms = values[-1]
        elif key == "check_failures":
            columns[key] = [len(v) if isinstance(v, list) else v for v in values]
        else:
            columns[key] = values
    return pd.DataFrame(columns, copy=False), time_ms


def column_order(name: str) -> tuple[int, str, str]:
    """Its place in a display: time, in.*, out.*, then the others by what follows their dot."""
    if name == "time":
        return 0, "", ""
    if name.startswith("in."):
        return 1, name, ""
    if name.startswith("out."):
        return 2, name, ""
    return 3, name.partition(".")[2], name


def encode_table(table: pa.Table) -> memoryview:
    """An Arrow table as an IPC file."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def arrow_file_bytes(data: bytes) -> Union[bytes, memoryview]:
    """What a ``.arrow`` file holds as an IPC file; an IPC stream is rewritten as one."""
    if data.startswith(_ARROW_MAGIC):
        return data
    import pyarrow as pa

    try:
        with pa.ipc.open_stream(data) as reader:
            return encode_table(reader.read_all())
    except pa.ArrowInvalid as error:
        raise InferenceError(
            f"This is no Arrow file: {error}",
            "Write it with pyarrow.ipc.new_file, or name the form of the file by data_format=",
        ) from None


def decode_table(data: bytes) -> tuple[pa.Table, dict[bytes, bytes]]:
    """An Arrow IPC file as a table, and the metadata of its schema.

    ``time`` becomes ``timestamp[ms]``; ``check_failures`` the number of failures as int8.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        with pa.ipc.open_file(pa.py_buffer(data)) as reader:
            table = reader.read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise InferenceError(
            f"The answer is no Arrow file: {error}",
            "Is api_endpoint the address of a Joey server?",
            code="internal",
        ) from None
    metadata = dict(table.schema.metadata or {})
    table = table.replace_schema_metadata(None)
    for i, field in enumerate(table.schema):
        column = table.column(i)
        if field.name == "time" and field.type != pa.timestamp("ms"):
            if pa.types.is_integer(field.type):
                column = column.cast(pa.int64())
            table = table.set_column(i, "time", column.cast(pa.timestamp("ms")))
        elif field.name == "check_failures" and pa.types.is_list(field.type):
            table = table.set_column(i, "check_failures", pc.list_value_length(column).cast("int8"))
    return table, metadata


def schema_text(schema: Optional[pa.Schema]) -> Optional[str]:
    """An Arrow schema as it travels: the base64 of its IPC message."""
    if schema is None:
        return None
    import base64

    import pyarrow as pa

    if not isinstance(schema, pa.Schema):
        raise InvalidRequestError(
            f"A schema is a pyarrow.Schema, not {type(schema).__name__}",
            "Example: pyarrow.schema([pyarrow.field('tensor', pyarrow.list_(pyarrow.float32()))])",
        )
    return base64.b64encode(schema.serialize()).decode()


def schema_of_text(text: Optional[str]) -> Optional[pa.Schema]:
    """The Arrow schema that a text of :func:`schema_text` holds."""
    if not text:
        return None
    import base64

    import pyarrow as pa

    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))

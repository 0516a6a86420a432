"""Any data goes to the wire and comes back unchanged."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from wallaroo import _codec, _json

pytest.importorskip("hypothesis")
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)
cells = st.one_of(
    st.booleans(),
    st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    st.lists(numbers, min_size=1),
    st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False))),
)
names = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
frames = st.integers(0, 4).flatmap(
    lambda rows: st.dictionaries(names, st.lists(cells, min_size=rows, max_size=rows), min_size=1)
)


@given(frames, st.booleans())
def test_cells_arrive_as_they_are(columns: dict[str, list[Any]], standard: bool) -> None:
    frame = pd.DataFrame({k: pd.Series(v, dtype=object) for k, v in columns.items()})
    with pytest.MonkeyPatch.context() as patch:
        if standard:
            patch.setattr(_json, "_orjson", None)
        sent = _codec.encode_frame(frame)
    rows = len(next(iter(columns.values())))
    expected = [{name: column[i] for name, column in columns.items()} for i in range(rows)]
    assert json.loads(sent) == expected


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_float32_arrays_keep_their_values(values: list[float]) -> None:
    array = np.array(values, dtype=np.float32)
    (record,) = json.loads(_codec.encode_frame(pd.DataFrame({"x": [array]})))
    assert (np.array(record["x"], dtype=np.float32) == array).all()


@given(frames)
def test_answers_keep_their_cells(columns: dict[str, list[Any]]) -> None:
    columns = {f"out.{name}": column for name, column in columns.items()}
    rows = len(next(iter(columns.values())))
    records = [{name: column[i] for name, column in columns.items()} for i in range(rows)]
    frame, time_ms = _codec.decode_records(json.dumps(records).encode())
    assert time_ms is None
    assert len(frame) == rows
    if rows:
        assert {name: frame[name].tolist() for name in columns} == columns


@given(st.lists(st.lists(numbers.filter(lambda n: isinstance(n, float)))))
def test_tables_keep_their_cells(lists: list[list[float]]) -> None:
    table = pa.table({"x": pa.array(lists, pa.list_(pa.float64()))})
    assert _codec.decode_table(bytes(_codec.encode_table(table)))[0] == table

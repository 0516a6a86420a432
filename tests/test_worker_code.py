"""The Python side of workers by itself: what a step gets and what may come back."""

import json
import os
import pathlib
import socket
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workers"))

from joey_worker import channel, failure, frame, result, step  # noqa: E402

F32, F64, I64 = pa.float32(), pa.float64(), pa.int64()


def batch(**columns):
    return pa.record_batch([pa.array(*column) for column in columns.values()], names=list(columns))


def schema(**types):
    return pa.schema(list(types.items()))


def assert_same_frame(left, right):
    pd.testing.assert_frame_equal(left, right)
    for name in left.columns:
        for a, b in zip(left[name], right[name]):
            assert type(a) is type(b)
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype


@pytest.mark.parametrize(
    "columns",
    [
        {"x": ([[1.5, 2]], pa.list_(F32))},
        {"x": ([[1.5, 2], [], [3]], pa.list_(F64)), "y": ([1, 2, 3], pa.int32())},
        {"x": ([[]], pa.list_(F32))},
        {"x": ([1.5, 2.5], F32), "y": (["a", "b"],), "z": ([True, False],)},
        {"x": ([[[1, 2], [3, 4]]], pa.list_(pa.list_(I64)))},
        {"x": ([2**63], pa.uint64()), "y": ([np.float16(1.5)], pa.float16())},
        {f"c{i}": ([float(i)],) for i in range(100)},
    ],
)
def test_quick_frames_are_those_of_pyarrow(columns):
    table = batch(**columns)
    assert_same_frame(frame.DataFrames(None).make(table), table.to_pandas())


def test_a_slice_is_only_its_rows():
    table = batch(x=([[1.0], [2.0], [3.0]], pa.list_(F32)))
    made = frame.DataFrames(None).make(table.slice(1, 2))
    assert [cell.tolist() for cell in made["x"]] == [[2.0], [3.0]]


def test_frames_are_the_steps_own():
    frames = frame.DataFrames(None)
    table = batch(x=([1.0], F64), y=([[1.0, 2.0]], pa.list_(F64)))
    first = frames.make(table)
    first.loc[0, "x"] = 5.0
    first["y"][0][0] = 7.0
    first.columns.name = first.index.name = "changed"
    first["z"] = 1
    assert_same_frame(frames.make(table), table.to_pandas())


@pytest.mark.parametrize(
    "have, declared, cell",
    [
        (([[1.5]], pa.list_(F32)), pa.list_(F64), [1.5]),
        (([1.5], F64), pa.list_(F64), [1.5]),
        (([[3]], pa.list_(I64)), pa.list_(F64), [3.0]),
        (([[3.0]], pa.list_(F64)), pa.list_(I64), [3]),
        (([3], I64), F32, 3.0),
        ((["a"],), pa.list_(pa.string()), ["a"]),
    ],
)
def test_columns_become_the_declared_type(have, declared, cell):
    made = frame.DataFrames(schema(x=declared)).make(batch(x=have))
    value = made["x"][0]
    assert (value.tolist() if isinstance(value, np.ndarray) else value) == cell


@pytest.mark.parametrize(
    "have, declared",
    [((["1"],), F64), (([1.5], F64), I64), (([300], I64), pa.int8()), (([1], I64), pa.string())],
)
def test_columns_that_do_not_fit_are_refused(have, declared):
    with pytest.raises(failure.StepError, match="the column 'x' does not fit the declared"):
        frame.DataFrames(schema(x=declared)).make(batch(x=have))


LIST_F32 = schema(output=pa.list_(F32))


@pytest.mark.parametrize(
    "value",
    [
        [{"output": [1.5]}],
        [{"output": 1.5}],
        [{"output": [[1.5]]}],
        [{"output": np.array([1.5])}],
        [{"output": [np.float32(1.5)]}],
        [{"output": pd.Series([[1.5]])}],
        [{"output": pd.Series([1.5])}],
        {"output": [1.5]},
        {"output": [[1.5]]},
        {"tensor_fields": ["output"], "output": [[1.5]], "unused": 3},
        pd.DataFrame({"output": [[1.5]]}),
        pd.DataFrame({"output": [1.5]}, index=[7]),
        pd.DataFrame({"output": [pd.Series([[1.5]])]}),
        pa.table({"output": pa.array([[1.5]], pa.list_(F64))}),
        pa.record_batch({"output": pa.array([1.5], F64)}),
        pa.chunked_array([[1.5]]).combine_chunks() and pa.table({"output": pa.chunked_array([[1.5]])}),
        '[{"output": [1.5]}]',
        b'{"output": [[1.5]]}',
    ],
)
def test_forms_of_one_row(value):
    made = result.Results(LIST_F32).make(value, 1)
    assert made.schema == LIST_F32
    assert made.to_pylist() == [{"output": [1.5]}]


@pytest.mark.parametrize(
    "value",
    [
        [{"output": [1.0]}, {"output": [2.0]}],
        [{"output": 1}, {"output": 2}],
        [{"output": [[1.0], [2.0]]}],
        [{"output": pd.Series([[1.0], [2.0]])}],
        {"output": [1.0, 2.0]},
        {"output": np.array([[1.0], [2.0]])},
        pd.DataFrame({"output": np.array([1.0, 2.0])}),
        pa.table({"output": pa.chunked_array([[1.0], [2.0]])}),
    ],
)
def test_forms_of_two_rows(value):
    made = result.Results(LIST_F32).make(value, 2)
    assert made.to_pylist() == [{"output": [1.0]}, {"output": [2.0]}]


@pytest.mark.parametrize(
    "value, rows, message",
    [
        (None, 1, "returned NoneType"),
        (5, 1, "returned int"),
        ([], 1, "a list of nothing"),
        ([1.5], 1, "a list of float"),
        ("nonsense", 1, "no JSON"),
        ([{"output": [1.5]}] * 2, 1, "2 rows for 1"),
        ([{"output": [1.5]}], 2, "1 rows for 2"),
        (pd.DataFrame({"output": []}), 1, "0 rows for 1"),
        ([{"other": [1.5]}], 1, r"has no \['output'\] and has \['other'\] besides"),
        ([{"output": [1.5], "more": 1}], 1, r"has \['more'\] besides"),
        (pa.table({"output": [1.5], "more": [1]}), 1, r"has \['more'\] besides"),
        ([{"output": ["text"]}], 1, "does not fit the declared list<item: float>"),
        ([{"output": [1.5, "text"]}], 1, "does not fit"),
        ([{"output": {"a": 1}}], 1, "does not fit"),
        ([{"output": [[1.0, 2.0], [3.0]]}], 1, "does not fit"),
        ([{"output": object()}], 1, "does not fit"),
        ({"tensor_fields": ["x"], "output": 1}, 1, "tensor_fields names"),
        ({"output": [1.0, 2.0, 3.0], "more": [1]}, 2, "not columns of 2 rows"),
        (pd.DataFrame([[1.5]]), 1, "a column named 0"),
        (pd.DataFrame([[1.5, 2.5]], columns=["output", "output"]), 1, "twice"),
        ([{"output": 1}, {"other": 1}], 2, "rows of different columns"),
    ],
)
def test_results_that_do_not_fit(value, rows, message):
    with pytest.raises(failure.StepError, match=message):
        result.Results(LIST_F32).make(value, rows)


def test_no_number_is_changed_for_a_declared_integer():
    integers = result.Results(schema(output=pa.list_(pa.int32())))
    assert integers.make([{"output": [3.0]}], 1).to_pylist() == [{"output": [3]}]
    for lossy in (1.5, 2**40, "3", True):
        with pytest.raises(failure.StepError, match="does not fit"):
            integers.make([{"output": [lossy]}], 1)


def test_missing_numbers_stay_nan():
    made = result.Results(schema(output=F64)).make(pd.DataFrame({"output": [float("nan")]}), 1)
    assert made.column(0).null_count == 0


def test_types_are_inferred_without_a_schema():
    made = result.Results(None).make([{"a": 1, "b": [1.5, 2], "c": "x", "d": True}], 1)
    assert [str(t) for t in made.schema.types] == ["int64", "list<item: double>", "string", "bool"]
    forecast = result.Results(None).make({"forecast": [5, 6, 7]}, 1)
    assert forecast.to_pylist() == [{"forecast": [5, 6, 7]}]
    with pytest.raises(failure.StepError, match="mixed or unknown types"):
        result.Results(None).make([{"a": [1, "x"]}], 1)


def answer(script, table, inputs=None, outputs=None):
    made = step.Step(step.Script("script", script), inputs, outputs)
    message = table.schema.serialize().to_pybytes()
    head, body = made.answer(message + table.serialize().to_pybytes(), len(message))
    return pa.ipc.open_stream(pa.py_buffer(head + body.to_pybytes())).read_all().to_pylist()


GUIDE_POST = """
def wallaroo_json(data: pd.DataFrame):
    print(data)
    return [{"output": [data["dense_2"].to_list()[0][0]]}]
"""

OLDER_PRE = """
import json
import pandas

def wallaroo_json(data):
    obj = json.loads(data)
    frame = pandas.DataFrame(obj['query'], columns=obj['colnames'])
    frame['cust_known'] = frame.cust_known.astype(int)
    frame['product'] = frame.UnitPrice * frame.cust_known
    return {'tensor_fields': ['model_input'], 'model_input': frame.to_numpy().tolist()}
"""


def test_the_guides_step():
    inputs, outputs = schema(dense_2=pa.list_(F64)), schema(output=pa.list_(F32))
    for column in (([[12.5]], pa.list_(F32)), ([12.5], F64)):
        assert answer(GUIDE_POST, batch(dense_2=column), inputs, outputs) == [{"output": [12.5]}]


def test_the_older_form_gets_json_of_any_table():
    rows = batch(UnitPrice=([12.5, 2.0],), cust_known=([True, False],))
    assert answer(OLDER_PRE, rows) == [
        {"model_input": [12.5, 1.0, 12.5]},
        {"model_input": [2.0, 0.0, 0.0]},
    ]
    as_sent = batch(colnames=([["UnitPrice", "cust_known"]],), query=([[[12.5, 1.0]]],))
    assert answer(OLDER_PRE, as_sent) == [{"model_input": [12.5, 1.0, 12.5]}]


def test_annotations_decide_before_schemas():
    text = "def wallaroo_json(data: str):\n    return [{'n': len(data)}]"
    assert answer(text, batch(x=([1],)), schema(x=I64)) == [{"n": len('{"x": 1}')}]
    table = "from __future__ import annotations\ndef wallaroo_json(d: pd.DataFrame):\n    return d"
    assert answer(table, batch(x=([1],))) == [{"x": 1}]


def test_json_of_several_rows_is_columns():
    assert json.loads(frame.json_text(batch(x=([1, 2],)), False)) == {"x": [1, 2]}


def test_what_raised_is_described_with_its_lines():
    script = "def inner():\n    return {}['missing']\ndef wallaroo_json(data):\n    return inner()\n"
    with pytest.raises(KeyError) as raised:
        answer(script, batch(x=([1],)), schema(x=I64))
    document = json.loads(failure.describe(raised.value, "script.py"))
    assert document["kind"] == "raised"
    assert "KeyError: 'missing'" in document["message"]
    assert "line 2, in inner: return {}['missing']" in document["message"]
    huge = json.loads(failure.describe(ValueError("\x00" * (1 << 20)), "script.py"))
    assert len(json.dumps(huge)) < channel.ERROR_BYTES_MAX


def test_a_script_needs_its_function():
    with pytest.raises(failure.StepError, match="has no function wallaroo_json"):
        step.Script("script", "x = 1")


@pytest.mark.parametrize("size", [0, 100, 9 << 10, 2 << 20, 70 << 20])
def test_frames_of_any_size(size):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    area = os.memfd_create("area")
    os.truncate(area, 64 << 20)
    sender = channel.Channel(ours.detach(), area)
    receiver = channel.Channel(theirs.detach(), area)
    body = os.urandom(size)
    sender.send(channel.RESULT, 7, b"12345678", body)
    kind, number, payload, first = receiver.receive()
    assert (kind, number, first) == (channel.RESULT, 7, 8)
    if 8 << 10 < size < 32 << 20:  # answers lie in the second half of the area
        payload = sender._area[32 << 20 : (32 << 20) + 8 + size]
    assert payload[:] == b"12345678" + body

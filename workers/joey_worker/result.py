"""What a step returned, as a record batch."""

import json

import pandas as pd
import pyarrow as pa

from joey_worker.failure import StepError
from joey_worker.values import column_of, fit_column, is_direct

FORMS = "a list of dicts, a DataFrame, an Arrow table, or a dict of columns"


class Results:
    """Makes batches of results, of `declared` columns where that is not None."""

    def __init__(self, declared):
        self._declared = declared
        self._fields = [(field.name, field.type) for field in declared] if declared is not None else []
        self._direct = bool(self._fields) and all(is_direct(type_) for _, type_ in self._fields)

    def make(self, result, rows):
        """A batch of `rows` rows. StepError says what does not fit."""
        if self._direct and type(result) is list and len(result) == rows:
            batch = self._quick(result)
            if batch is not None:
                return batch
        if isinstance(result, (str, bytes, bytearray)):
            result = _parsed(result)
        if isinstance(result, list):
            batch = self._records(result, rows)
        elif isinstance(result, pd.DataFrame):
            batch = self._columns(_frame_columns(result), len(result))
        elif isinstance(result, (pa.RecordBatch, pa.Table)):
            batch = self._arrow(result)
        elif isinstance(result, dict):
            batch = self._mapping(result, rows)
        else:
            raise StepError(f"wallaroo_json returned {type(result).__name__}", f"return {FORMS}")
        if batch.num_rows != rows:
            raise StepError(
                f"wallaroo_json returned {batch.num_rows} rows for {rows}",
                "return one row for each row of the data",
            )
        return batch

    def _quick(self, records):
        """Records that fit as they are; None for all others, which the long way explains or converts."""
        try:
            for record in records:
                if len(record) != len(self._fields):
                    return None
            arrays = [pa.array([record[name] for record in records], type_) for name, type_ in self._fields]
            return pa.RecordBatch.from_arrays(arrays, schema=self._declared)
        except (pa.ArrowException, KeyError, TypeError, ValueError, OverflowError):
            return None

    def _records(self, records, rows):
        if not records or not all(isinstance(record, dict) for record in records):
            what = type(records[0]).__name__ if records else "nothing"
            raise StepError(f"wallaroo_json returned a list of {what}", f"return {FORMS}")
        first = records[0]
        if len(records) == 1 and _is_columns(first, rows):
            return self._mapping(first, rows)
        for record in records:
            if record.keys() != first.keys():
                raise StepError(
                    f"wallaroo_json returned rows of different columns: {list(first)} and {list(record)}",
                    "give every row the same columns",
                )
        columns = {name: [record[name] for record in records] for name in first}
        return self._columns(columns, len(records))

    def _mapping(self, mapping, rows):
        """Columns by name, those of `tensor_fields` where it names them; of one row also the plain values."""
        if "tensor_fields" in mapping:
            names = mapping["tensor_fields"]
            missing = [name for name in names if name not in mapping]
            if missing:
                raise StepError(f"tensor_fields names {missing}, which the dict does not have", "return both")
            mapping = {name: mapping[name] for name in names}
        columns = {name: _column_values(value) for name, value in mapping.items()}
        lengths = [None if values is None else len(values) for values in columns.values()]
        if rows == 1 and any(length != 1 for length in lengths):
            columns = {name: [value] for name, value in mapping.items()}
        elif any(length != lengths[0] or length is None for length in lengths):
            raise StepError(
                f"wallaroo_json returned a dict whose values are not columns of {rows} rows",
                "give each column a list with one value for each row",
            )
        return self._columns(columns, rows if rows == 1 else (lengths or [0])[0])

    def _columns(self, columns, rows):
        if not columns:
            raise StepError("wallaroo_json returned no columns", f"return {FORMS}")
        if self._declared is None:
            arrays = [column_of(values, None, f"the column '{name}'") for name, values in columns.items()]
            return pa.RecordBatch.from_arrays(arrays, names=_names(columns))
        if len(columns) != len(self._fields):
            self._compare(columns)
        try:
            arrays = [column_of(columns[name], type_, f"the column '{name}'") for name, type_ in self._fields]
        except KeyError:
            self._compare(columns)
            raise
        return pa.RecordBatch.from_arrays(arrays, schema=self._declared)

    def _arrow(self, table):
        if isinstance(table, pa.Table):
            table = table.combine_chunks()
            columns = [
                column.chunk(0) if column.num_chunks else pa.array([], column.type)
                for column in table.columns
            ]
        else:
            columns = table.columns
        names = _names(table.schema.names)
        if self._declared is None:
            return pa.RecordBatch.from_arrays(columns, names=names)
        by_name = dict(zip(names, columns))
        self._compare(by_name)
        fitted = [fit_column(by_name[name], type_, f"the column '{name}'") for name, type_ in self._fields]
        return pa.RecordBatch.from_arrays(fitted, schema=self._declared)

    def _compare(self, columns):
        declared = [name for name, _ in self._fields]
        missing = [name for name in declared if name not in columns]
        extra = [name for name in columns if name not in declared]
        problems = [f"has no {missing}"] if missing else []
        problems += [f"has {extra} besides"] if extra else []
        if problems:
            raise StepError(
                f"what wallaroo_json returned {' and '.join(problems)}; output_schema declares {declared}",
                "return the declared columns, or configure the step with another output_schema",
            )


def _parsed(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise StepError(f"wallaroo_json returned text that is no JSON: {error}", f"return {FORMS}") from None


def _frame_columns(frame):
    names = _names(frame.columns)
    if len(set(names)) != len(names):
        raise StepError(f"wallaroo_json returned a DataFrame that has columns twice: {names}", "rename them")
    return {name: _series_values(frame.iloc[:, i]) for i, name in enumerate(names)}


def _series_values(series):
    """Numbers stay numpy; a missing number is NaN and stays that."""
    if series.dtype.kind in "iufb":
        return series.to_numpy()
    return series.tolist()


def _column_values(value):
    """The list of a column's values, or None for what is a single value."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, pd.Series):
        return _series_values(value)
    if hasattr(value, "tolist") and getattr(value, "ndim", 1) > 0:
        return value.tolist()
    return None


def _is_columns(record, rows):
    """Whether the only dict of a list holds whole columns: Series, or as many values as there are rows."""
    if any(isinstance(value, pd.Series) for value in record.values()):
        return all(isinstance(value, pd.Series) and len(value) == rows for value in record.values())
    return rows > 1 and all(
        isinstance(value, (list, tuple)) and len(value) == rows for value in record.values()
    )


def _names(names):
    names = list(names)
    for name in names:
        if not isinstance(name, str):
            raise StepError(f"wallaroo_json returned a column named {name!r}", "name columns with strings")
    return names

"""A record batch as what a step gets: a pandas DataFrame, or JSON text in the older form.

`RecordBatch.to_pandas()` costs some 200 µs whatever the size; for columns of numbers and of lists of numbers
the same DataFrame is put together here from numpy arrays, in a tenth of that.
"""

import json

import numpy as np
import pandas as pd
import pyarrow as pa

from joey_worker.values import fit_column

try:
    from pandas.api.internals import create_dataframe_from_blocks
except ImportError:  # before pandas 3
    create_dataframe_from_blocks = None

COLUMNS_MAX = 64  # of the quick way: many small blocks make slow DataFrames
ROWS_MAX = 1 << 16  # beyond it, what is saved does not matter


def _number(type_):
    """The numpy type of an Arrow type of numbers, else None."""
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return np.dtype(type_.to_pandas_dtype())
    return None


class DataFrames:
    """Makes DataFrames of batches, with the columns and types of `declared` where that is not None."""

    def __init__(self, declared):
        self._declared = declared
        self._plans = {}

    def make(self, batch):
        schema = batch.schema
        plan = self._plans.get(schema)
        if plan is None:
            if len(self._plans) > 16:
                self._plans.clear()
            plan = self._plans[schema] = self._plan(schema)
        if plan and batch.num_rows <= ROWS_MAX:
            quick = self._quick(batch, *plan)
            if quick is not None:
                return quick
        return self._declare(batch).to_pandas()

    def _plan(self, schema):
        """(names, one (is list, type there, type wanted) a column), or () where the quick way is none."""
        if create_dataframe_from_blocks is None or len(schema) > COLUMNS_MAX:
            return ()
        columns = []
        for i, field in enumerate(schema):
            wanted = self._declared.field(i).type if self._declared is not None else field.type
            lists = pa.types.is_list(field.type)
            if lists != pa.types.is_list(wanted):
                return ()
            types = [t.value_type if lists else t for t in (field.type, wanted)]
            have, want = map(_number, types)
            if have is None or want is None or not np.can_cast(have, want, "safe"):
                return ()
            columns.append((lists, have, want))
        return pd.Index(schema.names), columns

    def _quick(self, batch, names, columns):
        rows = batch.num_rows
        blocks = []
        for i, (lists, have, want) in enumerate(columns):
            column = batch.column(i)
            if column.offset or column.null_count:
                return None
            buffers = column.buffers()
            if lists:
                values = np.frombuffer(buffers[3], have) if buffers[3] else np.empty(0, have)
                offsets = np.frombuffer(buffers[1], np.int32)
                values = values.astype(want)
                block = np.empty((1, rows), object)
                if rows == 1:
                    block[0, 0] = values[offsets[0] : offsets[1]]
                else:
                    starts = offsets[: rows + 1].tolist()
                    cells = block[0]
                    for row in range(rows):
                        cells[row] = values[starts[row] : starts[row + 1]]
            else:
                block = np.frombuffer(buffers[1], have)[:rows].astype(want).reshape(1, rows)
            blocks.append((block, np.array([i])))
        # An index of its own for each request: steps may name or change theirs.
        return create_dataframe_from_blocks(blocks, pd.RangeIndex(rows), names.view())

    def _declare(self, batch):
        if self._declared is None:
            return batch
        columns = [
            fit_column(batch.column(i), field.type, f"the column '{field.name}'", "send")
            for i, field in enumerate(self._declared)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self._declared)


def json_text(batch, wants_colnames):
    """The request in the older form. One row is the object of its columns' values, several are an object
    of lists. A script that speaks of `colnames` gets names and rows apart."""
    names = batch.schema.names
    if wants_colnames and "colnames" not in names:
        columns = [column.to_pylist() for column in batch.columns]
        rows = [list(row) for row in zip(*columns)]
        document = {"colnames": names, "query": rows, "data": rows}
    else:
        document = batch.to_pydict()
        if batch.num_rows == 1:
            document = {name: values[0] for name, values in document.items()}
    return json.dumps(document)

"""Columns of a request as the numpy arrays that models take, and arrays as the columns of an answer."""

import numpy as np
import pyarrow as pa

from joey_worker.failure import StepError
from joey_worker.values import is_list, leaf

ROW = "send values of the declared input_schema"


def row_shape(type_):
    """The shape of one row's value: () for a single value, None for a size that varies."""
    shape = []
    while is_list(type_):
        shape.append(type_.list_size if pa.types.is_fixed_size_list(type_) else None)
        type_ = type_.value_type
    return tuple(shape)


def arrays_of(batch, schema):
    """The declared columns of a batch, each an array of the declared element type whose first dimension
    are the rows. Rows of different sizes give an array of arrays."""
    return {field.name: _array_of(batch.column(field.name), field) for field in schema}


def _array_of(column, field):
    wanted = row_shape(field.type)
    rows = len(column)
    sizes = []
    uniform = True
    while is_list(column.type):
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        uniform = uniform and (len(lengths) == 0 or bool((lengths == lengths[0]).all()))
        sizes.append(int(lengths[0]) if len(lengths) else 0)
        column = column.flatten()
    try:
        values = _leaf_values(column, leaf(field.type))
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise StepError(f"the column '{field.name}' does not fit {field.type}: {error}", ROW) from None
    if not uniform:
        return _ragged(field, wanted)
    fixed = all(size is not None for size in wanted)
    count = len(values) // rows if rows else 0
    if fixed:
        if rows and count != int(np.prod(wanted, dtype=np.int64)):
            raise StepError(
                f"a row of the column '{field.name}' has {count} values, the schema declares {field.type}",
                ROW,
            )
        return values.reshape((rows, *wanted))
    if len(sizes) != len(wanted):
        raise StepError(
            f"the column '{field.name}' is {len(sizes)} lists deep, the schema declares {field.type}", ROW
        )
    return values.reshape((rows, *sizes))


def _ragged(field, wanted):
    raise StepError(
        f"the rows of the column '{field.name}' are not all of one size"
        + (f", the schema declares {field.type}" if None not in wanted else ""),
        "send rows of one size in a request",
    )


def _leaf_values(column, type_):
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise ValueError(f"it holds {column.type}")
        return np.array(column.to_pylist(), dtype=object)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        raise ValueError(f"it holds {column.type}")
    if pa.types.is_boolean(column.type) != pa.types.is_boolean(type_):
        column = column.cast(pa.int8() if pa.types.is_boolean(column.type) else type_)
    return column.cast(type_).to_numpy(zero_copy_only=False)


def batch_of(results, schema, rows):
    """The columns that `schema` declares, out of arrays by name."""
    columns = []
    for field in schema:
        if field.name not in results:
            raise StepError(
                f"the model gave no '{field.name}', it gave {sorted(map(str, results))}",
                "name the outputs in output_schema as the model does",
            )
        columns.append(_column_of(results[field.name], field, rows))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column_of(values, field, rows):
    type_ = leaf(field.type)
    wanted = row_shape(field.type)
    try:
        values = np.asarray(values)
    except ValueError:
        values = np.array(values, dtype=object)
    if values.dtype == object and len(wanted) > 0:
        return _of_objects(values, field, rows)
    if values.ndim == 0 or values.shape[0] != rows:
        raise StepError(
            f"the model gave '{field.name}' of shape {list(values.shape)} for {rows} rows",
            "give one value or list for each row",
        )
    shape = values.shape[1:]
    # (rows, 1) and (rows,) are the same where the schema says so.
    while len(shape) > len(wanted) and 1 in shape:
        shape = shape[: shape.index(1)] + shape[shape.index(1) + 1 :]
    while len(shape) < len(wanted):
        shape = (*shape, 1)
    if None not in wanted and np.prod(shape, dtype=np.int64) == np.prod(wanted, dtype=np.int64):
        shape = wanted  # the same values in another arrangement, such as all of them in one list
    if len(shape) != len(wanted) or any(w is not None and w != have for w, have in zip(wanted, shape)):
        raise StepError(
            f"the model gave '{field.name}' of shape {list(values.shape)}, declared is {field.type}",
            "declare the shape that the model gives",
        )
    array = _leaf_array(values.reshape(-1), type_, field)
    for size, list_type in zip(reversed(shape), reversed(_list_types(field.type))):
        if pa.types.is_fixed_size_list(list_type):
            array = pa.FixedSizeListArray.from_arrays(array, type=list_type)
        else:
            offsets = (
                np.arange(0, len(array) + 1, size, dtype=np.int32) if size else np.zeros(rows + 1, np.int32)
            )
            array = pa.ListArray.from_arrays(pa.array(offsets), array, type=list_type)
    return array


def _list_types(type_):
    out = []
    while is_list(type_):
        out.append(type_)
        type_ = type_.value_type
    return out


def _of_objects(values, field, rows):
    items = [item.tolist() if hasattr(item, "tolist") else item for item in values]
    if len(items) != rows:
        raise StepError(
            f"the model gave {len(items)} values of '{field.name}' for {rows} rows",
            "give one value or list for each row",
        )
    try:
        return pa.array(items, field.type)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _misfit(field, error) from None


def _leaf_array(values, type_, field):
    try:
        if values.dtype.kind in "OUS":
            items = values.tolist()
            if pa.types.is_string(type_) or pa.types.is_large_string(type_):
                items = [item.decode() if isinstance(item, bytes) else str(item) for item in items]
            return pa.array(items, type_)
        if values.dtype.kind == "b" and not pa.types.is_boolean(type_):
            values = values.astype(np.int8)
        array = pa.array(np.ascontiguousarray(values))
        return array if array.type == type_ else array.cast(type_, safe=not pa.types.is_floating(type_))
    except (pa.ArrowException, TypeError, ValueError, UnicodeDecodeError) as error:
        raise _misfit(field, error) from None


def _misfit(field, error):
    return StepError(
        f"what the model gave for '{field.name}' does not fit the declared {field.type}: {error}",
        "declare the type that the model gives",
    )

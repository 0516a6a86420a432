"""Values of any kind in the shape of a declared Arrow type, where nothing is lost by it."""

import numpy as np
import pandas as pd
import pyarrow as pa

from joey_worker.failure import StepError

EXAMPLE_MAX = 80


def is_list(type_):
    return pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)


def leaf(type_):
    while is_list(type_):
        type_ = type_.value_type
    return type_


def depth(type_):
    count = 0
    while is_list(type_):
        type_ = type_.value_type
        count += 1
    return count


def is_direct(type_):
    """Whether pyarrow may make such an array itself: 1.5 it would cut down to a declared integer."""
    return not pa.types.is_integer(leaf(type_))


def plain(value):
    """Without numpy, pandas and pyarrow: lists and Python's own numbers and strings."""
    if isinstance(value, (np.ndarray, np.generic, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return value.to_pylist()
    if isinstance(value, pa.Scalar):
        return value.as_py()
    return value


def _depth_of(value):
    count = 0
    while isinstance(value, list):
        count += 1
        if not value:
            break
        value = value[0]
    return count


def _shaped(value, levels):
    """`value` with `levels` of lists around its numbers: missing ones are added, outer ones of a single item
    taken away, since steps write one value as `5`, `[5]` or `[[5]]` alike."""
    have = _depth_of(value)
    while have < levels:
        value = [value]
        have += 1
    while have > levels and len(value) == 1:
        value = value[0]
        have -= 1
    return value


def _brief(value):
    text = repr(value)
    return text if len(text) <= EXAMPLE_MAX else text[:EXAMPLE_MAX] + "…"


def _misfit(what, type_, example, verb, detail=""):
    return StepError(
        f"{what} does not fit the declared {type_}: {_brief(example)}" + (f" ({detail})" if detail else ""),
        f"{verb} values of the declared type, or configure the step with another schema",
    )


def column_of(values, type_, what):
    """An array of `type_` of one value for each row, or of what they are when that is None."""
    if type_ is None:
        return _inferred(values, what)
    try:
        if is_direct(type_):
            return pa.array(values, type_)
        return _checked_cast(pa.array(values), type_)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    shaped = [_shaped(plain(value), depth(type_)) for value in values]
    try:
        array = pa.array(shaped)
        if pa.types.is_null(leaf(array.type)):  # empty lists, or None
            return pa.array(shaped, type_)
        return _checked_cast(array, type_)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _misfit(what, type_, shaped[0] if shaped else None, "return", str(error)) from None


def _checked_cast(array, type_):
    """Numbers of another width or kind, where every value stays what it is; the precision of a declared
    floating-point type is the declarer's choice. Arrow would also cast between text and numbers."""
    if array.type == type_:
        return array
    if _family(leaf(array.type)) != _family(leaf(type_)):
        raise TypeError(f"it is {array.type}")
    return array.cast(type_, safe=True)


def _family(type_):
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return "number"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return "text"
    return str(type_)


def _inferred(values, what):
    try:
        array = pa.array(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        try:
            array = pa.array([plain(value) for value in values])
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise StepError(
                f"{what} is of mixed or unknown types: {error}",
                "return numbers, booleans, strings, or lists of these, of one type in each column",
            ) from None
    return pa.array(array.to_pylist(), pa.string()) if pa.types.is_large_string(array.type) else array


def fit_column(array, type_, what, verb="return"):
    """An Arrow column as the declared type."""
    if array.type == type_:
        return array
    try:
        if depth(array.type) == depth(type_):
            return _checked_cast(array, type_)
    except (pa.ArrowException, TypeError) as error:
        raise _misfit(what, type_, array[:1].to_pylist()[0], verb, str(error)) from None
    shaped = [_shaped(value, depth(type_)) for value in array.to_pylist()]
    try:
        return _checked_cast(pa.array(shaped), type_)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _misfit(what, type_, shaped[0], verb, str(error)) from None

"""JSON with orjson where it is installed, else with the standard library."""

from __future__ import annotations

import json
from typing import Any

try:
    import orjson as _orjson
except ImportError:
    _orjson = None  # type: ignore[assignment,unused-ignore]


def dumps(value: Any) -> bytes:
    """The compact JSON text of a control document."""
    if _orjson is not None:
        return bytes(_orjson.dumps(value))
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def loads(data: bytes) -> Any:
    """The value of a JSON text. Raises ValueError."""
    return _orjson.loads(data) if _orjson is not None else json.loads(data)


def dumps_records(records: list[dict[str, Any]]) -> bytes:
    """The JSON text of records whose cells may be or hold numpy values; NaN becomes null.

    Raises
    ------
    TypeError
        A cell is of a type that JSON does not have.
    """
    if _orjson is not None:
        return bytes(_orjson.dumps(records, default=_plain, option=_orjson.OPT_SERIALIZE_NUMPY))
    options: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False, "default": _plain}
    try:
        return json.dumps(records, allow_nan=False, **options).encode()
    except ValueError:
        return json.dumps(_without_nan(records), allow_nan=False, **options).encode()


def _plain(value: Any) -> Any:
    """What stands for a value that the encoder does not know by itself."""
    import numpy as np

    if isinstance(value, np.ndarray):
        if value.dtype.kind in "Mm":
            raise TypeError(f"numpy {value.dtype}")
        return value.tolist()
    if isinstance(value, np.generic):
        if value.dtype.kind in "Mm":
            raise TypeError(f"numpy {value.dtype}")
        return value.item()
    if hasattr(value, "as_py"):
        return value.as_py()
    if isinstance(value, (set, frozenset)):
        raise TypeError(type(value).__name__)
    if type(value).__name__ == "NAType":
        return None
    raise TypeError(type(value).__name__)


def _without_nan(value: Any) -> Any:
    import numpy as np

    if isinstance(value, (np.ndarray, np.generic)):
        value = _plain(value)
    if isinstance(value, float):
        return value if -float("inf") < value < float("inf") else None
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(v) for v in value]
    return value

"""Validations as they stand in a pipeline's definition (guide L6585-6788, L7296-7392)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from .checks import Expression
from .exceptions import InvalidRequestError
from .pipeline_config import Step

_RESERVED = "count"


def polars_texts(expressions: Mapping[str, Any]) -> list[str]:
    """The stored form of polars expressions, one text each, in the order given.

    Names a reserved one in a warning and leaves it out.
    """
    example = "Example: pipeline.add_validations(fraud=polars.col('out.dense_1').list.get(0) > 0.9)"
    if not expressions:
        raise InvalidRequestError("add_validations() was given no validation", example)
    texts = []
    for name, expression in expressions.items():
        if not name.isidentifier():
            raise InvalidRequestError(
                f"{name!r} cannot name a validation",
                "Use a name that a Python variable could have: letters, digits and _",
            )
        if isinstance(expression, Expression):
            raise InvalidRequestError(
                f"Validation {name!r} is an expression over model.outputs",
                f"Use pipeline.add_validation({name!r}, expression) for those",
            )
        if not (hasattr(expression, "alias") and hasattr(expression, "meta")):
            raise InvalidRequestError(
                f"Validation {name!r} is a polars expression, not {type(expression).__name__}",
                example,
            )
        _check_columns(name, expression)
        text = _serialized(name, expression)
        if name == _RESERVED:
            warnings.warn(
                f"A validation cannot be named {_RESERVED!r}: anomaly.{_RESERVED} is the number of "
                "anomalies. It was left out, the others were added.",
                UserWarning,
                stacklevel=3,
            )
            continue
        texts.append(text)
    return texts


def legacy_text(name: str, expression: Any) -> str:
    """The stored form of an expression of :mod:`wallaroo.checks`."""
    if not (isinstance(name, str) and name.strip()):
        raise InvalidRequestError(
            f"A validation has a name, not {name!r}",
            "Example: pipeline.add_validation('price too high', model.outputs[0][0] < 100.0)",
        )
    if not isinstance(expression, Expression):
        hint = "Example: pipeline.add_validation('price too high', model.outputs[0][0] < 100.0)"
        if hasattr(expression, "alias") and hasattr(expression, "meta"):
            hint = "polars expressions are added with pipeline.add_validations(name=expression)"
        raise InvalidRequestError(
            f"A validation compares outputs or inputs of a model, not {type(expression).__name__}",
            hint,
        )
    models = sorted(expression.model_names())
    if not models:
        raise InvalidRequestError(
            "The validation looks at no output and no input of a model",
            "Example: model.outputs[0][0] < 100.0",
        )
    root = {"root": expression.to_json(), "required_data": [{"name": m} for m in models]}
    return json.dumps({"values": {name: root}, "gauges": [], "validations": [name]})


def with_texts(steps: Sequence[Step], texts: Sequence[str]) -> list[Step]:
    """`steps` and a Check step of polars expressions at their end."""
    kept = _without(steps, [name for text in texts if (name := _name(text))])
    return [*kept, Step({"Check": {"tree": list(texts)}})] if texts else list(steps)


def with_legacy_text(steps: Sequence[Step], text: str) -> list[Step]:
    """`steps` with a Check step right after the last of them that runs a model."""
    kept = _without(steps, [name] if (name := _name(text)) else [])
    last = max(i for i, step in enumerate(kept) if step.is_inference())
    while last + 1 < len(kept) and kept[last + 1].kind() == "Check":
        last += 1
    return [*kept[: last + 1], Step({"Check": {"tree": [text]}}), *kept[last + 1 :]]


def _without(steps: Sequence[Step], names: Sequence[str]) -> list[Step]:
    """`steps` without the validations of these names: the later one counts."""
    kept = []
    for step in steps:
        if step.kind() != "Check":
            kept.append(step)
            continue
        tree = step.to_json()["Check"]["tree"]
        left = [text for text in tree if _name(text) not in names]
        if len(left) == len(tree):
            kept.append(step)
        elif left:
            kept.append(Step({"Check": {"tree": left}}))
    return kept


def _name(text: str) -> Optional[str]:
    """Name of the validation that a stored text holds."""
    document = json.loads(text)
    if "Alias" in document:
        return str(document["Alias"][1])
    return next(iter(document.get("values") or {}), None)


def _check_columns(name: str, expression: Any) -> None:
    """Refuse columns that an inference never has."""
    for column in getattr(expression.meta, "root_names", list)():
        if not column.startswith(("in.", "out.", "out_")):
            raise InvalidRequestError(
                f"The validation {name!r} looks at a column {column!r}, which no inference has",
                f"Columns are inputs and outputs: 'in.{column}' or 'out.{column}'",
            )


def _serialized(name: str, expression: Any) -> str:
    meta = expression.alias(name).meta
    try:
        # The call was renamed in polars 0.20.31 and took its format since 1.0.
        if not hasattr(meta, "serialize"):
            text = str(meta.write_json())
        else:
            try:
                text = str(meta.serialize(format="json"))
            except TypeError:
                text = str(meta.serialize())
        reason = "it calls a Python function" if '"AnonymousFunction"' in text else ""
    except Exception as error:
        reason = str(error)
    if reason:
        raise InvalidRequestError(
            f"The validation {name!r} cannot be stored: {reason}",
            "Use polars expressions only, no Python functions (map_elements, apply); polars before "
            "0.19.19 cannot store list.min(), list.max() and list.mean(): install a newer one",
        ) from None
    return text

"""Expressions over a model's inputs and outputs (guide L7296-7392)."""

from __future__ import annotations

import datetime
import doctest
from typing import Any, Callable

import numpy as np
import pytest
from test_pipeline_steps import model

from wallaroo import checks, exceptions

MODEL = model("m", outputs=2)
X, Y = MODEL.outputs[0][0], MODEL.inputs[1][2]
ONE = {"node": "literal", "integer": 1}


def test_variables() -> None:
    assert X.to_json() == {
        "node": "variable",
        "variant_id": {"name": "m"},
        "position": "output",
        "key": [0, 0],
    }
    assert MODEL.outputs()[1][3].to_json()["key"] == [1, 3]
    # The inputs of this model are not known.
    assert (Y.to_json()["position"], Y.to_json()["key"]) == ("input", [1, 2])
    with pytest.raises(IndexError):
        MODEL.outputs[2]
    for element in (-1, "a", 0.5, True):
        with pytest.raises(exceptions.InvalidRequestError):
            MODEL.outputs[0][element]  # type: ignore[index]
    with pytest.raises(TypeError):
        list(MODEL.outputs[0])  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("expression", "op", "text"),
    [
        (X < 1, "<", "m.outputs[0][0] < 1"),
        (X <= 1, "<=", "m.outputs[0][0] <= 1"),
        (X > 1, ">", "m.outputs[0][0] > 1"),
        (X >= 1, ">=", "m.outputs[0][0] >= 1"),
        (X == 1, "==", "m.outputs[0][0] == 1"),
        (X + 1, "+", "m.outputs[0][0] + 1"),
        (X - 1, "-", "m.outputs[0][0] - 1"),
        (X * 1, "*", "m.outputs[0][0] * 1"),
        (X / 1, "/", "m.outputs[0][0] / 1"),
    ],
)
def test_operations(expression: checks.Expression, op: str, text: str) -> None:
    assert expression.to_json() == {"node": "binop", "op": op, "left": X.to_json(), "right": ONE}
    assert repr(expression) == text


def test_swapped_operations() -> None:
    for expression, op in ((1 + X, "+"), (1 - X, "-"), (1 * X, "*"), (1 / X, "/")):
        assert expression.to_json() == {
            "node": "binop",
            "op": op,
            "left": ONE,
            "right": X.to_json(),
        }
    assert (X > 1).to_json()["op"] == ">"


def test_nested() -> None:
    expression = abs(X - Y) < 2.5
    assert repr(expression) == "abs(m.outputs[0][0] - m.inputs[1][2]) < 2.5"
    assert expression.to_json()["left"] == {
        "node": "fn",
        "fn": "abs",
        "arguments": [(X - Y).to_json()],
    }
    assert (X + (model("n").outputs[0][0] - 1) < 1).model_names() == {"m", "n"}
    assert repr((X - 1) - (Y - 1)) == "(m.outputs[0][0] - 1) - (m.inputs[1][2] - 1)"


def test_literals() -> None:
    assert X.isin([1, 2.5]).to_json()["right"] == {
        "node": "literal",
        "list": [ONE, {"node": "literal", "float": 2.5}],
    }
    assert (np.float32(0.5) > X).to_json()["right"] == {"node": "literal", "float": 0.5}
    assert (np.int64(1) > X).to_json()["right"] == ONE
    period = datetime.timedelta(seconds=1.5) > X
    assert period.to_json()["right"] == {"node": "literal", "timedelta": 1.5}


@pytest.mark.parametrize(
    "call",
    [
        lambda: 0 < X < 1,
        lambda: X in [1, 2],
        lambda: not X,
        lambda: (X < 1) and (Y < 1),
        lambda: X != 1,
        lambda: X < "a",
        lambda: X < None,
        lambda: X < True,
        lambda: X.isin(5),
        lambda: X.isin("ab"),
    ],
)
def test_what_an_expression_cannot_say(call: Callable[[], Any]) -> None:
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        call()
    assert caught.value.hint


def test_examples() -> None:
    result = doctest.testmod(checks)
    assert result.attempted and not result.failed

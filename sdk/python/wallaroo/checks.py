"""Expressions over what models take and give, for ``pipeline.add_validation`` (guide L7296-7392).

Examples
--------
>>> price = Variable("house-price", "output", 0, 0)
>>> price < 100.0
house-price.outputs[0][0] < 100.0
>>> (abs(price) + 1 <= 5).to_json()["op"]
'<='
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any, Literal, NoReturn

from .exceptions import InvalidRequestError

Position = Literal["input", "output"]


class Expression:
    """A value computed from a model's inputs and outputs, or a comparison of such values.

    Made from ``model.outputs[0][0]`` and ``model.inputs[0][0]`` with ``< <= > >= ==``, ``+ - * /``,
    ``abs()`` and :meth:`isin`.
    """

    def to_json(self) -> dict[str, Any]:
        """The expression as it stands in a pipeline's definition."""
        raise NotImplementedError

    def model_names(self) -> set[str]:
        """Names of the models that it looks at."""
        return set()

    def isin(self, values: Iterable[Any]) -> Expression:
        """Whether the value is one of `values`."""
        if isinstance(values, (str, Expression)) or not isinstance(values, Iterable):
            raise InvalidRequestError(
                f"isin() takes a list of numbers, not {values!r}",
                "Example: model.outputs[0][0].isin([1, 2, 3])",
            )
        return BinaryOperation("in", self, Value(list(values)))

    def __lt__(self, other: Any) -> Expression:
        return BinaryOperation("<", self, _expression(other))

    def __le__(self, other: Any) -> Expression:
        return BinaryOperation("<=", self, _expression(other))

    def __gt__(self, other: Any) -> Expression:
        return BinaryOperation(">", self, _expression(other))

    def __ge__(self, other: Any) -> Expression:
        return BinaryOperation(">=", self, _expression(other))

    def __eq__(self, other: Any) -> Expression:  # type: ignore[override]
        return BinaryOperation("==", self, _expression(other))

    def __ne__(self, other: Any) -> NoReturn:
        raise InvalidRequestError(
            "A validation cannot compare with !=",
            "Use polars expressions: pipeline.add_validations(name=polars.col(…) == …)",
        )

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Expression:
        return BinaryOperation("+", self, _expression(other))

    def __radd__(self, other: Any) -> Expression:
        return BinaryOperation("+", _expression(other), self)

    def __sub__(self, other: Any) -> Expression:
        return BinaryOperation("-", self, _expression(other))

    def __rsub__(self, other: Any) -> Expression:
        return BinaryOperation("-", _expression(other), self)

    def __mul__(self, other: Any) -> Expression:
        return BinaryOperation("*", self, _expression(other))

    def __rmul__(self, other: Any) -> Expression:
        return BinaryOperation("*", _expression(other), self)

    def __truediv__(self, other: Any) -> Expression:
        return BinaryOperation("/", self, _expression(other))

    def __rtruediv__(self, other: Any) -> Expression:
        return BinaryOperation("/", _expression(other), self)

    def __abs__(self) -> Expression:
        return Function("abs", [self])

    def __bool__(self) -> NoReturn:
        raise InvalidRequestError(
            "An expression is computed for each inference and has no truth value here",
            "Instead of 'a < x < b', 'and', 'or' and 'in' add two validations, use isin([...]), or "
            "polars expressions with pipeline.add_validations()",
        )


class Value(Expression):
    """A number, a period of time, or a list of such.

    Parameters
    ----------
    value : int, float, datetime.timedelta or list
        The value.
    """

    def __init__(self, value: Any) -> None:
        if hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, list):
            value = [_expression(v) for v in value]
        elif isinstance(value, bool) or not isinstance(value, (int, float, datetime.timedelta)):
            raise InvalidRequestError(
                f"A validation compares with numbers, not with {value!r}",
                "Example: model.outputs[0][0] < 100.0",
            )
        self.value = value

    def to_json(self) -> dict[str, Any]:
        """The value as it stands in a pipeline's definition."""
        if isinstance(self.value, list):
            return {"node": "literal", "list": [v.to_json() for v in self.value]}
        if isinstance(self.value, datetime.timedelta):
            return {"node": "literal", "timedelta": self.value.total_seconds()}
        kind = "float" if isinstance(self.value, float) else "integer"
        return {"node": "literal", kind: self.value}

    def __repr__(self) -> str:
        return repr(self.value)


class Variable(Expression):
    """One number that a model takes or gives.

    Parameters
    ----------
    model_name : str
        Name of the model.
    position : {"input", "output"}
        Which side of the model.
    index : int
        Number of the input or output.
    element : int
        Number of the value in it.
    """

    def __init__(self, model_name: str, position: Position, index: int, element: int) -> None:
        if isinstance(element, bool) or not isinstance(element, int) or element < 0:
            raise InvalidRequestError(
                f"A value of an output has a number from 0 up, not {element!r}",
                "Example: model.outputs[0][0]",
            )
        self.model_name = model_name
        self.position = position
        self.index = index
        self.element = element

    def to_json(self) -> dict[str, Any]:
        """The variable as it stands in a pipeline's definition."""
        return {
            "node": "variable",
            "variant_id": {"name": self.model_name},
            "position": self.position,
            "key": [self.index, self.element],
        }

    def model_names(self) -> set[str]:
        """Name of the model."""
        return {self.model_name}

    def __repr__(self) -> str:
        return f"{self.model_name}.{self.position}s[{self.index}][{self.element}]"


class BinaryOperation(Expression):
    """Two values compared or combined.

    Parameters
    ----------
    op : str
        One of ``< <= > >= == + - * / in``.
    left, right : Expression
        The values.
    """

    def __init__(self, op: str, left: Expression, right: Expression) -> None:
        self.op = op
        self.left = left
        self.right = right

    def to_json(self) -> dict[str, Any]:
        """The operation as it stands in a pipeline's definition."""
        return {
            "node": "binop",
            "op": self.op,
            "left": self.left.to_json(),
            "right": self.right.to_json(),
        }

    def model_names(self) -> set[str]:
        """Names of the models that it looks at."""
        return self.left.model_names() | self.right.model_names()

    def __repr__(self) -> str:
        return f"{_inner(self.left)} {self.op} {_inner(self.right)}"


class Function(Expression):
    """A function of values.

    Parameters
    ----------
    name : str
        "abs".
    arguments : list of Expression
        Its arguments.
    """

    def __init__(self, name: str, arguments: list[Expression]) -> None:
        self.name = name
        self.arguments = arguments

    def to_json(self) -> dict[str, Any]:
        """The call as it stands in a pipeline's definition."""
        arguments = [a.to_json() for a in self.arguments]
        return {"node": "fn", "fn": self.name, "arguments": arguments}

    def model_names(self) -> set[str]:
        """Names of the models that it looks at."""
        return set().union(*(a.model_names() for a in self.arguments))

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.arguments))})"


def _expression(value: Any) -> Expression:
    return value if isinstance(value, Expression) else Value(value)


def _inner(operand: Expression) -> str:
    return f"({operand!r})" if isinstance(operand, BinaryOperation) else repr(operand)

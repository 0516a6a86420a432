"""What a pipeline answers to a dict or list (guide L7306-7380, L7430-7460)."""

from __future__ import annotations

import datetime
import pprint
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

_TYPES = {
    "Float": "float64",  # as it is written, and as the guide prints it
    "Double": "float64",
    "Int8": "int8",
    "Int16": "int16",
    "Int32": "int32",
    "Int64": "int64",
    "Uint8": "uint8",
    "Uint16": "uint16",
    "Uint32": "uint32",
    "Uint64": "uint64",
    "Bool": "bool",
}


class InferenceResult(dict[str, Any]):
    """One inference as the server's JSON document, with names for what is in it.

    It is a dict: ``result["outputs"]`` is what the server sent.
    """

    @property
    def check_failures(self) -> list[Any]:
        """Validations that did not hold."""
        return list(self.get("check_failures") or [])

    @property
    def shadow_data(self) -> dict[str, Any]:
        """Outputs of challengers by the names of their models, in the form of ``outputs``."""
        return dict(self.get("shadow_data") or {})

    def data(self) -> list[npt.NDArray[Any]]:
        """The outputs as numpy arrays."""
        return [_array(output) for output in self.get("outputs") or []]

    def input_data(self) -> Any:
        """What was sent."""
        return self.get("original_data")

    def model(self) -> tuple[str, str]:
        """Name and version of the model that served it."""
        return str(self.get("model_name", "")), str(self.get("model_version", ""))

    def time(self) -> datetime.datetime:
        """When it was made, in UTC."""
        seconds = float(self["time"]) / 1000
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)

    def __repr__(self) -> str:
        return f"InferenceResult({pprint.pformat(dict(self))})"


def results(document: Any) -> Any:
    """The documents of an answer as results; anything else as it is."""
    if isinstance(document, list):
        return [
            InferenceResult(d) if isinstance(d, dict) and "outputs" in d else d for d in document
        ]
    return document


def _array(output: dict[str, Any]) -> npt.NDArray[Any]:
    import numpy as np

    ((kind, content),) = output.items()
    if kind == "Json":  # lists of unequal length and the like: one Python value for each row
        values: npt.NDArray[Any] = np.empty(len(content["data"]), dtype=object)
        values[:] = content["data"]
        return values
    data: npt.NDArray[Any] = np.array(content["data"], dtype=_TYPES.get(kind))
    shaped: npt.NDArray[Any] = data.reshape(content["dim"])
    return shaped

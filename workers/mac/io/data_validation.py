"""Checks of the keys of inference data."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from mac.exceptions import InferenceDataValidationError


class DataValidator(ABC):
    @abstractmethod
    def validate(self, data: Any) -> None:
        """Raises InferenceDataValidationError."""


class KeysValidator(DataValidator):
    """Every one of `keys` is there."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = list(keys)

    def validate(self, data: Any) -> None:
        missing = [key for key in self._keys if key not in data]
        if missing:
            raise InferenceDataValidationError(f"the data has no {missing}, it has {list(data)}")


class AscendingKeysValidator(DataValidator):
    """The keys are `prefix` and the numbers from 0 without a gap."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def validate(self, data: Any) -> None:
        expected = [f"{self._prefix}{i}" for i in range(len(data))]
        if sorted(data) != sorted(expected):
            raise InferenceDataValidationError(f"the keys are {list(data)}, expected are {expected}")

"""Inference: takes arrays by name, gives arrays by name."""

from abc import ABC, abstractmethod
from typing import Any, Optional

from mac.exceptions import ModelNotAssignedError
from mac.types import InferenceData


class Inference(ABC):
    def __init__(self) -> None:
        self._model: Optional[Any] = None

    @property
    @abstractmethod
    def expected_model_types(self) -> set[Any]:
        """The types of which the model may be."""

    @property
    def model(self) -> Optional[Any]:
        return self._model

    def predict(self, input_data: InferenceData) -> InferenceData:
        self._raise_error_if_model_is_not_assigned()
        return self._predict(input_data)

    @abstractmethod
    def _predict(self, input_data: InferenceData) -> InferenceData:
        """The prediction for all rows of `input_data`."""

    def _raise_error_if_model_is_not_assigned(self) -> None:
        if self._model is None:
            raise ModelNotAssignedError(
                f"{type(self).__name__} has no model: assign one in InferenceBuilder.create()"
            )

    def _raise_error_if_model_is_wrong_type(self, model: Any) -> None:
        if not isinstance(model, tuple(self.expected_model_types)):
            names = sorted(getattr(t, "__name__", str(t)) for t in self.expected_model_types)
            raise TypeError(
                f"the model is a {type(model).__name__}, {type(self).__name__} expects {' or '.join(names)}"
            )

    raise_error_if_model_is_not_assigned = _raise_error_if_model_is_not_assigned
    raise_error_if_model_is_wrong_type = _raise_error_if_model_is_wrong_type

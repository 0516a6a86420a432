"""Steps of a pipeline as they are kept until it is deployed (guide L6880-7021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model_version import ModelVersion


class ModelStep:
    """A step that runs one model.

    Parameters
    ----------
    model : ModelVersion
        The model to run.
    """

    def __init__(self, model: ModelVersion) -> None:
        self._model = model

    def models(self) -> list[ModelVersion]:
        """Models that the step needs."""
        return [self._model]

    def to_json(self) -> dict[str, Any]:
        """The step as it stands in a pipeline's definition."""
        return {"ModelInference": {"models": [self._model._step_document()]}}

    def __repr__(self) -> str:
        return str(self.to_json())


Step = ModelStep
"""Any step."""


def first_model_name(definition: dict[str, Any]) -> str:
    """Name of the first step's model in a stored definition; empty where there is no step."""
    for step in definition.get("steps") or []:
        for model in step.get("ModelInference", {}).get("models", []):
            return str(model["name"])
    return ""

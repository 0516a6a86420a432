"""How a model version is used in a pipeline (guide L2315-2369)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from . import _codec, _display

if TYPE_CHECKING:
    import pyarrow as pa

    from .client import Client
    from .model_version import ModelVersion

CONTAINER_RUNTIMES = frozenset({"flight", "mlflow"})
"""Runtimes beside the engine; the others are inside of it."""


class ModelConfig:
    """One configuration of a model version.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's model config.
    model_version : ModelVersion, optional
        What it configures, where that is at hand.
    """

    def __init__(
        self,
        client: Client,
        document: dict[str, Any],
        model_version: Optional[ModelVersion] = None,
    ) -> None:
        self._client = client
        self._document = document
        self._model_version = model_version

    def id(self) -> int:
        """Its number."""
        return int(self._document["id"])

    def runtime(self) -> str:
        """Runtime that serves the model: "onnx", "flight" …"""
        return str(self._document["runtime"])

    def tensor_fields(self) -> Optional[list[str]]:
        """Names of the inputs where they are not the model's own."""
        return self._document.get("tensor_fields")

    def filter_threshold(self) -> Optional[float]:
        """Threshold below which outputs are left out."""
        return self._document.get("filter_threshold")

    def input_schema(self) -> Optional[pa.Schema]:
        """Schema of the inputs."""
        return _codec.schema_of_text(self._document.get("input_schema"))

    def output_schema(self) -> Optional[pa.Schema]:
        """Schema of the outputs."""
        return _codec.schema_of_text(self._document.get("output_schema"))

    def batch_config(self) -> Optional[str]:
        """ "single" where a request holds one row only, else None."""
        return self._document.get("batch_config")

    def model_version(self) -> ModelVersion:
        """The model version that this configures."""
        if self._model_version is None:
            from .model_version import ModelVersion

            document = self._document.get("model_version")
            if not document:
                answer = self._client._post("/v1/api/models/get_config", model_config_id=self.id())
                document = answer["model_version"]
            self._model_version = ModelVersion(self._client, document, self)
        return self._model_version

    def _fields(self) -> list[tuple[str, Any]]:
        return [
            ("id", self.id()),
            ("runtime", self.runtime()),
            ("tensor_fields", self.tensor_fields()),
            ("batch_config", self.batch_config()),
        ]

    def __repr__(self) -> str:
        return str(dict(self._fields()))

    def _repr_html_(self) -> str:
        return _display.html_fields(self._fields())

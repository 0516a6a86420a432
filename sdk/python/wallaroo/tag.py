"""Tags on pipelines and model versions (guide L9302-9399)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _display
from .model_version import ModelVersion, ModelVersionList

if TYPE_CHECKING:
    from .client import Client
    from .pipeline import PipelineList


class Tag:
    """A text that pipelines and model versions bear.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's tag.
    """

    def __init__(self, client: Client, document: dict[str, Any]) -> None:
        self._client = client
        self._document = document

    def id(self) -> int:
        """Its number."""
        return int(self._document["id"])

    def tag(self) -> str:
        """Its text."""
        return str(self._document["tag"])

    def list_models(self) -> ModelVersionList:
        """The model versions that bear it now, newest first."""
        return ModelVersionList(
            ModelVersion(self._client, d) for d in self._uses()["model_versions"]
        )

    def list_pipelines(self) -> PipelineList:
        """The pipelines that bear it now, newest first."""
        from .pipeline import Pipeline, PipelineList

        return PipelineList(Pipeline(self._client, d) for d in self._uses()["pipelines"])

    def add_to_pipeline(self, pipeline_id: int) -> dict[str, int]:
        """Put it on the pipeline of that number (guide L9328-9340)."""
        return self._call("add_to_pipeline", pipeline_id=pipeline_id)

    def remove_from_pipeline(self, pipeline_id: int) -> dict[str, int]:
        """Take it off the pipeline of that number (guide L9354-9361)."""
        return self._call("remove_from_pipeline", pipeline_id=pipeline_id)

    def add_to_model(self, model_id: int) -> dict[str, int]:
        """Put it on the model version of that number, ``model.id()`` (guide L9367-9376)."""
        return self._call("add_to_model", model_id=model_id)

    def remove_from_model(self, model_id: int) -> dict[str, int]:
        """Take it off the model version of that number (guide L9390-9399)."""
        return self._call("remove_from_model", model_id=model_id)

    def _call(self, name: str, **thing: int) -> dict[str, int]:
        answer: dict[str, int] = self._client._post(
            f"/v1/api/tags/{name}", tag_id=self.id(), **thing
        )
        return answer

    def _uses(self) -> dict[str, Any]:
        self._document = self._client._post("/v1/api/tags/get", tag_id=self.id())
        return self._document

    def _row(self) -> Sequence[Any]:
        models: dict[str, list[str]] = {}
        for d in self._document.get("model_versions") or []:
            models.setdefault(str(d["name"]), []).append(str(d["version"]))
        pipelines = [
            (str(d["name"]), [str(v["version"]) for v in d["versions"]])
            for d in self._document.get("pipelines") or []
        ]
        return self.id(), self.tag(), list(models.items()), pipelines

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tag) and (
            (self._client.api_endpoint, self.id()) == (other._client.api_endpoint, other.id())
        )

    def __hash__(self) -> int:
        return hash((self._client.api_endpoint, self.id()))

    def __repr__(self) -> str:
        return str(dict(zip(TagList._columns, self._row())))

    def _repr_html_(self) -> str:
        return _display.html_fields(list(zip(TagList._columns, self._row())))


class TagList(_display.Table[Tag]):
    """Tags that are on something, newest first."""

    _columns = ("id", "tag", "models", "pipelines")

    @staticmethod
    def _row(item: Tag) -> Sequence[Any]:
        return item._row()

"""A model: a name with its uploaded versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from . import _display
from .model_version import ModelVersion, ModelVersionList

if TYPE_CHECKING:
    import datetime

    from .client import Client

__all__ = ["Model", "ModelList", "ModelVersion", "ModelVersionList"]


class Model:
    """A named model of a workspace, as ``list_models`` lists it.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's model.
    """

    def __init__(self, client: Client, document: dict[str, Any]) -> None:
        self._client = client
        self._document = document

    def id(self) -> int:
        """Its number."""
        return int(self._document["id"])

    def name(self) -> str:
        """Its name, unique in its workspace."""
        return str(self._document["name"])

    def owner_id(self) -> str:
        """Id of the user who uploaded it first."""
        return str(self._document["owner_id"])

    def created_at(self) -> Optional[datetime.datetime]:
        """When its first version was uploaded."""
        return _display.parse_time(self._document.get("created_at"))

    def last_update_time(self) -> Optional[datetime.datetime]:
        """When its newest version was uploaded."""
        return _display.parse_time(self._document.get("updated_at"))

    def versions(self) -> ModelVersionList:
        """Its versions, newest first."""
        answer = self._client._post("/v1/api/models/get", id=self.id())
        return ModelVersionList(ModelVersion(self._client, d) for d in answer["models"])

    def _row(self) -> Sequence[Any]:
        show = self._client._time_format
        return (
            self.name(),
            self._document.get("versions", ""),
            self.owner_id(),
            _display.show_time(self._document.get("updated_at"), show),
            _display.show_time(self._document.get("created_at"), show),
        )

    def __repr__(self) -> str:
        return str({"name": self.name(), "versions": self._document.get("versions")})

    def _repr_html_(self) -> str:
        return _display.html_fields(list(zip(ModelList._columns, self._row())))


class ModelList(_display.Table[Model]):
    """Models of a workspace, newest first."""

    _columns = ("Name", "# of Versions", "Owner ID", "Last Updated", "Created At")

    @staticmethod
    def _row(item: Model) -> Sequence[Any]:
        return item._row()

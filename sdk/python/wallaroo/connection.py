"""Connections to data outside (guide L1076-1162)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from . import _display

if TYPE_CHECKING:
    import datetime

    from .client import Client

_MASK = "*****"


class Connection:
    """How to reach data outside: a type and details of the user's own, shared by workspaces.

    Displays never show the details; :meth:`details` gives them.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's connection.
    """

    def __init__(self, client: Client, document: dict[str, Any]) -> None:
        self._client = client
        self._document = {k: v for k, v in document.items() if k != "details"}

    def id(self) -> str:
        """Its UUID."""
        return str(self._document["id"])

    def name(self) -> str:
        """Its name, unique on the server."""
        return str(self._document["name"])

    def connection_type(self) -> str:
        """Its type, as the user named it."""
        return str(self._document["type"])

    def created_at(self) -> Optional[datetime.datetime]:
        """When it was made."""
        return _display.parse_time(self._document.get("created_at"))

    def workspace_names(self) -> list[str]:
        """Names of the workspaces that it is in, as far as the user sees them."""
        return [str(n) for n in self._document.get("workspace_names") or []]

    def details(self) -> dict[str, Any]:
        """Its details, in clear, as the server has them now (guide L1139-1147)."""
        document = self._client._post("/v1/api/connections/get_by_id", id=self.id())
        return dict(document.get("details") or {})

    def delete_connection(self) -> None:
        """Remove it from the server (guide L1157-1162).

        Raises
        ------
        PreconditionError
            It is in a workspace: take it out of all first, with
            ``workspace.remove_connection(name)``.
        AccessDeniedError
            Another user made it.
        """
        self._client._transport.post("/v1/api/connections/delete", {"name": self.name()})

    def _row(self) -> Sequence[Any]:
        return self.name(), self.connection_type(), _MASK, self._document.get("created_at")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and (
            (self._client.api_endpoint, self.id()) == (other._client.api_endpoint, other.id())
        )

    def __hash__(self) -> int:
        return hash((self._client.api_endpoint, self.id()))

    def __repr__(self) -> str:
        name, kind, details, created = self._row()
        return str({"name": name, "type": kind, "details": details, "created_at": created})

    def _repr_html_(self) -> str:
        labels = ("Name", "Connection Type", "Details", "Created At")
        return _display.html_table(("Field", "Value"), list(zip(labels, self._row())))


class ConnectionList(_display.Table[Connection]):
    """Connections in order of name."""

    _columns = ("name", "connection type", "details", "created at")

    @staticmethod
    def _row(item: Connection) -> Sequence[Any]:
        return item._row()

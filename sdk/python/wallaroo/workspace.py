"""Workspaces (guide L1164-1393)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _display
from .exceptions import JoeyError
from .model import Model, ModelList, ModelVersion

if TYPE_CHECKING:
    from .client import Client
    from .connection import ConnectionList
    from .pipeline import PipelineList

_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


class Workspace:
    """A workspace: its models, pipelines and users.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's workspace.
    """

    def __init__(self, client: Client, document: dict[str, Any]) -> None:
        self._client = client
        self._document = document

    def id(self) -> int:
        """Its number."""
        return int(self._document["id"])

    def name(self) -> str:
        """Its name; other workspaces may have the same."""
        return str(self._document["name"])

    def archived(self) -> bool:
        """Whether it is put away."""
        return bool(self._document["archived"])

    def created_at(self) -> str:
        """When it was made, as ISO-8601 text."""
        return str(self._document["created_at"])

    def created_by(self) -> str:
        """Id of the user who made it."""
        return str(self._document["created_by"])

    def users(self) -> list[str]:
        """E-mail addresses of its users."""
        return [str(user["email"]) for user in self._document.get("users") or []]

    def owners(self) -> list[str]:
        """E-mail addresses of its owners."""
        users = self._document.get("users") or []
        return [str(user["email"]) for user in users if user.get("user_type") == "OWNER"]

    def add_user(self, user_email: str) -> Workspace:
        """Let a user work in it (guide L1322-1345).

        Parameters
        ----------
        user_email : str
            E-mail address of a user of this server.

        Raises
        ------
        EntityNotFoundError
            There is no such user.
        AccessDeniedError
            You are not its owner.
        """
        return self._change_users("add_user", email=user_email, user_type="collaborator")

    def add_owner(self, user_email: str) -> Workspace:
        """Make a user its owner, beside those it has (guide L1371-1393); see :meth:`add_user`."""
        return self._change_users("add_user", email=user_email, user_type="owner")

    def remove_user(self, user_email: str) -> Workspace:
        """Take a user out of it (guide L1347-1369).

        Raises
        ------
        EntityNotFoundError
            There is no such user in it.
        PreconditionError
            It is the last owner.
        """
        return self._change_users("remove_user", email=user_email)

    def add_connection(self, name: str) -> None:
        """Let its members use the connection of that name (guide L1131-1137)."""
        self._link("add_to_workspace", name)

    def remove_connection(self, name: str) -> None:
        """Take the connection out of it; it stays on the server (guide L1149-1155)."""
        self._link("remove_from_workspace", name)

    def list_connections(self) -> ConnectionList:
        """Its connections, in order of name."""
        return self._client._connections(workspace_id=self.id())

    def models(self) -> ModelList:
        """Its models, newest first."""
        answer = self._client._post("/v1/api/models/list", workspace_id=self.id())
        return ModelList(Model(self._client, d) for d in answer["models"])

    def pipelines(self) -> PipelineList:
        """Its pipelines, newest first."""
        return self._client._pipelines(workspace_id=self.id())

    def _change_users(self, call: str, **document: str) -> Workspace:
        self._document = self._client._post(
            f"/v1/api/workspaces/{call}", workspace_id=self.id(), **document
        )
        return self

    def _link(self, call: str, name: str) -> None:
        connection = self._client.get_connection(name)
        self._client._post(
            f"/v1/api/connections/{call}", workspace_id=self.id(), connection_id=connection.id()
        )

    def _expanded(self) -> dict[str, Any]:
        """The document with its models and pipelines; as it was where the server is away."""
        with contextlib.suppress(JoeyError):
            self._document = self._client._post(
                "/v1/api/workspaces/get", workspace_id=self.id(), expand=True
            )
        return self._document

    def _contents(self) -> dict[str, Any]:
        from .pipeline import Pipeline

        document = self._expanded()
        models: list[Any] = document.get("models") or []
        pipelines: list[Any] = document.get("pipelines") or []
        if "model_versions" in document:
            models = [ModelVersion(self._client, d) for d in document["model_versions"]]
            pipelines = [Pipeline(self._client, d) for d in document["pipeline_docs"]]
        return {
            "name": self.name(),
            "id": self.id(),
            "archived": self.archived(),
            "created_by": self.created_by(),
            "created_at": self.created_at(),
            "models": models,
            "pipelines": pipelines,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workspace) and (
            (self._client.api_endpoint, self.id()) == (other._client.api_endpoint, other.id())
        )

    def __hash__(self) -> int:
        return hash((self._client.api_endpoint, self.id()))

    def __repr__(self) -> str:
        return str(self._contents())

    def _repr_html_(self) -> str:
        return _display.html_fields(list(self._contents().items()))


class WorkspaceList(_display.Table[Workspace]):
    """Workspaces in the order in which they were made."""

    _columns = ("Name", "Created At", "Users", "Models", "Pipelines")

    @staticmethod
    def _row(item: Workspace) -> Sequence[Any]:
        return (
            item.name(),
            _display.show_time(item._document.get("created_at"), _TIME_FORMAT),
            item.users(),
            len(item._document.get("models") or []),
            len(item._document.get("pipelines") or []),
        )

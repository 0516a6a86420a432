"""Users of the server (guide L6509-6579)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import Client


class User:
    """A user.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's user.
    """

    def __init__(self, client: Client, document: dict[str, Any]) -> None:
        self._client = client
        self._document = document

    def id(self) -> str:
        """Its UUID."""
        return str(self._document["id"])

    def email(self) -> str:
        """Its e-mail address, unique on the server."""
        return str(self._document["email"])

    def username(self) -> str:
        """Its name for sign-in, unique on the server."""
        return str(self._document["username"])

    def enabled(self) -> bool:
        """Whether it was active when this object was made."""
        return bool(self._document["enabled"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, User) and (
            (self._client.api_endpoint, self.id()) == (other._client.api_endpoint, other.id())
        )

    def __hash__(self) -> int:
        return hash((self._client.api_endpoint, self.id()))

    def __repr__(self) -> str:
        shown = {"id": self.id(), "email": self.email(), "username": self.username()}
        # Without the closing brace, as the guide shows it.
        return f"User({json.dumps(shown)[:-1]})"

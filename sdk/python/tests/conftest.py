"""Fixtures of the client's own tests: no Joey server is needed here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from small_server import Server

import wallaroo


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "WALLAROO_URL",
        "WALLAROO_AUTH_URL",
        "WALLAROO_SDK_AUTH_ENDPOINT",
        "WALLAROO_SDK_AUTH_TYPE",
        "WALLAROO_REQUEST_TIMEOUT",
        "DEPLOYMENT_CONFIG",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def wl(server: Server) -> wallaroo.Client:
    return wallaroo.Client(server.url, interactive=False)

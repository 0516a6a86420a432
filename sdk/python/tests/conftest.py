"""Fixtures of the client's own tests: no Joey server is needed here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recorded_joey import DEPLOYMENT, Joey, pipeline_document
from small_server import Server

import wallaroo


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("WALLAROO_NO_BROWSER", "1")
    for name in (
        "WALLAROO_URL",
        "WALLAROO_AUTH_URL",
        "WALLAROO_SDK_AUTH_ENDPOINT",
        "WALLAROO_SDK_AUTH_TYPE",
        "WALLAROO_AUTH_TYPE",
        "WALLAROO_SDK_CREDENTIALS",
        "WALLAROO_USER",
        "WALLAROO_PASSWORD",
        "WALLAROO_TOKEN",
        "WALLAROO_TASK_ID",
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


@pytest.fixture
def joey(server: Server) -> Joey:
    return Joey(server)


@pytest.fixture
def pipeline(joey: Joey, wl: wallaroo.Client) -> Any:
    joey.answers["/v1/api/pipelines/list"] = {
        "pipelines": [pipeline_document(deployment=DEPLOYMENT)]
    }
    found = wl.list_pipelines()[0]
    joey.server.requests.clear()
    return found

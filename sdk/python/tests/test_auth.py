"""Signing in, against a login service whose answers a test writes."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from small_server import Reply, Request, Server

import wallaroo
from wallaroo import exceptions

REALM = "/auth/realms/master"


class Login:
    """A login service and an API that takes its newest access token."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url
        self.forms: list[dict[str, str]] = []
        self.lifetime = 300
        self.pending = 1
        self.ended = False
        self.count = 0
        server.handler = self.answer

    @property
    def grants(self) -> list[str]:
        return [form.get("grant_type", "device").rpartition(":")[2] for form in self.forms]

    def tokens(self) -> Reply:
        self.count += 1
        tokens = {"access_token": f"access-{self.count}", "expires_in": self.lifetime}
        return Reply(200, {**tokens, "refresh_token": "refresh", "refresh_expires_in": 1000})

    def answer(self, request: Request) -> Reply:
        if request.path.endswith("/openid-configuration"):
            base = self.url + REALM
            return Reply(
                200, {"token_endpoint": f"{base}/t", "device_authorization_endpoint": f"{base}/d"}
            )
        if request.path.startswith(REALM) and request.method == "POST":
            form = {k: v[0] for k, v in parse_qs(request.body.decode()).items()}
            assert form["client_id"] == "sdk-client"
            self.forms.append(form)
            return self.device(form) if request.path.endswith("/d") else self.grant(form)
        token = request.headers.get("authorization")
        if token != f"Bearer access-{self.count}":
            return Reply(401, {"code": 401, "msg": "no", "error": "unauthenticated", "hint": ""})
        return Reply(200, {"workspaces": []})

    def device(self, form: dict[str, str]) -> Reply:
        page = f"{self.url}{REALM}/device?user_code=LGZP-FIQX"
        code = {"device_code": "secret", "verification_uri_complete": page}
        return Reply(200, {**code, "interval": 0.01, "expires_in": 10})

    def grant(self, form: dict[str, str]) -> Reply:
        kind = form["grant_type"]
        if kind == "password" and form["password"] != "right":
            said = {"error": "invalid_grant", "error_description": "Invalid user credentials"}
            return Reply(401, said)
        if kind == "refresh_token" and self.ended:
            self.ended = False
            return Reply(400, {"error": "invalid_grant"})
        if kind.endswith("device_code") and self.pending:
            self.pending -= 1
            return Reply(400, {"error": "authorization_pending"})
        return self.tokens()


@pytest.fixture
def login(server: Server) -> Login:
    return Login(server)


def test_device_code(login: Login, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is the guide's (L1021-1027)."""
    wl = wallaroo.Client(login.url, auth_type="sso", interactive=False)
    printed = capsys.readouterr().out
    assert printed == (
        "Please log into the following URL in a web browser:\n\n"
        f"\t{login.url}{REALM}/device?user_code=LGZP-FIQX\n\nLogin successful!\n"
    )
    assert login.grants == ["device", "device_code", "device_code"]
    assert wl.list_workspaces() == []
    # The next client on this machine takes the tokens that were kept, for their owner only.
    assert wallaroo.Client(login.url, auth_type="sso").list_workspaces() == []
    assert len(login.forms) == 3
    (kept,) = Path(os.environ["XDG_CACHE_HOME"]).rglob("*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_server_that_wants_a_sign_in_gets_one(
    login: Login, capsys: pytest.CaptureFixture[str]
) -> None:
    wl = wallaroo.Client(login.url, interactive=False)
    assert login.server.requests == []
    assert wl.list_workspaces() == []
    assert "Please log into the following URL" in capsys.readouterr().out
    # Where somebody watches the client does not wait for the first call.
    login.forms.clear()
    (kept,) = Path(os.environ["XDG_CACHE_HOME"]).rglob("*.json")
    kept.unlink()
    wallaroo.Client(login.url, interactive=True)
    assert login.grants[0] == "device"


def test_refused_and_expired_devices(login: Login) -> None:
    login.grant = lambda form: Reply(400, {"error": "access_denied"})  # type: ignore[method-assign]
    with pytest.raises(exceptions.AuthenticationError, match="sign-in failed"):
        wallaroo.Client(login.url, auth_type="sso")
    login.device = lambda form: Reply(  # type: ignore[method-assign]
        200,
        {
            "device_code": "x",
            "verification_uri_complete": "http://x",
            "interval": 0.01,
            "expires_in": 0,
        },
    )
    with pytest.raises(exceptions.AuthenticationError, match="in time"):
        wallaroo.Client(login.url, auth_type="sso")


def test_user_and_password_of_the_environment(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALLAROO_USER", "steve")
    monkeypatch.setenv("WALLAROO_PASSWORD", "right")
    assert wallaroo.Client(login.url, auth_type="user_password").list_workspaces() == []
    assert wallaroo.Client(login.url).list_workspaces() == []
    assert login.grants == ["password", "password"]
    assert login.forms[0]["username"] == "steve"
    monkeypatch.setenv("WALLAROO_PASSWORD", "wrong")
    with pytest.raises(exceptions.AuthenticationError, match="Invalid user credentials"):
        wallaroo.Client(login.url, auth_type="user_password")


def test_credentials_file(login: Login, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "creds.json"
    monkeypatch.setenv("WALLAROO_SDK_CREDENTIALS", str(file))
    with pytest.raises(exceptions.InvalidRequestError, match="cannot be read"):
        wallaroo.Client(login.url, auth_type="user_password")
    file.write_text("{")
    with pytest.raises(exceptions.InvalidRequestError, match="no 'username'"):
        wallaroo.Client(login.url, auth_type="user_password")
    file.write_text(json.dumps({"username": "steve", "password": "right", "email": "s@ex.co"}))
    assert wallaroo.Client(login.url, auth_type="user_password").list_workspaces() == []
    monkeypatch.delenv("WALLAROO_SDK_CREDENTIALS")
    with pytest.raises(exceptions.InvalidRequestError, match="no credentials") as caught:
        wallaroo.Client(login.url, auth_type="user_password")
    assert "WALLAROO_USER" in caught.value.hint


def test_api_tokens(login: Login, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    login.count = 7
    monkeypatch.setenv("WALLAROO_TOKEN", "access-7")
    assert wallaroo.Client(login.url, auth_type="token").list_workspaces() == []
    assert wallaroo.Client(login.url).list_workspaces() == []
    login.count = 8
    with pytest.raises(exceptions.AuthenticationError):
        wallaroo.Client(login.url).list_workspaces()
    monkeypatch.delenv("WALLAROO_TOKEN")
    file = tmp_path / "token.json"
    file.write_text(json.dumps({"token": "access-8", "user_email": "s@ex.co", "user_id": "1"}))
    monkeypatch.setenv("WALLAROO_SDK_CREDENTIALS", str(file))
    monkeypatch.setenv("WALLAROO_SDK_AUTH_TYPE", "TOKEN")
    assert wallaroo.Client(login.url).list_workspaces() == []
    assert login.forms == []


def test_refresh(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALLAROO_USER", "steve")
    monkeypatch.setenv("WALLAROO_PASSWORD", "right")
    login.lifetime = 5  # less than what is left for a request: refreshed each time
    wl = wallaroo.Client(login.url)
    wl.list_workspaces()
    wl.list_workspaces()
    assert login.grants == ["password", "refresh_token"]
    login.lifetime = 300
    wl.list_workspaces()
    # The server forgot the token before its time: once refreshed, and the call goes on.
    login.count += 1
    wl.list_workspaces()
    assert login.grants[2:] == ["refresh_token", "refresh_token"]
    # The session has ended: signed in anew.
    login.count += 1
    login.ended = True
    wl.list_workspaces()
    assert login.grants[4:] == ["refresh_token", "password"]
    # Whatever is sent is refused: one try more, not many.
    login.forms.clear()
    login.server.requests.clear()
    good = login.answer
    login.server.handler = lambda r: good(r) if r.path.startswith("/auth") else Reply(401, {})
    with pytest.raises(exceptions.AuthenticationError):
        wl.list_workspaces()
    assert len([r for r in login.server.requests if not r.path.startswith("/auth")]) == 2


def test_tasks_take_the_tokens_they_were_given(
    login: Login, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "cache" / "wallaroo_sdk" / "auth" / "keycloak.json"
    file.parent.mkdir(parents=True)
    login.count = 3
    kept = {"access_token": "access-3", "expiry": time.time() + 300, "refresh_token": "refresh"}
    ends = {"refresh_token_expiry": time.time() + 1000, "user_id": "1", "user_email": "s@ex.co"}
    file.write_text(json.dumps({**kept, **ends}))
    monkeypatch.setenv("WALLAROO_TASK_ID", "1")
    monkeypatch.setenv("WALLAROO_URL", login.url)
    monkeypatch.setenv("WALLAROO_AUTH_URL", login.url)
    assert wallaroo.Client().list_workspaces() == []
    assert login.forms == []
    login.count = 4
    assert wallaroo.Client().list_workspaces() == []
    assert login.grants == ["refresh_token"]


def test_a_server_without_sign_in(server: Server) -> None:
    """Notebooks with auth_type run unchanged on a server that needs no sign-in."""

    def answer(request: Request) -> Reply:
        found = request.path.startswith("/v1")
        return Reply(200, {"workspaces": []}) if found else Reply(404, {"msg": "nothing here"})

    server.handler = answer
    assert wallaroo.Client(server.url, auth_type="sso").list_workspaces() == []
    server.handler = lambda r: Reply(401, {"msg": "x"}) if r.path.startswith("/v1") else Reply(404)
    with pytest.raises(exceptions.AuthenticationError, match="nobody signs in at"):
        wallaroo.Client(server.url, auth_type="sso").list_workspaces()

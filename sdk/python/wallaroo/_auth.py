"""Signing in: where the token of a request comes from (guide L958-1074).

Tokens are made by the OpenID Connect provider at the ``auth_endpoint``: the Joey server itself, or
one that it names. Nothing is sent before a token is needed. Safe to use from several threads.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional
from urllib.parse import urlencode, urlsplit

from . import _json
from ._transport import Answer, Transport
from .exceptions import AuthenticationError, InvalidRequestError, JoeyError

AUTH_TYPES = ("sso", "user_password", "token", "test_auth", "orch", "none")

_REALM = "/auth/realms/master"
_CLIENT_ID = "sdk-client"
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_EARLY_SECONDS = 10.0  # a token that ends so soon is not sent any more
_HTTP_SECONDS = 30.0


class Tokens(NamedTuple):
    """Tokens of one sign-in; times are those of ``time.time()``."""

    access_token: str
    expiry: float
    refresh_token: str = ""
    refresh_token_expiry: float = 0.0


class Credentials:
    """No token at all, whatever the server says."""

    def sign_in(self) -> None:
        """Get a token now where this kind of credentials can."""

    def bearer(self) -> Optional[str]:
        """The token to send, None for none."""
        return None

    def renew(self, refused: Optional[str]) -> bool:
        """The server refused this token: whether there is another one to try."""
        return False

    def auth_header(self) -> dict[str, str]:
        """The header that other HTTP clients send: ``{"Authorization": "Bearer …"}``."""
        token = self.bearer()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def user_email(self) -> Optional[str]:
        """Email of who is signed in, as the token says; None where it says nothing."""
        return self._claim("email")

    def user_id(self) -> Optional[str]:
        """Id of who is signed in, as the token says; None where it says nothing."""
        return self._claim("sub")

    def _claim(self, name: str) -> Optional[str]:
        try:
            part = (self.bearer() or "").split(".")[1]
            claims = _json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            return str(claims[name])
        except (IndexError, KeyError, TypeError, ValueError):
            return None


class FixedToken(Credentials):
    """A token that somebody else made, such as an API token.

    Parameters
    ----------
    token : str
        The token.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def bearer(self) -> Optional[str]:
        return self._token


class Session(Credentials):
    """Tokens that are asked for when the first is needed, and refreshed.

    Parameters
    ----------
    provider : Provider
        Who makes them.
    eager : bool
        False waits until the server refuses a request without a token.
    """

    def __init__(self, provider: Provider, eager: bool) -> None:
        self._provider = provider
        self._wanted = eager
        self._tokens: Optional[Tokens] = None
        self._lock = threading.Lock()

    def sign_in(self) -> None:
        with self._lock:
            self._wanted = True
            self._current()

    def bearer(self) -> Optional[str]:
        with self._lock:
            tokens = self._current() if self._wanted else self._stored()
            return tokens.access_token if tokens else None

    def renew(self, refused: Optional[str]) -> bool:
        with self._lock:
            self._wanted = True
            now = self._tokens
            if now is not None and now.access_token == refused:
                self._tokens = self._refreshed(now)
            tokens = self._current()
            if tokens is None:
                raise AuthenticationError(
                    f"The server wants a token and nobody signs in at {self._provider.endpoint}",
                    "Name the address of the login service as auth_endpoint or in "
                    "WALLAROO_AUTH_URL, or use an API token (auth_type='token')",
                )
            return tokens.access_token != refused

    def _stored(self) -> Optional[Tokens]:
        if self._tokens is None:
            self._tokens = self._provider.stored()
        return self._tokens

    def _current(self) -> Optional[Tokens]:
        """Valid tokens; None where nobody needs to sign in."""
        tokens = self._stored()
        if tokens is not None and tokens.expiry - time.time() < _EARLY_SECONDS:
            tokens = self._refreshed(tokens)
        if tokens is None:
            tokens = self._provider.sign_in()
        self._tokens = tokens
        return tokens

    def _refreshed(self, tokens: Tokens) -> Optional[Tokens]:
        usable = tokens.refresh_token and tokens.refresh_token_expiry > time.time()
        fresh = self._provider.refresh(tokens.refresh_token) if usable else None
        if fresh is None:
            self._provider.forget()
        return fresh


class Provider:
    """The OpenID Connect provider at an address, and what is known to sign in there.

    Parameters
    ----------
    endpoint : str
        Its address, without the path of the realm.
    user, password : str, optional
        Sign in with these; by a browser otherwise.
    cache : Path, optional
        File that keeps the tokens for the next time.
    """

    def __init__(
        self,
        endpoint: str,
        user: Optional[str] = None,
        password: str = "",
        cache: Optional[Path] = None,
    ) -> None:
        self.endpoint = endpoint
        self._user = user
        self._password = password
        self._cache = cache
        self._known: Optional[Mapping[str, Any]] = None

    def stored(self) -> Optional[Tokens]:
        """Tokens of the cache file."""
        if self._cache is None:
            return None
        try:
            kept = _json.loads(self._cache.read_bytes())
            return Tokens(*(kept[name] for name in Tokens._fields))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget(self) -> None:
        """Remove the cache file."""
        if self._cache is not None:
            with contextlib.suppress(OSError):
                self._cache.unlink()

    def refresh(self, refresh_token: str) -> Optional[Tokens]:
        """New tokens; None where the session has ended."""
        answer = self._token(grant_type="refresh_token", refresh_token=refresh_token)
        if answer is None or answer.status in (400, 401):
            return None
        return self._kept(answer)

    def sign_in(self) -> Optional[Tokens]:
        """Tokens of a new sign-in; None where nobody needs to sign in."""
        if self._discovered() is None:
            return None
        if self._user is None:
            return self._by_device()
        answer = self._token(grant_type="password", username=self._user, password=self._password)
        return None if answer is None else self._kept(answer)

    def _by_device(self) -> Optional[Tokens]:
        answer = self._ask("device_authorization_endpoint", {})
        if answer is None:
            return None
        if answer.status != 200:
            raise _refused(answer)
        device = answer.document()
        url = device["verification_uri_complete"]
        print(f"Please log into the following URL in a web browser:\n\n\t{url}\n", flush=True)
        _open_browser(url)
        pause = float(device.get("interval") or 5)
        deadline = time.monotonic() + float(device["expires_in"])
        while time.monotonic() < deadline:
            time.sleep(pause)
            polled = self._token(grant_type=_DEVICE_GRANT, device_code=device["device_code"])
            if polled is None:
                return None
            if polled.status == 200:
                print("Login successful!", flush=True)
                return self._kept(polled)
            error = (polled.document() or {}).get("error")
            if error == "slow_down":
                pause += 1
            elif error != "authorization_pending":
                raise _refused(polled)
        raise AuthenticationError(
            "Nobody confirmed the sign-in in time", "Make the client again and open the new URL"
        )

    def _token(self, **fields: str) -> Optional[Answer]:
        return self._ask("token_endpoint", fields)

    def _ask(self, name: str, fields: Mapping[str, str]) -> Optional[Answer]:
        """POST a form to an endpoint of the provider; None where there is none."""
        known = self._discovered()
        if known is None:
            return None
        form = {"client_id": known.get("joey_client_id", _CLIENT_ID), **fields}
        scope = {"scope": "openid"} if "refresh_token" not in fields else {}
        return _send("POST", known[name], urlencode({**form, **scope}).encode(), _FORM)

    def _discovered(self) -> Optional[Mapping[str, Any]]:
        if self._known is None:
            url = f"{self.endpoint}{_REALM}/.well-known/openid-configuration"
            answer = _send("GET", url, None, {"Accept": "application/json"})
            if answer.status == 404:
                return None
            document = answer.document()
            if answer.status != 200 or not isinstance(document, dict):
                raise answer.error()
            self._known = document
        return self._known

    def _kept(self, answer: Answer) -> Tokens:
        if answer.status != 200:
            raise _refused(answer)
        document = answer.document()
        now = time.time()
        tokens = Tokens(
            document["access_token"],
            now + document["expires_in"],
            document.get("refresh_token", ""),
            now + document.get("refresh_expires_in", 0),
        )
        if self._cache is not None:
            with contextlib.suppress(OSError):
                _write_private(self._cache, _json.dumps(tokens._asdict()))
        return tokens


def credentials(auth_type: Optional[str], endpoint: str) -> Credentials:
    """The credentials of an ``auth_type`` and of the environment.

    Parameters
    ----------
    auth_type : str, optional
        As the client was given it.
    endpoint : str
        Address of the login service.
    """
    given = os.environ.get("WALLAROO_SDK_AUTH_TYPE") or os.environ.get("WALLAROO_AUTH_TYPE")
    kind = str(auth_type or given or "").lower()
    if os.environ.get("WALLAROO_TASK_ID"):
        kind = "orch"
    if kind and kind not in AUTH_TYPES:
        raise InvalidRequestError(
            f"There is no auth_type {auth_type or given!r}", f"One of: {', '.join(AUTH_TYPES)}"
        )
    if kind in ("none", "test_auth"):
        return Credentials()
    if kind == "token" or (not kind and os.environ.get("WALLAROO_TOKEN")):
        return FixedToken(_token())
    if kind == "orch":
        return Session(Provider(endpoint, cache=_cache_folder() / "keycloak.json"), eager=True)
    names = ("WALLAROO_SDK_CREDENTIALS", "WALLAROO_USER")
    if kind == "user_password" or (not kind and any(os.environ.get(name) for name in names)):
        return Session(Provider(endpoint, *_user_and_password()), eager=True)
    name = hashlib.sha256(endpoint.encode()).hexdigest()[:16]
    cache = _cache_folder() / f"joey-{name}.json"
    return Session(Provider(endpoint, cache=cache), eager=kind == "sso")


def _user_and_password() -> tuple[str, str]:
    user = os.environ.get("WALLAROO_USER")
    if user:
        return user, os.environ.get("WALLAROO_PASSWORD", "")
    document = _credentials_file("username", "password")
    return document["username"], document["password"]


def _token() -> str:
    return os.environ.get("WALLAROO_TOKEN") or _credentials_file("token")["token"]


def _credentials_file(*names: str) -> dict[str, str]:
    path = os.environ.get("WALLAROO_SDK_CREDENTIALS")
    if not path:
        either = "WALLAROO_TOKEN" if "token" in names else "WALLAROO_USER and WALLAROO_PASSWORD"
        raise InvalidRequestError(
            "There are no credentials to sign in with",
            f"Set {either}, or WALLAROO_SDK_CREDENTIALS to a JSON file with {' and '.join(names)}",
        )
    try:
        document = _json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InvalidRequestError(
            f"The credentials in {path} cannot be read: {error.strerror}",
            "WALLAROO_SDK_CREDENTIALS names the file",
        ) from None
    except ValueError:
        document = None
    for name in names:
        if not isinstance(document, dict) or not isinstance(document.get(name), str):
            raise InvalidRequestError(
                f"The credentials in {path} have no {name!r}",
                f"Write a JSON object with {' and '.join(names)}",
            )
    return dict(document)


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "wallaroo_sdk" / "auth"


def _write_private(path: Path, data: bytes) -> None:
    """Replace a file with one that only its owner reads."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    os.replace(fresh, path)


def _send(method: str, url: str, body: Optional[bytes], headers: Mapping[str, str]) -> Answer:
    parts = urlsplit(url)
    transport = Transport(f"{parts.scheme}://{parts.netloc}", _HTTP_SECONDS)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        return transport.request(method, path, body, headers)
    finally:
        transport.close()


def _refused(answer: Answer) -> JoeyError:
    document = answer.document()
    said = document.get("error_description") if isinstance(document, dict) else None
    if answer.status == 429:
        wait = answer.headers.get("Retry-After")
        hint = f"Try again in {wait} s" if wait else "Try again later"
    else:
        hint = "Check user and password, or sign in again"
    text = said or f"the login service answered {answer.status}"
    return AuthenticationError(f"The sign-in failed: {text}", hint, status=answer.status)


def _open_browser(url: str) -> None:
    """Show the page where there is a screen; a browser in the terminal would be in the way."""
    screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not screen or os.environ.get("WALLAROO_NO_BROWSER"):
        return
    import webbrowser

    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(url)

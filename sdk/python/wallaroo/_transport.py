"""HTTP to one server over kept connections.

Promises: an answer is returned as it came or a :class:`~wallaroo.exceptions.JoeyError` is raised,
never an error of the HTTP library. A request that the server turned away unread (503, connection
refused) is sent again with growing pauses within its time; one whose connection broke is sent
again once, and only where sending twice does no harm. Safe to use from several threads and after
a fork.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional, Protocol
from urllib.parse import urlsplit

from . import _json
from ._connections import Body, ConnectError, Connections
from .exceptions import (
    CommunicationError,
    InvalidRequestError,
    JoeyError,
    RequestTimeoutError,
    error_from_answer,
)
from .version import __version__

_BUSY_TRIES_MAX = 10
_REFUSED_TRIES_MAX = 4
_PAUSE_SECONDS_FIRST = 0.1
_PAUSE_SECONDS_MAX = 3.0

JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class Answer(NamedTuple):
    """One HTTP answer with its whole body."""

    status: int
    headers: http.client.HTTPMessage
    data: bytes

    def document(self) -> Any:
        """The body as JSON, None where it is not."""
        try:
            return _json.loads(self.data) if self.data else None
        except ValueError:
            return None

    def error(self, cls: Optional[type[JoeyError]] = None) -> JoeyError:
        """The error that this answer describes."""
        text = self.data[:4096].decode("utf-8", "replace")
        return error_from_answer(self.status, self.document(), text, cls)


class TokenSource(Protocol):
    """Where tokens come from (:mod:`wallaroo._auth`)."""

    def bearer(self) -> Optional[str]:
        """The token to send, None for none."""

    def renew(self, refused: Optional[str]) -> bool:
        """The server refused this token: whether there is another one to try."""


class Transport:
    """Connections to the server at `endpoint`.

    Parameters
    ----------
    endpoint : str
        ``http(s)://host[:port][/prefix]``.
    timeout : float
        Seconds for one request where a call names none.
    credentials : TokenSource, optional
        Where the token of each request comes from.
    """

    def __init__(
        self, endpoint: str, timeout: float, credentials: Optional[TokenSource] = None
    ) -> None:
        try:
            parts = urlsplit(endpoint)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            usable = usable and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise InvalidRequestError(
                f"{endpoint!r} is no address of a server",
                "Use the form http://127.0.0.1:8080 as api_endpoint or in the environment "
                "variable WALLAROO_URL",
            )
        self.endpoint = endpoint.rstrip("/")
        self.timeout = timeout
        self._credentials = credentials
        self._prefix = parts.path.rstrip("/")
        self._connections = Connections(parts)
        self._user_agent = f"wallaroo/{__version__}"

    def post(self, path: str, document: Any, *, repeatable: bool = True) -> Any:
        """POST a control document and return the answer's document.

        Parameters
        ----------
        path : str
            Path below the endpoint, such as ``/v1/api/pipelines/list``.
        document : Any
            The body.
        repeatable : bool
            Whether sending it twice does no harm.
        """
        answer = self.request(
            "POST", path, _json.dumps(document), JSON_HEADERS, repeatable=repeatable
        )
        if answer.status >= 400:
            raise answer.error()
        return answer.document()

    def request(
        self,
        method: str,
        path: str,
        body: Body = None,
        headers: Optional[Mapping[str, str]] = None,
        *,
        timeout: Optional[float] = None,
        repeatable: bool = True,
        retry_busy: bool = True,
    ) -> Answer:
        """Send one request and return its answer, whatever its status.

        Parameters
        ----------
        method, path : str
            As in HTTP; `path` may end in a query.
        body : bytes-like or callable, optional
            The body, or what makes an iterable of its pieces.
        headers : mapping, optional
            Headers beside the user agent.
        timeout : float, optional
            Seconds for everything, repetitions included.
        repeatable : bool
            Whether to send again when the connection broke before an answer came.
        retry_busy : bool
            Whether to send again when the answer is 503.

        Raises
        ------
        RequestTimeoutError
            No answer in time.
        CommunicationError
            The server cannot be reached or broke off.
        """
        given = headers or {}
        token = self._credentials.bearer() if self._credentials else None
        answer = self._send(method, path, body, given, token, timeout, repeatable, retry_busy)
        if answer.status == 401 and self._credentials and self._credentials.renew(token):
            token = self._credentials.bearer()
            answer = self._send(method, path, body, given, token, timeout, repeatable, retry_busy)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        body: Body,
        headers: Mapping[str, str],
        token: Optional[str],
        timeout: Optional[float],
        repeatable: bool,
        retry_busy: bool,
    ) -> Answer:
        """Send a request with this token."""
        seconds = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        sent_headers = {"User-Agent": self._user_agent, **headers}
        if token:
            sent_headers["Authorization"] = f"Bearer {token}"
        url = self._prefix + path
        busy = refused = broken = 0
        while True:
            try:
                raw = self._connections.send(method, url, body, sent_headers, deadline)
            except ConnectError as error:
                cause = error.__cause__
                refused += 1
                if isinstance(cause, ssl.SSLError):
                    raise self._not_safe(cause) from None
                if refused >= _REFUSED_TRIES_MAX or not self._pause(refused, deadline):
                    raise self._unreachable(cause) from None
                continue
            except socket.timeout:
                raise self._too_late(seconds) from None
            except (OSError, http.client.HTTPException) as error:
                broken += 1
                if not repeatable or broken > 1:
                    raise self._broke_off(error, repeatable) from None
                continue
            if raw.status == 503 and retry_busy:
                busy += 1
                if busy < _BUSY_TRIES_MAX and self._pause(
                    busy, deadline, raw.headers.get("Retry-After")
                ):
                    continue
            return Answer(raw.status, raw.headers, raw.data)

    def close(self) -> None:
        """Close the kept connections."""
        self._connections.close()

    @staticmethod
    def _pause(times: int, deadline: float, wish: Optional[str] = None) -> bool:
        """Sleep before the next try; False when there is no time left for one."""
        seconds = min(_PAUSE_SECONDS_FIRST * 2 ** (times - 1), _PAUSE_SECONDS_MAX)
        if wish and wish.isdigit():
            seconds = min(max(seconds, float(wish)), _PAUSE_SECONDS_MAX)
        if time.monotonic() + seconds >= deadline:
            return False
        time.sleep(seconds)
        return True

    def _too_late(self, seconds: float) -> JoeyError:
        return RequestTimeoutError(
            f"{self.endpoint} did not answer within {seconds:g}s",
            "Try again, or allow more time",
        )

    def _unreachable(self, cause: Optional[BaseException]) -> JoeyError:
        return CommunicationError(
            f"Nothing answers at {self.endpoint} ({_reason(cause)})",
            "Start the server with 'joey serve', or set api_endpoint or WALLAROO_URL to where it "
            "listens",
        )

    def _not_safe(self, cause: BaseException) -> JoeyError:
        return CommunicationError(
            f"No safe connection to {self.endpoint}: {cause}",
            "Check the certificate of the server; SSL_CERT_FILE names own authorities",
        )

    def _broke_off(self, error: Exception, repeatable: bool) -> JoeyError:
        return CommunicationError(
            f"{self.endpoint} closed the connection before it answered ({_reason(error)})",
            "Try again"
            if repeatable
            else "It may or may not have been done: look before you send it again",
        )


def _reason(error: Optional[BaseException]) -> str:
    """What the operating system or the HTTP library said, in a few words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (str(error).strip().rstrip(".") or type(error).__name__)[:200]

"""HTTP to one server over kept connections.

Promises: an answer is returned as it came or a :class:`~wallaroo.exceptions.JoeyError` is raised,
never an error of the HTTP library. A request that the server turned away unread (503, connection
refused) is sent again with growing pauses within its time; one whose connection broke is sent
again once, and only where sending twice does no harm. Safe to use from several threads and after
a fork.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, Callable, NamedTuple, Optional, Union
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions as http

from . import _json
from .exceptions import (
    CommunicationError,
    InvalidRequestError,
    JoeyError,
    RequestTimeoutError,
    error_from_answer,
)
from .version import __version__

Body = Union[None, bytes, memoryview, Any]

_CONNECTIONS_KEPT = 64
_CONNECT_SECONDS_MAX = 10.0
_BUSY_TRIES_MAX = 10
_REFUSED_TRIES_MAX = 4
_PAUSE_SECONDS_FIRST = 0.1
_PAUSE_SECONDS_MAX = 3.0

JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class Answer(NamedTuple):
    """One HTTP answer with its whole body."""

    status: int
    headers: Mapping[str, str]
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


class Transport:
    """Connections to the server at `endpoint`.

    Parameters
    ----------
    endpoint : str
        ``http(s)://host[:port][/prefix]``.
    timeout : float
        Seconds for one request where a call names none.
    """

    def __init__(self, endpoint: str, timeout: float) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidRequestError(
                f"{endpoint!r} is no address of a server",
                "Use the form http://127.0.0.1:8080 as api_endpoint or in the environment "
                "variable WALLAROO_URL",
            )
        self.endpoint = endpoint.rstrip("/")
        self.timeout = timeout
        self._prefix = parts.path.rstrip("/")
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._lock = threading.Lock()
        self._pool: Any = None
        self._pid = 0
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
        body: Union[Body, Callable[[], Iterable[bytes]]] = None,
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
        seconds = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        sent_headers = {"User-Agent": self._user_agent, **(headers or {})}
        url = self._prefix + path
        busy = refused = broken = 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._too_late(seconds)
            try:
                response = self._connections().urlopen(
                    method,
                    url,
                    body=body() if callable(body) else body,
                    headers=sent_headers,
                    retries=False,
                    redirect=False,
                    timeout=urllib3.Timeout(connect=min(left, _CONNECT_SECONDS_MAX), read=left),
                )
            except (http.NewConnectionError, http.ConnectTimeoutError) as error:
                refused += 1
                if refused >= _REFUSED_TRIES_MAX or not self._pause(refused, deadline):
                    raise self._unreachable(error) from None
                continue
            except http.TimeoutError:
                raise self._too_late(seconds) from None
            except http.SSLError as error:
                raise CommunicationError(
                    f"No safe connection to {self.endpoint}: {error}",
                    "Check the certificate of the server; SSL_CERT_FILE names own authorities",
                ) from None
            except (http.ProtocolError, OSError) as error:
                broken += 1
                if not repeatable or broken > 1:
                    raise self._broke_off(error, repeatable) from None
                continue
            except http.LocationParseError as error:
                raise InvalidRequestError(f"{self.endpoint + path!r}: {error}") from None
            except http.HTTPError as error:
                raise CommunicationError(f"Talking to {self.endpoint} failed: {error}") from None
            if response.status == 503 and retry_busy:
                busy += 1
                if busy < _BUSY_TRIES_MAX and self._pause(
                    busy, deadline, response.headers.get("Retry-After")
                ):
                    continue
            return Answer(response.status, response.headers, response.data)

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            if self._pool is not None and self._pid == os.getpid():
                self._pool.close()
            self._pool = None

    def _connections(self) -> Any:
        pool = self._pool
        if pool is not None and self._pid == os.getpid():
            return pool
        with self._lock:
            if self._pool is None or self._pid != os.getpid():
                self._pool = self._open()
                self._pid = os.getpid()
            return self._pool

    def _open(self) -> Any:
        proxy = self._proxy()
        if proxy:
            manager = urllib3.ProxyManager(proxy, maxsize=_CONNECTIONS_KEPT)
            return manager.connection_from_url(self.endpoint)
        return urllib3.connection_from_url(self.endpoint, maxsize=_CONNECTIONS_KEPT)

    def _proxy(self) -> Optional[str]:
        if self._host in ("localhost", "::1") or self._host.startswith("127."):
            return None
        from urllib.request import getproxies, proxy_bypass

        return None if proxy_bypass(self._host) else getproxies().get(self._scheme)

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

    def _unreachable(self, error: Exception) -> JoeyError:
        return CommunicationError(
            f"Nothing answers at {self.endpoint} ({_reason(error)})",
            "Start the server with 'joey serve', or set api_endpoint or WALLAROO_URL to where it "
            "listens",
        )

    def _broke_off(self, error: Exception, repeatable: bool) -> JoeyError:
        return CommunicationError(
            f"{self.endpoint} closed the connection before it answered ({_reason(error)})",
            "Try again"
            if repeatable
            else "It may or may not have been done: look before you send it again",
        )


def _reason(error: BaseException) -> str:
    """The last cause of an error in a few words."""
    seen = error
    while True:
        inner = seen.__cause__ or seen.__context__
        if inner is None:
            break
        seen = inner
    if isinstance(seen, OSError) and seen.strerror:
        return seen.strerror.lower()
    text = str(seen.args[0]) if seen.args else type(seen).__name__
    return text.strip().rstrip(".")[:200]

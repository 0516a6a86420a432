"""HTTP/1.1 connections to one server, kept for the next request.

The standard library's ``http.client`` with a pool around it: less than half of the time that the
larger HTTP packages need for one small request, and nothing to install.
"""

from __future__ import annotations

import http.client
import os
import select
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, Callable, NamedTuple, Optional, Union
from urllib.parse import SplitResult, unquote, urlsplit

Body = Union[None, bytes, memoryview, Callable[[], Iterable[bytes]]]

_KEPT_MAX = 64
_CONNECT_SECONDS_MAX = 10.0
_SMALL_BODY_BYTES_MAX = 64 * 1024


class ConnectError(Exception):
    """No connection; nothing was sent. The cause is in ``__cause__``."""


class Raw(NamedTuple):
    """One answer as it came."""

    status: int
    headers: http.client.HTTPMessage
    data: bytes


class _OneSend:
    """Mixed into a connection: the head of a request and its small body leave together."""

    _together = False
    _head: Optional[bytes] = None

    def send(self, data: Any) -> None:
        if self._together and self._head is None:
            self._head = data
            return
        if self._head is not None:
            data, self._head = self._head + bytes(data), None
        super().send(data)  # type: ignore[misc]


class _Http(_OneSend, http.client.HTTPConnection):
    pass


class _Https(_OneSend, http.client.HTTPSConnection):
    pass


_Connection = Union[_Http, _Https]


class Connections:
    """Connections to the server of a URL, over the proxy of the environment where there is one.

    Parameters
    ----------
    parts : SplitResult
        The URL: scheme, host and port count.

    Notes
    -----
    Safe to use from several threads: each request has a connection of its own while it lasts. A
    forked process begins with none.
    """

    def __init__(self, parts: SplitResult) -> None:
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._tls: Any = None

    def send(
        self, method: str, target: str, body: Body, headers: Mapping[str, str], deadline: float
    ) -> Raw:
        """Send a request and read the whole answer.

        Parameters
        ----------
        deadline : float
            Moment of ``time.monotonic()`` by which it must be done.

        Raises
        ------
        ConnectError
            No connection.
        TimeoutError
            Not done in time.
        OSError, http.client.HTTPException
            The connection broke, or the answer is no HTTP.
        """
        connection = self._kept() or self._open(deadline)
        done = False
        try:
            left = deadline - time.monotonic()
            if left <= 0:
                raise socket.timeout("timed out")
            connection.sock.settimeout(left)
            connection._together = (
                isinstance(body, (bytes, memoryview)) and 0 < len(body) <= _SMALL_BODY_BYTES_MAX
            )
            try:
                connection.request(method, target, body() if callable(body) else body, headers)
            except (BrokenPipeError, ConnectionResetError):
                # The server may have answered without reading everything, and closed.
                if body is None or isinstance(body, (bytes, memoryview)):
                    raise
            response = connection.getresponse()
            raw = Raw(response.status, response.headers, response.read())
            done = not response.will_close
            return raw
        finally:
            if done:
                self._keep(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        self.close()

    def _kept(self) -> Optional[_Connection]:
        if self._pid != os.getpid():
            # The connections belong to the process that forked; this one has only copies of them.
            self._lock = threading.Lock()
            self.close()
            self._pid = os.getpid()
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.sock is not None and not _readable(connection.sock):
                return connection
            connection.close()

    def _keep(self, connection: _Connection) -> None:
        with self._lock:
            if len(self._idle) < _KEPT_MAX:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self, deadline: float) -> _Connection:
        left = min(deadline - time.monotonic(), _CONNECT_SECONDS_MAX)
        if left <= 0:
            raise socket.timeout("timed out")
        connection = self._new(left)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ConnectError from error
        return connection

    def _new(self, timeout: float) -> _Connection:
        proxy = self._proxy()
        host, port = (proxy.hostname or "", proxy.port or 80) if proxy else (self._host, self._port)
        connection: _Connection
        if self._secure:
            if self._tls is None:
                import ssl

                self._tls = ssl.create_default_context()
            connection = _Https(host, port, timeout=timeout, context=self._tls)
        else:
            connection = _Http(host, port, timeout=timeout)
        if proxy:
            headers = {}
            if proxy.username:
                import base64

                pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
                headers["Proxy-Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
            connection.set_tunnel(self._host, self._port, headers)
        return connection

    def _proxy(self) -> Optional[SplitResult]:
        if self._host in ("localhost", "::1") or self._host.startswith("127."):
            return None
        from urllib.request import getproxies, proxy_bypass

        address = getproxies().get("https" if self._secure else "http")
        if not address or proxy_bypass(self._host):
            return None
        return urlsplit(address if "://" in address else f"http://{address}")


def _readable(sock: socket.socket) -> bool:
    """Whether a kept connection has something to read: the server closed it."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock], [], [], 0)[0])

"""Attacks on the transport, by raw sockets, on an engine and on `joey serve`. After each of them a good
request is still answered."""

import contextlib
import resource
import socket
import time

import httpx
import models
import pytest
from harness import Api, Engine, wait_until

RECORDS = b'[{"tensor":[1,2,3]}]'


class Victim:
    def __init__(self, url, post, body, get):
        self.url = url
        self.host, port = url.removeprefix("http://").split(":")
        self.port = int(port)
        self.post = post  # a path that takes a JSON body
        self.body = body  # which it answers with 200
        self.get = get  # a path that is read

    @property
    def authority(self):
        return f"{self.host}:{self.port}"

    def connect(self):
        return socket.create_connection((self.host, self.port), timeout=60)

    def head(self, *lines, method="POST", path=None, host=True):
        first = f"{method} {path or self.post} HTTP/1.1"
        fields = [f"Host: {self.authority}"] if host else []
        fields += ["Content-Type: application/json"]
        return "\r\n".join([first, *fields, *lines, "", ""]).encode("latin-1")

    def send(self, *parts):
        """Everything the server says to these bytes until it closes or has answered once."""
        with self.connect() as connection:
            with contextlib.suppress(ConnectionError):
                for part in parts:
                    connection.sendall(part)
            return read_answer(connection)

    def is_well(self):
        answer = httpx.post(
            self.url + self.post, content=self.body, headers={"Content-Type": "application/json"}, timeout=60
        )
        assert answer.status_code == 200, answer.text


def read_answer(connection):
    """(status, body) of the next answer; (None, rest) when the connection closes without one."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            received = connection.recv(65536)
        except ConnectionError:
            received = b""
        if not received:
            return None, data
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        received = connection.recv(65536)
        if not received:
            break
        body += received
    return int(head.split()[1]), body


def closes(connection):
    """Reads until the server closes the connection."""
    with contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("engine"), [models.scale(2, 3)], ["tensor"]).start()
    yield Victim(engine.url, engine.path, RECORDS, "/pipelines")
    assert engine.stop() == 0, engine.log.read_text()


@pytest.fixture(scope="module")
def serve(joey_url):
    api = Api(joey_url)
    api.workspace()
    api.close()
    return Victim(joey_url, "/v1/api/workspaces/list", b"{}", "/v1/api/version")


@pytest.fixture(params=["engine", "serve"])
def victim(request):
    victim = request.getfixturevalue(request.param)
    yield victim
    victim.is_well()


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 2", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 2"),
        ("Content-Length: 2", "Content-Length: 3"),
        ("Content-Length: 2", "Content-Length: 2"),
        ("Content-Length: 2, 3",),
        ("Content-Length: -2",),
        ("Content-Length: +2",),
        ("Content-Length: 0x2",),
        ("Content-Length: 2 ; 3",),
        ("Content-Length: 99999999999999999999",),
        ("Content-Length:",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: \x0bchunked",),
        ("Transfer-Encoding : chunked",),
        ("Content-Length : 2",),
        (" Content-Length: 2",),
        ("X: a", " folded", "Content-Length: 2"),
        ("X: a\0b", "Content-Length: 2"),
        ("X\0Y: a", "Content-Length: 2"),
        ("X: a\nY: b", "Content-Length: 2"),
        ("X: a\rY: b", "Content-Length: 2"),
        ("X Y: a", "Content-Length: 2"),
        (": a", "Content-Length: 2"),
        ("no colon", "Content-Length: 2"),
    ],
)
def test_smuggling_and_bad_headers(victim, lines):
    status, _ = victim.send(victim.head(*lines), b"{}")
    assert status in (400, 413, 501)


@pytest.mark.parametrize(
    "first",
    [
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 x",
        "GET / HTTP/2.0",
        "GET / HTTP/9.9",
        "GET / FTP/1.1",
        "G\0T / HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET http://[::1/ HTTP/1.1",
        "GET /%zz HTTP/1.1",
        "GET /%00 HTTP/1.1",
        "PRI * HTTP/2.0",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "",
    ],
)
def test_bad_request_lines(victim, first):
    status, _ = victim.send(f"{first}\r\nHost: {victim.authority}\r\n\r\n".encode("latin-1"))
    assert status is None or status in (400, 404, 405, 501, 505)


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//evil/", "/a/./b"])
def test_paths_lead_nowhere(victim, path):
    status, body = victim.send(victim.head("Content-Length: 0", method="GET", path=path))
    assert status in (400, 404)
    assert b"root:" not in body


def test_no_host_or_two(victim):
    assert victim.send(victim.head("Content-Length: 2", host=False), b"{}")[0] == 400
    twice = victim.head(f"Host: {victim.authority}", "Content-Length: 2")
    assert victim.send(twice, b"{}")[0] == 400


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil"]
)
def test_foreign_host(victim, method, host):
    """DNS rebinding: a browser that was led here by a name that is not ours."""
    head = victim.head(f"Host: {host}", "Content-Length: 0", method=method, path=victim.get, host=False)
    assert victim.send(head)[0] in (403, 421)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1.evil.example", "null"])
def test_foreign_origin(victim, method, origin):
    path = victim.get if method == "GET" else victim.post
    head = victim.head(f"Origin: {origin}", f"Content-Length: {len(victim.body)}", method=method, path=path)
    assert victim.send(head, victim.body)[0] == 403


def test_own_origin(victim):
    head = victim.head(f"Origin: http://{victim.authority}", f"Content-Length: {len(victim.body)}")
    assert victim.send(head, victim.body)[0] == 200


def test_huge_headers(victim):
    assert victim.send(victim.head("X: " + "a" * 10_000_000))[0] in (431, None)
    assert victim.send(victim.head(*["X: a"] * 100_000))[0] in (431, None)
    assert victim.send(victim.head(path="/" + "a" * 1_000_000))[0] in (414, 431, None)
    assert victim.send(victim.head("X: " + "a" * 40_000, "Content-Length: 0"))[0] == 431
    assert victim.send(victim.head(*["X: a"] * 200, "Content-Length: 0"))[0] == 431
    assert victim.send(victim.head("Content-Length: 0", path="/" + "a" * 9_000))[0] == 414


@pytest.mark.parametrize(
    "chunk",
    [
        b"ffffffffffffffff1\r\n",
        b"ffffffffffffffff\r\n",
        b"7fffffffffffffff\r\n",
        b"-1\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b" 2\r\n{}\r\n0\r\n\r\n",
        b"\r\n",
        b"g\r\n",
        b"2\n{}\n0\n\n",
        b"2\r\n{}xx0\r\n\r\n",
        b"2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n",
        b"0" * 100_000 + b"2\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\n" + b"X: a\r\n" * 100_000 + b"\r\n",
    ],
)
def test_bad_chunks(victim, chunk):
    status, _ = victim.send(victim.head("Transfer-Encoding: chunked"), chunk)
    assert status in (400, 413, 431)


def test_many_tiny_chunks(victim):
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in victim.body) + b"0\r\n\r\n"
    assert victim.send(victim.head("Transfer-Encoding: chunked"), body)[0] == 200
    spaces = b"1\r\n \r\n" * 200_000
    assert victim.send(victim.head("Transfer-Encoding: chunked"), spaces + body)[0] == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br"])
def test_packed_bodies_are_refused(victim, encoding):
    body = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + b"\0" * 100
    head = victim.head(f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}")
    assert victim.send(head, body)[0] in (400, 415)


def test_garbage_after_a_good_request(victim):
    good = victim.head(f"Content-Length: {len(victim.body)}") + victim.body
    with victim.connect() as connection:
        connection.sendall(good + good + b"\x16\x03\x01 nonsense\r\n\r\n" + good)
        received = b""
        with contextlib.suppress(ConnectionError):
            while data := connection.recv(65536):
                received += data
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 400]


def test_pipelined_requests_are_answered_in_order(victim):
    good = victim.head(f"Content-Length: {len(victim.body)}") + victim.body
    read = victim.head("Content-Length: 0", method="GET", path=victim.get)
    with victim.connect() as connection:
        connection.sendall((good + read) * 50)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while data := connection.recv(65536):
            received += data
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200] * 100


def test_client_gone_mid_body(victim):
    for sent in (0, 1, 10):
        for _ in range(20):
            with victim.connect() as connection:
                connection.sendall(victim.head("Content-Length: 1000000") + b"[" * sent)
    for _ in range(20):
        with victim.connect() as connection:
            connection.sendall(victim.head("Transfer-Encoding: chunked") + b"5\r\n[")


def test_client_gone_mid_answer(engine):
    rows = b",".join([b'{"tensor":[1,2,3]}'] * 20_000)
    body = b"[" + rows + b"]"
    for wait in (False, True):
        for _ in range(5):
            with engine.connect() as connection:
                connection.sendall(engine.head(f"Content-Length: {len(body)}") + body)
                if wait:
                    assert connection.recv(100)
    engine.is_well()


def test_answer_that_nobody_reads(engine):
    """A client that reads nothing holds its own answer up, no other's."""
    rows = b",".join([b'{"tensor":[1,2,3]}'] * 50_000)
    body = b"[" + rows + b"]"
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(engine.connect())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(engine.head(f"Content-Length: {len(body)}") + body)
        for _ in range(20):
            engine.is_well()


def test_slow_headers_are_cut(victim):
    """Slowloris: many clients that never finish their header are let go after the limit."""
    with contextlib.ExitStack() as stack:
        slow = []
        for number in range(200):
            connection = stack.enter_context(victim.connect())
            connection.sendall(victim.head("X: y")[: -2 - number % 40])
            slow.append(connection)
        victim.is_well()
        # One of them keeps dripping: that does not buy it more time.
        dripping = slow[0]
        dripping.setblocking(False)

        def cut():
            with contextlib.suppress(BlockingIOError):
                try:
                    dripping.send(b"a")
                    return dripping.recv(1000) in (b"",)
                except ConnectionError:
                    return True
            return False

        wait_until(cut, seconds=60, what="end of a dripping connection")
        for connection in slow[1:]:
            closes(connection)
        victim.is_well()


def test_idle_connections_do_not_keep_others_out(victim):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4000)), hard))
    with contextlib.ExitStack() as stack:
        for _ in range(2000):
            stack.enter_context(victim.connect())
        for _ in range(20):
            victim.is_well()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_expect_continue(victim):
    with victim.connect() as connection:
        connection.sendall(victim.head("Expect: 100-continue", f"Content-Length: {len(victim.body)}"))
        status, rest = read_answer(connection)
        if status == 100:
            connection.sendall(victim.body)
            status, _ = read_answer(connection)
        assert status in (200, 417), rest


def test_half_closed_client_gets_its_answer(victim):
    with victim.connect() as connection:
        connection.sendall(victim.head(f"Content-Length: {len(victim.body)}") + victim.body)
        connection.shutdown(socket.SHUT_WR)
        assert read_answer(connection)[0] == 200


def test_answers_cannot_be_sniffed_as_html(victim):
    answer = httpx.get(victim.url + "/<script>alert(1)</script>")
    assert answer.status_code in (400, 404)
    assert "html" not in answer.headers["content-type"]
    assert answer.headers.get("x-content-type-options") == "nosniff"


def test_keep_alive_is_honoured(victim):
    good = victim.head(f"Content-Length: {len(victim.body)}") + victim.body
    with victim.connect() as connection:
        start = time.monotonic()
        for _ in range(100):
            connection.sendall(good)
            assert read_answer(connection)[0] == 200
        assert time.monotonic() > start
        connection.sendall(
            victim.head("Connection: close", f"Content-Length: {len(victim.body)}") + victim.body
        )
        assert read_answer(connection)[0] == 200
        closes(connection)

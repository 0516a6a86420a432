"""Settings of the client, and how it talks HTTP."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest
from small_server import Reply, Server

import wallaroo
from wallaroo import exceptions
from wallaroo._transport import Transport


def test_endpoint_comes_from_argument_environment_or_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert wallaroo.Client().api_endpoint == "http://127.0.0.1:8080"
    assert wallaroo.Client("http://there:1/").api_endpoint == "http://there:1"
    monkeypatch.setenv("WALLAROO_URL", "http://elsewhere:2/")
    assert wallaroo.Client("http://there:1").api_endpoint == "http://elsewhere:2"


def test_timeout_comes_from_argument_environment_or_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert wallaroo.Client().timeout == 45
    assert wallaroo.Client(request_timeout=120).timeout == 120
    monkeypatch.setenv("WALLAROO_REQUEST_TIMEOUT", "7")
    assert wallaroo.Client().timeout == 7
    with pytest.raises(exceptions.InvalidRequestError):
        wallaroo.Client(request_timeout=0)


def test_auth_type_is_checked() -> None:
    with pytest.raises(ValueError, match="no auth_type"):
        wallaroo.Client(auth_type="ssso")  # type: ignore[arg-type]


def test_bad_endpoint_is_refused_with_a_hint() -> None:
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        wallaroo.Client("localhost:8080")
    assert "http://127.0.0.1:8080" in caught.value.hint


def test_making_a_client_sends_nothing(server: Server) -> None:
    wallaroo.Client(server.url, interactive=False)
    wallaroo.Client(server.url, auth_type="none")
    assert server.requests == []


def test_connection_is_kept(server: Server) -> None:
    server.handler = lambda request: Reply(200, {"workspaces": []})
    wl = wallaroo.Client(server.url)
    for _ in range(3):
        wl.list_workspaces()
    assert len({r.connection for r in server.requests}) == 1


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, "invalid_argument", exceptions.InvalidRequestError),
        (404, "not_found", exceptions.EntityNotFoundError),
        (409, "already_exists", exceptions.AlreadyExistsError),
        (409, "failed_precondition", exceptions.PreconditionError),
        (429, "resource_exhausted", exceptions.LimitError),
        (413, "payload_too_large", exceptions.PayloadTooLargeError),
        (401, "unauthenticated", exceptions.AuthenticationError),
        (403, "permission_denied", exceptions.AccessDeniedError),
        (500, "internal", exceptions.ServerError),
        (501, "unimplemented", exceptions.UnsupportedError),
    ],
)
def test_error_body_becomes_a_typed_error(
    server: Server, wl: wallaroo.Client, status: int, error: str, kind: type[Exception]
) -> None:
    server.handler = lambda request: Reply(
        status, {"code": status, "msg": "what", "error": error, "hint": "next"}
    )
    with pytest.raises(kind) as caught:
        wl.list_workspaces()
    raised = caught.value
    assert isinstance(raised, exceptions.JoeyError)
    assert (raised.code, raised.message, raised.hint, raised.status) == (
        error,
        "what",
        "next",
        status,
    )
    assert raised.__cause__ is None
    assert str(raised) == "what\nHint: next"


def test_error_without_our_body_still_says_something(server: Server, wl: wallaroo.Client) -> None:
    server.handler = lambda request: Reply(502, b"<html>bad gateway</html>")
    with pytest.raises(exceptions.CommunicationError, match="bad gateway"):
        wl.list_workspaces()
    server.handler = lambda request: Reply(500, b"")
    with pytest.raises(exceptions.ServerError, match="500"):
        wl.list_workspaces()


def test_errors_survive_pickling() -> None:
    import pickle

    error = exceptions.InferenceTimeoutError("a", "b", code="unavailable", status=503)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (again.message, again.hint, again.code, again.status) == ("a", "b", "unavailable", 503)


def test_busy_server_is_asked_again(server: Server, wl: wallaroo.Client) -> None:
    answers = iter([Reply(503), Reply(503), Reply(200, {"workspaces": []})])
    server.handler = lambda request: next(answers)
    assert wl.list_workspaces() == []
    assert len(server.requests) == 3


def test_busy_server_gives_up_in_time(server: Server) -> None:
    server.handler = lambda request: Reply(503, {"msg": "engine restarts"})
    answer = Transport(server.url, 5).request("POST", "/x", b"", timeout=0.25)
    assert answer.status == 503
    assert answer.error().message == "engine restarts"
    assert len(server.requests) == 2


def test_broken_connection_is_repeated_only_where_it_does_no_harm(server: Server) -> None:
    answers = iter([Reply(hang_up=True), Reply(200, b"{}")])
    server.handler = lambda request: next(answers)
    transport = Transport(server.url, 5)
    assert transport.post("/v1/read", {}) == {}
    server.requests.clear()
    server.handler = lambda request: Reply(hang_up=True)
    with pytest.raises(exceptions.CommunicationError, match="closed the connection") as caught:
        transport.post("/v1/make", {}, repeatable=False)
    assert len(server.requests) == 1
    assert "may or may not" in caught.value.hint


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(exceptions.CommunicationError, match="Nothing answers") as caught:
        wallaroo.Client(f"http://127.0.0.1:{port}").list_workspaces()
    assert "joey serve" in caught.value.hint
    assert caught.value.__cause__ is None


def test_no_answer_in_time(server: Server) -> None:
    done = threading.Event()

    def slow(request: object) -> Reply:
        done.wait(10)
        return Reply(200)

    server.handler = slow
    with pytest.raises(exceptions.RequestTimeoutError):
        Transport(server.url, 0.05).post("/x", {})
    done.set()


def test_two_threads_share_a_transport(server: Server) -> None:
    server.handler = lambda request: Reply(200, request.json())
    transport = Transport(server.url, 5)
    seen: list[object] = []

    def ask(number: int) -> None:
        for i in range(20):
            seen.append(transport.post("/x", {"n": number * 100 + i})["n"])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(n * 100 + i for n in range(4) for i in range(20))


def test_connection_that_the_server_closed_meanwhile_is_not_used(server: Server) -> None:
    server.handler = lambda request: Reply(200, {}, {"Connection": "close"})
    transport = Transport(server.url, 5)
    for _ in range(3):
        transport.post("/x", {}, repeatable=False)
    assert len({r.connection for r in server.requests}) == 3


def test_address_with_a_prefix(server: Server) -> None:
    server.handler = lambda request: Reply(200, {"workspaces": []})
    wallaroo.Client(server.url + "/joey/").list_workspaces()
    assert server.requests[0].path == "/joey/v1/api/workspaces/list"


def test_https_to_a_server_without_it(server: Server) -> None:
    wl = wallaroo.Client(server.url.replace("http:", "https:"))
    with pytest.raises(exceptions.CommunicationError, match="No safe connection"):
        wl.list_workspaces()


def test_no_http_at_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-nothing\r\n")
                connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(exceptions.CommunicationError, match="SSH"):
            wallaroo.Client(f"http://127.0.0.1:{port}").list_workspaces()
        thread.join()


def test_answer_before_the_body_was_read() -> None:
    """A server that refuses a large upload and closes is heard all the same."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refused = threading.Event()

        def answer() -> None:
            connection, _ = listener.accept()
            connection.recv(1024)
            body = b'{"msg": "too large", "error": "payload_too_large"}'
            head = f"HTTP/1.1 413 No\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + body)
            connection.shutdown(socket.SHUT_WR)
            refused.wait(10)
            while connection.recv(1 << 20):
                pass
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()

        def pieces() -> Iterator[bytes]:
            for _ in range(64):
                yield bytes(1 << 20)
                refused.set()

        headers = {"Content-Length": str(64 << 20)}
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        found = Transport(address, 20).request("POST", "/x", pieces, headers, repeatable=False)
        assert found.status == 413
        assert found.error().message == "too large"
        thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_has_connections_of_its_own(server: Server) -> None:
    server.handler = lambda request: Reply(200, {})
    transport = Transport(server.url, 5)
    transport.post("/x", {})
    pid = os.fork()
    if pid == 0:
        try:
            transport.post("/child", {})
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    transport.post("/x", {})
    by_path = {r.path: r.connection for r in server.requests}
    assert len(server.requests) == 3
    assert by_path["/child"] != by_path["/x"]


def test_proxy_of_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.handler = lambda request: Reply(200, {"workspaces": []})
    assert wallaroo.Client(server.url).list_workspaces() == []
    with pytest.raises(exceptions.CommunicationError, match="501"):
        wallaroo.Client("http://far.example:1").list_workspaces()

"""Settings of the client, and how it talks HTTP."""

import socket
import threading

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
    with pytest.raises(exceptions.UnsupportedError):
        wallaroo.Client(auth_type="sso")


def test_bad_endpoint_is_refused_with_a_hint() -> None:
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        wallaroo.Client("localhost:8080")
    assert "http://127.0.0.1:8080" in caught.value.hint


def test_making_a_client_sends_nothing(server: Server) -> None:
    wallaroo.Client(server.url)
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

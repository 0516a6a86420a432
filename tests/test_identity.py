"""Who may call: users, passwords and API tokens of a server with `--auth builtin`."""

import httpx
import models
import pytest
from harness import RECORDS, unique, wait_until


def routes(api):
    document = api.http.get("/v1/api/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.replace("{", "").replace("}", ""), operation


def test_every_route_needs_a_token(identity):
    """RELIABILITY 29: no token, a wrong one, one in the URL; what is open is written down here."""
    api = identity.api()
    good = identity.token(identity.user())
    opened = set()
    for method, path, operation in routes(api):
        if operation.get("security") == []:
            opened.add(path)
            continue
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {good}"}):
            answer = api.http.request(method, path, headers=headers)
            assert answer.status_code == 401, (method, path, headers)
            assert answer.headers["www-authenticate"].startswith("Bearer")
        answer = api.http.request(method, path, params={"access_token": good})
        assert answer.status_code == 401, path
        assert api.http.request(method, path, headers={"Authorization": f"Bearer {good}"}).status_code != 401
    # Sign-in itself answers everybody (tests/test_sign_in.py).
    opened = {path for path in opened if not path.startswith("/auth/")}
    assert opened == {
        "/healthz",
        "/readyz",
        "/v1/api/version",
        "/v1/api/openapi.json",
        "/v1/internal/logs/topic",
    }


def test_large_bodies_of_strangers_are_not_stored(identity):
    """The answer comes before the body was read."""
    uploads = identity.server.data / "uploads"
    seen = []

    def body():
        for _ in range(8):
            seen.extend(uploads.iterdir())
            yield b"x" * 65536

    with pytest.raises(httpx.WriteError):  # the server closes; what it said is read in the other tests
        for _ in range(50):
            answer = httpx.post(
                f"{identity.url}/v1/api/models/upload",
                content=body(),
                headers={"Content-Type": "multipart/form-data; boundary=b"},
            )
            assert answer.status_code == 401
            raise httpx.WriteError("answered")
    assert seen == []


def test_inference_needs_a_token_and_dies_with_it(identity):
    ann = identity.user()
    api = identity.api(identity.token(ann))
    deployment = api.deploy(unique("guarded"), models.identity("float32", (2,)))
    record = [{"tensor": [1.0, 2.0]}]
    assert deployment.post(record).status_code == 200
    wait_until(lambda: len(deployment.logs()) == 1, what="the log row")  # engines have a token of their own

    stranger = httpx.post(identity.url + deployment.path, json=record, headers={"Content-Type": RECORDS})
    assert stranger.status_code == 401
    assert stranger.json()[0]["code"] == 401
    assert stranger.headers["www-authenticate"].startswith("Bearer")

    other = identity.api(identity.token(ann))
    tokens = api.post("/v1/api/tokens/list", {})["tokens"]
    assert len(tokens) == 2 and all(token["email"] == ann for token in tokens)
    assert other.post("/v1/api/workspaces/list", {})
    api.post("/v1/api/tokens/revoke", {"id": tokens[0]["id"]})
    assert {api.http.post(deployment.path, json=record).status_code,
            other.http.post(deployment.path, json=record).status_code} == {200, 401}  # fmt: skip
    survivor = api if api.http.post("/v1/api/tokens/list", json={}).status_code == 200 else other
    deployment.api = survivor
    deployment.undeploy()


def test_a_disabled_user_is_out(identity):
    identity.user("--administrator")
    ann = identity.user()
    api = identity.api(identity.token(ann))
    assert api.post("/v1/api/workspaces/current", {})["name"] == f"{ann} - Default Workspace"
    identity.server.command("user", "disable", ann)
    # By another process: seen within two seconds.
    wait_until(lambda: api.http.post("/v1/api/workspaces/list", json={}).status_code == 401, seconds=10)
    identity.server.command("user", "enable", ann)
    wait_until(lambda: api.http.post("/v1/api/workspaces/list", json={}).status_code == 200, seconds=10)


def test_tokens_over_rest(identity):
    ann, bob = identity.user(), identity.user()
    root = identity.api(identity.token(identity.user("--administrator")))
    api = identity.api(identity.token(ann))
    made = api.post("/v1/api/tokens/create", {"name": "job", "days": 7})
    record = made["record"]
    assert made["token"].startswith("joey_") and record["name"] == "job" and record["email"] == ann
    assert record["expires_at"] > record["created_at"]
    # A user cannot make a token for somebody else by naming them.
    forged = api.post("/v1/api/tokens/create", {"name": "x", "user_id": bob, "email": bob})
    assert forged["record"]["email"] == ann
    other = identity.api(identity.token(bob))
    assert other.http.post("/v1/api/tokens/revoke", json={"id": record["id"]}).status_code == 404
    assert [token["email"] for token in other.post("/v1/api/tokens/list", {})["tokens"]] == [bob]
    assert {token["email"] for token in root.post("/v1/api/tokens/list", {})["tokens"]} >= {ann, bob}
    root.post("/v1/api/tokens/revoke", {"id": record["id"]})
    assert identity.api(made["token"]).http.post("/v1/api/tokens/list", json={}).status_code == 401
    database = (identity.server.data / "joey.db").read_bytes()
    wal = identity.server.data / "joey.db-wal"
    assert made["token"].encode() not in database + (wal.read_bytes() if wal.exists() else b"")


def test_the_command_line(identity):
    server = identity.server
    email = identity.user("--username", "annie", "--administrator")
    listed = server.command("user", "list").split("\t")
    assert listed[1:] == [email, "annie", "administrator", "enabled"]
    with pytest.raises(RuntimeError, match="already"):
        identity.user(email=email.upper())
    with pytest.raises(RuntimeError, match="shorter than 8"):
        server.command("user", "create", "b@example.com", "--password-stdin", stdin="short\n")
    with pytest.raises(RuntimeError, match="last administrator"):
        server.command("user", "disable", email)
    with pytest.raises(RuntimeError, match="no user nobody"):
        server.command("token", "create", "nobody", "--name", "x")
    server.command("user", "passwd", "annie", "--password-stdin", stdin="another good one\n")
    identity.token("annie")
    token_id = server.command("token", "list").split("\t")[0]
    server.command("token", "revoke", token_id)
    assert server.command("token", "list") == ""

"""`joey serve --auth oidc` with a real Keycloak as the provider.

Keycloak is fetched by Maven into the cache outside of the clone and needs Java; without them the tests are
skipped.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import httpx
import models
import pandas as pd
import pytest
from harness import ROOT, Api, Joey, unique, wait_until

VERSION = "26.7.3"
ISSUER_PATH = "/realms/team"
REALM = "/auth/realms/master"
TOKEN = f"{REALM}/protocol/openid-connect/token"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("keycloak")]


def distribution():
    """The folder of Keycloak's unpacked distribution."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    cache = pathlib.Path(os.environ.get("JOEY_CACHE") or pathlib.Path(base) / "joey") / "keycloak"
    folder = cache / f"keycloak-{VERSION}"
    if (folder / "complete").exists():
        return folder
    if os.environ.get("JOEY_OFFLINE") == "1":
        pytest.skip("Keycloak is not in the cache and JOEY_OFFLINE=1")
    if not shutil.which("java") or not shutil.which("mvn"):
        pytest.skip("Keycloak needs java and mvn")
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"keycloak-quarkus-dist-{VERSION}.tar.gz"
    if not archive.exists():
        artifact = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz"
        command = ["mvn", "-q", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={cache}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280)
        if done.returncode != 0:
            pytest.skip(f"Keycloak cannot be fetched: {done.stdout[-300:]}")
    subprocess.run(["tar", "-xzf", archive, "-C", cache], check=True, timeout=280)
    (folder / "complete").touch()
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory):
    """The URL of a Keycloak with the realm of tests/keycloak/realm.json."""
    home = tmp_path_factory.mktemp("keycloak") / "home"
    shutil.copytree(distribution(), home, symlinks=True)
    (home / "data" / "import").mkdir(parents=True)
    shutil.copy(ROOT / "tests/keycloak/realm.json", home / "data/import")
    port = free_port()
    log = home / "keycloak.log"
    command = [home / "bin/kc.sh", "start-dev", "--import-realm", f"--http-port={port}"]
    command += ["--http-host=127.0.0.1", "--http-management-port=0"]
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=dict(os.environ, JAVA_OPTS_KC_HEAP="-Xms64m -Xmx400m"),
        )
    url = f"http://127.0.0.1:{port}"

    def ready():
        if process.poll() is not None:
            pytest.fail(f"Keycloak ended:\n{log.read_text()[-2000:]}")
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{url}{ISSUER_PATH}").status_code == 200
        return False

    try:
        wait_until(ready, seconds=200, what="Keycloak")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def server(keycloak, tmp_path_factory):
    arguments = ["--oidc-issuer", keycloak + ISSUER_PATH, "--oidc-client", "joey"]
    arguments += ["--oidc-admin", "realm_access.roles=joey-admin"]
    joey = Joey(tmp_path_factory.mktemp("oidc") / "data", arguments, auth="oidc")
    joey.start()
    yield joey
    assert joey.close() == []


def tokens(keycloak, user, client="joey"):
    answer = httpx.post(
        f"{keycloak}{ISSUER_PATH}/protocol/openid-connect/token",
        data={
            "grant_type": "password",
            "client_id": client,
            "username": user,
            "password": f"password of {user}",
            "scope": "openid",
        },
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def status(server, token):
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{server.url}/v1/api/workspaces/current", json={}, headers=headers).status_code


def test_users_of_the_provider_are_users_here(keycloak, server):
    api = Api(server.url, tokens(keycloak, "bob")["access_token"])
    assert api.post("/v1/api/workspaces/current", {})["name"] == "bob@example.com - Default Workspace"
    assert status(server, tokens(keycloak, "ann")["access_token"]) == 200
    listed = {line.split("\t")[1]: line.split("\t") for line in server.command("user", "list").splitlines()}
    assert listed["ann@example.com"][2:4] == ["ann", "administrator"]  # by the role in the token
    assert listed["bob@example.com"][2:4] == ["bob", "user"]
    # Deactivated here: out, although the provider goes on signing tokens.
    server.command("user", "disable", "bob@example.com")
    wait_until(lambda: status(server, tokens(keycloak, "bob")["access_token"]) == 401, seconds=20)
    server.command("user", "enable", "bob@example.com")
    wait_until(lambda: status(server, tokens(keycloak, "bob")["access_token"]) == 200, seconds=20)


def test_other_tokens_of_the_provider_are_refused(keycloak, server):
    own = tokens(keycloak, "bob")
    assert status(server, own["access_token"]) == 200
    assert status(server, own["id_token"]) == 401
    assert status(server, own["refresh_token"]) == 401
    assert status(server, tokens(keycloak, "bob", "another")["access_token"]) == 401
    head, body, signature = own["access_token"].split(".")
    assert status(server, f"{head}.{body}.{signature[:-8]}AAAAAAAA") == 401
    assert status(server, f"{head}.{body}.") == 401


def test_the_sdk_signs_in_there(keycloak, server, monkeypatch, tmp_path):
    """By password, with our address alone: Joey says where the provider is."""
    import wallaroo

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("WALLAROO_USER", "ann")
    monkeypatch.setenv("WALLAROO_PASSWORD", "password of ann")
    wl = wallaroo.Client(server.url, auth_type="user_password", interactive=False)
    file = tmp_path / "model.onnx"
    file.write_bytes(models.identity("float32", (2,)))
    name = unique("keycloak")
    pipeline = wl.build_pipeline(name).add_model_step(wl.upload_model(name, file))
    pipeline.deploy()
    try:
        answer = pipeline.infer(pd.DataFrame({"tensor": [[1.0, 2.0]]}))
        assert answer["out.result"][0] == [1.0, 2.0]
    finally:
        pipeline.undeploy()
    monkeypatch.setenv("WALLAROO_PASSWORD", "wrong")
    with pytest.raises(wallaroo.exceptions.AuthenticationError, match="Invalid user credentials"):
        wallaroo.Client(server.url, auth_type="user_password", interactive=False)


def test_our_paths_lead_there(keycloak, server):
    """The public client has our paths built in: it is redirected, with what it sent."""
    form = {"client_id": "joey", "grant_type": "password", "username": "bob", "password": "password of bob"}
    answer = httpx.post(f"{server.url}{TOKEN}", data=form)
    assert answer.status_code == 307
    assert answer.headers["location"].startswith(f"{keycloak}{ISSUER_PATH}/")
    followed = httpx.post(f"{server.url}{TOKEN}", data=form, follow_redirects=True)
    assert status(server, followed.json()["access_token"]) == 200
    assert (
        httpx.get(f"{server.url}{REALM}/.well-known/openid-configuration").json()["joey_client_id"] == "joey"
    )
    assert httpx.get(f"{server.url}/auth/account").status_code == 404


def test_machines_keep_their_api_tokens(keycloak, server):
    assert status(server, tokens(keycloak, "bob")["access_token"]) == 200
    token = server.command("token", "create", "bob@example.com", "--name", "job")
    assert status(server, token) == 200


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "no https:// address"),
        (["--oidc-issuer", "http://login.example.com"], "no https:// address"),
        (["--oidc-issuer", "https://login.example.com", "--oidc-admin", "x"], "CLAIM=VALUE"),
    ],
)
def test_bad_settings_are_refused(tmp_path, arguments, reason):
    with pytest.raises(RuntimeError) as caught:
        Joey(tmp_path / "data", arguments, auth="oidc").start()
    assert reason in str(caught.value)


def test_a_provider_that_is_away(tmp_path, joey_factory):
    server = joey_factory("--oidc-issuer", f"http://127.0.0.1:{free_port()}/realms/x", auth="oidc")
    assert httpx.get(f"{server.url}/healthz").status_code == 200
    header = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ"
    assert status(server, f"{header}.e30.AAAA") == 503
    assert status(server, "nonsense") == 401

"""TLS with the operator's certificate: SDK, curl, gateway and logs over it; clear errors for bad files."""

import http.client
import json
import socket
import ssl
import subprocess

import certificates
import models
import numpy as np
import pandas as pd
import pytest
from harness import Joey, unique, wait_until

PASSWORD = "correct horse battery"


@pytest.fixture
def secure(tmp_path, joey_factory):
    """A server that speaks TLS, and the file of its certificate."""
    certificate, key = certificates.make(tmp_path)
    return joey_factory("--tls-cert", str(certificate), "--tls-key", str(key), auth="builtin"), certificate


def test_the_sdk_and_curl_over_tls(secure, monkeypatch, tmp_path):
    import wallaroo

    server, certificate = secure
    url = f"https://localhost:{server.port}"
    server.command("user", "create", "ann@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("WALLAROO_USER", "ann@example.com")
    monkeypatch.setenv("WALLAROO_PASSWORD", PASSWORD)
    wl = wallaroo.Client(url, auth_type="user_password", interactive=False)
    file = tmp_path / "model.onnx"
    file.write_bytes(models.identity("float32", (3,)))
    model = wl.upload_model(unique("tls"), file)
    pipeline = wl.build_pipeline(unique("tls")).add_model_step(model)
    pipeline.deploy()
    try:
        answer = pipeline.infer(pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]}))
        assert answer["out.result"][0] == [1.0, 2.0, 3.0]
        # Larger than what fits into one record, in both directions.
        rows = np.arange(300_000, dtype=np.float32).reshape(-1, 3)
        large = pipeline.infer(pd.DataFrame({"tensor": list(rows)}))
        assert np.array_equal(np.stack(large["out.result"].to_list()).astype(np.float32), rows)
        # Engines deliver their logs all the same.
        wait_until(lambda: len(pipeline.logs(limit=3)) == 3, what="log rows")
    finally:
        pipeline.undeploy()
    token = server.command("token", "create", "ann@example.com", "--name", "curl")
    command = ["curl", "-sS", "--cacert", certificate, "-H", f"Authorization: Bearer {token}", "-d", "{}"]
    done = subprocess.run(
        [*command, f"{url}/v1/api/workspaces/list"], capture_output=True, text=True, timeout=60
    )
    assert json.loads(done.stdout)["workspaces"], done.stderr
    stranger = subprocess.run(["curl", "-sS", url], capture_output=True, text=True, timeout=60)
    assert stranger.returncode == 60  # the certificate is checked


def test_old_versions_and_plain_requests_get_nothing(secure):
    server, certificate = secure
    context = ssl.create_default_context(cafile=certificate)
    plain = socket.create_connection(("127.0.0.1", server.port))
    with context.wrap_socket(plain, server_hostname="localhost") as stream:
        assert stream.version() == "TLSv1.3"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", server.port)) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.request("GET", "/healthz")
        connection.getresponse()
    # One that never finishes its handshake holds up nobody.
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.send(b"\x16\x03\x01")
        fine = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=30)
        fine.request("GET", "/healthz")
        assert fine.getresponse().read() == b"ok"
        fine.close()


def test_links_and_cookies_say_https(secure):
    server, certificate = secure
    context = ssl.create_default_context(cafile=certificate)
    connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=30)
    connection.request("GET", "/auth/account")
    answer = connection.getresponse()
    assert "; Secure" in answer.headers["set-cookie"]
    answer.read()
    connection.request("GET", "/auth/realms/master/.well-known/openid-configuration")
    issuer = json.loads(connection.getresponse().read())["issuer"]
    assert issuer == f"https://localhost:{server.port}/auth/realms/master"
    connection.close()
    assert f"listens on https://127.0.0.1:{server.port} " in server.log.read_text()


def test_bad_certificates_are_told(tmp_path):
    certificate, key = certificates.make(tmp_path)
    other, other_key = certificates.make(tmp_path, "other")
    text = tmp_path / "text.pem"
    text.write_text("hello")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked], check=True
    )
    cases = [
        (certificate, other_key, "is not the one of the certificate"),
        (text, key, "is no PEM certificate"),
        (certificate, text, "is no PEM key"),
        (certificate, locked, "without passphrase"),
        (tmp_path / "missing", key, "cannot be read: No such file"),
        (certificate, None, "needs its key"),
    ]
    for number, (first, second, reason) in enumerate(cases):
        arguments = ["--tls-cert", str(first)] + (["--tls-key", str(second)] if second else [])
        with pytest.raises(RuntimeError, match="ended with 1") as caught:
            Joey(tmp_path / f"data{number}", arguments, auth="builtin").start()
        assert reason in str(caught.value)


@pytest.fixture
def on_all_addresses(tmp_path):
    """Starts servers that listen everywhere."""
    servers = []

    def make(*arguments):
        server = Joey(tmp_path / f"everywhere{len(servers)}", arguments, auth="builtin")
        server.address = "0.0.0.0:0"
        servers.append(server)
        return server.start()

    yield make
    assert [line for server in servers for line in server.close()] == []


def test_other_addresses_answer_for_known_names_only(on_all_addresses, tmp_path):
    certificate, key = certificates.make(tmp_path)
    tls = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    server = on_all_addresses(*tls, "--public-url", "https://joey.example.com:8443")
    context = ssl.create_default_context(cafile=certificate)
    for host, status in (("joey.example.com", 200), ("joey.example.com:8443", 200), ("evil.example", 403)):
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=30)
        connection.request("GET", "/healthz", headers={"Host": host})
        assert connection.getresponse().status == status, host
        connection.close()
    assert "https://joey.example.com:8443/auth/setup?code=" in server.log.read_text()


def test_behind_a_proxy(on_all_addresses):
    server = on_all_addresses("--behind-proxy", "--allowed-host", "a.example")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Host": "a.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 10.1.1.1"}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    path = "/auth/realms/master/protocol/openid-connect/auth/device"
    connection.request("POST", path, b"client_id=sdk-client", headers)
    device = json.loads(connection.getresponse().read())
    assert device["verification_uri"] == "https://a.example/auth/realms/master/device"
    connection.close()

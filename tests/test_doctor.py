"""`joey doctor` on a sound installation and on broken ones."""

import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess

import pytest
from harness import binary


def doctor(data, *arguments, environment=None, files=None):
    """Exit status and findings, by what they are about."""

    def limit():
        if files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    listen = [] if "--listen" in arguments else ["--listen", "127.0.0.1:0"]
    done = subprocess.run(
        [binary(), "doctor", "--json", "--data", data, *listen, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ, **(environment or {})),
        preexec_fn=limit,
    )
    document = json.loads(done.stdout)
    assert document["ok"] == (done.returncode == 0)
    found = {check["about"]: check for check in document["checks"]}
    for check in document["checks"]:
        assert check["level"] in ("ok", "warning", "problem")
        assert (check["hint"] == "") == (check["level"] == "ok"), check
    return done.returncode, found


def test_a_new_installation_is_sound(tmp_path):
    status, found = doctor(tmp_path / "data")
    assert status == 0, found
    assert found["data directory"]["level"] == "ok" and "first start" in found["data directory"]["message"]
    for about in ("disk space", "metadata", "port", "isolation", "control groups", "open files", "clock"):
        assert about in found
    assert found["worker Python"]["level"] == "ok"
    assert "TensorFlow" in found
    assert not (tmp_path / "data").exists()

    done = subprocess.run([binary(), "doctor", "--data", tmp_path / "data"], capture_output=True, text=True)
    assert "worker Python" in done.stdout and not done.stdout.startswith("{")


def test_a_running_server_and_one_that_hangs(joey):
    environment = {"JOEY_METADATA": joey.environment.get("JOEY_METADATA", "")}
    status, found = doctor(joey.data, environment=environment)
    assert status == 0, found
    assert joey.address in found["running server"]["message"]
    assert "schema" in found["metadata"]["message"]
    assert "port" not in found
    os.kill(joey.pid, signal.SIGSTOP)
    try:
        status, found = doctor(joey.data, environment=environment)
    finally:
        os.kill(joey.pid, signal.SIGCONT)
    assert status == 1
    assert found["running server"]["level"] == "problem"
    assert str(joey.pid) in found["running server"]["message"]


def test_directory(tmp_path):
    data = tmp_path / "data"
    data.write_text("a file")
    status, found = doctor(data)
    assert status == 1 and "not a directory" in found["data directory"]["message"]
    data.unlink()
    data.mkdir(mode=0o755)
    status, found = doctor(data)
    assert status == 0 and found["data directory"]["level"] == "warning"
    assert "chmod 700" in found["data directory"]["hint"]


def test_port_in_use(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        status, found = doctor(tmp_path, "--listen", address)
    assert status == 1 and address in found["port"]["message"]
    assert "--listen" in found["port"]["hint"]
    status, found = doctor(tmp_path, "--listen", "nonsense")
    assert status == 1 and found["port"]["level"] == "problem"


@pytest.mark.parametrize("damage", ["newer", "no database"])
def test_sqlite(tmp_path, damage):
    file = tmp_path / "joey.db"
    if damage == "newer":
        with sqlite3.connect(file) as database:
            database.execute("PRAGMA user_version = 999")
        database.close()
    else:
        file.write_bytes(b"x" * 8192)
    status, found = doctor(tmp_path)
    assert status == 1 and found["metadata"]["level"] == "problem"
    assert ("newer joey" if damage == "newer" else "not a database") in found["metadata"]["message"]


def test_postgresql(tmp_path, postgresql):
    url = postgresql.create_database("doctor")
    status, found = doctor(tmp_path, environment={"JOEY_METADATA": url})
    assert status == 0 and found["metadata"]["level"] == "ok"
    away = "postgresql://joey:secret@127.0.0.1:1/joey"
    status, found = doctor(tmp_path, "--metadata", away)
    assert status == 1 and "cannot be reached" in found["metadata"]["message"]
    assert "secret" not in json.dumps(found)


def test_too_few_files(tmp_path):
    status, found = doctor(tmp_path, files=100)
    assert status == 1 and found["open files"]["level"] == "problem"
    assert "ulimit" in found["open files"]["hint"]


def test_python_that_cannot_run_workers(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'ModuleNotFoundError: no numpy' >&2\nexit 1\n")
    python.chmod(0o755)
    status, found = doctor(tmp_path, environment={"JOEY_PYTHON": str(python)})
    assert status == 1 and "no numpy" in found["worker Python"]["message"]
    status, found = doctor(tmp_path, environment={"JOEY_PYTHON": "/nonexistent/python"})
    assert status == 1 and "JOEY_PYTHON" in found["worker Python"]["hint"]

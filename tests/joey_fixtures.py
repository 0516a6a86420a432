"""Fixtures of all flow tests. Each test that needs a server asks for one of these:

api            the REST API of a server that all tests of this process share
joey_url       the URL of that server
wl             a client of check_joey, in a workspace of the test's own
check_joey     a server that writes check_failures, as the older recordings have it
undeployed     a list: pipelines put in it are undeployed after the test
deploy         deploy(pipeline) on little CPU and memory, undeployed after the test
joey           a server of the test's own, which it may stop and kill
identity       a server with users (tests/identity.py)
joey_factory   several of them, with options: joey_factory("--check-column", "check_failures")
postgresql     a PostgreSQL server of the tests' own, for tests that are about it
cases          the folder of the shared cases; the test is skipped where there is none
heavy          heavy("keras"): the interpreter of a large Python environment, or the test is skipped
tensorflow     the folder of the TensorFlow plug-in, installed into the cache (280 MB, once); without it and
               with JOEY_OFFLINE=1 the test is skipped

With JOEY_TEST_METADATA=postgresql every server keeps its metadata in a PostgreSQL database of its own.
"""

import os
import pathlib
import subprocess

import pytest
import wallaroo
import with_postgresql
from harness import MEMORY, ROOT, Api, Joey, binary, python_of, unique
from identity import Identity

SMALL = wallaroo.DeploymentConfigBuilder().cpus(0.25).memory(MEMORY).build()


def _need_binary():
    if not binary().exists():
        pytest.fail(f"{binary()} is missing: run `make build`, or set JOEY_BIN", pytrace=False)


def _close(server):
    left = server.close()
    if left:
        pytest.fail("left running:\n" + "\n".join(left), pytrace=False)


@pytest.fixture(scope="session")
def postgresql():
    server = with_postgresql.Server()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="session")
def new_metadata(request):
    """A function that makes a metadata store; the environment of the server that uses it."""
    if not os.environ.get("JOEY_TEST_METADATA", "").startswith("postgresql"):
        return dict
    postgresql = request.getfixturevalue("postgresql")
    return lambda: {"JOEY_METADATA": postgresql.create_database(unique("joey"))}


@pytest.fixture(scope="session")
def shared_joey(tmp_path_factory, new_metadata):
    _need_binary()
    server = Joey(tmp_path_factory.mktemp("joey") / "data", environment=new_metadata())
    server.start()
    yield server
    _close(server)


@pytest.fixture(scope="session")
def joey_url(shared_joey):
    return shared_joey.url


@pytest.fixture(scope="session")
def check_joey(tmp_path_factory, new_metadata):
    _need_binary()
    arguments = ["--check-column", "check_failures"]
    server = Joey(tmp_path_factory.mktemp("check") / "data", arguments, new_metadata())
    server.start()
    yield server
    _close(server)


@pytest.fixture
def undeployed():
    """Pipelines put in here are undeployed after the test."""
    pipelines = []
    yield pipelines
    for pipeline in pipelines:
        pipeline.undeploy()


@pytest.fixture
def deploy(undeployed):
    def start(pipeline):
        undeployed.append(pipeline)
        return pipeline.deploy(deployment_config=SMALL)

    return start


@pytest.fixture
def api(joey_url):
    client = Api(joey_url)
    yield client
    client.close()


@pytest.fixture
def joey_factory(tmp_path, new_metadata):
    _need_binary()
    servers = []

    def make(*arguments, environment=None, auth="none"):
        environment = {**new_metadata(), **(environment or {})}
        server = Joey(tmp_path / f"data{len(servers)}", arguments, environment, auth)
        servers.append(server)
        return server.start()

    yield make
    left = [line for server in servers for line in server.close()]
    if left:
        pytest.fail("left running:\n" + "\n".join(left), pytrace=False)


@pytest.fixture
def joey(joey_factory):
    return joey_factory()


@pytest.fixture
def identity(joey_factory):
    return Identity(joey_factory(auth="builtin"))


@pytest.fixture(scope="session")
def cases():
    folder = pathlib.Path(os.environ.get("JOEY_CASES", ROOT.parent / "shared" / "cases"))
    if not folder.is_dir():
        pytest.skip(f"the shared cases are not at {folder}; JOEY_CASES names another place")
    return folder


@pytest.fixture(scope="session")
def heavy():
    """heavy("keras"): its interpreter; skips where that environment is not installed, unless JOEY_HEAVY=1."""
    _need_binary()

    def need(lock):
        done = subprocess.run([binary(), "env", "list"], capture_output=True, text=True, check=True)
        there = any(line.startswith(f"{lock}-") for line in done.stdout.splitlines())
        if not there and os.environ.get("JOEY_HEAVY") != "1":
            pytest.skip(f"the environment {lock} is not installed: `make test-heavy` does that")
        return python_of(lock)

    return need


@pytest.fixture(scope="session")
def tensorflow():
    _need_binary()
    command = [binary(), "plugin", "install", "tensorflow"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=290)
    if done.returncode != 0 and os.environ.get("JOEY_OFFLINE") == "1":
        pytest.skip("TensorFlow is not installed and JOEY_OFFLINE=1")
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.rpartition(" in ")[2].strip())


@pytest.fixture
def wl(check_joey):
    """A client of check_joey in a workspace of the test's own; modules about other servers have another."""
    client = wallaroo.Client(check_joey.url, interactive=False)
    client.set_current_workspace(client.create_workspace(unique("case")))
    return client

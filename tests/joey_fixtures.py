"""Fixtures of all flow tests. Each test that needs a server asks for one of these:

api            the REST API of a server that all tests of this process share
joey_url       the URL of that server
check_joey     a server that writes check_failures, as the older recordings have it
undeployed     a list: pipelines put in it are undeployed after the test
deploy         deploy(pipeline) on little CPU and memory, undeployed after the test
joey           a server of the test's own, which it may stop and kill
joey_factory   several of them, with options: joey_factory("--check-column", "check_failures")
cases          the folder of the shared cases; the test is skipped where there is none
tensorflow     the folder of the TensorFlow plug-in, installed into the cache (280 MB, once); without it and
               with JOEY_OFFLINE=1 the test is skipped
"""

import os
import pathlib
import subprocess

import pytest
import wallaroo
from harness import MEMORY, ROOT, Api, Joey, binary

SMALL = wallaroo.DeploymentConfigBuilder().cpus(0.25).memory(MEMORY).build()


def _need_binary():
    if not binary().exists():
        pytest.fail(f"{binary()} is missing: run `make build`, or set JOEY_BIN", pytrace=False)


def _close(server):
    left = server.close()
    if left:
        pytest.fail("left running:\n" + "\n".join(left), pytrace=False)


@pytest.fixture(scope="session")
def shared_joey(tmp_path_factory):
    _need_binary()
    server = Joey(tmp_path_factory.mktemp("joey") / "data")
    server.start()
    yield server
    _close(server)


@pytest.fixture(scope="session")
def joey_url(shared_joey):
    return shared_joey.url


@pytest.fixture(scope="session")
def check_joey(tmp_path_factory):
    _need_binary()
    server = Joey(tmp_path_factory.mktemp("check") / "data", ["--check-column", "check_failures"])
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
def joey_factory(tmp_path):
    _need_binary()
    servers = []

    def make(*arguments, environment=None, auth="none"):
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


@pytest.fixture(scope="session")
def cases():
    folder = pathlib.Path(os.environ.get("JOEY_CASES", ROOT.parent / "shared" / "cases"))
    if not folder.is_dir():
        pytest.skip(f"the shared cases are not at {folder}; JOEY_CASES names another place")
    return folder


@pytest.fixture(scope="session")
def tensorflow():
    _need_binary()
    command = [binary(), "plugin", "install", "tensorflow"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=290)
    if done.returncode != 0 and os.environ.get("JOEY_OFFLINE") == "1":
        pytest.skip("TensorFlow is not installed and JOEY_OFFLINE=1")
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.rpartition(" in ")[2].strip())

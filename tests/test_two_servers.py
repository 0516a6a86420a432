"""Two `joey serve` on one PostgreSQL and one data directory: both answer, one leads, the other takes over."""

import signal
import threading

import httpx
import models
import pytest
from harness import RECORDS, Api, Joey, unique, wait_until

DOUBLE = models.scale(2, 3)


@pytest.fixture
def pair(tmp_path, postgresql):
    """A function that starts a further server of the same installation."""
    metadata = {"JOEY_METADATA": postgresql.create_database(unique("pair"))}
    servers = []

    def make():
        server = Joey(tmp_path / "data", environment=metadata)
        server.log = tmp_path / f"{len(servers)}.log"
        server.ready = tmp_path / f"{len(servers)}.ready"
        servers.append(server)
        return server.start()

    yield make
    # All at once: one that stands by would take over from a leader that ends before it.
    for server in servers:
        if server.process is not None and server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
    for server in servers:
        if server.process is not None:
            server.process.wait(timeout=60)
    assert not [line for server in servers for line in server.close()]


def infer(url, deployment):
    response = httpx.post(
        url + deployment.path, json=[{"tensor": [1, 2, 3]}], headers={"Content-Type": RECORDS}, timeout=60
    )
    return response.status_code, response.json()


def test_the_other_takes_over(pair):
    leader, standby = pair(), pair()
    assert leader.port != standby.port
    one, two = Api(leader.url), Api(standby.url)

    # Made on either, seen on both.
    deployment = one.deploy("first", DOUBLE)
    two.upload("second", DOUBLE)
    workspace = {"workspace_id": one.workspace()}
    for api in (one, two):
        assert {m["name"] for m in api.post("/v1/api/models/list", workspace)["models"]} == {
            "first",
            "second",
        }
    for server in (leader, standby):
        assert infer(server.url, deployment)[0] == 200
    assert len(deployment.logs(2)) == 2
    engines = leader.engines()
    assert len(engines) == 1

    leader.kill()
    # Whoever comes now waits until the other leads, and is answered by the same engine.
    status, answer = infer(standby.url, deployment)
    assert status == 200, answer
    assert standby.engines() == engines
    two.close()
    two = Api(standby.url)
    deployment.api = two
    assert len(deployment.logs(3)) == 3
    assert two.deploy("third", DOUBLE).infer([{"tensor": [1, 1, 1]}])

    # The first comes back and stands by.
    leader.start()
    assert infer(leader.url, deployment)[0] == 200
    assert leader.engines() and set(engines) <= set(leader.engines())
    one.close()
    two.close()


def test_what_waits_during_a_takeover_is_answered(pair):
    leader, standby = pair(), pair()
    api = Api(leader.url)
    deployment = api.deploy("steady", DOUBLE)
    api.close()
    answers = []
    stop = threading.Event()

    def client():
        while not stop.is_set():
            try:
                answers.append(infer(standby.url, deployment)[0])
            except httpx.TransportError:
                answers.append("cut")  # what was under way when the leader was killed

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answers) > 20, what="inferences before")
    leader.kill()
    before = len(answers)
    wait_until(lambda: answers[before:].count(200) > 20, what="inferences after")
    stop.set()
    for thread in threads:
        thread.join()
    # At most the one that each client had under way.
    assert len([answer for answer in answers if answer != 200]) <= len(threads)


def test_of_two_that_stand_by_one_takes_over(pair):
    leader, second, third = pair(), pair(), pair()
    api = Api(leader.url)
    deployment = api.deploy("once", DOUBLE)
    api.close()
    leader.kill()
    for server in (second, third):
        assert infer(server.url, deployment)[0] == 200
    assert len(second.engines()) == 1
    # One that stands by ends without a trace.
    assert second.process.poll() is None and third.process.poll() is None


def test_a_database_of_other_data_is_refused(tmp_path, postgresql):
    metadata = {"JOEY_METADATA": postgresql.create_database(unique("foreign"))}
    first = Joey(tmp_path / "data", environment=metadata).start()
    api = Api(first.url)
    api.upload("model", DOUBLE)
    api.close()
    first.stop()
    second = Joey(tmp_path / "other", environment=metadata)
    with pytest.raises(RuntimeError, match="does not belong to the data directory"):
        second.start()
    # Neither does a new database to a directory with models.
    first.environment["JOEY_METADATA"] = postgresql.create_database(unique("foreign"))
    with pytest.raises(RuntimeError, match="does not belong to the data directory"):
        first.start()

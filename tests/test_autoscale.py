"""Deployments whose number of engines follows the load, down to none and back. Real engines, real CPU use."""

import json
import re
import threading

import models
import numpy as np
import pytest
from harness import Api, Deployment, unique, wait_until

ROW = [{"tensor": [1, 2, 3]}]
PACE = ["--scale-up-seconds", "0.5", "--scale-down-seconds", "2"]


@pytest.fixture
def quick(joey_factory):
    """A server whose deployments follow the load quickly."""
    return joey_factory(*PACE)


@pytest.fixture
def api(quick):
    client = Api(quick.url)
    yield client
    client.close()


def deploy(api, name, model, minimum, maximum, cpus=0.25, **arguments):
    version = api.upload(name, model)
    scale = {"replica_min": minimum, "replica_max": maximum, "type": "cpu", "cpu_utilization": 50}
    return api.deploy_versions(name, [version], [], autoscale=scale, cpus=cpus, **arguments)


def engines(deployment, number, load=None):
    def there():
        if load is not None:
            assert not load.problems, load.problems[0]
        return len(deployment.status()["engines"]) == number

    wait_until(there, what=f"{number} engines")


class Load:
    """Clients that send one row after the other and note every answer that is not the right one."""

    def __init__(self, deployment, row, right, clients=2):
        self.url = str(deployment.api.http.base_url)
        self.deployment = deployment
        self.row, self.right = row, right
        self.answered = 0
        self.problems = []
        self.enough = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.enough.set()
        for thread in self.threads:
            thread.join()
        assert not self.problems, self.problems[0]

    def _run(self):
        api = Api(self.url)
        mine = self.deployment
        mine = Deployment(api, mine.pipeline, mine.version, mine.id, mine.name)
        while not self.enough.is_set():
            try:
                response = mine.post(self.row)
                if response.status_code != 200:
                    self.problems.append(f"{response.status_code} {response.text}")
                elif not self.right(response.json()):
                    self.problems.append(f"wrong: {response.text[:300]}")
            except Exception as error:  # a test's thread must not end unseen
                self.problems.append(repr(error))
            self.answered += 1
        api.close()


def is_double(answer):
    return answer[0]["out.result"] == [2, 4, 6]


def test_to_zero_and_back(quick, api):
    deployment = deploy(api, unique("sleeper"), models.scale(2, 3), 0, 2)
    assert is_double(deployment.infer(ROW))
    engines(deployment, 0)
    wait_until(lambda: not quick.engines(), what="the end of the engine")
    status = deployment.status()
    assert status["status"] == "Running"
    assert status["details"] == ["autoscale: 0 of 0 to 2 replicas; the next request starts one"]

    # Many at once: all are held until the one engine that they start is there.
    answers = []

    def ask():
        answers.append(deployment.post(ROW))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 20
    assert all(is_double(answer.json()) for answer in answers)
    # What the engine that ended had answered stands in the log, too.
    assert len(deployment.logs(rows=21)) == 21
    deployment.undeploy()


def test_a_sleeping_deployment_is_redeployed_and_survives_a_kill(quick, api):
    name = unique("sleeper")
    deployment = deploy(api, name, models.scale(2, 3), 0, 1)
    engines(deployment, 0)
    quick.kill()
    quick.start()
    # Nobody knows how long it will be quiet: it starts awake, as any deployment.
    assert is_double(deployment.infer(ROW))
    engines(deployment, 0)
    deploy(api, name, models.scale(3, 3), 0, 1)
    assert deployment.infer(ROW)[0]["out.result"] == [3, 6, 9]
    engines(deployment, 0)
    assert deployment.infer(ROW)[0]["out.result"] == [3, 6, 9]
    deployment.undeploy()
    wait_until(lambda: not quick.engines(), what="the end of all engines")


def test_load_brings_engines_and_their_end_loses_no_request(quick, api):
    # Of a tenth of a CPU one engine cannot answer this as often as it is asked.
    slow = models.mlp(width=400, hidden=(1500, 1500))
    row = [{"tensor": np.linspace(-1, 1, 400).tolist()}]
    deployment = deploy(api, unique("busy"), slow, 1, 3, cpus=0.1, memory="512Mi")
    (expected,) = deployment.infer(row)

    def right(answer):
        return np.allclose(answer[0]["out.dense_1"], expected["out.dense_1"])

    load = Load(deployment, row, right)
    try:
        engines(deployment, 3, load)
        text = wait_until(
            lambda: re.search(
                r"autoscale: 3 of 1 to 3 replicas, (\d+) % CPU, target 50 % CPU",
                json.dumps(deployment.status()["details"]),
            ),
            what="the CPU use in the status",
        )
        assert 0 < int(text[1]) < 250
    finally:
        load.stop()
    # Some requests still come while the engines end, too few to keep them.
    few = Load(deployment, row, right, clients=1)
    few.stop()
    engines(deployment, 1)
    assert right(deployment.infer(row))
    deployment.undeploy()


def test_an_engine_that_does_not_start_refuses_held_requests(quick, api):
    deployment = deploy(api, unique("lost"), models.scale(2, 3), 0, 1)
    engines(deployment, 0)
    wait_until(lambda: not quick.engines(), what="the end of the engine")
    for file in (quick.data / "models").rglob("*"):
        if file.is_file():
            file.unlink()
    response = deployment.post(ROW)
    assert response.status_code == 503
    (document,) = response.json()
    assert document["hint"]
    status = wait_until(lambda: (s := deployment.status())["status"] == "Error" and s, what="the error")
    assert status["engines"][0]["reason"]
    deployment.undeploy()


def test_a_maximum_beyond_the_machine_is_said(api):
    deployment = deploy(api, unique("large"), models.scale(2, 3), 1, 256, cpus=0.5)
    assert "replicas, this machine has" in json.dumps(deployment.status()["details"])
    deployment.undeploy()

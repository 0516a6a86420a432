"""A pipeline is deployed anew again and again while clients use it: no request fails, and each is
answered by a version that was deployed while it was under way (guide L6909-6955, L7113-7128).

The clients speak HTTP and send nothing twice, so no failure can hide.
"""

import http.client
import itertools
import json
import threading
import urllib.parse

import harness
import models
import pytest
import wallaroo
from harness import RECORDS, wait_until

pytestmark = pytest.mark.xdist_group("shared-joey")

CLIENTS = 4
ROUNDS = 2
QUERY = "?dataset[]=*&dataset.separator=."
BASIC = {"time", "in.tensor", "in.key", "out.result", "anomaly.count"}
FACTORS = {"a": 2.0, "b": 3.0, "c": 5.0}


class Version:
    """What one version answers: by which model, and with which challengers beside it."""

    def __init__(self, build, models, shadows=(), split=False):
        self.build = build
        self.models = models
        self.columns = BASIC | ({"out._model_split"} if split else set())
        self.beside = {f"out_{name}.result": name for name in shadows}

    def made(self, record):
        # A challenger that is late stands in no answer.
        if not self.columns <= set(record) <= self.columns | set(self.beside):
            return False
        tensor = record["in.tensor"]
        served = self.models
        if "out._model_split" in record:
            served = {json.loads(record["out._model_split"][0])["name"]} & set(self.models)
        beside = [(column, name) for column, name in self.beside.items() if column in record]
        return any(record["out.result"] == scaled(tensor, name) for name in served) and all(
            record[column] == scaled(tensor, name) for column, name in beside
        )


def scaled(tensor, name):
    return [FACTORS[name] * x for x in tensor]


class Clients:
    """Send single rows without pause and check every answer."""

    def __init__(self, url, versions):
        parts = urllib.parse.urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.path = parts.path + QUERY
        self.versions = versions
        self.begun = self.ready = 0  # versions whose deploy() began, and whose deploy() returned
        self.numbers = itertools.count(1)
        self.answered = [0] * CLIENTS
        self.problems = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def _run(self, client):
        try:
            connection = http.client.HTTPConnection(*self.address, timeout=30)
            while not self.stopped.is_set() and not self.problems:
                self._one(connection, client)
            connection.close()
        except Exception as error:  # a test's thread must not end unseen
            self.problems.append(repr(error))

    def _one(self, connection, client):
        first = self.ready
        number = next(self.numbers) % 10**6
        row = {"tensor": [number, 1, 2], "key": f"k{number}"}
        connection.request("POST", self.path, json.dumps([row]), {"Content-Type": RECORDS})
        answer = connection.getresponse()
        body = answer.read()
        possible = self.versions[first : self.begun + 1]
        if answer.status != 200:
            self.problems.append(f"{answer.status} {body[:300]}")
            return
        (record,) = json.loads(body)
        right_row = record["in.tensor"] == row["tensor"] and record["in.key"] == row["key"]
        if not right_row or not any(version.made(record) for version in possible):
            self.problems.append(f"versions {first} to {self.begun}: {row} answered by {record}")
        self.answered[client] += 1


@pytest.mark.slow
def test_hot_swap_under_load(api, joey_url, tmp_path):
    wl = wallaroo.Client(joey_url, interactive=False)
    wl.set_current_workspace(wl.create_workspace(harness.unique("swap")))
    uploaded = {}
    for name, factor in FACTORS.items():
        file = tmp_path / f"{name}.onnx"
        file.write_bytes(models.scale(factor, 3))
        uploaded[name] = wl.upload_model(name, file)
    a, b, c = uploaded.values()
    pipeline = wl.build_pipeline("swap")
    small = wallaroo.DeploymentConfigBuilder().cpus(0.25).memory(harness.MEMORY)
    two = wallaroo.DeploymentConfigBuilder().cpus(0.25).memory(harness.MEMORY).replica_count(2).build()

    kinds = [
        Version(lambda p: p.clear().add_model_step(a), "a"),
        Version(lambda p: p.replace_with_model_step(0, b), "b"),
        Version(lambda p: p.replace_with_random_split(0, [(1, a), (1, c)]), "ac", split=True),
        Version(lambda p: p.replace_with_random_split(0, [(1, b), (2, c)], "key"), "bc", split=True),
        Version(lambda p: p.replace_with_shadow_deploy(0, c, [a, b]), "c", "ab"),
        Version(lambda p: p.replace_with_model_step(0, b), "b"),
    ]
    versions = kinds * ROUNDS
    versions[0].build(pipeline).deploy(deployment_config=small.build())
    clients = Clients(pipeline.url(), versions)
    try:
        for i, version in enumerate(versions[1:], 1):
            so_far = list(clients.answered)
            wait_until(
                lambda before=so_far: (
                    clients.problems or all(now > then + 2 for now, then in zip(clients.answered, before))
                ),
                what="answers of the version before",
            )
            clients.begun = i
            config = two if i % 3 == 0 else small.build()
            version.build(pipeline).deploy(deployment_config=config)
            clients.ready = i
            assert not clients.problems
    finally:
        clients.stop()
        pipeline.undeploy()
    assert clients.problems == []
    assert len(pipeline.versions()) == 1 + len(versions)

    # Engines that ended have handed over the log of all they answered.
    topic = api.post("/v1/api/plateau/get_topic_name", {"pipeline_pk_id": pipeline.id()})
    answer = api.http.get(f"/v1/logs/topic/{topic['topic_name']}")
    assert answer.json()["partitions"]["log"]["end"] == sum(clients.answered)

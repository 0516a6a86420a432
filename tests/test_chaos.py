"""Engines and `joey serve` are killed under load: answers stay right and no acknowledged row is lost."""

import collections
import http.client
import itertools
import json
import os
import signal
import threading
import time

import models
import pyarrow as pa
from harness import ARROW, RECORDS, Api, unique, wait_until

REQUESTS = 10_000
CLIENTS = 6
QUERY = "?dataset[]=*&dataset.separator=."
KINDS = [(RECORDS, 1), (RECORDS, 5), (ARROW, 1), (ARROW, 20)]


def arrow_body(rows):
    schema = pa.schema([pa.field("tensor", pa.list_(pa.float32()))])
    table = pa.table({"tensor": pa.array(rows, pa.list_(pa.float32()))}, schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def answered_rows(kind, body):
    if kind == ARROW:
        table = pa.ipc.open_file(pa.py_buffer(body)).read_all()
        return table["in.tensor"].to_pylist(), table["out.result"].to_pylist()
    records = json.loads(body)
    return [r["in.tensor"] for r in records], [r["out.result"] for r in records]


class Load:
    """Clients that send again, as a new attempt, what was refused or broken off.

    Each attempt has its own number, the first value of each of its rows: the log tells them apart.
    """

    def __init__(self, port, path):
        self.port = port
        self.path = path + QUERY
        self.requests = iter(range(REQUESTS))
        self.attempts = itertools.count(1)
        self.lock = threading.Lock()
        self.acknowledged = {}  # attempt → rows
        self.refused = collections.Counter()
        self.wrong = []
        self.threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def join(self):
        for thread in self.threads:
            thread.join()

    def _client(self):
        connection = None
        while True:
            with self.lock:
                number = next(self.requests, None)
            if number is None or self.wrong:
                break
            try:
                connection = self._until_answered(connection, number)
            except Exception as error:  # a test's thread must not end unseen
                self.wrong.append(repr(error))
        if connection is not None:
            connection.close()

    def _until_answered(self, connection, number):
        kind, count = KINDS[number % len(KINDS)]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with self.lock:
                attempt = next(self.attempts)
            rows = [[float(attempt), float(row), 7.0] for row in range(count)]
            body = arrow_body(rows) if kind == ARROW else json.dumps([{"tensor": row} for row in rows])
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                connection.request("POST", self.path, body, {"Content-Type": kind, "Accept": kind})
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None
                self._refuse("connection")
                continue
            if response.status == 200:
                self._check(attempt, rows, kind, answer)
                return connection
            (document,) = json.loads(answer)
            if response.status != 503 or not document["msg"] or not document["hint"]:
                self.wrong.append(f"{response.status} {answer[:500]!r}")
                return connection
            self._refuse("503")
        self.wrong.append(f"request {number} was not answered within a minute")
        return connection

    def _refuse(self, how):
        with self.lock:
            self.refused[how] += 1
        time.sleep(0.02)  # the pause of a polite client, nothing waits for it

    def _check(self, attempt, rows, kind, answer):
        inputs, outputs = answered_rows(kind, answer)
        if inputs != rows or outputs != [[2 * value for value in row] for row in rows]:
            self.wrong.append(f"attempt {attempt}: {inputs} {outputs}")
        with self.lock:
            self.acknowledged[attempt] = len(rows)


def test_kills_under_load_lose_nothing(joey):
    api = Api(joey.url)
    deployment = api.deploy(unique("chaos"), models.scale(2, 3), replicas=2, cpus=0.5)
    load = Load(joey.port, deployment.path)

    def reached(part):
        wait_until(
            lambda: load.wrong or len(load.acknowledged) >= REQUESTS * part,
            what=f"{part:.0%} of the requests",
        )
        assert not load.wrong, load.wrong[:3]

    def kill_an_engine():
        before = joey.engines()
        os.kill(before[0], signal.SIGKILL)
        wait_until(
            lambda: len(engines := joey.engines()) == 2 and before[0] not in engines,
            what="the successor of the killed engine",
        )

    load.start()
    try:
        reached(0.2)
        kill_an_engine()
        reached(0.45)
        engines = set(joey.engines())
        joey.kill()
        joey.start()
        assert set(joey.engines()) == engines  # taken over, not started anew
        reached(0.7)
        kill_an_engine()
    finally:
        load.join()
    assert not load.wrong, load.wrong[:3]
    assert len(load.acknowledged) == REQUESTS
    # Something was in the way, else nothing was tested.
    assert load.refused["connection"] > 0

    expected = sum(load.acknowledged.values())
    topic = api.post("/v1/api/plateau/get_topic_name", {"pipeline_pk_id": deployment.pipeline})["topic_name"]
    logged = collections.Counter()

    def complete():
        logged.clear()
        for record in api.records(topic):
            values = record["in.tensor"]
            assert record["out.result"] == [2 * value for value in values]
            logged[(int(values[0]), int(values[1]))] += 1
        return sum(logged[(a, row)] > 0 for a, n in load.acknowledged.items() for row in range(n)) == expected

    wait_until(complete, what="every acknowledged row in the log")
    assert [key for key, times in logged.items() if times > 1] == []

    deployment.undeploy()
    wait_until(lambda: joey.engines() == [], what="the end of all engines")
    api.close()

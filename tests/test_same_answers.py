"""An answer depends on its row alone: not on batch, encoding, order, replica, or who else is asking."""

import concurrent.futures
import io
import json
import pathlib
import random

import httpx
import models
import numpy as np
import pyarrow as pa
import pytest
from harness import ARROW, RECORDS, Api

ROWS = 120
# Batch sizes change sums of float32 in their last bits; ccfraud-like networks stay within this.
TOLERANCE = 2e-6


@pytest.fixture(scope="module")
def shared_api(joey_url):
    api = Api(joey_url)
    yield api
    api.close()


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(5).standard_normal((ROWS, 29)).astype(np.float32)


@pytest.fixture(scope="module")
def fast(shared_api):
    deployment = shared_api.deploy("same-fast", models.mlp(), replicas=2)
    yield deployment
    deployment.undeploy()


@pytest.fixture(scope="module")
def slow(shared_api):
    """Slow enough for requests to wait for it: they are run together."""
    deployment = shared_api.deploy("same-slow", models.slow(loops=60, size=128), cpus=1)
    yield deployment
    deployment.undeploy()


@pytest.fixture(scope="module")
def alone(fast, rows):
    """Each row sent by itself, as JSON."""
    return np.array([as_json(fast, rows[i : i + 1])[0] for i in range(ROWS)])


def as_json(deployment, rows):
    records = deployment.infer([{"tensor": [float(value) for value in row]} for row in rows])
    return [np.float32(record["out.dense_1"][0]) for record in records]


def as_arrow(deployment, rows, fixed=True):
    values = pa.array(rows.ravel())
    if fixed:
        column = pa.FixedSizeListArray.from_arrays(values, 29)
    else:
        column = pa.ListArray.from_arrays(range(0, len(rows) * 29 + 1, 29), values)
    table = pa.table({"tensor": column})
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    response = deployment.post(sink.getvalue(), ARROW, ARROW)
    assert response.status_code == 200, response.text
    answer = pa.ipc.open_file(response.content).read_all()
    return [np.float32(value[0]) for value in answer["out.dense_1"].to_pylist()]


def test_single_rows_are_the_same_bits_in_every_encoding(fast, rows, alone):
    for i in range(0, ROWS, 7):
        one = rows[i : i + 1]
        assert as_arrow(fast, one)[0] == alone[i]
        assert as_arrow(fast, one, fixed=False)[0] == alone[i]
        assert as_json(fast, one)[0] == alone[i]  # perhaps from the other replica


@pytest.mark.parametrize("size", [2, 3, 16, 64, 65, ROWS])
def test_batches_give_what_single_rows_give(fast, rows, alone, size):
    for send in (as_json, as_arrow):
        got = [value for i in range(0, ROWS, size) for value in send(fast, rows[i : i + size])]
        np.testing.assert_allclose(got, alone, rtol=TOLERANCE)


def test_order_does_not_matter(fast, rows, alone):
    order = list(range(ROWS))
    random.Random(3).shuffle(order)
    got = as_arrow(fast, rows[order])
    np.testing.assert_allclose(got, alone[order], rtol=TOLERANCE)


def batched_requests(joey, model):
    """How many requests of that model shared a run, from its engines' metrics."""
    total = 0.0
    for pid in joey.engines():
        arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        ready = pathlib.Path(arguments[arguments.index("--ready-file") + 1])
        metrics = httpx.get(f"http://{ready.read_text().strip()}/metrics").text
        for line in metrics.splitlines():
            if line.startswith(f'joey_batched_requests_total{{model="{model}"}}'):
                total += float(line.split()[-1])
    return total


def test_requests_that_run_together_get_their_own_rows(slow, shared_joey):
    """models.slow gives its input back; 16 at a time wait for one slot."""

    def send(i):
        size = 1 + i % 3
        sent = [{"tensor": [float(1000 * i + j)]} for j in range(size)]
        response = slow.post(json.dumps(sent), RECORDS)
        assert response.status_code == 200, response.text
        return [record["out.result"] for record in response.json()] == [s["tensor"] for s in sent]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(send, range(96)))
    assert batched_requests(shared_joey, "same-slow") > 0

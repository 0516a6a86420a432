"""Compressed inference requests and answers, by an engine and through the gateway."""

import gzip
import json
import random

import harness
import httpx
import models
import numpy as np
import pyarrow as pa
import pytest
from harness import ARROW, RECORDS, Api, Engine, unique

WIDTH = 50


def zstd(data):
    return pa.compress(data, codec="zstd", asbytes=True)


ENCODERS = {"gzip": gzip.compress, "zstd": zstd}
DECODERS = {"gzip": gzip.decompress, "zstd": lambda data: zstd_expand(data)}


def zstd_expand(data):
    with pa.input_stream(pa.BufferReader(data), compression="zstd") as stream:
        return stream.read()


class Target:
    def __init__(self, url, path):
        self.http = httpx.Client(base_url=url, timeout=60)
        self.path = path

    def post(self, body, encoding, content_type=RECORDS, accept=RECORDS, accept_encoding="identity"):
        headers = [("Content-Type", content_type), ("Accept", accept), ("Accept-Encoding", accept_encoding)]
        encodings = [encoding] if isinstance(encoding, str) else encoding
        headers += [("Content-Encoding", one) for one in encodings]
        with self.http.stream("POST", self.path, content=body, headers=headers) as response:
            response.raw = b"".join(response.iter_raw())
        return response

    def refused(self, response, status, word):
        assert response.status_code == status, response.raw[:500]
        (error,) = json.loads(response.raw)
        assert word in error["msg"] and error["hint"], error
        good = self.http.post(self.path, json=rows(1), headers={"Content-Type": RECORDS})
        assert good.status_code == 200


def rows(count):
    values = np.random.default_rng(3).normal(size=(count, WIDTH)).round(4)
    return [{"tensor": row} for row in values.tolist()]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    model = models.scale(2, WIDTH)
    folder = tmp_path_factory.mktemp("engine")
    engine = Engine(folder, [model], ["tensor"], memory_bytes=256 << 20).start()
    yield Target(engine.url, engine.path)
    assert engine.stop() == 0, engine.log.read_text()


@pytest.fixture(scope="module")
def gateway(joey_url):
    api = Api(joey_url)
    deployment = api.deploy(unique("compressed"), models.scale(2, WIDTH), tensor_fields=["tensor"])
    yield Target(joey_url, deployment.path)
    deployment.undeploy()
    api.close()


@pytest.fixture(params=["engine", "gateway"])
def target(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("count", [1, 2000])
def test_records(target, encoding, count):
    records = rows(count)
    body = ENCODERS[encoding](json.dumps(records).encode())
    response = target.post(body, encoding)
    assert response.status_code == 200, response.raw[:500]
    assert "content-encoding" not in response.headers
    answer = json.loads(response.raw)
    assert [row["in"] for row in answer] == records
    assert answer[-1]["out"]["result"] == pytest.approx([2 * x for x in records[-1]["tensor"]])


@pytest.mark.parametrize("encoding", ENCODERS)
def test_arrow_in_and_out_both_compressed(target, encoding):
    values = np.ones((3000, WIDTH), np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), WIDTH)
    table = pa.table({"tensor": column})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    body = ENCODERS[encoding](sink.getvalue().to_pybytes())
    response = target.post(body, encoding, ARROW, ARROW, accept_encoding="gzip, zstd, br")
    assert response.status_code == 200, response.raw[:500]
    assert response.headers["content-encoding"] == encoding
    assert response.headers["vary"] == "Accept-Encoding"
    assert len(response.raw) < 100_000
    answer = pa.ipc.open_file(DECODERS[encoding](response.raw)).read_all()
    doubled = answer.column("out").combine_chunks().field("result")
    assert doubled.flatten().to_numpy(zero_copy_only=False).tolist() == [2.0] * values.size


def test_classic_and_several_codings(target):
    body = json.dumps({"tensor": [[1.0] * WIDTH]}).encode()
    twice = zstd(gzip.compress(body))
    for encoding in ("gzip, zstd", ["gzip", "zstd"]):
        response = target.post(twice, encoding, "application/json", "application/json")
        (document,) = json.loads(response.raw)
        assert document["original_data"] == json.loads(body)
    members = gzip.compress(body[:20]) + gzip.compress(body[20:])
    assert target.post(members, "gzip", "application/json").status_code == 200


def test_an_uncompressed_request_gets_a_plain_answer(target):
    response = target.post(json.dumps(rows(100)), [], accept_encoding="gzip, zstd")
    assert response.status_code == 200
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, br", "nonsense"])
def test_unknown_coding(target, encoding):
    target.refused(target.post(json.dumps(rows(1)), encoding), 415, "not understood")


@pytest.mark.parametrize("encoding", ENCODERS)
def test_broken(target, encoding):
    good = ENCODERS[encoding](json.dumps(rows(20)).encode())
    target.refused(target.post(json.dumps(rows(1)), encoding), 400, "no valid " + encoding)
    target.refused(target.post(good + b"rubbish", encoding), 400, "no valid " + encoding)
    source = random.Random(1)
    for _ in range(20):
        cut = source.randrange(1, len(good))
        target.refused(target.post(good[:cut], encoding), 400, "ends early")
    for _ in range(50):
        changed = bytearray(good)
        changed[source.randrange(len(good))] ^= 1 << source.randrange(8)
        assert target.post(bytes(changed), encoding).status_code in (200, 400)


@pytest.mark.parametrize("encoding", ENCODERS)
def test_bombs(target, encoding):
    """256 MiB of spaces in a few KiB are more than a deployment of 256 MiB takes in one body."""
    bomb = ENCODERS[encoding](b" " * (256 << 20))
    assert len(bomb) < 300_000
    target.refused(target.post(bomb, encoding), 413, "expands to more than")
    twice = ENCODERS[encoding](bomb)
    target.refused(target.post(twice, f"{encoding}, {encoding}"), 413, "expands to more than")


def test_a_bomb_leaves_no_memory_behind(tmp_path):
    engine = Engine(tmp_path, [models.scale(2, WIDTH)], ["tensor"], memory_bytes=256 << 20).start()
    target = Target(engine.url, engine.path)
    bomb = zstd(b" " * (1 << 30))

    def peak():
        status = (harness.pathlib.Path("/proc") / str(engine.process.pid) / "status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])

    before = peak()
    for _ in range(20):
        target.refused(target.post(bomb, "zstd"), 413, "expands to more than")
    # A body may take a quarter of the memory: 64 MiB.
    assert peak() - before < 80 << 10
    assert engine.stop() == 0

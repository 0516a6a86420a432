"""Inference requests that are wrong or hostile: the right status, words that help, and nothing else harmed.

Every test sends something bad and then, by the fixture, a good request that must still be right. All run
against an engine by itself and through the gateway of `joey serve`.
"""

import json
import random
import socket
import struct

import httpx
import models
import numpy as np
import pyarrow as pa
import pytest
from harness import ARROW, RECORDS, Api, Engine, unique

GOOD = [{"tensor": [1.0, 2.0, 3.0]}]
DOUBLED = [2.0, 4.0, 6.0]


class Target:
    """A deployed pipeline that doubles lists of three floats."""

    def __init__(self, url, path):
        self.url = url
        self.path = path
        self.http = httpx.Client(base_url=url, timeout=60)

    def post(self, body, content_type=RECORDS, accept=RECORDS):
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        headers = {"Content-Type": content_type, "Accept": accept}
        return self.http.post(self.path, content=body, headers=headers)

    def refused(self, response, status=400, *words):
        """The error of a refused inference: an array of one document that says what to do."""
        assert response.status_code == status, response.text[:500]
        (error,) = response.json()
        assert error["code"] == status
        assert error["msg"] and error["hint"] and error["error"], error
        for word in words:
            assert word in error["msg"] + " " + error["hint"], error
        return error

    def is_well(self):
        response = self.post(GOOD)
        assert response.status_code == 200, response.text
        assert response.json()[0]["out"]["result"] == DOUBLED


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("engine"), [models.scale(2, 3)], ["tensor"]).start()
    yield Target(engine.url, engine.path)
    assert engine.stop() == 0, engine.log.read_text()


@pytest.fixture(scope="module")
def gateway(joey_url):
    api = Api(joey_url)
    deployment = api.deploy(unique("doubler"), models.scale(2, 3), memory="256Mi", tensor_fields=["tensor"])
    yield Target(joey_url, deployment.path)
    deployment.undeploy()
    api.close()


@pytest.fixture(params=["engine", "gateway"])
def target(request):
    target = request.getfixturevalue(request.param)
    yield target
    target.is_well()


# JSON


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('[{"tensor":[1,2,3]},{"tensor":[1,2]}]', ["row 1", "ragged", "shape [3]"]),
        ('[{"tensor":[1,2]}]', ["shape [2]", "shape [3]"]),
        ('[{"tensor":[[1,2,3]]}]', ["shape [1, 3]", "shape [3]"]),
        ('[{"tensor":[[1,2],[1]]}]', ["row 0"]),
        ('[{"tensor":3}]', ["shape [3]"]),
        ('[{"tensor":[1,"a",3]}]', ["string", "same type"]),
        ('[{"tensor":["1","2","3"]}]', ["string", "numbers"]),
        ('[{"tensor":[1,true,3]}]', ["true or false"]),
        ('[{"tensor":[1,[2],3]}]', ["row 0"]),
        ('[{"tensor":[1,2,3]},{"tensor":"x"}]', ["row 1"]),
        ('[{"tensor":[1,null,3]}]', ["null"]),
        ('[{"tensor":null}]', ["null"]),
        ('[{"tensor":[1,2,3]},{"tensor":null}]', ["row 1"]),
        ('[{"tensor":[1,NaN,3]}]', ["row 0"]),
        ('[{"tensor":[1,Infinity,3]}]', ["row 0"]),
        ('[{"tensor":[1,1e999,3]}]', ["row 0", "range"]),
        ('[{"x":[1,2,3]}]', ["'tensor' is missing", "'x'", "tensor_fields"]),
        ("[{}]", ["'tensor' is missing"]),
        ('[{"tensor":[1,2,3]},{}]', ["row 1"]),
        ('[{"tensor":[1,2,3]},{"x":[1,2,3]}]', ["row 1", "same keys"]),
        ('[{"tensor":[1,2,3]},{"tensor":[1,2,3],"x":1}]', ["row 1", "same keys"]),
        ('[{"tensor":[1,2,3],"tensor":[4,5,6]}]', ["twice"]),
        ('[{"tensor":[1,2,3],"extra":{"a":1}}]', ["'extra'"]),
        ('[{"tensor":[1,2,3],"a":"\\ud800"}]', ["row 0"]),
        ("[]", ["no rows", "at least one"]),
        ("{}", ["array of records"]),
        ("", ["array of records"]),
        ("null", ["array of records"]),
        ("[1]", ["record"]),
        ('[{"tensor":[1,2,3]}', ["records"]),
        ('[{"tensor":[1,2,3]}]x', ["records"]),
        ('[{"tensor":[1,2,3', ["records"]),
        ('{"tensor":[[1,2,3]]}', ["array of records"]),
    ],
)
def test_json(target, body, words):
    target.refused(target.post(body), 400, *words)


@pytest.mark.parametrize(
    "body", [b'[{"tensor":[1,2,3],"a":"\xff\xfe"}]', b"\0" * 100, b"\xef\xbb\xbf[", ARROW]
)
def test_no_json_at_all(target, body):
    target.refused(target.post(body))


@pytest.mark.parametrize("deep", ["[" * 100_000, '[{"tensor":' + "[" * 100_000, '{"a":' * 100_000])
def test_json_100k_deep(target, deep):
    target.refused(target.post(deep))


def test_json_100k_deep_and_closed(target):
    body = '[{"tensor":' + "[" * 100_000 + "]" * 100_000 + "}]"
    target.refused(target.post(body), 400, "nested")


def test_too_many_columns(target):
    columns = ",".join(f'"c{i}":1' for i in range(200_000))
    target.refused(target.post('[{"tensor":[1,2,3],' + columns + "}]"), 400, "columns")


def test_extra_columns_pass_through(target):
    records = [{"tensor": [1, 2, 3], "index": i, "who": "Ä", "parts": [1.5, 2.5], "ok": True} for i in (7, 8)]
    response = target.post(records)
    assert response.status_code == 200, response.text
    assert [row["in"] for row in response.json()] == records


@pytest.mark.parametrize(
    "name", ["time", "out", "out.result", "in.tensor", "metadata", "anomaly.count", "<b>"]
)
def test_columns_named_like_our_own(target, name):
    response = target.post([{"tensor": [1, 2, 3], name: 4}])
    assert response.status_code == 200, response.text
    (row,) = response.json()
    assert row["in"] == {"tensor": [1, 2, 3], name: 4}
    assert row["out"] == {"result": DOUBLED}


def test_numbers_out_of_float_range_are_infinite(target):
    response = target.post('[{"tensor":[1e39,2,3]}]')
    assert response.status_code == 200, response.text
    assert response.json()[0]["out"]["result"] == [None, 4.0, 6.0]


def test_unknown_content_type(target):
    target.refused(target.post(GOOD, "text/csv"), 415, "application/json", ARROW)


def test_unknown_pipeline(target):
    path = target.path + "x"
    response = target.http.post(path, json=GOOD)
    assert response.status_code == 404, response.text
    document = response.json()
    document = document[0] if isinstance(document, list) else document
    assert document["msg"] and document["hint"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_wrong_method(target, method):
    assert target.http.request(method, target.path).status_code == 405


def test_body_over_the_limit_is_refused_unread(target):
    host, port = target.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = (
            f"POST {target.path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {2 << 30}\r\n\r\n"
        )
        connection.sendall(head.encode() + b"[" * 1000)
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]


def test_body_beyond_the_deployments_memory(gateway):
    """256Mi were asked for: an engine takes bodies of a quarter of that."""
    body = b'[{"tensor":[1,2,3]}' + b" " * (80 << 20) + b"]"
    gateway.refused(gateway.post(body), 413)
    gateway.is_well()


# Arrow


def file_of(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def tensors(rows):
    flat = pa.array(np.arange(rows * 3, dtype=np.float32))
    return pa.FixedSizeListArray.from_arrays(flat, 3)


def arrow(target, body):
    return target.post(body, ARROW)


GOOD_FILE = file_of(pa.table({"tensor": tensors(4)}))


def test_arrow_in_all_list_forms(target):
    values = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    for kind in (
        pa.list_(pa.float32()),
        pa.large_list(pa.float32()),
        pa.list_(pa.float32(), 3),
        pa.list_(pa.float64()),
        pa.list_(pa.int32(), 3),
    ):
        response = arrow(target, file_of(pa.table({"tensor": pa.array(values, kind)})))
        assert response.status_code == 200, f"{kind}: {response.text}"
        assert [row["out"]["result"] for row in response.json()] == [[0, 2, 4], [6, 8, 10]]


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_arrow_compressed(target, codec):
    response = arrow(target, file_of(pa.table({"tensor": tensors(100)}), compression=codec))
    assert response.status_code == 200, response.text
    assert response.json()[99]["out"]["result"] == [594.0, 596.0, 598.0]


def test_nan_is_a_value_in_arrow(target):
    table = pa.table({"tensor": pa.array([[1.0, float("nan"), float("inf")]], pa.list_(pa.float32()))})
    response = target.post(file_of(table), ARROW, ARROW)
    assert response.status_code == 200, response.text
    answer = pa.ipc.open_file(response.content).read_all()
    (result,) = answer["out"].combine_chunks().field("result").to_pylist()
    assert result[0] == 2 and np.isnan(result[1]) and np.isinf(result[2])


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([[1, 2], [1, 2, 3]], pa.list_(pa.float32())), ["ragged"]),
        (pa.array([[1, 2]], pa.list_(pa.float32())), ["shape [2]", "shape [3]"]),
        (pa.array([[1, None, 3]], pa.list_(pa.float32(), 3)), ["null"]),
        (pa.array([None, [1, 2, 3]], pa.list_(pa.float32())), ["null"]),
        (pa.array([None, [1, 2, 3]], pa.list_(pa.float32(), 3)), ["null"]),
        (pa.array(["a"]), ["shape [3]"]),
        (pa.array([["a", "b", "c"]]), ["float32"]),
        (pa.array([1.0]), ["shape [3]"]),
        (pa.array([None]), ["null"]),
        (pa.array(["a", "b"]).dictionary_encode(), ["dictionary"]),
        (pa.array([{"a": 1}]), ["struct"]),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), ["map"]),
        (pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]), ["union"]),
        (
            pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]),
            ["union"],
        ),
        (pa.array([[1, 2, 3]], pa.list_(pa.decimal128(9, 2))), ["decimal"]),
    ],
)
def test_arrow_of_a_wrong_kind(target, column, words):
    target.refused(arrow(target, file_of(pa.table({"tensor": column}))), 400, "'tensor'", *words)


def test_arrow_without_the_column_or_rows(target):
    table = pa.table({"x": tensors(2)})
    target.refused(arrow(target, file_of(table)), 400, "'tensor' is missing", "'x'")
    target.refused(arrow(target, file_of(pa.table({"tensor": tensors(0)}))), 400, "no rows")
    twice = pa.Table.from_arrays([tensors(2), tensors(2)], names=["tensor", "tensor"])
    target.refused(arrow(target, file_of(twice)), 400, "twice")


def test_arrow_truncated_anywhere(target):
    for length in [*range(0, len(GOOD_FILE), 37), len(GOOD_FILE) - 1]:
        target.refused(arrow(target, GOOD_FILE[:length]))


def test_arrow_with_flipped_bytes(target):
    """Any byte may be wrong: an answer or a refusal, never a fault."""
    source = random.Random(20261124)
    seen = set()
    for _ in range(400):
        body = bytearray(GOOD_FILE)
        for _ in range(source.choice((1, 1, 4))):
            body[source.randrange(len(body))] = source.randrange(256)
        response = arrow(target, bytes(body))
        assert response.status_code in (200, 400), (response.status_code, response.text[:300], body.hex())
        seen.add(response.status_code)
    assert seen == {200, 400}


def test_arrow_offsets_out_of_range(target):
    values = pa.array(np.arange(6, dtype=np.float32))
    for offsets in ([0, 3, 1 << 30], [0, -3, 6], [-6, 0, 6], [0, 1 << 30, 6], [5, 3, 6]):
        # The writer looks at offsets too: write good ones and put the bad ones in their place.
        good = struct.pack("<3i", 0, 3, 6)
        buffers = [None, pa.py_buffer(good)]
        column = pa.Array.from_buffers(pa.list_(pa.float32()), 2, buffers, children=[values])
        body = file_of(pa.table({"tensor": column}))
        assert body.count(good) == 1
        target.refused(arrow(target, body.replace(good, struct.pack("<3i", *offsets))))


def test_arrow_string_offsets_out_of_range(target):
    good = struct.pack("<3i", 0, 3, 5)
    table = pa.table({"tensor": tensors(2), "text": pa.array(["abc", "de"])})
    body = file_of(table)
    assert body.count(good) == 1
    for offsets in ([0, 3, 1 << 30], [0, -1, 5], [0, 9, 5]):
        target.refused(arrow(target, body.replace(good, struct.pack("<3i", *offsets))))


@pytest.mark.parametrize("claimed", [1 << 31, 1 << 40, (1 << 63) - 1, -1, 7920, 0])
def test_arrow_that_claims_other_lengths(target, claimed):
    body = file_of(pa.table({"tensor": tensors(7919)}))
    honest = struct.pack("<q", 7919)
    assert body.count(honest) >= 2
    target.refused(arrow(target, body.replace(honest, struct.pack("<q", claimed))))


@pytest.mark.parametrize("claimed", [1 << 33, 1 << 40, (1 << 63) - 1, -2, 0, 12])
@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_arrow_bombs(target, codec, claimed):
    """A compressed buffer says first how long it will be."""
    flat = pa.array(np.zeros(7919 * 3, np.float32))
    table = pa.table({"tensor": pa.FixedSizeListArray.from_arrays(flat, 3)})
    body = file_of(table, compression=codec)
    honest = struct.pack("<q", 7919 * 12)
    assert body.count(honest) == 1
    target.refused(arrow(target, body.replace(honest, struct.pack("<q", claimed))))


def test_arrow_bomb_of_many_honest_columns(target):
    """Each column is small and true, all together are more than an engine may unpack."""
    flat = pa.array(np.zeros(1 << 24, np.int64))
    table = pa.table({"tensor": flat, **{f"c{i}": flat for i in range(24)}})
    body = file_of(table, compression="zstd")
    assert len(body) < 1 << 20
    response = arrow(target, body)
    assert response.status_code in (400, 413), response.text[:300]


def test_arrow_dictionary_with_bad_indices(target):
    good = struct.pack("<4i", 0, 1, 2, 0)
    indices = pa.array([0, 1, 2, 0], pa.int32())
    column = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b", "c"]))
    body = file_of(pa.table({"tensor": tensors(4), "text": column}))
    assert body.count(good) == 1
    for values in ([0, 1, 2, 1 << 30], [0, -1, 2, 0]):
        response = arrow(target, body.replace(good, struct.pack("<4i", *values)))
        assert response.status_code == 400, response.text[:300]


def test_arrow_extension_types(target):
    kind = pa.fixed_shape_tensor(pa.float32(), (3,))
    column = pa.ExtensionArray.from_storage(kind, tensors(2))
    response = arrow(target, file_of(pa.table({"tensor": column})))
    assert response.status_code in (200, 400), response.text


def test_arrow_as_json_and_the_reverse(target):
    target.refused(target.post(GOOD_FILE, RECORDS), 400, "records")
    target.refused(arrow(target, json.dumps(GOOD).encode()), 400, "Arrow")

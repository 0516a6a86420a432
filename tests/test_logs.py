"""The log store behind a real server: rows are delivered as engines do and read through the SDK."""

import datetime
import json

import harness
import httpx
import pyarrow as pa
import pytest
import wallaroo

pytestmark = pytest.mark.xdist_group("shared-joey")

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
FIRST_MS = 1_700_000_000_000
STREAM = {"Content-Type": "application/vnd.apache.arrow.stream"}


def rows(first, count, kind=None, dropped=()):
    """Log rows number first, first + 1 …, one a second."""
    kind = kind or pa.float32()
    numbers = range(first, first + count)
    model = json.dumps({"model_name": "m", "model_sha": "0" * 64})
    inner = pa.field("inner", pa.float32(), nullable=False)
    columns = {
        "time": pa.array([FIRST_MS + i * 1000 for i in numbers], pa.timestamp("ms")),
        "in.tensor": pa.array([[float(i)] * 4 for i in numbers], pa.list_(kind)),
        "out.y": pa.array([[float(i)] for i in numbers], pa.list_(inner)),
        "anomaly.count": pa.array([0] * count, pa.uint32()),
        "metadata.last_model": pa.array([model] * count),
        "metadata.pipeline_version": pa.array(["v"] * count),
        "metadata.elapsed": pa.array([[1000, 2000]] * count, pa.list_(pa.uint64())),
        "metadata.dropped": pa.array([list(dropped)] * count, pa.list_(pa.utf8())),
        "metadata.partition": pa.array(["engine-1"] * count),
    }
    required = ("in.tensor", "out.y", "anomaly.count")
    schema = pa.schema([pa.field(name, array.type, name not in required) for name, array in columns.items()])
    return pa.record_batch(list(columns.values()), schema)


def stream(batch):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


class Log:
    """One pipeline with its log."""

    def __init__(self, server):
        self.server = server
        self.pipeline = wallaroo.Client(server.url).build_pipeline(harness.unique("logged"))
        self.api = harness.Api(server.url)
        answer = self.api.post("/v1/api/plateau/get_topic_name", {"pipeline_pk_id": self.pipeline.id()})
        self.topic = answer["topic_name"]
        self.sequence = 0

    def send(self, body, first, last, source="spool-1", token=None):
        secret = (self.server.data / "secrets" / "ingest.token").read_text()
        headers = STREAM | {
            "X-Joey-Token": secret if token is None else token,
            "X-Joey-Source": source,
            "X-Joey-Sequence": str(first),
            "X-Joey-Last-Sequence": str(last),
        }
        return self.api.http.post(f"/v1/internal/logs/{self.topic}", content=body, headers=headers)

    def append(self, *args, **options):
        self.sequence += 1
        answer = self.send(stream(rows(*args, **options)), self.sequence, self.sequence)
        assert answer.status_code == 200, answer.text

    def read(self, body="{}", **parameters):
        return self.api.http.post(f"/v1/logs/topic/{self.topic}/records", params=parameters, content=body)


@pytest.fixture
def log(shared_joey):
    log = Log(shared_joey)
    yield log
    log.api.close()


def numbers(frame):
    return [int(cell[0]) for cell in frame["out.y"]]


def at(number):
    return EPOCH + datetime.timedelta(milliseconds=FIRST_MS + number * 1000)


def test_newest_first_and_limit(log, capsys):
    for i in range(3):
        log.append(i * 50, 50)
    frame = log.pipeline.logs()
    assert list(frame.columns) == ["time", "in.tensor", "out.y", "anomaly.count"]
    assert numbers(frame) == list(range(149, 49, -1))
    assert frame["time"][0] == at(149).replace(tzinfo=None)
    assert "There are more logs available" in capsys.readouterr().err
    assert numbers(log.pipeline.logs(limit=150)) == list(range(149, -1, -1))
    assert capsys.readouterr().err == ""


def test_dates_give_the_oldest_first(log, capsys):
    log.append(0, 2000)
    log.append(2000, 10)
    dates = {"start_datetime": at(1995), "end_datetime": at(2003)}
    assert numbers(log.pipeline.logs(**dates)) == list(range(1995, 2004))
    assert capsys.readouterr().err == ""
    assert numbers(log.pipeline.logs(limit=2, **dates)) == [1995, 1996]
    assert "There are more logs" in capsys.readouterr().err
    assert len(log.pipeline.logs(start_datetime=at(-9), end_datetime=at(-1))) == 0


def test_schema_of_arrow_logs(log):
    log.append(0, 3)
    assert log.pipeline.logs(arrow=True).schema.to_string().splitlines() == [
        "time: timestamp[ms]",
        "in.tensor: list<item: float> not null",
        "  child 0, item: float",
        "out.y: list<inner: float not null> not null",
        "  child 0, inner: float not null",
        "anomaly.count: uint32 not null",
    ]


def test_schema_change(log, capsys):
    log.append(0, 3)
    log.append(3, 2, kind=pa.float64())
    assert numbers(log.pipeline.logs()) == [4, 3]
    assert "Pipeline log schema has changed over the logs requested 2 newest" in capsys.readouterr().err
    assert numbers(log.pipeline.logs(dataset=["out"])) == [4, 3, 2, 1, 0]
    assert capsys.readouterr().err == ""


def test_datasets(log, capsys):
    log.append(0, 3, dropped=["in.tensor"])
    frame = log.pipeline.logs(dataset=["time", "out.y", "metadata"])
    assert set(frame.columns) == {"time", "out.y"} | {
        f"metadata.{name}" for name in ("last_model", "pipeline_version", "elapsed", "dropped", "partition")
    }
    assert json.loads(frame["metadata.last_model"][0])["model_name"] == "m"
    assert "columns may have been suppressed" in capsys.readouterr().err
    assert list(log.pipeline.logs(dataset_exclude=["in"]).columns) == ["time", "out.y", "anomaly.count"]
    assert "out_y" in log.pipeline.logs(dataset_separator="_").columns


def test_size_limit_and_pages(log, capsys):
    for i in range(5):
        log.append(i * 2000, 2000)
    frame = log.pipeline.logs(limit=10_000)
    assert 100 < len(frame) < 10_000
    assert "Pipeline log size limit exceeded" in capsys.readouterr().err
    found = log.api.records(log.topic)
    assert [int(row["out.y"][0]) for row in found] == list(range(10_000))
    parts = log.api.http.get(f"/v1/logs/topic/{log.topic}").json()
    assert [partition["end"] for partition in parts["partitions"].values()] == [10_000]


def test_empty_log_and_failures(log):
    assert len(log.pipeline.logs()) == 0
    log.append(0, 1)
    assert len(log.pipeline.logs(valid=False)) == 0
    assert log.pipeline.logs(dataset=["*", "metadata"], arrow=True, valid=False).num_rows == 0


def test_frames_are_stored_once(log):
    body = stream(rows(0, 4))
    assert log.send(body, 3, 5).json() == {"last_sequence": 5}
    assert log.send(body, 3, 5).json() == {"last_sequence": 5}
    overlap = log.send(body, 5, 8)
    assert (overlap.status_code, overlap.json()["last_sequence"]) == (409, 5)
    assert numbers(log.pipeline.logs()) == [3, 2, 1, 0]


def test_rows_survive_a_kill(joey):
    log = Log(joey)
    log.append(0, 10)
    joey.kill()
    joey.restart()
    assert log.send(stream(rows(0, 10)), 1, 1).json() == {"last_sequence": 1}
    assert numbers(log.pipeline.logs()) == list(range(9, -1, -1))
    log.api.close()


@pytest.mark.parametrize("token", ["", "x", "0" * 64])
def test_only_engines_deliver(log, token):
    answer = log.send(stream(rows(0, 1)), 1, 1, token=token)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthenticated")
    assert len(log.pipeline.logs()) == 0


def test_refused_deliveries(log):
    good = stream(rows(0, 2))
    for body in (b"", b"x", b"ARROW1\0\0", good[:-40], good[:100], b"\xff" * 64):
        assert log.send(body, 1, 1).status_code == 400, body[:20]
    assert log.send(good, 2, 1).status_code == 400
    assert log.send(good, "x", 1).status_code == 400
    assert log.send(good, -1, 1).status_code == 400
    assert log.send(good, 1, 1, source="../x").status_code == 400
    for topic in ("..%2F..%2Fx", "A", "a.b", "a" * 121):
        path = f"/v1/internal/logs/{topic}"
        secret = (log.server.data / "secrets" / "ingest.token").read_text()
        headers = {"X-Joey-Token": secret, "X-Joey-Source": "s"}
        headers |= {"X-Joey-Sequence": "1", "X-Joey-Last-Sequence": "1"}
        assert log.api.http.post(path, content=good, headers=headers).status_code == 400
    assert len(log.pipeline.logs()) == 0
    assert log.send(good, 1, 1).status_code == 200


@pytest.mark.parametrize(
    "parameters",
    [
        {"page_size": "0"},
        {"page_size": "-1"},
        {"page_size": "1.5"},
        {"page_size": ""},
        {"page_size": "99999999999999999999"},
        {"order": "newest"},
        {"time.start": "yesterday"},
        {"time.end": "2023-11-22T16:24:51"},
        {"time.start": "2023-02-30T00:00:00Z"},
    ],
)
def test_refused_parameters(log, parameters):
    answer = log.read(**parameters)
    assert answer.status_code == 400
    assert answer.json()["hint"]


@pytest.mark.parametrize(
    "body",
    [
        "x",
        "[]",
        "null",
        '{"row": 1}',
        '{"other": 1}',
        '{"log": -1}',
        '{"log": 99}',
        '{"log": "1"}',
        '{"order": "asc", "row": 1, "remaining": 5}',
        '{"order": "desc", "row": 1, "remaining": null}',
        '{"order": "asc", "row": 18446744073709551615, "remaining": null}',
        '{"order": "asc", "row": 1.5, "remaining": null}',
    ],
)
def test_forged_cursors(log, body):
    log.append(0, 5)
    answer = log.read(body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["hint"]


def test_unknown_topics(log):
    for topic in ("workspace-1-pipeline-none-999999", log.topic + "0", "x", "workspace"):
        for answer in (
            log.api.http.get(f"/v1/logs/topic/{topic}"),
            log.api.http.post(f"/v1/logs/topic/{topic}/records", json={}),
        ):
            assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert httpx.get(f"{log.server.url}/v1/logs/topic/..%2Fx").status_code in (400, 404)


def test_nested_form(log):
    log.append(0, 3)
    answer = log.read('{"log": 1}', page_size="100", **{"dataset[]": "*"})
    table = pa.ipc.open_file(pa.py_buffer(answer.content)).read_all()
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.file"
    assert table.column_names == ["time", "in", "out", "anomaly"]
    assert table["time"].to_pylist() == [FIRST_MS + 1000, FIRST_MS + 2000]
    assert table["out"].to_pylist() == [{"y": [1.0]}, {"y": [2.0]}]
    assert json.loads(table.schema.metadata[b"status"]) == {"status": "All", "next": None}

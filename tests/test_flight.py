"""Arrow Flight on an engine: streams of batches with pyarrow's own client."""

import contextlib
import json
import pathlib
import threading
import time

import harness
import httpx
import models
import numpy as np
import pyarrow as pa
import pyarrow.flight as flight
import pytest
from harness import Engine

WIDTH = 8
COMMAND = flight.FlightDescriptor.for_command(b"")


def batch(rows, first=0.0, dtype="float32"):
    values = pa.array(np.arange(rows * WIDTH, dtype=np.float32) + first).cast(dtype)
    return pa.record_batch({"tensor": pa.FixedSizeListArray.from_arrays(values, WIDTH)})


def doubled(answer):
    return answer.column("out.result").flatten().to_numpy(zero_copy_only=False)


class Target:
    def __init__(self, engine):
        self.engine = engine
        self.port = int(pathlib.Path(f"{engine.ready}.flight").read_text().rpartition(":")[2])

    def connect(self):
        return flight.FlightClient(f"grpc://127.0.0.1:{self.port}")

    def requests(self):
        text = httpx.get(self.engine.url + "/metrics").text
        lines = [line for line in text.splitlines() if line.startswith("joey_inference_rows_total")]
        return sum(float(line.split()[-1]) for line in lines)

    def is_well(self):
        with self.connect() as client:
            (answer,) = exchange(client, [batch(2)])
            assert doubled(answer).tolist() == (2 * np.arange(2.0 * WIDTH)).tolist()


def exchange(client, batches, descriptor=COMMAND):
    """All answers to `batches`, written one after the other by a thread of their own."""
    writer, reader = client.do_exchange(descriptor)
    failure = []

    def write():
        try:
            writer.begin(batches[0].schema)
            for one in batches:
                writer.write_batch(one)
            writer.done_writing()
        except pa.ArrowException as error:
            failure.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        return [chunk.data for chunk in reader]
    finally:
        thread.join()
        writer.close()


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flight")
    engine = Engine(folder, [models.scale(2, WIDTH)], ["tensor"], flight={"port": 0}).start()
    target = Target(engine)
    yield target
    target.is_well()
    assert engine.stop() == 0, engine.log.read_text()


def test_a_hundred_batches_in_order(target):
    with target.connect() as client:
        sent = [batch(1 + i % 7, i) for i in range(100)]
        answers = exchange(client, sent)
    assert len(answers) == 100
    for one, answer in zip(sent, answers):
        assert answer.schema.names == ["time", "in.tensor", "out.result", "anomaly.count"]
        assert answer.column("in.tensor").to_pylist() == one.column("tensor").to_pylist()
        np.testing.assert_array_equal(doubled(answer), 2 * one.column("tensor").flatten().to_numpy())


def test_one_batch_at_a_time(target):
    """An answer comes as soon as it is there, not when the stream ends."""
    with target.connect() as client:
        writer, reader = client.do_exchange(COMMAND)
        with writer:
            for i in range(5):
                one = batch(3, i)
                if i == 0:
                    writer.begin(one.schema)
                writer.write_with_metadata(one, f"batch {i}".encode())
                chunk = reader.read_chunk()
                assert chunk.app_metadata.to_pybytes() == f"batch {i}".encode()
                assert doubled(chunk.data)[0] == 2 * i
            writer.done_writing()
            with pytest.raises(StopIteration):
                reader.read_chunk()


def test_dataset(target):
    def columns(command, path=None):
        descriptor = flight.FlightDescriptor.for_command(json.dumps(command))
        with target.connect() as client:
            (answer,) = exchange(client, [batch(2)], descriptor)
        return answer.schema.names

    assert columns({}) == ["time", "in.tensor", "out.result", "anomaly.count"]
    assert columns({"dataset": "out"}) == ["time", "out.result"]
    assert columns({"dataset": ["*", "metadata.elapsed"], "dataset_exclude": ["in", "anomaly"]}) == [
        "time",
        "out.result",
        "metadata.elapsed",
    ]
    assert columns({"dataset": ["out"], "dataset_separator": ""}) == ["time", "out"]
    assert columns({"dataset": ["out"], "pipeline": target.engine.name}) == ["time", "out.result"]


@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        (b"nonsense", pa.ArrowInvalid, "no JSON object"),
        (b"[]", pa.ArrowInvalid, "no JSON object"),
        (b'{"datasets": []}', pa.ArrowInvalid, "'datasets'"),
        (b'{"dataset": [1]}', pa.ArrowInvalid, "'dataset'"),
        (b'{"dataset": {}}', pa.ArrowInvalid, "'dataset'"),
        (b'{"dataset_separator": 1}', pa.ArrowInvalid, "'dataset_separator'"),
        (b'{"pipeline": "other"}', KeyError, "no pipeline 'other'"),
        (b"[" * 100_000, pa.ArrowInvalid, "no JSON object"),
    ],
)
def test_commands_that_are_not_understood(target, command, error, words):
    descriptor = flight.FlightDescriptor.for_command(command)
    with target.connect() as client:
        with pytest.raises(error, match=words):
            exchange(client, [batch(1)], descriptor)
        with pytest.raises(error, match=words):
            client.get_flight_info(descriptor)


def test_what_there_is(target):
    with target.connect() as client:
        (info,) = client.list_flights()
        assert info.descriptor.path == [target.engine.name.encode()]
        assert info.schema == pa.schema([pa.field("tensor", pa.list_(pa.float32()), False)])
        assert client.get_flight_info(info.descriptor).schema == info.schema
        assert client.get_schema(info.descriptor).schema == info.schema
        with pytest.raises(KeyError, match="no pipeline 'other'"):
            client.get_schema(flight.FlightDescriptor.for_path("other"))
        with pytest.raises(NotImplementedError):
            client.do_get(flight.Ticket(b"x")).read_all()


BAD = {
    "null": pa.record_batch({"tensor": pa.array([[1.0] * 7 + [None]], pa.list_(pa.float32()))}),
    "shape": pa.record_batch({"tensor": pa.array([[1.0] * 7], pa.list_(pa.float32()))}),
    "'tensor' is missing": pa.record_batch({"x": pa.array([[1.0] * 8], pa.list_(pa.float32()))}),
    "which is not accepted": pa.record_batch({"tensor": pa.array([b"x"])}),
    "no rows": pa.record_batch({"tensor": pa.array([], pa.list_(pa.float32()))}),
}


@pytest.mark.parametrize("words", BAD)
def test_bad_batches_end_their_stream_only(target, words):
    with target.connect() as client:
        writer, reader = client.do_exchange(COMMAND)
        writer.begin(batch(1).schema)
        writer.write_batch(batch(1))
        assert reader.read_chunk().data.num_rows == 1
        with pytest.raises(pa.ArrowInvalid, match=words):
            exchange(client, [BAD[words]])
        writer.write_batch(batch(2))
        assert reader.read_chunk().data.num_rows == 2
        writer.done_writing()
        writer.close()


def test_a_bad_batch_in_the_middle(target):
    """What came before it is answered, what comes after it is not."""
    schema = pa.schema({"tensor": pa.list_(pa.float32())})
    good = pa.record_batch({"tensor": pa.array([[1.0] * WIDTH], schema.field(0).type)}, schema=schema)
    bad = pa.record_batch({"tensor": pa.array([[1.0]], schema.field(0).type)}, schema=schema)
    before = target.requests()
    with target.connect() as client:
        writer, reader = client.do_exchange(COMMAND)
        writer.begin(schema)
        for one in [good, good, bad]:
            writer.write_batch(one)
        with contextlib.suppress(pa.ArrowInvalid):  # the engine may have ended the call by now
            writer.write_batch(good)
            writer.done_writing()
        for _ in range(2):
            assert reader.read_chunk().data.num_rows == 1
        with pytest.raises(pa.ArrowInvalid, match=r"shape \[1\]"):
            reader.read_chunk()
    assert target.requests() == before + 2


def test_other_types_are_converted(target):
    with target.connect() as client:
        (answer,) = exchange(client, [batch(3, dtype="float64")])
    assert answer.column("in.tensor").type.value_type == pa.float64()
    assert doubled(answer).dtype == np.float32


def test_a_client_that_goes_away(target):
    for cut in ("writing", "unread", "silent"):
        client = target.connect()
        writer, reader = client.do_exchange(COMMAND)
        writer.begin(batch(1).schema)
        if cut != "silent":
            writer.write_batch(batch(1000))
        if cut == "writing":
            reader.read_chunk()
        reader.cancel()
        client.close()
    target.is_well()


def test_as_many_streams_as_are_allowed(target):
    """More are refused; when one ends there is room again."""
    with target.connect() as client:
        streams = []
        for _ in range(64):
            writer, reader = client.do_exchange(COMMAND)
            writer.begin(batch(1).schema)
            writer.write_batch(batch(1))
            assert reader.read_chunk().data.num_rows == 1
            streams.append((writer, reader))
        with pytest.raises(flight.FlightUnavailableError, match="64 Flight streams"):
            exchange(client, [batch(1)])
        for writer, _ in streams:
            writer.done_writing()
            writer.close()
    harness.wait_until(lambda: target.is_well() is None, what="room for a stream")


def resident(engine):
    status = (pathlib.Path("/proc") / str(engine.process.pid) / "status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) << 10


def test_a_client_that_does_not_read_is_not_read_from(target):
    """Answers wait at the client's side: the engine holds one batch of it, however much is sent."""
    rows = 20_000  # 640 KB in, 1.3 MB out
    with target.connect() as client:
        writer, reader = client.do_exchange(COMMAND)
        one = batch(rows)
        writer.begin(one.schema)
        sent = []

        def write():
            for i in range(200):
                writer.write_batch(one)
                sent.append(i)
            writer.done_writing()

        thread = threading.Thread(target=write)
        before = target.requests()
        thread.start()

        # It has stopped when nothing was taken for a while; all of it would be 4 million rows.
        def stopped():
            first = target.requests()
            time.sleep(0.5)
            return first > before and target.requests() == first

        harness.wait_until(stopped, what="the engine stops reading")
        assert len(sent) < 100 and target.requests() - before < 100 * rows
        assert resident(target.engine) < 300 << 20
        count = sum(chunk.data.num_rows for chunk in reader)
        thread.join()
        writer.close()
    assert count == 200 * rows


def test_large_batches(target):
    """100 MB each, larger than gRPC takes by default."""
    with target.connect() as client:
        sent = [batch(3_000_000, i) for i in range(2)]
        descriptor = flight.FlightDescriptor.for_command(b'{"dataset": ["out"]}')
        answers = exchange(client, sent, descriptor)
    for one, answer in zip(sent, answers):
        np.testing.assert_array_equal(doubled(answer), 2 * one.column("tensor").flatten().to_numpy())


def test_batches_beyond_the_deployments_memory(tmp_path):
    engine = Engine(
        tmp_path, [models.scale(2, WIDTH)], ["tensor"], flight={"port": 0}, memory_bytes=256 << 20
    ).start()
    target = Target(engine)
    with target.connect() as client, pytest.raises(pa.ArrowException, match="send smaller batches"):
        exchange(client, [batch(3_000_000)])
    target.is_well()
    assert engine.stop() == 0


def test_many_streams_at_once(target):
    results = {}

    def one(number):
        with target.connect() as client:
            answers = exchange(client, [batch(5, number + i) for i in range(20)])
            results[number] = [doubled(answer)[0] for answer in answers]

    threads = [threading.Thread(target=one, args=(1000 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {1000 * n: [2.0 * (1000 * n + i) for i in range(20)] for n in range(8)}


def test_a_client_that_does_nothing_is_cut_off(tmp_path):
    flight = {"port": 0, "idle_seconds": 1}
    engine = Engine(tmp_path, [models.scale(2, WIDTH)], ["tensor"], flight=flight).start()
    target = Target(engine)
    with target.connect() as client:
        writer, reader = client.do_exchange(COMMAND)
        writer.begin(batch(1).schema)
        writer.write_batch(batch(1))
        assert reader.read_chunk().data.num_rows == 1
        with pytest.raises((pa.ArrowException, StopIteration)):
            reader.read_chunk()
    target.is_well()
    assert engine.stop() == 0


def test_idle_seconds_are_checked(tmp_path):
    flight = {"port": 0, "idle_seconds": 0}
    engine = Engine(tmp_path, [models.scale(2, WIDTH)], ["tensor"], flight=flight)
    with pytest.raises(RuntimeError, match="idle_seconds is 0"):
        engine.start()


def test_engine_stops_with_streams_open(tmp_path):
    engine = Engine(tmp_path, [models.scale(2, WIDTH)], ["tensor"], flight={"port": 0}).start()
    target = Target(engine)
    with target.connect() as client:
        writer, reader = client.do_exchange(COMMAND)
        writer.begin(batch(1).schema)
        writer.write_batch(batch(1))
        assert reader.read_chunk().data.num_rows == 1
        assert engine.stop(seconds=20) == 0, engine.log.read_text()
        with pytest.raises((pa.ArrowException, StopIteration)):
            reader.read_chunk()


def test_a_port_that_is_taken(target, tmp_path):
    engine = Engine(tmp_path, [models.scale(2, WIDTH)], ["tensor"], flight={"port": target.port})
    with pytest.raises(RuntimeError, match="cannot listen"):
        engine.start()
    document = json.loads((tmp_path / "engine.ready.error").read_text())
    assert str(target.port) in document["message"] and "another port" in document["hint"]


def test_without_flight_its_library_is_not_opened(tmp_path):
    engine = Engine(tmp_path, [models.scale(2, WIDTH)], ["tensor"]).start()
    maps = (pathlib.Path("/proc") / str(engine.process.pid) / "maps").read_text()
    assert "libarrow.so" in maps and "flight" not in maps
    assert not pathlib.Path(f"{engine.ready}.flight").exists()
    assert engine.stop() == 0

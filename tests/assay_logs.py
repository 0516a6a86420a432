"""A pipeline whose log holds given outputs at given times, delivered as engines deliver them."""

import datetime
import json

import harness
import numpy as np
import pyarrow as pa
import wallaroo

T0 = datetime.datetime(2024, 2, 15, 16, 20, tzinfo=datetime.timezone.utc)
MODEL = "house-price-estimator"
STREAM = {"Content-Type": "application/vnd.apache.arrow.stream"}
ROWS_MAX = 50_000


def minutes(count):
    return datetime.timedelta(minutes=count)


T1 = T0 + minutes(1)


class AssayLog:
    def __init__(self, server, name=None):
        self.server = server
        self.wl = wallaroo.Client(server.url, interactive=False)
        self.wl.set_current_workspace(self.wl.create_workspace(harness.unique("assays")))
        self.pipeline = self.wl.build_pipeline(name or harness.unique("watched"))
        self.api = harness.Api(server.url)
        self.topic = self.pipeline._log_topic()
        self.sequence = 0

    def append(self, values, start, millis=1, model=MODEL, partition="engine-1", field="variable", inputs=1):
        """One row a value, `millis` apart."""
        values = np.asarray(values, dtype="float32")
        for first in range(0, len(values), ROWS_MAX):
            part = values[first : first + ROWS_MAX]
            at = int(start.timestamp() * 1000) + (first + np.arange(len(part))) * millis
            self._send(self._batch(part, at, model, partition, field, inputs))

    def _batch(self, values, at, model, partition, field, inputs):
        count = len(values)
        last_model = json.dumps({"model_name": model, "model_sha": "0" * 64})
        lists = pa.FixedSizeListArray.from_arrays(pa.array(values), 1)
        columns = {
            "time": pa.array(at, pa.timestamp("ms")),
            "in.tensor": pa.FixedSizeListArray.from_arrays(pa.array(np.repeat(values, inputs)), inputs),
            f"out.{field}": lists.cast(pa.list_(pa.float32())),
            "anomaly.count": pa.array(np.zeros(count, "uint32")),
            "metadata.last_model": pa.array([last_model] * count),
            "metadata.pipeline_version": pa.array(["v"] * count),
            "metadata.elapsed": pa.array([[1000, 2000]] * count, pa.list_(pa.uint64())),
            "metadata.dropped": pa.array([[]] * count, pa.list_(pa.utf8())),
            "metadata.partition": pa.array([partition] * count),
        }
        return pa.record_batch(columns)

    def _send(self, batch):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        self.sequence += 1
        headers = STREAM | {
            "X-Joey-Token": (self.server.data / "secrets" / "ingest.token").read_text(),
            "X-Joey-Source": "spool-1",
            "X-Joey-Sequence": str(self.sequence),
            "X-Joey-Last-Sequence": str(self.sequence),
        }
        body = sink.getvalue().to_pybytes()
        answer = self.api.http.post(f"/v1/internal/logs/{self.topic}", content=body, headers=headers)
        assert answer.status_code == 200, answer.text

    def of_dates(self, name="a", start=T0, end=T1, iopath="output variable 0"):
        """An assay with a baseline of this log and windows of a minute from T0 on."""
        return self._with_windows(self.wl.build_assay(name, self.pipeline, MODEL, iopath, start, end))

    def of_array(self, data, name="a"):
        return self._with_windows(
            self.wl.build_assay(name, self.pipeline, MODEL, "output variable 0", baseline_data=data)
        )

    @staticmethod
    def _with_windows(builder):
        builder.window_builder().add_width(minutes=1).add_interval(minutes=1).add_start(T0)
        return builder

    def close(self):
        self.api.close()

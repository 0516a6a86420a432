"""Serves an uploaded model of any framework."""

import faulthandler
import gc
import json
import os
import sys
import traceback

import pyarrow as pa

from joey_worker.agreement import check_usable
from joey_worker.arrays import arrays_of, batch_of
from joey_worker.channel import ERROR, READY, RESULT, RUN, Channel
from joey_worker.failure import StepError, describe
from joey_worker.frameworks import module_of
from joey_worker.model_file import ModelFile
from joey_worker.start_frame import receive_start


class Server:
    def __init__(self, loaded, inputs, outputs):
        self._loaded = loaded
        self._inputs = inputs
        self._outputs = outputs
        self._schema_message = outputs.serialize().to_pybytes()
        self._schemas = {}

    def warm_up(self):
        """The first call of many models is slow, and the first that fails."""

        def predict(arrays):
            rows = len(next(iter(arrays.values())))
            batch_of(self._loaded.predict(arrays), self._outputs, rows)

        check_usable(predict, self._loaded.sample_blocks())

    def answer(self, payload, first):
        message = bytes(payload[:first])
        schema = self._schemas.get(message)
        if schema is None:
            if len(self._schemas) > 16:
                self._schemas.clear()
            schema = self._schemas[message] = pa.ipc.read_schema(pa.py_buffer(message))
        batch = pa.ipc.read_record_batch(pa.py_buffer(payload).slice(first), schema)
        results = self._loaded.predict(arrays_of(batch, self._inputs))
        return self._schema_message, batch_of(results, self._outputs, batch.num_rows).serialize()


def main():
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    channel = Channel()
    start = receive_start(channel)
    if start is None:
        return
    try:
        loaded = module_of(start.framework).load(ModelFile(), start.inputs, start.outputs)
        server = Server(loaded, start.inputs, start.outputs)
        server.warm_up()
    except BaseException as error:
        traceback.print_exc()
        channel.send(ERROR, 0, describe(error, ""))
        return
    gc.collect()
    gc.freeze()
    channel.send(READY, 0, json.dumps({"versions": loaded.versions}).encode())
    while (frame := channel.receive()) is not None:
        kind, number, payload, first = frame
        if kind != RUN:
            os._exit(1)
        try:
            schema, batch = server.answer(payload, first)
        except BaseException as error:
            if not isinstance(error, StepError):
                traceback.print_exc()
            channel.send(ERROR, number, describe(error, ""))
            continue
        channel.send(RESULT, number, schema, batch)

"""What the engine tells a worker that has a model to load."""

import json
from dataclasses import dataclass

import pyarrow as pa

from joey_worker.channel import START


@dataclass
class Start:
    name: str
    framework: str
    inputs: pa.Schema
    outputs: pa.Schema


def receive_start(channel):
    """None when the engine is gone."""
    frame = channel.receive()
    if frame is None or frame[0] != START:
        return None
    _, _, payload, first = frame
    said = json.loads(payload[:first])
    schemas = []
    for key in ("input_schema_bytes", "output_schema_bytes"):
        schemas.append(pa.ipc.read_schema(pa.py_buffer(payload[first : first + said[key]])))
        first += said[key]
    return Start(said["name"], said["framework"], *schemas)

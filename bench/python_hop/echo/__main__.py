"""A worker that returns what it gets: the channel without pandas."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "code"))

from joey_worker.channel import READY, RESULT, Channel  # noqa: E402

channel = Channel()
channel.receive()
channel.send(READY, 0, b"{}")
while (frame := channel.receive()) is not None:
    _, number, payload, first = frame
    channel.send(RESULT, number, payload[:first], memoryview(payload)[first:])

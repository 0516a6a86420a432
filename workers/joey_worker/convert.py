"""Tries to convert an uploaded model to ONNX; one answer, then this process ends.

The answer is a document with `outcome`: "native" (the converted model follows it), "incompatible" (it works,
but not natively) or "error", where `kind` "load" means that other versions of the libraries may do better.
`text` says why.
"""

import json
import traceback

from joey_worker.agreement import Disagreement, check_usable, compare
from joey_worker.arrays import arrays_of, batch_of
from joey_worker.channel import RESULT, Channel
from joey_worker.failure import StepError, describe
from joey_worker.frameworks import Incompatible, module_of
from joey_worker.model_file import ModelFile
from joey_worker.onnx_graph import Session
from joey_worker.start_frame import receive_start


def main():
    channel = Channel()
    start = receive_start(channel)
    if start is None:
        return
    converted = b""
    try:
        document, converted = convert(start, ModelFile())
    except BaseException as error:
        if not isinstance(error, StepError):
            traceback.print_exc()
        said = json.loads(describe(error, ""))
        document = {"outcome": "error", "text": said["message"], "hint": said["hint"], "kind": said["kind"]}
    channel.send(RESULT, 0, json.dumps(document).encode(), converted)


def convert(start, file):
    """(document, ONNX file or b"")."""
    loaded = module_of(start.framework).load(file, start.inputs, start.outputs)
    blocks = loaded.sample_blocks()
    document = {"versions": loaded.versions, "notes": list(loaded.notes)}

    def original(arrays):
        rows = len(next(iter(arrays.values())))
        return arrays_of(batch_of(loaded.predict(arrays), start.outputs, rows), start.outputs)

    def incompatible(text):
        check_usable(original, blocks)
        return {**document, "outcome": "incompatible", "text": text}, b""

    try:
        model, tool = loaded.to_onnx()
    except Incompatible as error:
        return incompatible(str(error))
    if not blocks:
        return incompatible("there are no rows to compare a converted model on")
    try:
        serialized = model.SerializeToString()
        session = Session(serialized)
    except Exception as error:
        return incompatible(f"what {tool} made does not load: {error}")
    try:
        agreement = compare(original, session.run, blocks, loaded.tolerance)
    except Disagreement as error:
        return incompatible(f"what {tool} made is not the same model: {error}")
    return {**document, "outcome": "native", "text": agreement.text(), "tool": tool}, serialized

"""Python steps: a script with `wallaroo_json(data)`."""

import faulthandler
import gc
import inspect
import json
import linecache
import os
import sys
import traceback

from joey_worker.channel import ERROR, READY, RESULT, RUN, START, Channel
from joey_worker.failure import StepError, describe

ENTRY = "wallaroo_json"


class Script:
    """A loaded script. Its top level runs here."""

    def __init__(self, name, text):
        import pandas as pd

        self.file = f"{name}.py"
        # Tracebacks show its lines although there is no such file.
        linecache.cache[self.file] = (len(text), None, text.splitlines(keepends=True), self.file)
        # The guide's own example speaks of `pd` without importing it.
        module = type(sys)("step")
        module.__dict__.update({"__file__": self.file, "pd": pd})
        sys.modules["step"] = module
        code = compile(text, self.file, "exec")
        exec(code, module.__dict__)
        self.entry = module.__dict__.get(ENTRY)
        if not callable(self.entry):
            raise StepError(f"it has no function {ENTRY}(data)", f"define {ENTRY}(data) at its top level")
        self.speaks_of_colnames = "colnames" in text

    def annotated(self):
        """The type that the function's parameter is said to be, or None."""
        import pandas as pd

        try:
            parameter = next(iter(inspect.signature(self.entry).parameters.values()))
        except (ValueError, TypeError, StopIteration):
            return None
        said = parameter.annotation
        if said is str or said == "str":
            return str
        if said is pd.DataFrame or (isinstance(said, str) and said.split(".")[-1] == "DataFrame"):
            return pd.DataFrame
        return None


class Step:
    def __init__(self, script, input_schema, output_schema):
        import pyarrow as pa

        from joey_worker.frame import DataFrames, json_text
        from joey_worker.result import Results

        self.script = script
        self._pa = pa
        self._schemas = {}
        self._frames = DataFrames(input_schema)
        self._results = Results(output_schema)
        self._json_text = json_text
        # docs/python-steps.md has the rule.
        self.takes_text = (script.annotated() or (str if input_schema is None else None)) is str

    def answer(self, payload, first):
        """Schema message and batch message of the result for a request of such messages."""
        buffer = self._pa.py_buffer(payload)
        batch = self._pa.ipc.read_record_batch(buffer.slice(first), self._schema(payload[:first]))
        rows = batch.num_rows
        if self.takes_text:
            data = self._json_text(batch, self.script.speaks_of_colnames)
        else:
            data = self._frames.make(batch)
        try:
            result = self.script.entry(data)
        except TypeError as error:
            error.joey_hint = self._form_hint(error)
            raise
        out = self._results.make(result, rows)
        return _schema_message(out.schema), out.serialize()

    def _schema(self, message):
        schema = self._schemas.get(message)
        if schema is None:
            if len(self._schemas) > 16:
                self._schemas.clear()
            schema = self._pa.ipc.read_schema(self._pa.py_buffer(message))
            self._schemas[message] = schema
        return schema

    def _form_hint(self, error):
        """A script that was written for the other form fails in one of these ways."""
        text = str(error)
        if not self.takes_text and "JSON object must be str" in text:
            return "the step gets a DataFrame; for JSON text declare it as wallaroo_json(data: str)"
        if self.takes_text and "string indices must be integers" in text:
            return "the step gets JSON text; for a DataFrame configure it with an input_schema"
        return ""


_messages = {}


def _schema_message(schema):
    message = _messages.get(schema)
    if message is None:
        if len(_messages) > 16:
            _messages.clear()
        message = _messages[schema] = schema.serialize().to_pybytes()
    return message


def _load(frame):
    import pyarrow as pa

    _, _, payload, first = frame
    start = json.loads(payload[:first])
    parts = []
    for key in ("script_bytes", "input_schema_bytes", "output_schema_bytes"):
        parts.append(payload[first : first + start[key]])
        first += start[key]
    text, *schemas = parts
    schemas = [pa.ipc.read_schema(pa.py_buffer(schema)) if schema else None for schema in schemas]
    return start["name"], text, schemas


def main():
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    channel = Channel()
    frame = channel.receive()
    if frame is None or frame[0] != START:
        return
    name, text, schemas = _load(frame)
    try:
        step = Step(Script(name, text.decode()), *schemas)
    except BaseException as error:
        traceback.print_exc()
        channel.send(ERROR, 0, describe(error, f"{name}.py"))
        return
    # What is there now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    channel.send(READY, 0, json.dumps({"form": "json" if step.takes_text else "dataframe"}).encode())
    serve(channel, step)


def serve(channel, step):
    while (frame := channel.receive()) is not None:
        kind, number, payload, first = frame
        if kind != RUN:
            os._exit(1)
        try:
            schema, batch = step.answer(payload, first)
        except BaseException as error:  # a script may raise SystemExit, too
            if not isinstance(error, StepError):
                _print_traceback()
            channel.send(ERROR, number, describe(error, step.script.file))
            continue
        channel.send(RESULT, number, schema, batch)


def _print_traceback():
    try:
        traceback.print_exc()
    except BaseException:
        print("a traceback could not be printed", file=sys.stderr)

"""Errors as the engine reports them to whoever sent the request."""

import json
import traceback

from joey_worker.channel import ERROR_BYTES_MAX

FRAMES_SHOWN = 3
TEXT_MAX = ERROR_BYTES_MAX // 16  # a character takes at most six bytes in JSON


class StepError(Exception):
    """What is wrong with a script, its data or its result; `hint` says what to do next."""

    def __init__(self, message, hint="", kind="result"):
        super().__init__(message)
        self.hint = hint
        self.kind = kind


def describe(error, script):
    """The document of an error frame."""
    if isinstance(error, StepError):
        document = {"kind": error.kind, "message": str(error), "hint": error.hint}
    elif isinstance(error, MemoryError):
        document = {
            "kind": "memory",
            "message": "it was out of memory" + _place(error, script),
            "hint": "send fewer rows per request, or deploy with more memory",
        }
    else:
        document = {
            "kind": "raised",
            "message": f"it raised {_summary(error)}{_place(error, script)}",
            "hint": getattr(error, "joey_hint", "") or "the whole traceback is in the engine's log",
        }
    for key, text in document.items():
        document[key] = text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…"
    return json.dumps(document).encode()


def _summary(error):
    """Like the last line of a traceback; an exception's own text may fail as well."""
    try:
        return "".join(traceback.format_exception_only(type(error), error)).strip()
    except Exception:
        return type(error).__name__


def _place(error, script):
    """The last lines of the traceback that are the script's own."""
    try:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == script]
    except Exception:
        frames = []
    lines = [
        f"line {frame.lineno}, in {frame.name}: {frame.line}" if frame.line else f"line {frame.lineno}"
        for frame in frames[-FRAMES_SHOWN:]
    ]
    return f" ({script} {'; '.join(lines)})" if lines else ""

"""What is printed while a call waits for the server."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Optional


def is_interactive() -> bool:
    """Whether somebody watches: a notebook or a terminal."""
    if os.environ.get("JUPYTER_SVC_SERVICE_HOST") or os.environ.get("JUPYTERHUB_HOST"):
        return True
    ipython = sys.modules.get("IPython")
    if ipython is not None:
        shell = ipython.get_ipython()
        if shell is not None and type(shell).__name__ == "ZMQInteractiveShell":
            return True
    return bool(sys.stdout is not None and sys.stdout.isatty())


class Progress:
    """One line that grows by a dot a second: ``Waiting for … ...... ok``.

    Parameters
    ----------
    text : str
        What is waited for.
    shown : bool
        False prints nothing at all.
    """

    def __init__(self, text: str, shown: bool) -> None:
        self._shown = shown
        self._next_dot = time.monotonic()
        self._text = text

    def __enter__(self) -> Progress:
        self._print(self._text + " ")
        return self

    def tick(self) -> None:
        """Called at every look at the server; prints at most a dot a second."""
        now = time.monotonic()
        if now >= self._next_dot:
            self._next_dot = now + 1
            self._print(".")

    def say(self, text: str) -> None:
        """Print `text` in the line."""
        self._print(text)

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._print(" ok\n" if kind is None else " failed\n")

    def _print(self, text: str) -> None:
        if self._shown:
            print(text, end="", flush=True)

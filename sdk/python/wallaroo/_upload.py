"""Sending a model file without reading it into memory."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from . import _json
from ._transport import Answer, Transport

# A connection that carries an upload may be silent while the server reads and checks the file.
_SECONDS_MAX = 3600.0
_PIECE_BYTES = 1 << 20


def send_model(
    transport: Transport, path: str, metadata: dict[str, Any], file: Optional[Path]
) -> Answer:
    """POST the two parts ``metadata`` and ``file``.

    Parameters
    ----------
    path : str
        Path of the call.
    metadata : dict
        What is said about the model.
    file : Path, optional
        The model.
    """
    boundary = secrets.token_hex(16)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="metadata"\r\n'
        "Content-Type: application/json\r\n\r\n"
    ).encode() + _json.dumps(metadata)
    size = 0
    if file is not None:
        size = file.stat().st_size
        name = (
            file.name.replace("\\", "\\\\").replace('"', "%22").replace("\r", "").replace("\n", "")
        )
        head += (
            f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()

    def pieces() -> Iterator[bytes]:
        yield head
        left = size
        if file is not None:
            with open(file, "rb") as stream:
                while left:
                    piece = stream.read(min(_PIECE_BYTES, left))
                    if not piece:
                        raise OSError(f"{os.fspath(file)} became shorter while it was sent")
                    left -= len(piece)
                    yield piece
        yield tail

    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + size + len(tail)),
        "Accept": "application/json",
    }
    return transport.request("POST", path, pieces, headers, timeout=_SECONDS_MAX, repeatable=False)

"""Frames between a worker and the engine: the counterpart of src/runtime/worker_channel.cc."""

import array
import fcntl
import mmap
import os
import socket
import struct

START, RUN, READY, RESULT, ERROR = 1, 2, 3, 4, 5

MAGIC = 0x314B574A
HEADER = struct.Struct("=IIQQQQ")  # magic, kind, id, bytes of the first and second part, flags
IN_FILE, IN_AREA = 1, 2
INLINE_BYTES_MAX = 8 << 10
ERROR_BYTES_MAX = 32 << 10
SOCKET, AREA = 3, 4  # descriptors
SEALS = 1 | 2 | 4 | 8  # seal, shrink, grow, write
_SPACE = socket.CMSG_LEN(4)


class Channel:
    def __init__(self, descriptor=SOCKET, area=AREA):
        self._socket = socket.socket(fileno=descriptor)
        self._area = mmap.mmap(area, 0)
        self._area_bytes = len(self._area) // 2  # requests, then answers
        self._buffer = bytearray(HEADER.size + INLINE_BYTES_MAX)
        self._view = memoryview(self._buffer)

    def receive(self):
        """(kind, id, payload, bytes of its first part), or None when the engine is gone. The payload is this
        process's own for as long as it is kept."""
        size, extra, _, _ = self._socket.recvmsg_into((self._buffer,), _SPACE)
        if size < HEADER.size:
            return None
        _, kind, number, first, second, flags = HEADER.unpack_from(self._buffer)
        if flags == IN_AREA:
            payload = self._area[: first + second]
        elif flags == IN_FILE:
            descriptor = array.array("i", extra[0][2])[0]
            payload = mmap.mmap(descriptor, first + second, mmap.MAP_PRIVATE, mmap.PROT_READ)
            os.close(descriptor)
        else:
            payload = bytes(self._view[HEADER.size : size])
        return kind, number, payload, first

    def send(self, kind, number, first, second=b""):
        first_bytes, second_bytes = len(first), len(second)
        total = first_bytes + second_bytes
        if total <= INLINE_BYTES_MAX:
            header = HEADER.pack(MAGIC, kind, number, first_bytes, second_bytes, 0)
            self._socket.sendmsg((header, first, second))
            return
        if total <= self._area_bytes:
            start = self._area_bytes
            self._area[start : start + first_bytes] = first
            start += first_bytes
            self._area[start : start + second_bytes] = second
            self._socket.send(HEADER.pack(MAGIC, kind, number, first_bytes, second_bytes, IN_AREA))
            return
        descriptor = os.memfd_create("joey-frame", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            _write(descriptor, first)
            _write(descriptor, second)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
            header = HEADER.pack(MAGIC, kind, number, first_bytes, second_bytes, IN_FILE)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
            self._socket.sendmsg((header,), (rights,))
        finally:
            os.close(descriptor)


def _write(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]

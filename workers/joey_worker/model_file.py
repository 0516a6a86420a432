"""The uploaded file, which a worker gets as an open descriptor: its path is out of its reach."""

import io
import os

DESCRIPTOR = 5


class ModelFile:
    def __init__(self, descriptor=DESCRIPTOR):
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def open(self):
        """A binary stream from the beginning."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return io.BufferedReader(io.FileIO(os.dup(self._descriptor)))

    def head(self, size=16):
        return os.pread(self._descriptor, size, 0)

    def read(self):
        with self.open() as stream:
            return stream.read()

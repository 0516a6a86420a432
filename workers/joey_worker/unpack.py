"""Unpacks an uploaded zip into the worker's private /tmp. The server has checked it: names, links, sizes."""

import os
import pathlib
import shutil
import tempfile
import zipfile

from joey_worker.failure import StepError

FREE_MIN = 16 << 20


def unpack(file):
    """The folder that holds the files: of a zip of one folder that folder."""
    target = pathlib.Path(tempfile.mkdtemp(prefix="model-"))
    try:
        with file.open() as stream, zipfile.ZipFile(stream) as archive:
            entries = [entry for entry in archive.infolist() if not _is_litter(entry.filename)]
            size = sum(entry.file_size for entry in entries)
            free = shutil.disk_usage(target).free - FREE_MIN
            if size > free:
                raise StepError(
                    f"the files are {size} bytes, a worker has room for {free}",
                    "upload smaller artifacts",
                    "load",
                )
            for entry in entries:
                archive.extract(entry, target)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise StepError(f"the zip cannot be unpacked: {error}", "zip the folder again", "load") from error
    names = os.listdir(target)
    if len(names) == 1 and (target / names[0]).is_dir():
        return target / names[0]
    return target


def _is_litter(name):
    parts = pathlib.PurePosixPath(name).parts
    return "__MACOSX" in parts or (parts and parts[-1] in (".DS_Store", "Thumbs.db"))

"""Loads the artifacts of a custom model."""

import json
import pickle
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from mac.exceptions import FileFormatError, PathNotExistError


class FileLoader(ABC):
    suffixes = ()

    def load(self, path: Path) -> Any:
        path = Path(path)
        if not path.is_file():
            raise PathNotExistError(f"there is no file {path}")
        if self.suffixes and path.suffix not in self.suffixes:
            raise FileFormatError(f"{path.name} is none of {', '.join(self.suffixes)}")
        return self._load(path)

    @abstractmethod
    def _load(self, path: Path) -> Any:
        """What the file holds."""


class JSONLoader(FileLoader):
    suffixes = (".json",)

    def _load(self, path: Path) -> Any:
        return json.loads(path.read_text())


class PickleLoader(FileLoader):
    suffixes = (".pkl", ".pickle")

    def _load(self, path: Path) -> Any:
        with path.open("rb") as stream:
            return pickle.load(stream)

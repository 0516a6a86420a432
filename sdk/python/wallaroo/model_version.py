"""One uploaded version of a model (guide L2414-2732)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Optional, SupportsIndex, Union, overload

from . import _codec, _display
from . import framework as _framework
from ._progress import Progress
from .exceptions import (
    InvalidRequestError,
    JoeyError,
    ModelConversionError,
    ModelConversionTimeoutError,
)
from .model_config import ModelConfig

if TYPE_CHECKING:
    import datetime

    import pyarrow as pa

    from .checks import Position, Variable
    from .client import Client

_RUNTIMES = ("onnx", "tensorflow", "python", "mlflow", "flight")

CONVERSION_SECONDS_MAX = 600.0
_LOOK_SECONDS = 0.5
_NATIVE_STATES = ("pending_load_native", "attempting_load_native")
_CONTAINER_STATES = ("pending_load_container", "attempting_load_container")


def _passed(last: str, now: str, converts: bool, in_container: bool) -> tuple[str, ...]:
    """The states after `last` up to `now`, also those that no look has met."""
    walk = _NATIVE_STATES if converts else ()
    if in_container or last in _CONTAINER_STATES or now in _CONTAINER_STATES:
        walk = (*walk, *_CONTAINER_STATES)
    if now not in walk and now != "ready":
        return ()
    begin = walk.index(last) + 1 if last in walk else 0
    return walk[begin : walk.index(now) + 1 if now in walk else len(walk)]


@dataclass(frozen=True)
class Field:
    """One input or output of a model.

    Attributes
    ----------
    name : str
        Its name in the model.
    type : str
        Element type, such as "float32".
    shape : tuple of int or None
        Size of every dimension, the batch first; None where any size is fine.
    """

    name: str
    type: str
    shape: tuple[Optional[int], ...]
    _of: tuple[str, Position, int] = field(default=("", "output", 0), repr=False, compare=False)

    def __getitem__(self, element: int) -> Variable:
        """Value number `element` of it, for ``pipeline.add_validation`` (guide L7296-7392)."""
        from .checks import Variable

        return Variable(*self._of, element)

    __iter__ = None  # __getitem__ would make it endless

    def __repr__(self) -> str:
        sizes = ", ".join("?" if n is None else str(n) for n in self.shape)
        return f"{self.name}: {self.type}[{sizes}]"


class Fields(list[Field]):
    """The inputs or outputs of a model, in its order; calling it gives itself."""

    def __init__(self, fields: Iterable[Field] = (), unknown: Optional[Field] = None) -> None:
        super().__init__(fields)
        self._unknown = unknown

    def __call__(self) -> Fields:
        return self

    @overload
    def __getitem__(self, index: SupportsIndex) -> Field: ...
    @overload
    def __getitem__(self, index: slice) -> list[Field]: ...
    def __getitem__(self, index: Union[SupportsIndex, slice]) -> Union[Field, list[Field]]:
        if not self and self._unknown is not None and isinstance(index, int) and index >= 0:
            # Not every runtime tells what a model gives; validations name it all the same.
            model, position, _ = self._unknown._of
            return replace(self._unknown, _of=(model, position, index))
        return super().__getitem__(index)

    def _repr_html_(self) -> str:
        rows = [(f.name, f.type, list(f.shape)) for f in self]
        return _display.html_table(["name", "type", "shape"], rows)


class ModelVersion:
    """A version of a model, as ``upload_model`` returns it.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's model version.
    config : ModelConfig, optional
        Its newest configuration, where that is at hand.
    """

    def __init__(
        self, client: Client, document: dict[str, Any], config: Optional[ModelConfig] = None
    ) -> None:
        self._client = client
        self._document = document
        self._config = config

    def id(self) -> int:
        """Number of this version."""
        return int(self._document["id"])

    def name(self) -> str:
        """Name of the model."""
        return str(self._document["name"])

    def version(self) -> str:
        """UUID of this version."""
        return str(self._document["version"])

    def file_name(self) -> str:
        """Name of the uploaded file."""
        return str(self._document["file_name"])

    def sha(self) -> str:
        """SHA-256 of the uploaded file, in hexadecimal."""
        return str(self._document["sha"])

    def framework(self) -> Optional[str]:
        """Framework that it was uploaded as."""
        return self._document.get("framework")

    def arch(self) -> Optional[str]:
        """Architecture that it was uploaded for, None where none was given."""
        return self._document.get("arch")

    def image_path(self) -> Optional[str]:
        """Image that serves the model, None for native runtimes."""
        return self._document.get("image_path")

    def last_update_time(self) -> Optional[datetime.datetime]:
        """When it was last changed."""
        return _display.parse_time(self._document.get("updated_at"))

    def status(self) -> str:
        """Status now: "ready", "error", "pending_load_native" …"""
        if self._document.get("status") not in ("ready", "error"):
            self._refresh()
        return str(self._document["status"])

    @property
    def inputs(self) -> Fields:
        """Inputs of the model; ``model.inputs`` and ``model.inputs()`` are the same."""
        return self._fields_of("inputs")

    @property
    def outputs(self) -> Fields:
        """Outputs of the model; ``model.outputs`` and ``model.outputs()`` are the same."""
        return self._fields_of("outputs")

    def config(self) -> ModelConfig:
        """The configuration that pipelines use this version with."""
        if self._config is None:
            document = self._client._post("/v1/api/models/get_config_by_id", model_id=self.id())[
                "model_config"
            ]
            if document is None:
                self.configure()
            else:
                self._config = ModelConfig(self._client, document, self)
        assert self._config is not None
        return self._config

    def configure(
        self,
        runtime: Optional[str] = None,
        tensor_fields: Optional[Sequence[str]] = None,
        filter_threshold: Optional[float] = None,
        input_schema: Optional[pa.Schema] = None,
        output_schema: Optional[pa.Schema] = None,
        batch_config: Optional[str] = None,
    ) -> ModelVersion:
        """Set how this version is used (guide L2315-2369, L2588-2719).

        Parameters
        ----------
        runtime : str, optional
            "onnx", "tensorflow", "python", "mlflow" or "flight". The upload decides the runtime;
            the parameter is here for notebooks that name it.
        tensor_fields : list of str, optional
            Names for the inputs, as many as the model has.
        filter_threshold : float, optional
            Threshold below which outputs are left out.
        input_schema, output_schema : pyarrow.Schema, optional
            Schemas of a Python step or a containerized model.
        batch_config : str, optional
            "single": one row in each request.

        Returns
        -------
        ModelVersion
            This version.

        Raises
        ------
        InvalidRequestError
            A value is not as described, or the number of `tensor_fields` is wrong.

        Examples
        --------
        >>> wl.upload_model("ccfraud", "ccfraud.onnx").configure(tensor_fields=["tensor"])
        ... # doctest: +SKIP
        """
        if runtime is not None and str(runtime) not in _RUNTIMES:
            raise InvalidRequestError(
                f"There is no runtime {runtime!r}", f"One of: {', '.join(_RUNTIMES)}"
            )
        request: dict[str, Any] = {"model_version_id": self.id()}
        if tensor_fields is not None:
            if isinstance(tensor_fields, str) or not all(
                isinstance(name, str) for name in tensor_fields
            ):
                raise InvalidRequestError(
                    f"tensor_fields is a list of names, not {tensor_fields!r}",
                    "Example: tensor_fields=['tensor']",
                )
            request["tensor_fields"] = list(tensor_fields)
        if filter_threshold is not None:
            request["filter_threshold"] = filter_threshold
        if batch_config is not None:
            request["batch_config"] = batch_config
        for key, schema in (("input_schema", input_schema), ("output_schema", output_schema)):
            text = _codec.schema_text(schema)
            if text is not None:
                request[key] = text
        document = self._client._post("/v1/api/models/insert_model_config", **request)
        self._config = ModelConfig(self._client, document["model_config"], self)
        return self

    def _wait_until_ready(self) -> None:
        """Wait for the conversion, with the progress text of the guide (L5035, L5271)."""
        deadline = time.monotonic() + CONVERSION_SECONDS_MAX
        minutes = CONVERSION_SECONDS_MAX / 60
        progress = Progress("", self._client._shows_progress)
        progress.say(f"Waiting for model loading - this will take up to {minutes}min.\n")
        said = ""
        while True:
            status = self.status()
            converts = self.framework() in _framework.CONVERTED
            for state in _passed(said, status, converts, self.image_path() is not None):
                if said.startswith("attempting"):
                    progress.say("incompatible\n\n")
                elif said:
                    progress.say("\n")
                kind = "attempting" if state.startswith("attempting") else "pending"
                runtime = "container" if state.endswith("container") else "native"
                progress.say(f"Model is {kind} loading to a {runtime} runtime.")
                said = state
            if status == "ready":
                progress.say("successful\n\nReady\n")
                return
            if status == "error":
                progress.say("ERROR!\n")
                raise ModelConversionError(
                    f"Model {self.name()!r} could not be loaded: "
                    f"{self._document.get('status_text') or 'no reason given'}",
                    "Check the framework, the file and the schemas",
                )
            progress.tick()
            if time.monotonic() >= deadline:
                raise ModelConversionTimeoutError(
                    f"Model {self.name()!r} was still {status!r} after {minutes}min",
                    "It goes on: look at model.status()",
                )
            time.sleep(_LOOK_SECONDS)

    def _refresh(self) -> None:
        answer = self._client._post("/v1/api/models/get_version_by_id", model_version_id=self.id())
        self._document = answer["model_version"]["model_version"]
        config = answer["model_version"].get("config")
        if config:  # the runtime is known once the model is ready
            self._config = ModelConfig(self._client, config, self)

    def _fields_of(self, key: str) -> Fields:
        position: Position = "input" if key == "inputs" else "output"
        fields = (
            Field(f["name"], f["type"], tuple(f.get("shape") or ()), (self.name(), position, i))
            for i, f in enumerate(self._document.get(key) or [])
        )
        return Fields(fields, Field("", "", (), (self.name(), position, 0)))

    def _step_document(self) -> dict[str, str]:
        return {"name": self.name(), "version": self.version(), "sha": self.sha()}

    def _fields(self) -> list[tuple[str, Any]]:
        return [
            ("Name", self.name()),
            ("Version", self.version()),
            ("File Name", self.file_name()),
            ("SHA", self.sha()),
            ("Status", self._document.get("status")),
            ("Image Path", self.image_path()),
            ("Architecture", self.arch()),
            (
                "Updated At",
                _display.show_time(self._document.get("updated_at"), self._client._time_format),
            ),
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelVersion) and (
            (self._client.api_endpoint, self.id()) == (other._client.api_endpoint, other.id())
        )

    def __hash__(self) -> int:
        return hash((self._client.api_endpoint, self.id()))

    def __repr__(self) -> str:
        return str(
            {
                "name": self.name(),
                "version": self.version(),
                "file_name": self.file_name(),
                "image_path": self.image_path(),
                "arch": self.arch(),
                "last_update_time": self.last_update_time(),
            }
        )

    def _repr_html_(self) -> str:
        # Shown as it was where the server is away.
        with contextlib.suppress(JoeyError):
            self.status()
        return _display.html_fields(self._fields())


class ModelVersionList(_display.Table[ModelVersion]):
    """Versions of models, newest first."""

    _columns = ("name", "version", "file_name", "image_path", "arch", "last_update_time")

    @staticmethod
    def _row(item: ModelVersion) -> Sequence[Any]:
        return (
            item.name(),
            item.version(),
            item.file_name(),
            item.image_path(),
            item.arch(),
            item.last_update_time(),
        )


class FoundModelVersions(_display.Table[ModelVersion]):
    """What a search for models found, newest first."""

    _columns = ("name", "version", "file_name", "image_path", "last_update_time")

    @staticmethod
    def _row(item: ModelVersion) -> Sequence[Any]:
        return (
            item.name(),
            item.version(),
            item.file_name(),
            item.image_path(),
            item.last_update_time(),
        )

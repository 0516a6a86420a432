"""Pipelines: steps, deployment, inference and logs (guide L6790-7960, L10393-10824)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional, Union, overload

from . import _codec, _display, _inference, _logs
from .deployment import Deployment
from .exceptions import (
    EntityNotFoundError,
    InferenceError,
    InvalidRequestError,
    JoeyError,
    PreconditionError,
)
from .pipeline_config import Step, first_model_name
from .pipeline_steps import PipelineSteps
from .pipeline_version import PipelineVersion, PipelineVersionList

if TYPE_CHECKING:
    import datetime

    import pandas as pd
    import pyarrow as pa

    from .client import Client
    from .deployment_config import DeploymentConfig

INFER_SECONDS_DEFAULT = 15.0

DataFormat = Literal["pandas-records", "custom-json", "arrow"]


class Pipeline(PipelineSteps):
    """A pipeline.

    Its steps are kept in this object until :meth:`deploy` or :meth:`create_version`.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's pipeline.
    """

    def __init__(self, client: Client, document: dict[str, Any]) -> None:
        super().__init__()
        self._client = client
        self._document = document
        self._deployed_as: Optional[Deployment] = None
        self._topic: Optional[str] = None
        self._recent = _logs.Recent()

    def id(self) -> int:
        """Its number."""
        return int(self._document["id"])

    def name(self) -> str:
        """Its name, unique in its workspace."""
        return str(self._document["name"])

    def create_time(self) -> Optional[datetime.datetime]:
        """When it was made."""
        return _display.parse_time(self._document.get("created_at"))

    def last_update_time(self) -> Optional[datetime.datetime]:
        """When it was last changed."""
        return _display.parse_time(self._refreshed().get("updated_at"))

    # Steps

    def _stored_steps(self) -> list[Step]:
        newest = self.versions()
        return newest[0]._steps() if newest else []

    def _use_steps_of(self, version: PipelineVersion) -> None:
        self._steps = version._steps()

    # Versions

    def versions(self) -> PipelineVersionList:
        """The stored versions, newest first."""
        document = self._refreshed()
        return PipelineVersionList(
            PipelineVersion(
                self._client, {**d, "tags": document.get("tags")}, document.get("workspace_id")
            )
            for d in document["versions"]
        )

    def create_version(self) -> PipelineVersion:
        """Store the present steps as a new version (guide L7037-7068)."""
        answer = self._client._post(
            "/v1/api/pipelines/create",
            repeatable=False,
            pipeline_id=self.name(),
            workspace_id=self._document["workspace_id"],
            definition={"id": self.name(), "steps": [s.to_json() for s in self.steps()]},
        )
        wanted = str(answer["pipeline_variant_version"])
        return next(v for v in self.versions() if v.name() == wanted)

    # Deployment

    def deploy(
        self,
        deployment_config: Optional[DeploymentConfig] = None,
        pipeline_name: Optional[str] = None,
    ) -> Pipeline:
        """Store the steps as a new version, deploy it and wait until it runs.

        A pipeline that runs already is changed in place (guide L7113-7128, L7199-7240).

        Parameters
        ----------
        deployment_config : DeploymentConfig, optional
            From a :class:`~wallaroo.deployment_config.DeploymentConfigBuilder`; the defaults of
            the server where None.
        pipeline_name : str, optional
            Name of the deployment; the pipeline's where None.

        Returns
        -------
        Pipeline
            This pipeline.

        Raises
        ------
        PreconditionError
            It has no steps.
        DeploymentError
            Not enough resources, or the engines did not run in time.
        LimitError
            A limit of the installation is reached.

        Examples
        --------
        >>> config = DeploymentConfigBuilder().cpus(0.5).memory("1Gi").build()  # doctest: +SKIP
        >>> pipeline.deploy(deployment_config=config)                           # doctest: +SKIP
        """
        if deployment_config is not None and not isinstance(deployment_config, dict):
            raise InvalidRequestError(
                f"deployment_config is what a DeploymentConfigBuilder builds, not "
                f"{type(deployment_config).__name__}",
                "Example: wallaroo.DeploymentConfigBuilder().cpus(1).memory('1Gi').build()",
            )
        steps = self.steps()
        if not steps:
            raise PreconditionError(
                f"Pipeline {self.name()!r} has no steps",
                "Add one with pipeline.add_model_step(model), then deploy",
            )
        version = self.create_version()
        models = dict.fromkeys(m for s in steps for m in s.models())
        configs = [m.config() for m in models]
        self._deployed_as = version.deploy(pipeline_name or self.name(), configs, deployment_config)
        return self

    def undeploy(self) -> Pipeline:
        """End the engines of this pipeline and wait until they have ended (guide L7250-7258)."""
        deployment = self._deployment
        if deployment is not None and deployment.deployed():
            deployment.undeploy()
        self._deployed_as = None
        return self

    def status(self) -> dict[str, Any]:
        """State of the pipeline (guide L6802-6878, L7260-7292).

        Returns
        -------
        dict
            ``{"status": "Pipeline … is not deployed"}``, or status, details, engines, engine_lbs
            and sidekicks.
        """
        deployment = self._deployment
        if deployment is not None:
            try:
                return deployment.status()
            except EntityNotFoundError:
                pass
        return {"status": f"Pipeline {self.name()} is not deployed"}

    def url(self) -> str:
        """URL that takes inference requests (guide L7541-7549).

        Raises
        ------
        PreconditionError
            It was never deployed.
        """
        deployment = self._deployment
        if deployment is None:
            raise _not_deployed(self.name(), PreconditionError)
        return deployment.url()

    @property
    def _deployment(self) -> Optional[Deployment]:
        """What it is deployed as now, None where it never was."""
        document = self._refreshed().get("deployment")
        return Deployment(self._client, document) if document else None

    # Inference

    @overload
    def infer(
        self,
        data: pd.DataFrame,
        timeout: Optional[float] = ...,
        dataset: _codec.Dataset = ...,
        dataset_exclude: _codec.Dataset = ...,
        dataset_separator: Optional[str] = ...,
    ) -> pd.DataFrame: ...
    @overload
    def infer(
        self,
        data: Union[dict[str, Any], list[Any]],
        timeout: Optional[float] = ...,
        dataset: _codec.Dataset = ...,
        dataset_exclude: _codec.Dataset = ...,
        dataset_separator: Optional[str] = ...,
    ) -> Any: ...
    @overload
    def infer(
        self,
        data: pa.Table,
        timeout: Optional[float] = ...,
        dataset: _codec.Dataset = ...,
        dataset_exclude: _codec.Dataset = ...,
        dataset_separator: Optional[str] = ...,
    ) -> pa.Table: ...
    def infer(
        self,
        data: Any,
        timeout: Optional[float] = INFER_SECONDS_DEFAULT,
        dataset: _codec.Dataset = None,
        dataset_exclude: _codec.Dataset = None,
        dataset_separator: Optional[str] = None,
    ) -> Any:
        """Run the pipeline on data: one request, one answer (guide L10393-10626).

        Parameters
        ----------
        data : pandas.DataFrame, pyarrow.Table, dict or list
            One row for each inference; columns are the inputs of the first step. Cells of a
            DataFrame may be lists or numpy arrays of any number of dimensions.
        timeout : float
            Seconds, 15 by default.
        dataset : list of str, optional
            What to return, ``["*"]`` by default: time, in, out and anomaly. Others:
            "metadata", "metadata.elapsed" (nanoseconds), "out.variable" …
        dataset_exclude : list of str, optional
            What to leave out of it.
        dataset_separator : str, optional
            Between the parts of a column's name, "." by default.

        Returns
        -------
        pandas.DataFrame or pyarrow.Table or list
            As the data came in. ``time`` in milliseconds, ``in.*``, ``out.*``, then the others.
            A dict or list is answered with the parsed JSON of the server.

        Raises
        ------
        InferenceError
            The data was refused; the message says what was expected.
        InferenceTimeoutError
            No answer in time.

        Examples
        --------
        >>> pipeline.infer(pd.DataFrame({"tensor": [[1.0, 2.0]]}))  # doctest: +SKIP
        """
        seconds = INFER_SECONDS_DEFAULT if timeout is None else float(timeout)
        query = _codec.dataset_query(dataset, dataset_exclude, dataset_separator, infer=True)
        return self._infer(_inference.job(data, query), seconds)

    def infer_from_file(
        self,
        data: Union[str, Path],
        timeout: Optional[float] = INFER_SECONDS_DEFAULT,
        dataset: _codec.Dataset = None,
        dataset_exclude: _codec.Dataset = None,
        dataset_separator: Optional[str] = None,
        data_format: Optional[DataFormat] = None,
    ) -> Any:
        """Run the pipeline on a file (guide L10628-10749).

        Parameters
        ----------
        data : str or Path
            Name of the file: ``.arrow`` (Arrow IPC file) or ``.json``, ``.df.json`` (pandas
            records).
        timeout, dataset, dataset_exclude, dataset_separator
            As for :meth:`infer`.
        data_format : {"pandas-records", "custom-json", "arrow"}, optional
            What the file holds, where its name does not say it.

        Returns
        -------
        pandas.DataFrame or pyarrow.Table or list
            A DataFrame for records, a table for Arrow, the server's JSON for custom-json.
        """
        seconds = INFER_SECONDS_DEFAULT if timeout is None else float(timeout)
        query = _codec.dataset_query(dataset, dataset_exclude, dataset_separator, infer=True)
        return self._infer(_inference.job_of_file(Path(data), data_format, query), seconds)

    async def parallel_infer(
        self,
        tensor_list: Sequence[Any],
        timeout: Optional[float] = None,
        num_parallel: Optional[int] = None,
        retries: Optional[int] = None,
        dataset: _codec.Dataset = None,
        dataset_exclude: _codec.Dataset = None,
        dataset_separator: Optional[str] = None,
    ) -> list[Any]:
        """Run the pipeline on many pieces of data at a time (guide L10751-10807).

        Parameters
        ----------
        tensor_list : list
            What :meth:`infer` takes, each sent as a request of its own.
        timeout : float, optional
            Seconds for each, 15 by default.
        num_parallel : int, optional
            Requests under way at a time; twice the number of engines by default.
        retries : int, optional
            How often one is sent again when it timed out or its connection broke.
        dataset, dataset_exclude, dataset_separator
            As for :meth:`infer`.

        Returns
        -------
        list
            Answers in the order of `tensor_list`; where one failed, its exception.
        """
        if not isinstance(tensor_list, (list, tuple)):
            raise InvalidRequestError(
                f"tensor_list is a list of DataFrames or Arrow tables, not "
                f"{type(tensor_list).__name__}",
                "One DataFrame goes to pipeline.infer(data); to send its rows one by one make "
                "[frame.iloc[i:i + 1] for i in range(len(frame))]",
            )
        for name, number, least in (("retries", retries, 0), ("num_parallel", num_parallel, 1)):
            if number is None:
                continue
            if isinstance(number, bool) or not isinstance(number, int) or number < least:
                raise InvalidRequestError(
                    f"{name} is a whole number from {least} up, not {number!r}"
                )
        loop = asyncio.get_running_loop()
        if num_parallel is None:
            deployment = await loop.run_in_executor(None, lambda: self._running_deployment())
            engine = deployment.engine_config().get("engine") or {}
            most = (engine.get("autoscale") or {}).get("replica_max")
            num_parallel = 2 * int(most or engine.get("replicas") or 1)
        seconds = INFER_SECONDS_DEFAULT if timeout is None else float(timeout)
        query = _codec.dataset_query(dataset, dataset_exclude, dataset_separator, infer=True)

        def one(tensor: Any) -> Any:
            return self._infer(_inference.job(tensor, query), seconds)

        return await _inference.in_parallel(one, list(tensor_list), num_parallel, retries or 0)

    def _infer(self, job: _inference.Job, seconds: float) -> Any:
        deployment = self._running_deployment()
        answer = _inference.send(self._client._transport, deployment._path(), job, seconds)
        if answer.status == 404:
            # Undeployed and deployed again elsewhere, perhaps under another name.
            self._deployed_as = None
            now = self._running_deployment()
            if now._path() != deployment._path():
                answer = _inference.send(self._client._transport, now._path(), job, seconds)
        result, rows, time_ms = _inference.result(answer, job)
        if time_ms is not None and rows:
            self._recent.add(time_ms, rows)
        return result

    def _running_deployment(self) -> Deployment:
        found = self._deployed_as
        if found is None:
            found = self._deployment
            if found is None or not found.deployed():
                raise _not_deployed(self.name(), InferenceError)
            self._deployed_as = found
        return found

    # Logs

    def logs(
        self,
        limit: Optional[int] = None,
        start_datetime: Optional[datetime.datetime] = None,
        end_datetime: Optional[datetime.datetime] = None,
        dataset: _codec.Dataset = None,
        dataset_exclude: _codec.Dataset = None,
        dataset_separator: Optional[str] = None,
        arrow: Optional[bool] = False,
        valid: Optional[bool] = None,
    ) -> Any:
        """What the pipeline was asked and answered (guide L7759-7960).

        Parameters
        ----------
        limit : int, optional
            Most rows to return, 100 by default without dates.
        start_datetime, end_datetime : datetime.datetime, optional
            Both or none; without a time zone they are local time. With dates the oldest row
            comes first, without the newest.
        dataset : list of str, optional
            What to return, ``["*"]`` by default: time, in, out and anomaly. "metadata" adds
            elapsed (nanoseconds), last_model, pipeline_version and partition.
        dataset_exclude : list of str, optional
            What to leave out of it.
        dataset_separator : str, optional
            Between the parts of a column's name, "." by default.
        arrow : bool
            Return an Arrow table.
        valid : bool, optional
            False: only rows that failed a validation.

        Returns
        -------
        pandas.DataFrame or pyarrow.Table
            One row an inference. It holds the inferences made through this object.

        Raises
        ------
        InvalidRequestError
            One date without the other, or a limit below 1.

        Notes
        -----
        Warnings that more rows exist, that the answer was cut at its size limit, or that the
        columns changed go to the standard error.
        """
        request = _logs.checked(
            _logs.Request(
                limit, start_datetime, end_datetime, dataset, dataset_exclude, dataset_separator
            )
        )
        table, status = _logs.fetch_with(
            self._client, self._log_topic(), request, self._recent, failures=valid is False
        )
        return _logs.finish(table, status, request, bool(arrow))

    def _log_topic(self) -> str:
        if self._topic is None:
            answer = self._client._post("/v1/api/plateau/get_topic_name", pipeline_pk_id=self.id())
            self._topic = str(answer["topic_name"])
        return self._topic

    # Displays

    def _refreshed(self) -> dict[str, Any]:
        self._document = self._client._post("/v1/api/pipelines/get", pipeline_id=self.id())
        return self._document

    def _fields(self) -> list[tuple[str, Any]]:
        document = self._document
        show = self._client._time_format
        versions = document.get("versions") or []
        deployment = document.get("deployment")
        if self._steps:
            definition = {"steps": [s.to_json() for s in self._steps]}
        else:
            definition = (versions[0].get("definition") or {}) if versions else {}
        return [
            ("name", self.name()),
            ("created", _display.show_time(document.get("created_at"), show)),
            ("last_updated", _display.show_time(document.get("updated_at"), show)),
            ("deployed", deployment["deployed"] if deployment else "(unknown)"),
            ("tags", _display.tags_text(document)),
            ("versions", ", ".join(str(v["version"]) for v in versions)),
            ("steps", first_model_name(definition)),
            ("published", bool(document.get("published"))),
        ]

    def __repr__(self) -> str:
        return str(
            {
                "name": self.name(),
                "create_time": self.create_time(),
                "definition": str([s.to_json() for s in self._steps or []]),
            }
        )

    def _repr_html_(self) -> str:
        # Shown as it was where the server is away.
        with contextlib.suppress(JoeyError):
            self._refreshed()
        return _display.html_fields(self._fields())


class PipelineList(_display.Table[Pipeline]):
    """Pipelines, newest first."""

    _columns = (
        "name",
        "created",
        "last_updated",
        "deployed",
        "tags",
        "versions",
        "steps",
        "published",
    )

    @staticmethod
    def _row(item: Pipeline) -> Sequence[Any]:
        return [value for _, value in item._fields()]


def _not_deployed(name: str, cls: type[Any]) -> Any:
    return cls(
        f"Pipeline {name!r} is not deployed",
        "Run pipeline.deploy() first",
        code="failed_precondition",
    )

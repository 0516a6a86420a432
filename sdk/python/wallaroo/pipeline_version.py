"""Versions of a pipeline (guide L7023-7197)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from . import _display
from .deployment import Deployment, raise_deploy_error
from .exceptions import JoeyError, PreconditionError
from .model_config import CONTAINER_RUNTIMES, ModelConfig
from .model_version import ModelVersion
from .pipeline_config import Step, first_model_name, stored_step

if TYPE_CHECKING:
    import datetime

    from .client import Client
    from .deployment_config import DeploymentConfig


class PipelineVersion:
    """One stored version of a pipeline's steps.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's pipeline version.
    workspace_id : int, optional
        Workspace of the pipeline.
    """

    def __init__(
        self, client: Client, document: dict[str, Any], workspace_id: Optional[int] = None
    ) -> None:
        self._client = client
        self._document = document
        self._workspace_id = workspace_id

    def id(self) -> int:
        """Its number."""
        return int(self._document["id"])

    def name(self) -> str:
        """UUID of this version."""
        return str(self._document["version"])

    def version(self) -> str:
        """UUID of this version."""
        return self.name()

    def pipeline_name(self) -> str:
        """Name of the pipeline."""
        return str(self._document["pipeline_name"])

    def create_time(self) -> Optional[datetime.datetime]:
        """When it was made."""
        return _display.parse_time(self._document.get("created_at"))

    def last_update_time(self) -> Optional[datetime.datetime]:
        """When it was last changed."""
        return _display.parse_time(self._document.get("updated_at"))

    def definition(self) -> dict[str, Any]:
        """Its steps as the server keeps them: ``{"id", "steps"}``."""
        return dict(self._document.get("definition") or {})

    def deployed(self) -> bool:
        """Whether this version was running when this object was made."""
        return bool(self._document.get("deployed"))

    def model_configs(self) -> list[ModelConfig]:
        """Configurations of the models of its steps, for :meth:`deploy`."""
        ids = self._document.get("model_config_ids") or []
        if ids:
            answers = [
                self._client._post("/v1/api/models/get_config", model_config_id=i) for i in ids
            ]
            configs = []
            for answer in answers:
                model = ModelVersion(self._client, answer["model_version"])
                configs.append(ModelConfig(self._client, answer["model_config"], model))
            return configs
        return [m.config() for m in dict.fromkeys(m for s in self._steps() for m in s.models())]

    def deploy(
        self,
        deployment_name: str,
        model_configs: Sequence[ModelConfig],
        config: Optional[DeploymentConfig] = None,
    ) -> Deployment:
        """Deploy this version and wait until it runs (guide L7156-7197, L3293-3305).

        The client's time-out is how long engines may take to start, twice that with
        containerized models.

        Parameters
        ----------
        deployment_name : str
            Name of the deployment: the pipeline's name.
        model_configs : list of ModelConfig
            From :meth:`model_configs`.
        config : DeploymentConfig, optional
            What it may use; the defaults of the server where None.

        Raises
        ------
        DeploymentError
            Not enough resources, or the engines did not run in time.
        """
        from .deployment_config import DeploymentConfigBuilder

        if not model_configs:
            raise PreconditionError(
                f"Version {self.name()} of pipeline {self.pipeline_name()!r} has no steps",
                "Add one with pipeline.add_model_step(model), then deploy",
            )
        document: dict[str, Any] = dict(config or DeploymentConfigBuilder().build())
        if document.get("workspace_id") is None:
            document["workspace_id"] = (
                self._workspace_id or self._client.get_current_workspace().id()
            )
        engine = dict(document.get("engine") or {})
        if not engine.get("arch"):
            arch = next((m for c in model_configs if (m := c.model_version().arch())), None)
            if arch:
                document["engine"] = {**engine, "arch": arch}
        try:
            answer = self._client._post(
                "/v1/api/pipelines/deploy",
                deploy_id=deployment_name,
                pipeline_version_pk_id=self.id(),
                pipeline_id=int(self._document["pipeline_id"]),
                engine_config=document,
                model_configs=[c.id() for c in model_configs],
            )
        except JoeyError as error:
            raise_deploy_error(error)
        deployment = Deployment(
            self._client,
            {
                "id": answer["id"],
                "deploy_id": deployment_name,
                "deployed": True,
                "engine_config": document,
                "pipeline_name": self.pipeline_name(),
            },
        )
        container = any(c.runtime() in CONTAINER_RUNTIMES for c in model_configs)
        return deployment.wait_for_running(self._client.timeout * (2 if container else 1))

    def _steps(self) -> list[Step]:
        """The stored steps; their models have their newest configurations."""
        found: dict[tuple[str, str], ModelVersion] = {}

        def find(name: str, version: str) -> ModelVersion:
            if (name, version) not in found:
                found[name, version] = self._client._model_version(name, version)
            return found[name, version]

        return [stored_step(d, find) for d in self.definition().get("steps") or []]

    def _fields(self) -> list[tuple[str, Any]]:
        show = self._client._time_format
        deployed = self._document.get("deployed")
        return [
            ("name", self.pipeline_name()),
            ("version", self.name()),
            ("creation_time", _display.show_time(self._document.get("created_at"), show)),
            ("last_updated_time", _display.show_time(self._document.get("updated_at"), show)),
            ("deployed", "(unknown)" if deployed is None else deployed),
            ("tags", _display.tags_text(self._document)),
            ("steps", first_model_name(self.definition())),
        ]

    def __repr__(self) -> str:
        return str(
            {
                "name": self.pipeline_name(),
                "version": self.name(),
                "create_time": self.create_time(),
                "definition": str(self.definition().get("steps") or []),
            }
        )

    def _repr_html_(self) -> str:
        return _display.html_fields(self._fields())


class PipelineVersionList(_display.Table[PipelineVersion]):
    """Versions of a pipeline, newest first."""

    _columns = (
        "name",
        "version",
        "creation_time",
        "last_updated_time",
        "deployed",
        "tags",
        "steps",
    )

    @staticmethod
    def _row(item: PipelineVersion) -> Sequence[Any]:
        return [value for _, value in item._fields()]


def found_versions(client: Client, pipelines: list[dict[str, Any]]) -> PipelineVersionList:
    """The versions of pipelines as the server found them, newest first."""
    found = []
    for pipeline in pipelines:
        # Whether the pipeline runs; None, shown as unknown, where it was never deployed.
        deployment = pipeline.get("deployment")
        deployed = deployment["deployed"] if deployment else None
        for version in pipeline["versions"]:
            document = {**version, "deployed": deployed, "tags": pipeline.get("tags")}
            found.append(PipelineVersion(client, document, pipeline.get("workspace_id")))
    return PipelineVersionList(sorted(found, key=lambda version: version.id(), reverse=True))

"""What a deployment may use (guide L7551-7748).

The document that a builder makes is the ``engine_config`` of the REST call that deploys.
"""

from __future__ import annotations

import copy
import json
import os
import re
from typing import TYPE_CHECKING, Any, Optional, Union

from .engine_config import Architecture
from .exceptions import InvalidRequestError

if TYPE_CHECKING:
    from .model_version import ModelVersion

_MEMORY = re.compile(r"[0-9]+(\.[0-9]+)?([KMGT]iB?)?")
_GPU = "nvidia.com/gpu"


class DeploymentConfig(dict[str, Any]):
    """The document of a deployment configuration: a plain dict."""


class DeploymentConfigBuilder:
    """Builds a deployment configuration step by step; every method returns the builder.

    Parameters
    ----------
    workspace_id : int, optional
        Workspace of the deployment; the pipeline's where None.

    Notes
    -----
    The environment variable ``DEPLOYMENT_CONFIG`` (JSON) is what every builder starts from.

    Examples
    --------
    >>> config = DeploymentConfigBuilder().replica_count(2).cpus(0.5).memory("1Gi").build()
    >>> config["engine"]["replicas"], config["engine"]["cpu"]
    (2, 0.5)
    """

    def __init__(self, workspace_id: Optional[int] = None) -> None:
        self._config: dict[str, Any] = _seed()
        _section(self._config, "engine")
        _section(self._config, "enginelb")
        _section(_section(self._config, "engineAux"), "images")
        self._config.setdefault("node_selector", {})
        if workspace_id is not None:
            self._config["workspace_id"] = workspace_id

    def build(self) -> DeploymentConfig:
        """The configuration so far; later calls of the builder do not change it."""
        return DeploymentConfig(copy.deepcopy(self._config))

    def replica_count(self, count: int) -> DeploymentConfigBuilder:
        """Number of engines."""
        self._engine["replicas"] = _whole("replica_count", count)
        autoscale = self._engine.get("autoscale")
        if autoscale and count > autoscale["replica_max"]:
            raise InvalidRequestError(
                f"replica_count({count}) is more than the maximum of the autoscaling, "
                f"{autoscale['replica_max']}"
            )
        return self

    def replica_autoscale_min_max(self, maximum: int, minimum: int = 0) -> DeploymentConfigBuilder:
        """Let the number of engines follow the load, from `minimum` to `maximum`."""
        low, high = _whole("minimum", minimum), _whole("maximum", maximum)
        if high < max(low, 1):
            raise InvalidRequestError(
                f"replica_autoscale_min_max: maximum {high} is below minimum {max(low, 1)}"
            )
        self._engine.setdefault("autoscale", {}).update(
            replica_min=low, replica_max=high, type="cpu"
        )
        return self

    def autoscale_cpu_utilization(self, cpu_utilization_percentage: int) -> DeploymentConfigBuilder:
        """Average CPU use in percent that the number of engines is kept at."""
        percent = _whole("cpu_utilization_percentage", cpu_utilization_percentage)
        if not 1 <= percent <= 100:
            raise InvalidRequestError(f"autoscale_cpu_utilization: {percent} is not in 1 … 100")
        if "autoscale" not in self._engine:
            raise InvalidRequestError(
                "autoscale_cpu_utilization() needs a range of replicas",
                "Call replica_autoscale_min_max() before it",
            )
        self._engine["autoscale"]["cpu_utilization"] = percent
        return self

    def disable_autoscale(self) -> DeploymentConfigBuilder:
        """Keep the number of engines fixed."""
        self._engine.pop("autoscale", None)
        return self

    def cpus(self, core_count: float) -> DeploymentConfigBuilder:
        """CPU cores, also fractions, for each engine."""
        self._engine["cpu"] = _set_cpus(self._engine, core_count)
        return self

    def gpus(self, core_count: int) -> DeploymentConfigBuilder:
        """Whole GPUs for each engine; needs ``deployment_label``."""
        self._engine["gpu"] = _set_gpus(self._engine, core_count)
        return self

    def memory(self, memory_spec: str) -> DeploymentConfigBuilder:
        """Memory for each engine, such as ``"512Mi"`` or ``"1GiB"``."""
        _set_memory(self._engine, memory_spec)
        return self

    def lb_cpus(self, core_count: float) -> DeploymentConfigBuilder:
        """CPU cores, also fractions, for the load balancer."""
        _set_cpus(self._config["enginelb"], core_count)
        return self

    def lb_memory(self, memory_spec: str) -> DeploymentConfigBuilder:
        """Memory for the load balancer."""
        _set_memory(self._config["enginelb"], memory_spec)
        return self

    def deployment_label(self, label: str) -> DeploymentConfigBuilder:
        """Label of the nodes to deploy on, such as ``"doc-gpu-label:true"``."""
        self._engine["node_selector"] = str(label)
        return self

    def arch(self, architecture: Union[str, Architecture]) -> DeploymentConfigBuilder:
        """Processor architecture; else that of the models."""
        self._engine["arch"] = _architecture(architecture)
        return self

    def image(self, image: str) -> DeploymentConfigBuilder:
        """Image of the engine."""
        self._engine["image"] = str(image)
        return self

    def python_load_timeout_secs(self, timeout_secs: float) -> DeploymentConfigBuilder:
        """Seconds that a Python step may take to load."""
        self._engine.setdefault("python", {})["load_timeout_millis"] = int(timeout_secs * 1000)
        return self

    def sidekick_cpus(self, model: ModelVersion, core_count: float) -> DeploymentConfigBuilder:
        """CPU cores, also fractions, for the container of `model`."""
        _set_cpus(self._sidekick(model), core_count)
        return self

    def sidekick_memory(self, model: ModelVersion, memory_spec: str) -> DeploymentConfigBuilder:
        """Memory for the container of `model`."""
        _set_memory(self._sidekick(model), memory_spec)
        return self

    def sidekick_gpus(self, model: ModelVersion, core_count: int) -> DeploymentConfigBuilder:
        """Whole GPUs for the container of `model`; needs ``deployment_label``."""
        _set_gpus(self._sidekick(model), core_count)
        return self

    def sidekick_env(
        self, model: ModelVersion, environment: dict[str, str]
    ) -> DeploymentConfigBuilder:
        """Environment variables of the container of `model`."""
        if not isinstance(environment, dict) or any(
            not isinstance(name, str) or not name or "=" in name for name in environment
        ):
            raise InvalidRequestError(
                f"sidekick_env: {environment!r} is no dict of environment variables",
                'Example: sidekick_env(model, {"GUNICORN_CMD_ARGS": "--timeout=188"})',
            )
        self._sidekick(model)["env"] = [
            {"name": str(name), "value": str(value)} for name, value in environment.items()
        ]
        return self

    def sidekick_arch(
        self, model: ModelVersion, architecture: Union[str, Architecture]
    ) -> DeploymentConfigBuilder:
        """Processor architecture of the container of `model`."""
        self._sidekick(model)["arch"] = _architecture(architecture)
        return self

    @property
    def _engine(self) -> dict[str, Any]:
        engine: dict[str, Any] = self._config["engine"]
        return engine

    def _sidekick(self, model: ModelVersion) -> dict[str, Any]:
        if not callable(getattr(model, "name", None)) or not callable(getattr(model, "id", None)):
            raise InvalidRequestError(
                f"A sidekick belongs to a model version, not to {model!r}",
                "Use what wl.upload_model() returned, or one of model.versions()",
            )
        images: dict[str, Any] = self._config["engineAux"]["images"]
        found: dict[str, Any] = images.setdefault(f"{model.name()}-{model.id()}", {})
        return found


def _seed() -> dict[str, Any]:
    text = os.environ.get("DEPLOYMENT_CONFIG")
    if not text:
        return {}
    try:
        seed = json.loads(text)
    except ValueError as error:
        raise InvalidRequestError(
            f"The environment variable DEPLOYMENT_CONFIG is no JSON: {error}"
        ) from None
    if not isinstance(seed, dict):
        raise InvalidRequestError(
            f"The environment variable DEPLOYMENT_CONFIG is no JSON object: {text[:100]}",
            'Example: DEPLOYMENT_CONFIG=\'{"engine": {"cpu": 1}}\'',
        )
    return seed


def _section(parent: dict[str, Any], key: str) -> dict[str, Any]:
    if parent.get(key) is None:
        parent[key] = {}
    section = parent[key]
    if not isinstance(section, dict):
        raise InvalidRequestError(
            f"The environment variable DEPLOYMENT_CONFIG has no object as {key!r}: {section!r}"
        )
    return section


def _set_resource(section: dict[str, Any], name: str, value: Any) -> None:
    resources = section.setdefault("resources", {})
    for kind in ("limits", "requests"):
        resources.setdefault(kind, {})[name] = value


def _set_cpus(section: dict[str, Any], cores: float) -> float:
    if isinstance(cores, bool) or not isinstance(cores, (int, float)) or not 0 < cores < 1e6:
        raise InvalidRequestError(
            f"{cores!r} is no number of CPU cores", "Use a positive number such as 0.25 or 2"
        )
    _set_resource(section, "cpu", cores)
    return cores


def _set_gpus(section: dict[str, Any], count: int) -> int:
    gpus = _whole("gpus", count, "GPUs are allocated in whole units only, such as gpus(1)")
    _set_resource(section, _GPU, gpus)
    return gpus


def _set_memory(section: dict[str, Any], spec: str) -> None:
    if not isinstance(spec, str) or not _MEMORY.fullmatch(spec) or not spec.strip("0.KMGTiB"):
        raise InvalidRequestError(
            f"{spec!r} is no amount of memory",
            "Use a number and a unit (KiB, MiB, GiB, TiB, or Ki, Mi, Gi, Ti), such as '512Mi'",
        )
    _set_resource(section, "memory", spec)


def _whole(what: str, value: int, hint: str = "Use a whole number from 0 up") -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidRequestError(f"{what}: {value!r} is no whole number from 0 up", hint)
    return value


def _architecture(architecture: Union[str, Architecture]) -> str:
    try:
        return Architecture(architecture).value
    except ValueError:
        raise InvalidRequestError(
            f"There is no architecture {architecture!r}",
            "Use wallaroo.engine_config.Architecture.X86 or .ARM",
        ) from None

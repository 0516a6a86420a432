"""A deployment: the engines that run a pipeline (guide L7199-7258)."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NoReturn, Optional
from urllib.parse import quote

from . import _display
from ._progress import Progress
from .exceptions import (
    DeploymentError,
    EntityNotFoundError,
    LimitError,
    WaitForDeployError,
    WaitForError,
    WaitForUndeployError,
)

if TYPE_CHECKING:
    from .client import Client

__all__ = ["Deployment", "WaitForDeployError", "WaitForError", "WaitForUndeployError"]

_LOOK_SECONDS_FIRST = 0.05
_LOOK_SECONDS_MAX = 1.0

_LICENCE_TEXT = (
    "You have reached a license limit in your Wallaroo instance. In order to add additional "
    "resources, you can remove some of your existing resources: "
)


class Deployment:
    """What a pipeline is deployed as.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's deployment.
    """

    def __init__(self, client: Client, document: dict[str, Any]) -> None:
        self._client = client
        self._document = document

    def id(self) -> int:
        """Its number; a pipeline keeps it over all its deployments."""
        return int(self._document["id"])

    def name(self) -> str:
        """Name that it was deployed under."""
        return str(self._document["deploy_id"])

    def deployed(self) -> bool:
        """Whether it was deployed when this object was made."""
        return bool(self._document.get("deployed"))

    def engine_config(self) -> dict[str, Any]:
        """The deployment configuration."""
        return dict(self._document.get("engine_config") or {})

    def url(self) -> str:
        """URL that takes inference requests (guide L7541-7549)."""
        return self._client.api_endpoint + self._path()

    def _url(self) -> str:
        return self.url()

    def status(self) -> dict[str, Any]:
        """State of the engines.

        Raises
        ------
        EntityNotFoundError
            It is not deployed.
        """
        document: dict[str, Any] = self._client._post(
            "/v1/api/status/get_deployment", name=self._key()
        )
        return document

    def undeploy(self) -> Deployment:
        """End the engines and wait until they have ended."""
        self._client._post("/v1/api/pipelines/undeploy", deployment_id=self.id())
        self.wait_for_undeployed()
        self._document = {**self._document, "deployed": False}
        return self

    def wait_for_running(self, timeout: Optional[float] = None) -> Deployment:
        """Wait until every engine runs.

        Parameters
        ----------
        timeout : float, optional
            Seconds; the client's time-out where None.

        Raises
        ------
        WaitForDeployError
            It failed, or does not run in time.
        LimitError
            A limit of the installation is reached.
        """
        seconds = self._client.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        last: dict[str, Any] = {}
        pause = _LOOK_SECONDS_FIRST
        text = f"Waiting for deployment - this will take up to {_show_seconds(seconds)}s"
        with Progress(text, self._client._shows_progress) as progress:
            while True:
                progress.tick()
                try:
                    last = self.status()
                except EntityNotFoundError as error:
                    raise _with_status(
                        WaitForDeployError(
                            f"Deployment {self.name()!r} was ended while it was waited for",
                            error.hint,
                        ),
                        last,
                    ) from None
                if last.get("status") == "Running":
                    return self
                if last.get("status") == "Error":
                    self._fail(last)
                if time.monotonic() + pause > deadline:
                    raise _with_status(
                        WaitForDeployError(
                            f"Pipeline {self.name()!r} was not running within "
                            f"{_show_seconds(seconds)}s: {_reasons(last)}",
                            "It goes on: look at pipeline.status(), or allow more time with "
                            "wallaroo.Client(request_timeout=120)",
                        ),
                        last,
                    )
                time.sleep(pause)
                pause = min(pause * 1.5, _LOOK_SECONDS_MAX)

    def wait_for_undeployed(self, timeout: Optional[float] = None) -> Deployment:
        """Wait until every engine has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds; the client's time-out where None.

        Raises
        ------
        WaitForUndeployError
            An engine was still there in the end.
        """
        seconds = self._client.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        pause = _LOOK_SECONDS_FIRST
        text = f"Waiting for undeployment - this will take up to {_show_seconds(seconds)}s"
        with Progress(text, self._client._shows_progress) as progress:
            while True:
                progress.tick()
                try:
                    last = self.status()
                except EntityNotFoundError:
                    return self
                if time.monotonic() + pause > deadline:
                    raise _with_status(
                        WaitForUndeployError(
                            f"Pipeline {self.name()!r} still had engines after "
                            f"{_show_seconds(seconds)}s",
                            "They end when their requests are answered: look at pipeline.status()",
                        ),
                        last,
                    )
                time.sleep(pause)
                pause = min(pause * 1.5, _LOOK_SECONDS_MAX)

    def _key(self) -> str:
        return f"{self.name()}-{self.id()}"

    def _path(self) -> str:
        pipeline = self._document.get("pipeline_name") or self.name()
        return f"/v1/api/pipelines/infer/{quote(self._key())}/{quote(str(pipeline))}"

    def _fail(self, last: dict[str, Any]) -> NoReturn:
        """Raise what the status document says went wrong."""
        waiting = [
            part
            for kind in ("engines", "engine_lbs")
            for part in last.get(kind) or []
            if part.get("status") == "Pending"
        ]
        cpus = [p["required_cpu"] for p in waiting if p.get("required_cpu")]
        memory = [p["required_memory"] for p in waiting if p.get("required_memory")]
        if cpus or memory:
            asked = [f"cpu {cpus[0]}"] if cpus else []
            asked += [f"memory {memory[0]}"] if memory else []
            raise _with_status(
                WaitForDeployError(
                    "Cannot deploy pipeline due to insufficient resources. Required: "
                    + ", ".join(asked),
                    "Ask for less with a DeploymentConfigBuilder, or undeploy other pipelines",
                    code="resource_exhausted",
                ),
                last,
            )
        reasons = _reasons(last)
        if "LIMIT_EXCEEDED" in reasons:
            raise LimitError(_LICENCE_TEXT + reasons)
        raise _with_status(
            WaitForDeployError(
                f"Pipeline {self.name()!r} could not be deployed: {reasons}",
                str(last.get("hint") or "pipeline.status() shows the engines"),
                code="failed_precondition",
            ),
            last,
        )

    def __repr__(self) -> str:
        return str({"name": self.name(), "deployed": self.deployed(), "url": self.url()})

    def _repr_html_(self) -> str:
        return _display.html_fields(
            [
                ("name", self.name()),
                ("deployed", self.deployed()),
                ("url", self.url()),
                ("engine_config", self.engine_config()),
            ]
        )


def raise_deploy_error(error: Exception) -> NoReturn:
    """Turn what the deploy call answered into the error that the guide names."""
    if isinstance(error, LimitError) and "LIMIT_EXCEEDED" in error.message:
        if not error.message.startswith("You have reached"):
            error.message = _LICENCE_TEXT + error.message
        raise error from None
    if getattr(error, "code", "") in ("resource_exhausted", "failed_precondition"):
        raise DeploymentError(
            error.message,  # type: ignore[attr-defined]
            error.hint,  # type: ignore[attr-defined]
            code=error.code,  # type: ignore[attr-defined]
            status=error.status,  # type: ignore[attr-defined]
        ) from None
    raise error from None


def _with_status(error: WaitForError, document: dict[str, Any]) -> WaitForError:
    error.status_document = document or None
    return error


def _reasons(document: dict[str, Any]) -> str:
    """What a status document gives as reasons, in one line."""
    found: list[str] = [str(d) for d in document.get("details") or []]
    for kind in ("engines", "engine_lbs", "sidekicks"):
        for part in document.get(kind) or []:
            if part.get("reason"):
                found.append(str(part["reason"]))
            found += [str(d) for d in part.get("details") or []]
    unique = list(dict.fromkeys(found))
    return "; ".join(unique) or f"status is {document.get('status', 'unknown')!r}"


def _show_seconds(seconds: float) -> str:
    return str(math.ceil(seconds))

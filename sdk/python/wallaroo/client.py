"""The client: where everything begins (guide L958-1393)."""

from __future__ import annotations

import contextlib
import datetime
import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

from . import _auth, _codec, _display, _progress, _transport, _upload
from . import framework as _framework
from .assay import Assay, AssayAnalysis, AssayAnalysisList, Assays
from .connection import Connection, ConnectionList
from .engine_config import Architecture
from .exceptions import (
    AccessDeniedError,
    CommunicationError,
    EntityNotFoundError,
    InvalidRequestError,
    ModelUploadError,
    UserLimitError,
)
from .framework import Framework
from .model import Model, ModelList
from .model_config import ModelConfig
from .model_version import FoundModelVersions, ModelVersion
from .pipeline import Pipeline, PipelineList
from .pipeline_version import PipelineVersion, PipelineVersionList, found_versions
from .tag import Tag, TagList
from .user import User
from .workspace import Workspace, WorkspaceList

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from .assay_config import AssayBuilder

ENDPOINT_DEFAULT = "http://127.0.0.1:8080"
TIMEOUT_SECONDS_DEFAULT = 45
_WHO_AM_I = "/auth/realms/master/protocol/openid-connect/userinfo"

Time = Union[datetime.datetime, str]

AuthType = Literal["sso", "user_password", "token", "test_auth", "orch", "none"]


class Client:
    """Connection to a Joey server.

    Where the server wants it (``joey serve --auth``), the user signs in: with ``auth_type``, with
    the credentials of the environment, or in a browser, for which a URL is printed (guide
    L958-1074).

    Parameters
    ----------
    api_endpoint : str, optional
        Address of the server. The environment variable ``WALLAROO_URL`` has precedence over it,
        so that a notebook runs unchanged as a task; http://127.0.0.1:8080 where both are unset.
    auth_endpoint : str, optional
        Address of the login service; the server's where unset.
    request_timeout : int, optional
        Seconds for a request, and for the engines to start or end. ``WALLAROO_REQUEST_TIMEOUT``
        or 45 where None (guide L3293-3305).
    auth_type : str, optional
        How to sign in. Where unset: as the environment says (``WALLAROO_SDK_AUTH_TYPE``, or what
        the variables below make possible), and in a browser where the server wants a sign-in and
        there is nothing else.

        - ``"sso"``: a URL is printed, to be opened in a browser.
        - ``"user_password"``: ``WALLAROO_USER`` and ``WALLAROO_PASSWORD``, or the JSON file that
          ``WALLAROO_SDK_CREDENTIALS`` names, with ``username`` and ``password``.
        - ``"token"``: an API token, in ``WALLAROO_TOKEN`` or as ``token`` of that file.
        - ``"orch"``: the tokens that a task was given.
        - ``"none"``: never.
    interactive : bool, optional
        Whether to print progress. By default where somebody watches: in notebooks and terminals.
    time_format : str
        Form of times in displays.

    Examples
    --------
    >>> import wallaroo                              # doctest: +SKIP
    >>> wl = wallaroo.Client(request_timeout=120)    # doctest: +SKIP
    >>> wl.timeout                                   # doctest: +SKIP
    120
    """

    def __init__(
        self,
        api_endpoint: Optional[str] = None,
        auth_endpoint: str = "",
        request_timeout: Optional[int] = None,
        auth_type: Optional[AuthType] = None,
        interactive: Optional[bool] = None,
        time_format: str = _display.TIME_FORMAT,
    ) -> None:
        self.api_endpoint = (
            os.environ.get("WALLAROO_URL") or api_endpoint or ENDPOINT_DEFAULT
        ).rstrip("/")
        self.auth_endpoint = (
            auth_endpoint.strip()
            or os.environ.get("WALLAROO_AUTH_URL")
            or os.environ.get("WALLAROO_SDK_AUTH_ENDPOINT")
            or self.api_endpoint
        ).rstrip("/")
        self.timeout = _timeout(request_timeout)
        self._credentials = _auth.credentials(auth_type, self.auth_endpoint)
        self._time_format = time_format
        self._shows_progress = _progress.is_interactive() if interactive is None else interactive
        self._transport = _transport.Transport(self.api_endpoint, self.timeout, self._credentials)
        self._workspace: Optional[Workspace] = None
        self._sign_in(auth_type)

    # Workspaces

    def create_workspace(self, workspace_name: str) -> Workspace:
        """Make a workspace; names need not be unique (guide L1180-1205).

        Parameters
        ----------
        workspace_name : str
            ASCII letters, digits and dashes, 1 to 63 characters.

        Raises
        ------
        InvalidRequestError
            The name is not allowed.
        """
        answer = self._post(
            "/v1/api/workspaces/create", repeatable=False, workspace_name=workspace_name
        )
        return self._workspace_by_id(int(answer["workspace_id"]))

    def list_workspaces(self) -> WorkspaceList:
        """Your workspaces, the oldest first (guide L1207-1230); all for an administrator."""
        answer = self._post("/v1/api/workspaces/list")
        return WorkspaceList(Workspace(self, d) for d in answer["workspaces"])

    def get_workspace(self, name: str, create_if_not_exist: bool = False) -> Workspace:
        """The oldest workspace of that name.

        Parameters
        ----------
        name : str
            Its name.
        create_if_not_exist : bool
            Make it where there is none.

        Raises
        ------
        EntityNotFoundError
            There is none.
        """
        workspaces = self.list_workspaces()
        for workspace in workspaces:
            if workspace.name() == name:
                return workspace
        if create_if_not_exist:
            return self.create_workspace(name)
        raise _not_found("workspace", name, [w.name() for w in workspaces])

    def get_current_workspace(self) -> Workspace:
        """The workspace that uploads and new pipelines go to (guide L1232-1275)."""
        if self._workspace is None:
            self._workspace = Workspace(self, self._post("/v1/api/workspaces/current"))
        return self._workspace

    def set_current_workspace(self, workspace: Workspace) -> Workspace:
        """Use another workspace from now on, in this client (guide L1277-1320)."""
        if not isinstance(workspace, Workspace):
            raise InvalidRequestError(
                f"A workspace object is needed, not {type(workspace).__name__}",
                "Take one of wl.list_workspaces(), or wl.get_workspace(name)",
            )
        self._workspace = workspace
        return workspace

    # Models

    def upload_model(
        self,
        name: str,
        path: Union[str, Path],
        framework: Union[None, str, Framework] = None,
        input_schema: Optional[pa.Schema] = None,
        output_schema: Optional[pa.Schema] = None,
        convert_wait: Optional[bool] = True,
        arch: Union[None, str, Architecture] = None,
    ) -> ModelVersion:
        """Upload a model; a name that exists gets a new version (guide L2535-2575).

        Parameters
        ----------
        name : str
            Lower-case letters, digits and dashes.
        path : str or Path
            The file.
        framework : Framework or str, optional
            Its framework; told by the suffix for ``.onnx`` and ``.py``.
        input_schema, output_schema : pyarrow.Schema, optional
            Needed by the frameworks that are converted.
        convert_wait : bool
            Wait until the conversion is done, where there is one.
        arch : Architecture, optional
            Architecture that the model is for.

        Returns
        -------
        ModelVersion
            The uploaded version.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        ModelUploadError
            The name or the file was refused; the message says why.
        ModelConversionError
            The conversion failed.

        Examples
        --------
        >>> wl.upload_model("ccfraud", "ccfraud.onnx", Framework.ONNX)  # doctest: +SKIP
        """
        kind = _framework.resolve(framework, path)
        file = Path(path)
        if not file.is_file():
            what = "is a directory" if file.is_dir() else "there is no such file"
            raise FileNotFoundError(f"{os.fspath(file)}: {what}")
        native = kind in _framework.NATIVE
        metadata: dict[str, Any] = {
            "name": name,
            "visibility": "private",
            "workspace_id": self.get_current_workspace().id(),
            "conversion": {
                "arch": None if arch is None else _architecture(arch),
                "framework": kind.value,
                "python_version": "3.8",
                "requirements": [],
            },
        }
        for key, schema in (("input_schema", input_schema), ("output_schema", output_schema)):
            text = _codec.schema_text(schema)
            if text is not None:
                metadata[key] = text
            elif not native:
                raise InvalidRequestError(
                    f"A {kind.value} model needs input_schema and output_schema",
                    "Example: pyarrow.schema([pyarrow.field('x', pyarrow.float64())])",
                )
        call = "/v1/api/models/upload" if native else "/v1/api/models/upload_and_convert"
        answer = _upload.send_model(self._transport, call, metadata, file)
        if answer.status >= 400:
            raise answer.error(ModelUploadError)
        inserted = answer.document()["insert_models"]["returning"][0]["models"][0]
        model = self._model_version_by_id(int(inserted["id"]))
        if not native and convert_wait:
            model._wait_until_ready()
        return model

    def list_models(self) -> ModelList:
        """Models of the current workspace, newest first."""
        return self.get_current_workspace().models()

    def get_model(self, name: str, version: Optional[str] = None) -> ModelVersion:
        """A model of the current workspace.

        Parameters
        ----------
        name : str
            Its name.
        version : str, optional
            UUID of the version; the newest where None.

        Raises
        ------
        EntityNotFoundError
            There is no such model or version.
        """
        if version is not None:
            return self._model_version(name, version)
        models = self.list_models()
        for model in models:
            if model.name() == name:
                return self._with_config(model.versions()[0])
        raise _not_found("model", name, [m.name() for m in models])

    def model_version_by_name(self, model_class: str, model_name: str) -> ModelVersion:
        """The version `model_name` (a UUID) of the model `model_class`."""
        return self._model_version(model_class, model_name)

    def model_by_name(self, model_class: str, model_name: str) -> ModelVersion:
        """The version `model_name` (a UUID) of the model `model_class`."""
        return self._model_version(model_class, model_name)

    # Pipelines

    def build_pipeline(self, pipeline_name: str) -> Pipeline:
        """Make a pipeline in the current workspace (guide L6798-6806).

        A name that exists there gets a new version, without steps.

        Parameters
        ----------
        pipeline_name : str
            Lower-case letters, digits and dashes.

        Raises
        ------
        InvalidRequestError
            The name is not allowed.
        """
        answer = self._post(
            "/v1/api/pipelines/create",
            repeatable=False,
            pipeline_id=pipeline_name,
            workspace_id=self.get_current_workspace().id(),
            definition={},
        )
        pipeline = Pipeline(
            self, self._post("/v1/api/pipelines/get", pipeline_id=answer["pipeline_pk_id"])
        )
        return pipeline.clear()

    def list_pipelines(self) -> PipelineList:
        """The pipelines of your workspaces, newest first (guide L6808-6850)."""
        return self._pipelines()

    def pipelines_by_name(self, pipeline_name: str) -> PipelineList:
        """Pipelines of that name, newest first.

        Raises
        ------
        EntityNotFoundError
            There is none.
        """
        answer = self._post("/v1/api/pipelines/find", name=pipeline_name)
        found = PipelineList(Pipeline(self, d) for d in answer["pipelines"])
        if not found:
            others = [p.name() for p in self.list_pipelines()]
            raise _not_found("pipeline", pipeline_name, others)
        return found

    def get_pipeline(self, name: str, version: Optional[str] = None) -> Pipeline:
        """The newest pipeline of that name, those of the current workspace first.

        Parameters
        ----------
        name : str
            Its name.
        version : str, optional
            UUID of a version whose steps it shall have; the newest where None.
        """
        found = self.pipelines_by_name(name)
        here = self.get_current_workspace().id()
        pipeline = next((p for p in found if p._document.get("workspace_id") == here), found[0])
        if version is not None:
            versions = pipeline.versions()
            wanted = next((v for v in versions if v.name() == version), None)
            if wanted is None:
                raise _not_found("pipeline version", version, [v.name() for v in versions])
            pipeline._use_steps_of(wanted)
        return pipeline

    def pipeline_version_by_name(self, version: str) -> PipelineVersion:
        """The pipeline version of that UUID."""
        answer = self._post("/v1/api/pipelines/get_version", version=version)
        return PipelineVersion(self, answer["pipeline_version"])

    # Users

    def list_users(self) -> list[User]:
        """All users of the server, in order of e-mail address (guide L6515-6533)."""
        answer = self._post("/v1/api/users/query")
        users = [User(self, d) for d in answer["users"].values()]
        return sorted(users, key=lambda user: user.email())

    def get_user_by_email(self, email: str) -> Optional[User]:
        """The user with that e-mail address, None where there is none (guide L6535-6543)."""
        wanted = email.strip().lower()
        return next((u for u in self.list_users() if u.email().lower() == wanted), None)

    def invite_user(self, email: str, password: Optional[str] = None) -> User:
        """Make a user, as an administrator.

        Parameters
        ----------
        email : str
            E-mail address, which is also the name for sign-in.
        password : str, optional
            First password. Without one the user cannot sign in with a password.

        Raises
        ------
        UserLimitError
            The server has as many active users as it may have.
        AlreadyExistsError
            There is such a user.
        AccessDeniedError
            You are no administrator.
        """
        request = {"email": email} if password is None else {"email": email, "password": password}
        try:
            answer = self._post("/v1/api/users/invite", repeatable=False, **request)
        except AccessDeniedError as error:
            raise _user_limit(error) from None
        return User(self, answer)

    def activate_user(self, email: str) -> None:
        """Let a deactivated user in again, as an administrator (guide L6545-6565).

        Raises
        ------
        EntityNotFoundError
            There is no such user.
        UserLimitError
            The server has as many active users as it may have.
        """
        try:
            self._post("/v1/api/users/activate", email=email)
        except AccessDeniedError as error:
            raise _user_limit(error) from None

    def deactivate_user(self, email: str) -> None:
        """Lock a user out, as an administrator: tokens and sessions end at once (guide L6545-6565).

        Raises
        ------
        EntityNotFoundError
            There is no such user.
        PreconditionError
            It is the last administrator.
        """
        self._post("/v1/api/users/deactivate", email=email)

    # Connections

    def create_connection(
        self, name: str, connection_type: str, details: dict[str, Any]
    ) -> Connection:
        """Make a connection (guide L1086-1107).

        Parameters
        ----------
        name : str
            ASCII letters, digits, dashes, underscores and dots; unique on the server.
        connection_type : str
            What it is, in your own words: "HTTPFILE", "KAFKA" …
        details : dict
            How to reach the data. Kept encrypted, never displayed.

        Raises
        ------
        AlreadyExistsError
            The name is taken.
        """
        if not isinstance(details, dict):
            raise InvalidRequestError(
                f"details is a dict, not {type(details).__name__}",
                "Example: {'host': 'example.com', 'port': 1234}",
            )
        answer = self._post(
            "/v1/api/connections/create",
            repeatable=False,
            name=name,
            type=connection_type,
            details=details,
        )
        return Connection(self, self._post("/v1/api/connections/get_by_id", id=answer["id"]))

    def get_connection(self, name: str) -> Connection:
        """The connection of that name (guide L1109-1123).

        Raises
        ------
        EntityNotFoundError
            There is none, or none that you may see.
        """
        return Connection(self, self._post("/v1/api/connections/get", name=name))

    def list_connections(self) -> ConnectionList:
        """The connections that you made or that are in your workspaces (guide L1125-1129)."""
        return self._connections()

    # Tags

    def create_tag(self, tag_text: str) -> Tag:
        """Make a tag (guide L9308-9315). A text that you have used already gives the same tag."""
        return Tag(self, self._post("/v1/api/tags/create", tag=tag_text))

    def list_tags(self) -> TagList:
        """The tags that are on something you see, and what that is (guide L9317-9324)."""
        return TagList(Tag(self, d) for d in self._post("/v1/api/tags/list")["tags"])

    def search_pipelines(
        self,
        search_term: Optional[str] = None,
        deployed: Optional[bool] = None,
        created_start: Optional[Time] = None,
        created_end: Optional[Time] = None,
        updated_start: Optional[Time] = None,
        updated_end: Optional[Time] = None,
    ) -> PipelineVersionList:
        """Versions of pipelines, newest first (guide L9342-9352).

        Parameters
        ----------
        search_term : str, optional
            Part of a name, a version or a tag; upper and lower case are the same.
        deployed : bool, optional
            Only of pipelines that are, or are not, deployed.
        created_start, created_end, updated_start, updated_end : datetime or str, optional
            Only versions made, or changed, in that time, its ends included.
        """
        answer = self._post(
            "/v1/api/pipelines/search",
            search_term=search_term,
            deployed=deployed,
            created_start=_time_text(created_start),
            created_end=_time_text(created_end),
            updated_start=_time_text(updated_start),
            updated_end=_time_text(updated_end),
        )
        return found_versions(self, answer["pipelines"])

    def search_models(
        self,
        search_term: Optional[str] = None,
        uploaded_time_start: Optional[Time] = None,
        uploaded_time_end: Optional[Time] = None,
    ) -> FoundModelVersions:
        """Versions of models, newest first (guide L9378-9388).

        Parameters
        ----------
        search_term : str, optional
            Part of a name, a version, a file name or a tag; upper and lower case are the same.
        uploaded_time_start, uploaded_time_end : datetime or str, optional
            Only versions uploaded in that time, its ends included.
        """
        return self._search_models(search_term, uploaded_time_start, uploaded_time_end, mine=False)

    def search_my_models(
        self,
        search_term: Optional[str] = None,
        uploaded_time_start: Optional[Time] = None,
        uploaded_time_end: Optional[Time] = None,
    ) -> FoundModelVersions:
        """As :meth:`search_models`, only models that you own."""
        return self._search_models(search_term, uploaded_time_start, uploaded_time_end, mine=True)

    # Assays

    def build_assay(
        self,
        assay_name: str,
        pipeline: Pipeline,
        model_name: str,
        iopath: str,
        baseline_start: Optional[datetime.datetime] = None,
        baseline_end: Optional[datetime.datetime] = None,
        baseline_data: Optional[np.ndarray] = None,
    ) -> AssayBuilder:
        """Begin an assay: does a field still look as in the baseline (guide L9442-9511)?

        Parameters
        ----------
        assay_name : str
            Its name; it must be unique only when it is uploaded.
        pipeline : Pipeline
            The pipeline to watch.
        model_name : str
            The model whose inferences count.
        iopath : str
            ``input`` or ``output``, the field and the index in it: "output variable 0".
        baseline_start, baseline_end : datetime, optional
            The baseline are the inferences of this time; without a time zone it is local time.
        baseline_data : numpy.ndarray, optional
            The baseline are these values. Either this or the two times.

        Raises
        ------
        InvalidRequestError
            Not exactly one baseline, or something is of the wrong kind.
        """
        from . import _assay_baseline, assay_config

        if not isinstance(pipeline, Pipeline):
            raise InvalidRequestError(
                f"A pipeline object is needed, not {type(pipeline).__name__}",
                "Take one of wl.list_pipelines(), or wl.get_pipeline(name)",
            )
        parts = str(iopath).split(" ")
        if len(parts) < 3 or parts[0] not in ("input", "output") or not parts[-1].isdigit():
            raise InvalidRequestError(
                f"{iopath!r} is no iopath",
                "Write input or output, the field and the index: 'output variable 0'",
            )
        times = (baseline_start is not None, baseline_end is not None)
        if (baseline_data is None) != all(times) or any(times) != all(times):
            raise InvalidRequestError(
                "A baseline is either baseline_start with baseline_end, or baseline_data",
                "Pass one of them",
            )
        baseline: _assay_baseline.Baseline
        if baseline_data is not None:
            baseline = _assay_baseline.StaticBaseline(baseline_data)
        else:
            assert baseline_start is not None and baseline_end is not None
            baseline = _assay_baseline.FixedBaseline(baseline_start, baseline_end)
        return assay_config.AssayBuilder(self, assay_name, pipeline, model_name, iopath, baseline)

    def list_assays(self) -> Assays:
        """The assays of your pipelines that the server runs (guide L10331-10349)."""
        return Assays(Assay(self, d) for d in self._post("/v1/api/assays/list"))

    def get_assay_results(
        self,
        assay_id: Union[int, Assay],
        start: datetime.datetime,
        end: datetime.datetime,
    ) -> AssayAnalysisList:
        """What an uploaded assay found (guide L10309-10329).

        Parameters
        ----------
        assay_id : int or Assay
            Its number, from ``upload()`` or ``wl.list_assays()``.
        start, end : datetime
            Analyses of windows that begin in this time.

        Raises
        ------
        EntityNotFoundError
            There is no such assay.
        """
        from . import _assay_baseline

        answer = self._post(
            "/v1/api/assays/get_assay_results",
            assay_id=assay_id.id() if isinstance(assay_id, Assay) else assay_id,
            start=_assay_baseline.text(_assay_baseline.moment("start", start)),
            end=_assay_baseline.text(_assay_baseline.moment("end", end)),
        )
        return AssayAnalysisList(AssayAnalysis(d) for d in answer)

    # Identity

    @property
    def auth(self) -> _auth.Credentials:
        """Who is signed in: ``wl.auth.auth_header()``, ``user_email()``, ``user_id()``."""
        return self._credentials

    # Inside the client

    def _sign_in(self, auth_type: Optional[str]) -> None:
        """Sign in where that is asked for, or where somebody watches and the server wants it."""
        if auth_type is not None:
            self._credentials.sign_in()
        elif self._shows_progress:
            with contextlib.suppress(CommunicationError):  # the first call says so
                self._transport.request("GET", _WHO_AM_I)

    def _search_models(
        self,
        search_term: Optional[str],
        start: Optional[Time],
        end: Optional[Time],
        mine: bool,
    ) -> FoundModelVersions:
        answer = self._post(
            "/v1/api/models/search",
            search_term=search_term,
            mine=mine,
            uploaded_time_start=_time_text(start),
            uploaded_time_end=_time_text(end),
        )
        return FoundModelVersions(ModelVersion(self, d) for d in answer["model_versions"])

    def _connections(self, workspace_id: Optional[int] = None) -> ConnectionList:
        answer = self._post("/v1/api/connections/list", workspace_id=workspace_id)
        return ConnectionList(Connection(self, d) for d in answer["connections"])

    def _post(self, path: str, *, repeatable: bool = True, **document: Any) -> Any:
        """POST a control document made of the keyword arguments."""
        return self._transport.post(path, document, repeatable=repeatable)

    def _workspace_by_id(self, workspace_id: int) -> Workspace:
        return Workspace(self, self._post("/v1/api/workspaces/get", workspace_id=workspace_id))

    def _pipelines(self, workspace_id: Optional[int] = None) -> PipelineList:
        where: dict[str, Any] = {} if workspace_id is None else {"workspace_id": workspace_id}
        answer = self._transport.post("/v1/api/pipelines/list", where)
        return PipelineList(Pipeline(self, d) for d in answer["pipelines"])

    def _model_version_by_id(self, model_version_id: int) -> ModelVersion:
        answer = self._post("/v1/api/models/get_version_by_id", model_version_id=model_version_id)
        return self._model_of(answer)

    def _model_version(self, name: str, version: str) -> ModelVersion:
        return self._model_of(self._post("/v1/api/models/find_version", name=name, version=version))

    def _with_config(self, model: ModelVersion) -> ModelVersion:
        return self._model_version_by_id(model.id())

    def _model_of(self, answer: dict[str, Any]) -> ModelVersion:
        found = answer["model_version"]
        model = ModelVersion(self, found["model_version"])
        if found.get("config"):
            model._config = ModelConfig(self, found["config"], model)
        return model

    def __repr__(self) -> str:
        return f"wallaroo.Client(api_endpoint={self.api_endpoint!r})"

    def _repr_html_(self) -> str:
        return _display.html_fields(
            [("api_endpoint", self.api_endpoint), ("timeout", self.timeout)]
        )


def _timeout(given: Optional[int]) -> int:
    value: Any = given
    if value is None:
        value = os.environ.get("WALLAROO_REQUEST_TIMEOUT") or TIMEOUT_SECONDS_DEFAULT
    try:
        seconds = int(value)
    except (TypeError, ValueError):
        seconds = 0
    if seconds < 1:
        raise InvalidRequestError(
            f"{value!r} is no time-out", "request_timeout is a number of seconds from 1 up"
        )
    return seconds


def _time_text(time: Optional[Time]) -> Optional[str]:
    """A time for the server; one without a time zone is local."""
    if time is None or isinstance(time, str):
        return time
    return time.astimezone(datetime.timezone.utc).isoformat()


def _user_limit(error: AccessDeniedError) -> Exception:
    """What the server means by refusing a user: the user limit, or that this user may not."""
    if "MAX_USERS_LIMIT_EXCEEDED" not in error.message:
        return error
    return UserLimitError(error.message, error.hint, status=error.status)


def _architecture(arch: Union[str, Architecture]) -> str:
    try:
        return Architecture(arch).value
    except ValueError:
        raise InvalidRequestError(
            f"There is no architecture {arch!r}",
            "Use wallaroo.engine_config.Architecture.X86 or .ARM",
        ) from None


def _not_found(kind: str, name: str, others: list[str]) -> EntityNotFoundError:
    near = difflib.get_close_matches(name, others, 1)
    hint = f"Did you mean {near[0]!r}?" if near else ""
    if not hint and others:
        hint = "There are: " + ", ".join(repr(n) for n in dict.fromkeys(others[:10]))
    return EntityNotFoundError(f"There is no {kind} {name!r}", hint)


__all__ = ["Client", "Model"]

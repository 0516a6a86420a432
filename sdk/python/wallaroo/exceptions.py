"""Everything this client raises.

All are subclasses of :class:`JoeyError` and carry ``code`` (the canonical word, such as
``"not_found"``), ``message`` (what was wrong), ``hint`` (what to do next) and ``status`` (the
HTTP status, ``None`` where the error did not come from the server).
"""

from __future__ import annotations

from typing import Any, Optional


class JoeyError(Exception):
    """Base of every error of this client.

    Parameters
    ----------
    message : str
        What was wrong.
    hint : str
        What to do next; may be empty.
    code : str
        Canonical code.
    status : int, optional
        HTTP status of the answer that said so.
    """

    default_code = "internal"

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        code: Optional[str] = None,
        status: Optional[int] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code
        self.status = status

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.message, self.hint, self.code, self.status)


def _rebuild(
    cls: type[JoeyError], message: str, hint: str, code: str, status: Optional[int]
) -> JoeyError:
    error = cls.__new__(cls)
    JoeyError.__init__(error, message, hint, code=code, status=status)
    return error


class InvalidRequestError(JoeyError, ValueError):
    """An argument or document is not what was expected."""

    default_code = "invalid_argument"


class EntityNotFoundError(JoeyError):
    """There is no workspace, model, pipeline or deployment of that name or id."""

    default_code = "not_found"


class AlreadyExistsError(JoeyError):
    """The name is taken."""

    default_code = "already_exists"


class PreconditionError(JoeyError):
    """The request is right but not in the present state, such as a pipeline without steps."""

    default_code = "failed_precondition"


class LimitError(JoeyError):
    """A limit of the installation is reached (guide: "Troubleshooting Pipeline Deployment")."""

    default_code = "resource_exhausted"


class UserLimitError(LimitError):
    """The server has as many active users as it may have."""


class PayloadTooLargeError(JoeyError):
    """The body is larger than the server takes."""

    default_code = "payload_too_large"


class AuthenticationError(JoeyError):
    """No login, or one that is no longer valid."""

    default_code = "unauthenticated"


class AccessDeniedError(JoeyError):
    """Logged in, but not allowed to do this."""

    default_code = "permission_denied"


class UnsupportedError(JoeyError):
    """The server does not do this."""

    default_code = "unimplemented"


class CommunicationError(JoeyError):
    """The server cannot be reached, or broke off."""

    default_code = "unavailable"


class RequestTimeoutError(CommunicationError):
    """The server did not answer in time."""

    default_code = "deadline_exceeded"


class ServerError(JoeyError):
    """Something went wrong inside the server."""


class ModelUploadError(JoeyError):
    """The model file or what was said about it was refused."""

    default_code = "invalid_argument"


class ModelConversionError(JoeyError):
    """The uploaded model could not be converted or loaded."""

    default_code = "failed_precondition"


class ModelConversionTimeoutError(ModelConversionError):
    """The conversion did not end in time; it goes on on the server."""

    default_code = "deadline_exceeded"


class DeploymentError(JoeyError):
    """A pipeline could not be deployed or undeployed."""

    default_code = "failed_precondition"


class WaitForError(DeploymentError):
    """Waiting for a deployment ended without what was waited for.

    ``status_document`` is the last answer of ``pipeline.status()``, if there was one.
    """

    default_code = "deadline_exceeded"
    status_document: Optional[dict[str, Any]] = None


class WaitForDeployError(WaitForError):
    """The deployment failed or was not running in time."""


class WaitForUndeployError(WaitForError):
    """The engines were still there in the end."""


class InferenceError(JoeyError):
    """The pipeline refused the data or failed on it."""

    default_code = "invalid_argument"


class InferenceTimeoutError(InferenceError, RuntimeError):
    """The answer did not come in time, or the connection broke."""

    default_code = "deadline_exceeded"


_BY_CODE: dict[str, type[JoeyError]] = {
    "invalid_argument": InvalidRequestError,
    "out_of_range": InvalidRequestError,
    "unsupported_media_type": InvalidRequestError,
    "not_found": EntityNotFoundError,
    "already_exists": AlreadyExistsError,
    "failed_precondition": PreconditionError,
    "resource_exhausted": LimitError,
    "payload_too_large": PayloadTooLargeError,
    "unauthenticated": AuthenticationError,
    "permission_denied": AccessDeniedError,
    "unimplemented": UnsupportedError,
    "deadline_exceeded": RequestTimeoutError,
    "unavailable": CommunicationError,
    "internal": ServerError,
    "data_loss": ServerError,
}

_CODE_OF_STATUS = {
    400: "invalid_argument",
    401: "unauthenticated",
    403: "permission_denied",
    404: "not_found",
    408: "deadline_exceeded",
    409: "failed_precondition",
    413: "payload_too_large",
    415: "unsupported_media_type",
    429: "resource_exhausted",
    500: "internal",
    501: "unimplemented",
    502: "unavailable",
    503: "unavailable",
    504: "deadline_exceeded",
}


def error_from_answer(
    status: int, document: Any, text: str, cls: Optional[type[JoeyError]] = None
) -> JoeyError:
    """The error that an answer describes.

    Parameters
    ----------
    status : int
        HTTP status of the answer.
    document : Any
        Its body where that is JSON: ``{"code", "msg", "error", "hint"}`` or a list of such.
    text : str
        Its body as text, used when it is no such document.
    cls : type, optional
        Class to use instead of the one that belongs to the code.
    """
    if isinstance(document, list) and document:
        document = document[0]
    message = hint = code = ""
    if isinstance(document, dict):
        message = str(document.get("msg") or document.get("message") or "")
        hint = str(document.get("hint") or "")
        error = document.get("error")
        if isinstance(error, str):
            if error in _BY_CODE:
                code = error
            else:
                message = message or error
    elif isinstance(document, str):
        message = document
    code = code or _CODE_OF_STATUS.get(status, "internal" if status >= 500 else "invalid_argument")
    if not message:
        message = " ".join(text.split())[:300] or f"The server answered with status {status}"
    return (cls or _BY_CODE[code])(message, hint, code=code, status=status)

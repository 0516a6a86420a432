"""The errors under the module name that notebooks of the guide import them from."""

from .exceptions import (
    CommunicationError,
    DeploymentError,
    EntityNotFoundError,
    InferenceError,
    InferenceTimeoutError,
    JoeyError,
    LimitError,
    ModelConversionError,
    ModelConversionTimeoutError,
    ModelUploadError,
    WaitForDeployError,
    WaitForError,
)

__all__ = [
    "CommunicationError",
    "DeploymentError",
    "EntityNotFoundError",
    "InferenceError",
    "InferenceTimeoutError",
    "JoeyError",
    "LimitError",
    "ModelConversionError",
    "ModelConversionTimeoutError",
    "ModelUploadError",
    "WaitForDeployError",
    "WaitForError",
]

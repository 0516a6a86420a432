"""Processor architectures of models and deployments (guide L2371-2412)."""

from enum import Enum


class Architecture(str, Enum):
    """Architecture that a model is uploaded for and a pipeline is deployed on."""

    X86 = "x86"
    ARM = "arm"

    def __str__(self) -> str:
        return self.value

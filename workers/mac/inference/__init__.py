"""The class that custom models extend."""

from mac.inference.inference import Inference

__all__ = ["Inference"]

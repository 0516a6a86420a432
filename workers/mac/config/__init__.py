"""How custom models are told where their files are."""

from mac.config.inference import CustomInferenceConfig, InferenceConfig

__all__ = ["CustomInferenceConfig", "InferenceConfig"]

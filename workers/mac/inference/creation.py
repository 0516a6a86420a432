"""InferenceBuilder: loads a model and gives it to an Inference."""

from mac.config.inference import InferenceConfig
from mac.inference.inference import Inference


class InferenceBuilder:
    @property
    def inference(self) -> Inference:
        raise NotImplementedError(f"{type(self).__name__} has no property 'inference'")

    def create(self, config: InferenceConfig) -> Inference:
        raise NotImplementedError(f"{type(self).__name__} has no method 'create'")

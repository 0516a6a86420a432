"""Bring your own predict: a zip with classes that extend those of `mac`."""

import pathlib

import numpy as np

from joey_worker.failure import StepError
from joey_worker.frameworks import Loaded
from joey_worker.unpack import unpack


def load(file, inputs, outputs):
    from mac.config.inference import CustomInferenceConfig
    from mac.inference.inference import Inference
    from mac.io.custom_inference_loading import load_custom_inference_builder

    folder = unpack(file)
    files = sorted(pathlib.Path(folder).glob("*.py"))
    try:
        builder = load_custom_inference_builder(files)
        inference = builder.create(CustomInferenceConfig(framework="custom", model_path=folder))
        if not isinstance(inference, Inference):
            raise TypeError(f"create() gave a {type(inference).__name__}, not an Inference")
        if inference.model is not None:
            inference._raise_error_if_model_is_wrong_type(inference.model)
    except MemoryError:
        raise
    except Exception as error:
        place = _place(error, folder)
        raise StepError(
            f"{error}{place}"
            if isinstance(error, (AttributeError, TypeError, ValueError)) and not place
            else f"{type(error).__name__}: {error}{place}",
            "see 'Bring your own predict' in docs/models.md",
            "load",
        ) from error
    return CustomModel(inference)


def _place(error, folder):
    """The last line of the user's own code on the way to the error."""
    trace, found = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(str(folder)):
            found = f" ({pathlib.Path(code.co_filename).name}, line {trace.tb_lineno}, in {code.co_name})"
        trace = trace.tb_next
    return found


class CustomModel(Loaded):
    def __init__(self, inference):
        self._inference = inference

    def predict(self, arrays):
        result = self._inference.predict(arrays)
        if not isinstance(result, dict):
            raise StepError(
                f"_predict returned a {type(result).__name__}",
                "return a dictionary of numpy arrays by output name",
            )
        return {name: np.asarray(values) for name, values in result.items()}

    def sample_blocks(self):
        return []  # made-up rows may be refused by the user's own checks

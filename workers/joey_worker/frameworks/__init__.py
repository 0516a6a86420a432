"""What each framework does with a model file; one module for each.

A module has `load(file, inputs, outputs)`, which gives a Loaded: `file` is a model_file.ModelFile, the others
are the schemas that the model was uploaded with.
"""

import importlib

MODULES = {
    "sklearn": "sklearn_models",
    "xgboost": "xgboost_models",
    "keras": "keras_models",
    "pytorch": "pytorch_models",
    "custom": "custom_models",
}


class Incompatible(Exception):
    """Why a model cannot be converted to ONNX."""


REASON_MAX = 300


def reason(error):
    """The beginning of what an error says: converters print whole models."""
    text = f"{type(error).__name__}: {error}".strip()
    return text if len(text) <= REASON_MAX else text[:REASON_MAX] + "…"


class Loaded:
    """A loaded model. What is not overridden says that there is no conversion."""

    tolerance = 1e-5  # of a converted model, see agreement.py
    versions = {}  # of the libraries, by name
    notes = ()  # for whoever uploaded it

    def predict(self, arrays):
        """Arrays by the names of input_schema to arrays by those of output_schema."""
        raise NotImplementedError

    def sample_blocks(self):
        """Blocks of rows (samples.py) to try the model with."""
        raise NotImplementedError

    def to_onnx(self):
        """(onnx.ModelProto, tool), with inputs and outputs named as in the schemas. Raises Incompatible."""
        raise Incompatible("there is no conversion for this framework")


def module_of(framework):
    return importlib.import_module(f"joey_worker.frameworks.{MODULES[framework]}")

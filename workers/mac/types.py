"""Types of custom models."""

from enum import Enum

import numpy as np

# The columns of a request, and of an answer, by name: arrays whose first dimension are the rows.
InferenceData = dict[str, np.ndarray]


class SupportedFrameworks(str, Enum):
    KERAS = "keras"
    SKLEARN = "sklearn"
    PYTORCH = "pytorch"
    XGBOOST = "xgboost"
    HUGGING_FACE = "hugging-face"
    CUSTOM = "custom"


class SupportedServices(str, Enum):
    MLFLOW = "mlflow"
    FLIGHT = "flight"


class ArrowListDType(str, Enum):
    LIST = "list"
    FIXED_SHAPE_TENSOR = "fixed-shape-tensor"


class IOArrowDType(str, Enum):
    LIST = "list"
    FIXED_SHAPE_TENSOR = "fixed-shape-tensor"
    SCALAR = "scalar"

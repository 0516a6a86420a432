"""What scikit-learn and XGBoost have in common: rows of numbers in, one or a few values out."""

import numpy as np
import pyarrow as pa

from joey_worker import samples
from joey_worker.arrays import row_shape
from joey_worker.failure import StepError
from joey_worker.frameworks import Incompatible, Loaded
from joey_worker.values import is_list, leaf

DEPTH_MAX = 12
POINTS_MAX = 128
PROBABILITIES = ("probabilities", "probability", "predict_proba")


class TabularModel(Loaded):
    """`features` is the number of columns of a row, or None where the model does not say."""

    def __init__(self, model, features, inputs, outputs):
        self.model = model
        self.inputs = inputs
        self.outputs = outputs
        names = getattr(model, "feature_names_in_", None)
        self._named = names is not None and list(names) == inputs.names and len(inputs) > 1
        self.features = self._check_features(features)

    def _check_features(self, features):
        declared = 0
        for field in self.inputs:
            shape = row_shape(field.type)
            if len(shape) > 1:
                raise _schema_error(
                    f"input_schema declares {field.type} for '{field.name}'", "one flat list for a row"
                )
            if shape == (None,):
                if len(self.inputs) > 1 or features is None:
                    raise _schema_error(
                        f"input_schema does not say how many values a row of '{field.name}' has",
                        f"pa.list_(type, list_size={features or 'N'})",
                    )
                return features
            declared += shape[0] if shape else 1
        if features is not None and declared != features:
            raise _schema_error(
                f"the model was trained with {features} features, input_schema declares {declared}",
                f"pa.field('inputs', pa.list_(pa.float64(), list_size={features}))",
            )
        return declared

    def matrix(self, arrays):
        """The numbers of each row; a DataFrame where the model was trained with these very columns."""
        if self._named:
            import pandas as pd

            return pd.DataFrame({name: arrays[name] for name in self.inputs.names})
        parts = [arrays[name] for name in self.inputs.names]
        parts = [part.reshape(len(part), -1) for part in parts]
        matrix = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        if matrix.shape[1] != self.features:
            raise StepError(
                f"a row has {matrix.shape[1]} values, the model was trained with {self.features}",
                "send the features in the order of the training",
            )
        return matrix

    def spread(self, values):
        """Results of one call over the declared outputs: one of them, or a column for each."""
        names = self.outputs.names
        if len(names) == 1:
            return {names[0]: values}
        values = np.asarray(values)
        if values.ndim == 2 and values.shape[1] == len(names):
            return {name: values[:, i] for i, name in enumerate(names)}
        raise _schema_error(
            f"the model gives values of shape {list(values.shape)}, output_schema declares {names}",
            "one output field, or one for each column",
        )

    def sample_blocks(self):
        inputs = {}
        for field in self.inputs:
            shape = row_shape(field.type)
            type_ = leaf(field.type)
            if not (pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_)):
                return []  # of texts nobody can make up good ones
            inputs[field.name] = (type_.to_pandas_dtype(), (self.features,) if shape else ())
        single = len(self.inputs) == 1 and is_list(self.inputs.field(0).type)
        points = self.points() if single else None
        return samples.blocks(inputs, points, self.corners() if single else None)

    def points(self):
        """Rows of numbers inside the model: means, centres, support vectors."""
        found = []
        _collect(self.model, self.features, found, set(), 0)
        return np.concatenate(found)[:POINTS_MAX] if found else None

    def corners(self):
        return []

    def need_float32_row(self):
        """The native runtime computes in float32: what declares more than that is not converted."""
        for schema in (self.inputs, self.outputs):
            for field in schema:
                type_ = leaf(field.type)
                if pa.types.is_floating(type_) and not pa.types.is_float32(type_):
                    raise Incompatible(
                        f"the native runtime computes in float32, '{field.name}' is declared {type_}"
                    )
        if len(self.inputs) != 1 or not is_list(self.inputs.field(0).type):
            raise Incompatible("the native runtime takes one list of numbers for a row")
        if not pa.types.is_float32(leaf(self.inputs.field(0).type)):
            raise Incompatible(
                f"the native runtime takes float32, '{self.inputs.names[0]}' is {self.inputs.field(0).type}"
            )


def _schema_error(message, hint):
    return StepError(message, f"declare {hint}", "load")


def _collect(thing, features, found, seen, level):
    if level > DEPTH_MAX or id(thing) in seen or len(found) > POINTS_MAX:
        return
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        if thing.dtype.kind == "f" and thing.ndim in (1, 2) and thing.shape[-1] == features and thing.size:
            rows = thing.reshape(-1, features)[:POINTS_MAX]
            if np.isfinite(rows).all():
                found.append(rows)
        elif thing.dtype == object and thing.size < 10000:
            for item in thing.ravel():
                _collect(item, features, found, seen, level + 1)
    elif isinstance(thing, (list, tuple)):
        for item in thing[:1000]:
            _collect(item, features, found, seen, level + 1)
    elif isinstance(thing, dict):
        for item in list(thing.values())[:1000]:
            _collect(item, features, found, seen, level + 1)
    elif hasattr(thing, "__dict__"):
        _collect(vars(thing), features, found, seen, level + 1)

"""What Keras and PyTorch have in common: named tensors in and out, any number of each."""

import numpy as np
import pyarrow as pa

from joey_worker import samples
from joey_worker.arrays import row_shape
from joey_worker.failure import StepError
from joey_worker.frameworks import Incompatible, Loaded
from joey_worker.values import leaf


class TensorModel(Loaded):
    """The fields of input_schema feed the inputs of the model by name, or in order where names differ; the
    outputs likewise."""

    tolerance = 1e-4  # sums of many float32 in another order

    def __init__(self, inputs, outputs):
        self.inputs = inputs
        self.outputs = outputs

    def spread(self, results):
        """A list of arrays, or arrays by name, as the declared outputs."""
        names = self.outputs.names
        if isinstance(results, dict):
            if set(results) == set(names):
                return results
            results = list(results.values())
        if len(results) != len(names):
            raise StepError(
                f"the model gives {len(results)} outputs, output_schema declares {len(names)}: {names}",
                "declare every output, in the order of the model",
                "load",
            )
        return dict(zip(names, results))

    def row_shape_of(self, field):
        """The shape of a row in samples; where the schema leaves a size open the model may know it."""
        shape = row_shape(field.type)
        if None in shape:
            raise StepError(
                f"input_schema does not say the sizes of '{field.name}'",
                "declare lists with list_size, as the model takes them",
                "load",
            )
        return shape

    def sample_blocks(self):
        inputs = {}
        for field in self.inputs:
            type_ = leaf(field.type)
            if not (pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_)):
                return []
            inputs[field.name] = (np.dtype(type_.to_pandas_dtype()), self.row_shape_of(field))
        return samples.blocks(inputs)

    def need_float32(self):
        for schema in (self.inputs, self.outputs):
            for field in schema:
                type_ = leaf(field.type)
                if pa.types.is_floating(type_) and not pa.types.is_float32(type_):
                    raise Incompatible(
                        f"the native runtime computes in float32, '{field.name}' is declared {type_}"
                    )


def ordered(fields, names):
    """For each of the model's inputs the name of the field that feeds it."""
    if len(fields) != len(names):
        raise StepError(
            f"the model has {len(names)} inputs {list(names)}, input_schema declares {fields}",
            "declare one field for each input",
            "load",
        )
    return list(names) if set(fields) == set(names) else list(fields)

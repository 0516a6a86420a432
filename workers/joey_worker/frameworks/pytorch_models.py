"""PyTorch: TorchScript files."""

import io
import warnings

import numpy as np
import pyarrow as pa

from joey_worker import onnx_graph
from joey_worker.failure import StepError
from joey_worker.frameworks import Incompatible, reason
from joey_worker.frameworks.tensors import TensorModel, ordered
from joey_worker.values import leaf

OPSET = 16
EXAMPLE_ROWS = 2


def load(file, inputs, outputs):
    import torch

    torch.set_num_threads(1)
    try:
        with file.open() as stream:
            module = torch.jit.load(stream, map_location="cpu")
    except MemoryError:
        raise
    except Exception as error:
        raise StepError(
            f"the file cannot be loaded with torch {torch.__version__}: {reason(error)}",
            "save the model as TorchScript: torch.jit.script(model).save('model.pt')",
            "load",
        ) from error
    return TorchModel(torch, module, inputs, outputs)


class TorchModel(TensorModel):
    def __init__(self, torch, module, inputs, outputs):
        super().__init__(inputs, outputs)
        self._torch = torch
        self._module = module.eval()
        self.versions = {"torch": torch.__version__}
        names = [argument.name.partition(".")[0] for argument in module.forward.schema.arguments[1:]]
        needed = [a for a in module.forward.schema.arguments[1:] if not a.has_default_value()]
        if len(needed) <= len(inputs) < len(names):
            names = names[: len(inputs)]
        self._fields = ordered(inputs.names, names)

    def _given(self, arrays):
        return [self._torch.from_numpy(np.array(arrays[name])) for name in self._fields]

    def predict(self, arrays):
        with self._torch.inference_mode():
            results = self._module(*self._given(arrays))
        if isinstance(results, dict):
            return self.spread({name: value.numpy() for name, value in results.items()})
        if not isinstance(results, (list, tuple)):
            results = [results]
        return self.spread([value.numpy() for value in results])

    def to_onnx(self):
        self.need_float32()
        for field in self.inputs:
            if not (pa.types.is_float32(leaf(field.type)) or pa.types.is_integer(leaf(field.type))):
                raise Incompatible(f"'{field.name}' is declared {field.type}")
        torch = self._torch
        example = {}
        for field in self.inputs:
            shape = self.row_shape_of(field)
            example[field.name] = np.ones((EXAMPLE_ROWS, *shape), leaf(field.type).to_pandas_dtype())
        names = [f"joey_result_{i}" for i in range(len(self.outputs))]
        file = io.BytesIO()
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                torch.onnx.export(
                    self._module,
                    tuple(self._given(example)),
                    file,
                    input_names=self._fields,
                    output_names=names,
                    opset_version=OPSET,
                    dynamic_axes={name: {0: "rows"} for name in (*self._fields, *names)},
                )
        except Exception as error:
            raise Incompatible(f"torch.onnx cannot convert it: {reason(error)}") from error
        import onnx

        model = onnx.load_from_string(file.getvalue())
        return onnx_graph.fitted(model, names, self.outputs), f"torch.onnx {torch.__version__}"

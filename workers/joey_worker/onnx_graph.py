"""A converted graph with the outputs that the schema declares."""

import numpy as np
import pyarrow as pa

from joey_worker.arrays import row_shape
from joey_worker.frameworks import Incompatible
from joey_worker.values import leaf

IR_VERSION_MAX = 10
OPSET = 18  # of what is added to a graph that uses other domains only


def fitted(model, wanted, schema):
    """`model` changed in place. `wanted` names, for each field of `schema`, the output that fills it, or the
    output and the only column of it. Types and shapes become the declared ones."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    given = {output.name: output for output in graph.output}
    outputs = []
    for i, (place, field) in enumerate(zip(wanted, schema)):
        source, column = place if isinstance(place, tuple) else (place, None)
        if source not in given:
            raise Incompatible(f"the converted model gives {sorted(given)}, not {source}")
        have = given[source].type.tensor_type.elem_type
        want = _element_type(leaf(field.type))
        if column is not None:
            graph.initializer.append(
                numpy_helper.from_array(np.array([column], np.int64), f"joey_column_{i}")
            )
            graph.node.append(
                helper.make_node("Gather", [source, f"joey_column_{i}"], [f"joey_picked_{i}"], axis=1)
            )
            source = f"joey_picked_{i}"
        shape = row_shape(field.type)
        if any(size is None for size in shape[1:]):
            raise Incompatible(f"output_schema does not say the sizes of '{field.name}'")
        # 0 keeps a dimension; a single value has none but the rows.
        target = [-1] if not shape else [0, *(-1 if size is None else size for size in shape)]
        graph.initializer.append(numpy_helper.from_array(np.array(target, np.int64), f"joey_shape_{i}"))
        shaped = f"joey_shaped_{i}" if have != want else f"joey_output_{i}"
        graph.node.append(helper.make_node("Reshape", [source, f"joey_shape_{i}"], [shaped]))
        if have != want:
            if TensorProto.STRING in (have, want):
                raise Incompatible(
                    f"the converted model gives another type for '{field.name}' than {field.type}"
                )
            graph.node.append(helper.make_node("Cast", [shaped], [f"joey_output_{i}"], to=want))
        dimensions = ["rows", *(size if size is not None else f"size_{i}" for size in shape)]
        outputs.append(helper.make_tensor_value_info(f"joey_output_{i}", want, dimensions))
    del graph.output[:]
    graph.output.extend(outputs)
    for i, field in enumerate(schema):
        _rename(graph, f"joey_output_{i}", field.name)
    if not any(entry.domain == "" for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", OPSET))
    model.ir_version = min(model.ir_version, IR_VERSION_MAX)
    onnx.checker.check_model(model)
    return model


def _rename(graph, old, new):
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    taken |= {value.name for value in (*graph.input, *graph.initializer)}
    if new in taken:
        for node in graph.node:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name == new:
                        names[i] = f"joey_inner_{new}"
        if any(value.name == new for value in (*graph.input, *graph.initializer)):
            raise Incompatible(f"'{new}' is the name of an input and of an output")
    for node in graph.node:
        for i, name in enumerate(node.output):
            if name == old:
                node.output[i] = new
    for value in graph.output:
        if value.name == old:
            value.name = new


def _element_type(type_):
    from onnx import TensorProto

    names = {
        pa.float32(): TensorProto.FLOAT,
        pa.float64(): TensorProto.DOUBLE,
        pa.float16(): TensorProto.FLOAT16,
        pa.int8(): TensorProto.INT8,
        pa.int16(): TensorProto.INT16,
        pa.int32(): TensorProto.INT32,
        pa.int64(): TensorProto.INT64,
        pa.uint8(): TensorProto.UINT8,
        pa.uint16(): TensorProto.UINT16,
        pa.uint32(): TensorProto.UINT32,
        pa.uint64(): TensorProto.UINT64,
        pa.bool_(): TensorProto.BOOL,
        pa.string(): TensorProto.STRING,
    }
    if type_ not in names:
        raise Incompatible(f"no tensor holds {type_}")
    return names[type_]


class Session:
    """Runs a converted model as the engine would: in ONNX Runtime, on one thread."""

    def __init__(self, model):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = self._session.get_inputs()
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, arrays):
        given = {value.name: _shaped(arrays[value.name], value.shape[1:]) for value in self._inputs}
        return dict(zip(self._names, self._session.run(None, given)))


def _shaped(array, row):
    """The same values in the arrangement that the model takes, as the engine gives them."""
    if all(isinstance(size, int) for size in row):
        return array.reshape(len(array), *row)
    return array

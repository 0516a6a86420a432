"""Tiny ONNX models for tests, made on the spot. Every function gives the bytes of a model.

`shape` is that of one row: () for a column of scalars, (29,) for a list, (2, 3) for nested lists.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

# The tensor types of the guide (F15) by the name Joey shows, with ONNX' own.
TENSOR_TYPES = {
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
}

BATCH = "batch"


def _value(name, dtype, shape):
    return helper.make_tensor_value_info(name, TENSOR_TYPES[dtype], [BATCH, *shape])


def build(nodes, inputs, outputs, initializers=(), opset=17, ir_version=9, domains=()):
    """Bytes of a model out of nodes; `inputs` and `outputs` are (name, type, row shape)."""
    graph = helper.make_graph(
        list(nodes),
        "test",
        [_value(*item) for item in inputs],
        [_value(*item) for item in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in dict(initializers).items()],
    )
    imports = [
        helper.make_opsetid("", opset),
        *(helper.make_opsetid(*domain) for domain in domains),
    ]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir_version).SerializeToString()


def identity(dtype="float32", shape=(3,), name="tensor", output="result"):
    """output = name, for any tensor type."""
    node = helper.make_node("Identity", [name], [output])
    return build([node], [(name, dtype, shape)], [(output, dtype, shape)])


def scale(factor=2.0, width=3, name="tensor", output="result"):
    """output = factor · name, on lists of `width` floats."""
    node = helper.make_node("Mul", [name, "factor"], [output])
    arrays = {"factor": np.float32(factor)}
    return build([node], [(name, "float32", (width,))], [(output, "float32", (width,))], arrays)


def linear(weights, bias=0.0, name="tensor", output="variable"):
    """output[0] = name · weights + bias: a list of floats to a list of one."""
    weights = np.asarray(weights, np.float32).reshape(-1, 1)
    nodes = [
        helper.make_node("MatMul", [name, "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], [output]),
    ]
    arrays = {"weights": weights, "bias": np.float32([bias])}
    return build(nodes, [(name, "float32", (len(weights),))], [(output, "float32", (1,))], arrays)


def mlp(width=29, hidden=(12, 6), seed=1, name="tensor", output="dense_1"):
    """A small network with relu and a sigmoid at its end: `width` floats to one."""
    random = np.random.default_rng(seed)
    nodes, arrays, current = [], {}, name
    sizes = [width, *hidden, 1]
    for i, (rows, columns) in enumerate(zip(sizes, sizes[1:])):
        arrays[f"w{i}"] = random.normal(0, rows**-0.5, (rows, columns)).astype(np.float32)
        arrays[f"b{i}"] = random.normal(0, 0.1, columns).astype(np.float32)
        last = i == len(sizes) - 2
        nodes += [
            helper.make_node("MatMul", [current, f"w{i}"], [f"m{i}"]),
            helper.make_node("Add", [f"m{i}", f"b{i}"], [f"a{i}"]),
            helper.make_node("Sigmoid" if last else "Relu", [f"a{i}"], [output if last else f"r{i}"]),
        ]
        current = f"r{i}"
    return build(nodes, [(name, "float32", (width,))], [(output, "float32", (1,))], arrays)


def multiple(inputs, outputs=None):
    """One identity for each input: `inputs` is a list of (name, type, row shape)."""
    outputs = outputs or [f"{name}_out" for name, _, _ in inputs]
    nodes = [helper.make_node("Identity", [item[0]], [out]) for item, out in zip(inputs, outputs)]
    return build(nodes, inputs, [(out, *item[1:]) for item, out in zip(inputs, outputs)])


def add_inputs(width=3, names=("a", "b"), output="sum"):
    """output = the sum of two inputs."""
    node = helper.make_node("Add", list(names), [output])
    return build([node], [(n, "float32", (width,)) for n in names], [(output, "float32", (width,))])


def image(channels=3, height=8, width=8, name="image", output="mean"):
    """The mean of each channel of a nested list (channels, height, width)."""
    node = helper.make_node("ReduceMean", [name], [output], axes=[2, 3], keepdims=0)
    return build([node], [(name, "float32", (channels, height, width))], [(output, "float32", (channels,))])


def variable_width(name="tensor", output="total"):
    """The sum of a list whose length the model does not fix."""
    node = helper.make_node("ReduceSum", [name, "axes"], [output], keepdims=1)
    return build(
        [node],
        [(name, "float32", ("width",))],
        [(output, "float32", (1,))],
        {"axes": np.int64([1])},
    )


def slow(loops=3000, size=192, name="tensor", output="result"):
    """Returns its input after some time of matrix products (about 0.2 ms each on one core)."""
    matrix = np.eye(size, dtype=np.float32)
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "matrix"], ["next_state"]),
            helper.make_node("Identity", ["go_on"], ["go_on_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [size, size]),
        ],
        [
            helper.make_tensor_value_info("go_on_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next_state", TensorProto.FLOAT, [size, size]),
        ],
    )
    nodes = [
        helper.make_node("Loop", ["loops", "yes", "matrix"], ["last"], body=body),
        helper.make_node("ReduceMin", ["last"], ["zero"], keepdims=0),
        helper.make_node("Add", [name, "zero"], [output]),
    ]
    arrays = {"loops": np.int64(loops), "yes": np.bool_(True), "matrix": matrix}
    return build(nodes, [(name, "float32", (1,))], [(output, "float32", (1,))], arrays)


def external_data(location="../../etc/passwd"):
    """A model whose weights claim to be in another file."""
    tensor = numpy_helper.from_array(np.zeros((3,), np.float32), "weights")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="offset", value="0")
    tensor.external_data.add(key="length", value="12")
    graph = helper.make_graph(
        [helper.make_node("Add", ["tensor", "weights"], ["result"])],
        "external",
        [_value("tensor", "float32", (3,))],
        [_value("result", "float32", (3,))],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


def unknown_opset(version=999):
    node = helper.make_node("Identity", ["tensor"], ["result"])
    return build([node], [("tensor", "float32", (3,))], [("result", "float32", (3,))], opset=version)


def unknown_operator():
    """A node of a domain that no runtime has."""
    node = helper.make_node("Teleport", ["tensor"], ["result"], domain="nowhere.example")
    sides = [("tensor", "float32", (3,))], [("result", "float32", (3,))]
    return build([node], *sides, domains=[("nowhere.example", 1)])


def huge_initializer(elements=1 << 40):
    """A file of some hundred bytes that claims a tensor of terabytes."""
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[elements], raw_data=b"\0" * 12)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["tensor"], ["result"])],
        "huge",
        [_value("tensor", "float32", (3,))],
        [_value("result", "float32", (3,))],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()

"""Tiny TensorFlow SavedModels for tests, written field by field: TensorFlow itself is not needed.

Every function gives the bytes of a zip archive. Numbers are those of TensorFlow's protocol buffers.
"""

import io
import zipfile

FLOAT, INT64, STRING = 1, 9, 7


def _varint(value):
    out, value = b"", value & (1 << 64) - 1
    while value >= 128:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _field(number, value):
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _entry(number, key, value):
    return _field(number, _field(1, key) + _field(2, value))


def _node(name, op, inputs, dtype, attribute="T"):
    fields = _field(1, name) + _field(2, op) + b"".join(_field(3, i) for i in inputs)
    return _field(1, fields + _entry(5, attribute, _field(6, dtype)))


def _port(number, key, tensor, dtype, shape):
    dimensions = b"".join(_field(2, _field(1, size)) for size in (-1, *shape))
    return _entry(number, key, _field(1, tensor) + _field(2, dtype) + _field(3, dimensions))


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def build(inputs, outputs, extra=b""):
    """`inputs`: name → (type, row shape); `outputs`: name → (operation, names of its inputs, type, shape)."""
    graph = b"".join(_node(name, "Placeholder", [], dtype, "dtype") for name, (dtype, _) in inputs.items())
    graph += b"".join(_node(name, op, names, dtype) for name, (op, names, dtype, _) in outputs.items())
    graph += extra + _field(4, _field(1, 1087))
    signature = b"".join(_port(1, n, f"{n}:0", dtype, shape) for n, (dtype, shape) in inputs.items())
    signature += b"".join(_port(2, n, f"{n}:0", dtype, shape) for n, (_, _, dtype, shape) in outputs.items())
    meta = _field(1, _field(4, "serve")) + _field(2, graph) + _entry(5, "serving_default", signature)
    return zipped({"model/saved_model.pb": _field(1, 1) + _field(2, meta)})


def arithmetic(width=3):
    """sum = a + b and product = a · b, lists of floats."""
    sides = FLOAT, (width,)
    return build(
        {"b": sides, "a": sides},
        {"sum": ("AddV2", ["a", "b"], *sides), "product": ("Mul", ["a", "b"], *sides)},
    )


def identity(dtype=FLOAT, shape=(3,), name="tensor", output="result"):
    return build({name: (dtype, shape)}, {output: ("Identity", [name], dtype, shape)})


def unknown_operation():
    return build({"x": (FLOAT, (3,))}, {"y": ("Teleport", ["x"], FLOAT, (3,))})


def reads_files():
    extra = _node("read", "ReadFile", ["x"], STRING)
    return build({"x": (FLOAT, (3,))}, {"y": ("Identity", ["x"], FLOAT, (3,))}, extra)

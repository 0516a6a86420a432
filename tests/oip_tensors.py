"""Tensors of every type of the Open Inference Protocol, for the tests of its transports."""

import numpy as np

NUMBERS = {
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BOOL": "bool",
}

# One input of every type, of several shapes.
INPUTS = [
    *((f"x_{dtype}", dtype, (2,)) for dtype in NUMBERS.values()),
    ("text", "string", (2,)),
    ("scalar", "float32", ()),
    ("picture", "uint8", (2, 3)),
]
VERSION = "00000000-0000-0000-0000-000000000064"


def datatype(dtype):
    return "BYTES" if dtype == "string" else next(k for k, v in NUMBERS.items() if v == dtype)


def values(dtype, rows, shape):
    """Rows of a type with its extreme values among them."""
    count = int(np.prod((rows, *shape)))
    if dtype == "string":
        texts = ["", "plain", "Grüße, 世界", 'quote " and \\ and \n', "x" * 300]
        flat = np.array([texts[i % len(texts)].encode() for i in range(count)], object)
    elif dtype == "bool":
        flat = np.arange(count) % 3 == 0
    elif dtype.startswith("float"):
        limits = np.finfo(dtype)
        flat = np.resize(np.array([0.5, -1.25, limits.max, limits.tiny, 0.1], dtype), count)
    else:
        limits = np.iinfo(dtype)
        flat = np.resize(np.array([limits.min, limits.max, 7, 1], dtype), count)
    return flat.reshape(rows, *shape)

"""The models that other tests rely on do in the runtime alone what they say."""

import models
import numpy as np
import onnxruntime
import pytest


def run(model, **inputs):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


@pytest.mark.parametrize("dtype", models.TENSOR_TYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_identity(dtype, shape):
    if dtype == "string":
        values = np.full((2, *shape), "Ĵoey", dtype=object)
    else:
        values = np.ones((2, *shape), dtype=dtype)
    (result,) = run(models.identity(dtype, shape), tensor=values)
    assert result.shape == values.shape
    assert (result == values).all()


def test_arithmetic():
    rows = np.float32([[1, 2, 3], [4, 5, 6]])
    assert (run(models.scale(2, 3), tensor=rows)[0] == rows * 2).all()
    assert (run(models.linear([1, 0, 2], 1), tensor=rows)[0] == [[8], [17]]).all()
    assert (run(models.add_inputs(3), a=rows, b=rows)[0] == rows * 2).all()
    assert (run(models.variable_width(), tensor=rows)[0] == [[6], [15]]).all()
    assert run(models.image(3, 8, 8), image=np.ones((2, 3, 8, 8), np.float32))[0].shape == (2, 3)
    assert run(models.mlp(29), tensor=np.zeros((4, 29), np.float32))[0].shape == (4, 1)
    assert (run(models.slow(5), tensor=rows[:, :1])[0] == rows[:, :1]).all()


def test_two_inputs_of_two_types():
    model = models.multiple([("x", "float32", (2,)), ("n", "int64", ())])
    x, n = run(model, x=np.float32([[1, 2]]), n=np.int64([7]))
    assert x.tolist() == [[1, 2]]
    assert n.tolist() == [7]


@pytest.mark.parametrize(
    "model",
    [
        models.unknown_opset(),
        models.unknown_operator(),
        models.external_data(),
        models.huge_initializer(),
    ],
)
def test_bad_models_do_not_load(model):
    with pytest.raises(Exception, match="."):
        run(model)

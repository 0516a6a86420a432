"""Keras: HDF5 files, .keras files, and SavedModels as zip archives."""

import os
import pathlib
import tempfile

import numpy as np

from joey_worker import onnx_graph
from joey_worker.failure import StepError
from joey_worker.frameworks import Incompatible, reason
from joey_worker.frameworks.tensors import TensorModel, ordered
from joey_worker.unpack import unpack

OPSET = 17
HDF5 = b"\x89HDF"
ZIP = b"PK\x03\x04"


def load(file, inputs, outputs):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    library = f"tensorflow {tf.__version__}"
    head = file.head(4)
    try:
        if head == HDF5:
            model = tf.keras.models.load_model(_copy(file, ".h5"), compile=False)
        elif head == ZIP:
            model = _of_zip(tf, file)
        else:
            raise StepError(
                "the file is neither HDF5 nor a zip of a SavedModel",
                "save the model with model.save('model.h5')",
                "load",
            )
    except (StepError, MemoryError):
        raise
    except Exception as error:
        raise StepError(
            f"the file cannot be loaded with {library}: {reason(error)}",
            "save the model with Keras 2, as HDF5 or SavedModel",
            "load",
        ) from error
    versions = {"tensorflow": tf.__version__}
    return KerasModel(tf, model, inputs, outputs, versions)


def _copy(file, suffix):
    handle, path = tempfile.mkstemp(suffix=suffix)
    with file.open() as source, os.fdopen(handle, "wb") as target:
        while piece := source.read(1 << 20):
            target.write(piece)
    return path


def _of_zip(tf, file):
    folder = pathlib.Path(unpack(file))
    if (folder / "model.weights.h5").exists():
        return tf.keras.models.load_model(_copy(file, ".keras"), compile=False)
    found = sorted(folder.glob("**/saved_model.pb"), key=lambda path: len(path.parts))
    if not found:
        raise StepError(
            "the zip has no saved_model.pb", "zip the folder that model.save(folder) made", "load"
        )
    return tf.keras.models.load_model(found[0].parent, compile=False)


class KerasModel(TensorModel):
    def __init__(self, tf, model, inputs, outputs, versions):
        super().__init__(inputs, outputs)
        self._tf = tf
        self._model = model
        self.versions = versions
        tensors = model.inputs or []
        if not tensors:
            raise StepError("the model does not say its inputs", "call it once on data, then save it", "load")
        self._fields = ordered(inputs.names, model.input_names)
        self._shapes = [tuple(t.shape)[1:] for t in tensors]
        self._types = [t.dtype.as_numpy_dtype for t in tensors]
        self._call = tf.function(lambda given: model(given, training=False), reduce_retracing=True)

    def _given(self, arrays):
        given = []
        for name, shape, type_ in zip(self._fields, self._shapes, self._types):
            array = np.asarray(arrays[name])
            if None not in shape:
                if array[:1].size not in (0, int(np.prod(shape, dtype=np.int64))):
                    raise StepError(
                        f"a row of '{name}' has {array[:1].size} values, the model takes {list(shape)}",
                        "declare in input_schema what the model takes",
                        "load",
                    )
                array = array.reshape(len(array), *shape)
            given.append(array.astype(type_))
        return given

    def predict(self, arrays):
        given = self._given(arrays)
        results = self._call(
            [self._tf.constant(a) for a in given] if len(given) > 1 else self._tf.constant(given[0])
        )
        if isinstance(results, dict):
            return self.spread({name: value.numpy() for name, value in results.items()})
        if not isinstance(results, (list, tuple)):
            results = [results]
        return self.spread([value.numpy() for value in results])

    def to_onnx(self):
        self.need_float32()
        import tf2onnx

        signature = [
            self._tf.TensorSpec((None, *shape), type_, name=name)
            for name, shape, type_ in zip(self._fields, self._shapes, self._types)
        ]
        try:
            model, _ = tf2onnx.convert.from_keras(self._model, input_signature=signature, opset=OPSET)
        except Exception as error:
            raise Incompatible(f"tf2onnx cannot convert it: {reason(error)}") from error
        given = [output.name for output in model.graph.output]
        if len(given) != len(self.outputs):
            raise Incompatible(f"the converted model gives {given}")
        names = list(self._model.output_names)
        wanted = given
        if set(names) == set(self.outputs.names):
            wanted = [given[names.index(name)] for name in self.outputs.names]
        return onnx_graph.fitted(model, wanted, self.outputs), f"tf2onnx {tf2onnx.__version__}"

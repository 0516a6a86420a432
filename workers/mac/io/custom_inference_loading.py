"""Finds the classes of a custom model in its Python files."""

import importlib.util
import inspect
import sys
import typing
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mac.inference.creation import InferenceBuilder
from mac.inference.inference import Inference

MODULE = "custom_inference"  # the name under which older code knows its own module


def load_custom_inference_builder(files: Iterable[Path]) -> InferenceBuilder:
    """An object of the only InferenceBuilder in the files, once their classes are found to be whole."""
    files = sorted(Path(file) for file in files)
    if not files:
        raise AttributeError("No Python modules found in the model directory")
    modules = [_import(file) for file in files]
    inferences = _subclasses(modules, Inference)
    if not inferences:
        raise AttributeError("No Inference-inherited class found in the model directory")
    for inference in inferences:
        _check_inference(inference)
    builders = _subclasses(modules, InferenceBuilder)
    if not builders:
        raise AttributeError("No InferenceBuilder-inherited class found in the model directory")
    if len(builders) > 1:
        raise ValueError(
            f"Multiple InferenceBuilder-inherited classes found: {[b.__name__ for b in builders]}."
        )
    for name in ("inference", "create"):
        if getattr(builders[0], name, None) is getattr(InferenceBuilder, name):
            raise AttributeError(f"The InferenceBuilder class must contain the {name} method.")
    return builders[0]()


def _import(file: Path):
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    known = sys.modules.get(file.stem)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known  # another one of them has imported it
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    sys.modules.setdefault(MODULE, module)
    spec.loader.exec_module(module)
    return module


def _subclasses(modules, base) -> list[type]:
    found = []
    for module in modules:
        for _, thing in inspect.getmembers(module, inspect.isclass):
            # Those that a module only imports belong to another one.
            if issubclass(thing, base) and thing is not base and thing.__module__ == module.__name__:
                found.append(thing)
    # A class that others extend is no model itself.
    return [c for c in found if not any(c is not other and issubclass(other, c) for other in found)]


def _check_inference(inference: type) -> None:
    missing = getattr(inference, "__abstractmethods__", frozenset())
    if "expected_model_types" in missing:
        raise TypeError("Inference class must implement the abstract 'expected_model_types' property")
    if "_predict" in missing:
        raise TypeError("Inference class must implement the abstract '_predict' method")
    parameters = list(inspect.signature(inference._predict).parameters.values())[1:]
    wrong = TypeError("The Inference class's predict method may only accept a dictionary of numpy arrays.")
    if len(parameters) != 1 and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise wrong
    try:
        said = typing.get_type_hints(inference._predict).get(parameters[0].name)
    except Exception:
        return  # an annotation that does not resolve says nothing
    if said is None or said is typing.Any:
        return
    origin = typing.get_origin(said) or said
    if not (inspect.isclass(origin) and issubclass(dict, origin)):
        raise wrong
    values = typing.get_args(said)[1:]
    if values and inspect.isclass(values[0]) and not issubclass(np.ndarray, values[0]):
        raise wrong

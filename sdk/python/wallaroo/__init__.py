"""Client of Joey: upload a model, put it in a pipeline, deploy it, infer, read the logs.

Nothing heavy is imported here: pandas, pyarrow and the HTTP client come in when first used.

Examples
--------
>>> import wallaroo                                                      # doctest: +SKIP
>>> wl = wallaroo.Client()                                               # doctest: +SKIP
>>> model = wl.upload_model("ccfraud", "ccfraud.onnx")                   # doctest: +SKIP
>>> pipeline = wl.build_pipeline("fraud").add_model_step(model).deploy() # doctest: +SKIP
>>> pipeline.infer(dataframe)                                            # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .client import Client
    from .deployment_config import DeploymentConfigBuilder
    from .engine_config import Architecture
    from .framework import Framework

__all__ = ["Architecture", "Client", "DeploymentConfigBuilder", "Framework", "__version__"]

_NAMES = {
    "Architecture": "engine_config",
    "Client": "client",
    "DeploymentConfigBuilder": "deployment_config",
    "Framework": "framework",
}

_SUBMODULES = frozenset(
    {
        "assay",
        "assay_config",
        "checks",
        "client",
        "connection",
        "deployment",
        "deployment_config",
        "engine_config",
        "exceptions",
        "framework",
        "model",
        "model_config",
        "model_version",
        "inference_result",
        "object",
        "pipeline",
        "pipeline_config",
        "pipeline_steps",
        "pipeline_variant",
        "pipeline_version",
        "tag",
        "user",
        "workspace",
    }
)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module("." + _NAMES[name], __name__), name)
        globals()[name] = value
        return value
    if name in _SUBMODULES:
        return importlib.import_module("." + name, __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})

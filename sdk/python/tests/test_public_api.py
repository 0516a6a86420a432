"""The public names and their parameters are those of public_api.txt.

After a wanted change: python tests/test_public_api.py > tests/public_api.txt
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

MODULES = [
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
    "pipeline",
    "inference_result",
    "pipeline_config",
    "pipeline_steps",
    "pipeline_version",
    "tag",
    "user",
    "workspace",
]


def parameters(function: object) -> str:
    names = []
    for p in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        if p.name != "self":
            given = "" if p.default is p.empty else "="
            names.append(p.name + given)
    return ", ".join(names)


def lines() -> Iterator[str]:
    for name in MODULES:
        module = importlib.import_module(f"wallaroo.{name}")
        for cls_name, cls in sorted(vars(module).items()):
            if cls_name.startswith("_") or not inspect.isclass(cls):
                continue
            if cls.__module__ != module.__name__:
                continue
            yield f"{name}.{cls_name}"
            for member, value in sorted(vars(cls).items()):
                if member.startswith("_"):
                    continue
                if inspect.isfunction(value):
                    yield f"    {member}({parameters(value)})"
                elif isinstance(value, property):
                    yield f"    {member}"


def test_public_api() -> None:
    kept = Path(__file__).with_name("public_api.txt").read_text()
    assert "\n".join(lines()) + "\n" == kept


if __name__ == "__main__":
    print("\n".join(lines()))

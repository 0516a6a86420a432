"""Steps of a pipeline as they are kept until it is deployed (guide L6880-7021).

Every function here makes steps out of models; a step knows its place in a stored definition and the
models that it needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Callable, Optional

from .exceptions import InvalidRequestError
from .model_version import ModelVersion

_INFERENCE_KINDS = frozenset({"ModelInference", "RandomSplit", "MetaValueSplit"})


class Step:
    """One step of a pipeline.

    Parameters
    ----------
    document : dict
        The step as it stands in a pipeline's definition: ``{kind: content}``.
    models : sequence of ModelVersion
        Models that it needs.
    """

    def __init__(self, document: dict[str, Any], models: Sequence[ModelVersion] = ()) -> None:
        self._document = document
        self._models = list(models)

    def kind(self) -> str:
        """What it does: "ModelInference", "RandomSplit", "Check" …"""
        return next(iter(self._document))

    def models(self) -> list[ModelVersion]:
        """Models that it needs, the champion or control first."""
        return list(self._models)

    def to_json(self) -> dict[str, Any]:
        """The step as it stands in a pipeline's definition."""
        return self._document

    def is_inference(self) -> bool:
        """Whether it runs a model."""
        return self.kind() in _INFERENCE_KINDS

    def __repr__(self) -> str:
        return str(self.to_json())


def model_step(models: Sequence[ModelVersion]) -> Step:
    """A step that runs all of `models` on the same data."""
    return Step(
        {"ModelInference": {"models": [checked_model(m)._step_document() for m in models]}}, models
    )


def shadow_steps(champion: ModelVersion, challengers: Iterable[ModelVersion]) -> list[Step]:
    """The steps of a shadow deployment."""
    others = _model_list(challengers, "challengers")
    models = [checked_model(champion), *others]
    _refuse_twice(models, "A shadow deployment compares different models")
    return [model_step(models), audit_step(1, None), Step({"MultiOut": {}})]


def random_split_step(
    weighted: Iterable[tuple[float, ModelVersion]], hash_key: Optional[str]
) -> Step:
    """A step that gives each row to one of several models."""
    example = "Example: pipeline.add_random_split([(2, control), (1, challenger)])"
    if isinstance(weighted, ModelVersion) or not isinstance(weighted, Iterable):
        raise InvalidRequestError("A random split takes a list of (weight, model)", example)
    if hash_key is not None and not (isinstance(hash_key, str) and hash_key):
        raise InvalidRequestError(
            f"hash_key is the name of an input column, not {hash_key!r}",
            "Rows with the same value in it always meet the same model; leave it away to choose "
            "by chance",
        )
    entries, models, total = [], [], 0.0
    for pair in weighted:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InvalidRequestError(
                f"An entry of a random split is (weight, model), not {_short(pair)}", example
            )
        weight, model = pair
        if isinstance(weight, ModelVersion):
            raise InvalidRequestError(
                "An entry of a random split has the weight first: (weight, model)", example
            )
        if not _is_number(weight) or not 0 <= float(weight) < math.inf:
            raise InvalidRequestError(
                f"A weight is a number from 0 up, not {_short(weight)}", example
            )
        models.append(checked_model(model))
        # A plain number: 1 stays 1 in the definition, numpy's numbers become Python's.
        weight = weight.item() if hasattr(weight, "item") else weight
        entries.append({"model": model._step_document(), "weight": weight})
        total += float(weight)
    if total <= 0:
        raise InvalidRequestError("A random split needs a weight above 0", example)
    return Step({"RandomSplit": {"hash_key": hash_key, "weights": entries}}, models)


def key_split_step(
    default: ModelVersion, meta_key: str, options: Mapping[str, ModelVersion]
) -> Step:
    """A step that chooses a model by the value of a column."""
    example = "Example: pipeline.add_key_split(control, 'card_type', {'gold': gold_model})"
    if not (isinstance(meta_key, str) and meta_key):
        raise InvalidRequestError(
            f"meta_key is the name of an input column, not {meta_key!r}", example
        )
    if not isinstance(options, Mapping) or not options:
        raise InvalidRequestError("options says which model serves which value", example)
    for value in options:
        if not isinstance(value, str):
            raise InvalidRequestError(f"A value of a key split is a text, not {value!r}", example)
    content = {
        "split_key": meta_key,
        "control": checked_model(default)._step_document(),
        "routes": {v: checked_model(m)._step_document() for v, m in options.items()},
    }
    return Step({"MetaValueSplit": content}, [default, *options.values()])


def audit_step(first: int, last: Optional[int]) -> Step:
    """A step that keeps the results `first` up to, but without, `last`."""
    return Step({"AuditResults": {"from": first, "to": last}})


def audit_step_of(text: str) -> Step:
    """The audit step that a slice as text asks for: "1:", ":2", "0:3" or "1"."""
    begin, colon, end = str(text).partition(":")
    try:
        first = int(begin) if begin.strip() else 0
        last = (int(end) if end.strip() else None) if colon else first + 1
        good = isinstance(text, str) and first >= 0 and (last is None or last > first)
    except ValueError:
        good = False
    if not good:
        raise InvalidRequestError(
            f"audit_slice is a slice as text, not {text!r}", "Examples: '1:', ':2', '0:3'"
        )
    return audit_step(first, last)


def select_step(index: int) -> Step:
    """A step that keeps result number `index` only."""
    if isinstance(index, bool) or not isinstance(index, int) or index < 0:
        raise InvalidRequestError(
            f"index is the number of a result, the first is 0, not {index!r}",
            "Example: pipeline.add_select(0)",
        )
    return Step({"Nth": {"index": index}})


def stored_step(document: dict[str, Any], find_model: Callable[[str, str], ModelVersion]) -> Step:
    """The step that stands in a stored definition.

    Parameters
    ----------
    document : dict
        ``{kind: content}``.
    find_model : callable
        Gives the model version of a name and a UUID.
    """
    models = [find_model(m["name"], m["version"]) for m in _model_documents(document)]
    return Step(document, models)


def first_model_name(definition: dict[str, Any]) -> str:
    """Name of the first step's model in a stored definition; empty where there is no step."""
    for step in definition.get("steps") or []:
        for model in _model_documents(step):
            return str(model["name"])
    return ""


def end_of_group(steps: Sequence[Step], index: int) -> int:
    """Where what begins with step `index` ends: a shadow deployment is several steps."""
    if steps[index].kind() == "ModelInference" and len(steps[index].models()) > 1:
        end = index + 1
        for kind in ("AuditResults", "MultiOut"):
            while end < len(steps) and steps[end].kind() == "Check":
                end += 1
            if end == len(steps) or steps[end].kind() != kind:
                return index + 1
            end += 1
        return end
    return index + 1


def checked_model(model: Any) -> ModelVersion:
    """`model`, or an error where it is no uploaded model."""
    if not isinstance(model, ModelVersion):
        raise InvalidRequestError(
            f"A step runs a model that upload_model() returned, not {type(model).__name__}",
            "For a model of list_models() take one of its versions(): model.versions()[0]",
        )
    return model


def _model_list(models: Any, what: str) -> list[ModelVersion]:
    if isinstance(models, ModelVersion):
        return [models]
    found = list(models) if isinstance(models, Iterable) and not isinstance(models, str) else []
    if not found:
        raise InvalidRequestError(
            f"{what} is a list with at least one model, not {_short(models)}",
            "Example: pipeline.add_shadow_deploy(champion, [challenger])",
        )
    return [checked_model(m) for m in found]


def multi_model_step(models: Iterable[ModelVersion]) -> Step:
    """A step that runs several models on the same data."""
    return model_step(_model_list(models, "models"))


def _refuse_twice(models: Sequence[ModelVersion], why: str) -> None:
    names = [m.name() for m in models]
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequestError(
                f"{why}: {name!r} stands in it twice",
                "The outputs of challengers are named after them: upload it under another name",
            )


def _model_documents(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every ``{"name", "version", "sha"}`` of a stored step, the champion or control first."""
    (kind,) = list(step)[:1] or [""]
    content = step.get(kind) or {}
    if kind == "ModelInference":
        yield from content.get("models") or []
    elif kind == "RandomSplit":
        yield from (entry["model"] for entry in content.get("weights") or [])
    elif kind == "MetaValueSplit":
        yield content["control"]
        yield from (content.get("routes") or {}).values()


def _is_number(value: Any) -> bool:
    import numbers

    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else type(value).__name__

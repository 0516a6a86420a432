"""The definitions that calls of a notebook make (guide L6585-7021, L7296-7539)."""

from __future__ import annotations

import json
import warnings
from typing import Any, Callable

import polars as pl
import pytest

from wallaroo import exceptions
from wallaroo.model_version import ModelVersion
from wallaroo.pipeline_config import Step, first_model_name, stored_step
from wallaroo.pipeline_steps import PipelineSteps


class Client:
    api_endpoint = "http://none"


def model(name: str, number: int = 0, outputs: int = 1) -> ModelVersion:
    field = {"name": "y", "type": "float32", "shape": [None, 1]}
    return ModelVersion(
        Client(),  # type: ignore[arg-type]
        {
            "id": number or abs(hash(name)),
            "name": name,
            "version": f"{name}-uuid",
            "sha": f"{name}-sha",
            "file_name": f"{name}.onnx",
            "outputs": [field] * outputs,
            "inputs": [],
        },
    )


def document(name: str) -> dict[str, str]:
    return {"name": name, "version": f"{name}-uuid", "sha": f"{name}-sha"}


A, B, C = model("a"), model("b"), model("c")
A_STEP = {"ModelInference": {"models": [document("a")]}}


class Pipeline(PipelineSteps):
    def __init__(self, *stored: dict[str, Any]) -> None:
        super().__init__()
        self.stored = stored

    def name(self) -> str:
        return "p"

    def _stored_steps(self) -> list[Step]:
        return [stored_step(d, lambda name, version: model(name)) for d in self.stored]


def steps(pipeline: PipelineSteps) -> list[dict[str, Any]]:
    return [s.to_json() for s in pipeline.steps()]


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline().clear()


# Steps


def test_every_step_as_it_is_stored(pipeline: Pipeline) -> None:
    pipeline.add_model_step(A)
    pipeline.add_multi_model_step([A, B])
    pipeline.add_random_split([(2, A), (0.5, B)], "session_id")
    pipeline.add_random_split([(1, A)])
    pipeline.add_key_split(A, "card", {"gold": B})
    pipeline.add_audit("1:").add_audit(":2").add_audit("0:3").add_audit("1")
    pipeline.add_select(1)
    assert steps(pipeline) == [
        A_STEP,
        {"ModelInference": {"models": [document("a"), document("b")]}},
        {
            "RandomSplit": {
                "hash_key": "session_id",
                "weights": [
                    {"model": document("a"), "weight": 2},
                    {"model": document("b"), "weight": 0.5},
                ],
            }
        },
        {"RandomSplit": {"hash_key": None, "weights": [{"model": document("a"), "weight": 1}]}},
        {
            "MetaValueSplit": {
                "split_key": "card",
                "control": document("a"),
                "routes": {"gold": document("b")},
            }
        },
        {"AuditResults": {"from": 1, "to": None}},
        {"AuditResults": {"from": 0, "to": 2}},
        {"AuditResults": {"from": 0, "to": 3}},
        {"AuditResults": {"from": 1, "to": 2}},
        {"Nth": {"index": 1}},
    ]
    assert json.loads(json.dumps(steps(pipeline))) == steps(pipeline)
    names = [[m.name() for m in s.models()] for s in pipeline.steps()[:5]]
    assert names == [["a"], ["a", "b"], ["a", "b"], ["a"], ["a", "b"]]


SHADOW = [
    {"ModelInference": {"models": [document("a"), document("b"), document("c")]}},
    {"AuditResults": {"from": 1, "to": None}},
    {"MultiOut": {}},
]


def test_shadow_deployment(pipeline: Pipeline) -> None:
    assert steps(pipeline.add_shadow_deploy(A, [B, C])) == SHADOW
    assert (
        steps(pipeline.clear().add_model_step(A).replace_with_shadow_deploy(0, A, [B, C])) == SHADOW
    )
    assert len(steps(pipeline.clear().add_shadow_deploy(A, B))) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("validated", [False, True])
def test_a_shadow_deployment_is_replaced_as_a_whole(pipeline: Pipeline, validated: bool) -> None:
    def start() -> Pipeline:
        pipeline.clear().add_shadow_deploy(A, [B, C])
        return pipeline.add_validation("v", A.outputs[0][0] < 1) if validated else pipeline

    assert steps(start().replace_with_model_step(0, A)) == [A_STEP]
    assert steps(start().remove_step(0)) == []
    start().replace_with_random_split(0, [(1, A), (1, B)])
    assert [s.kind() for s in pipeline.steps()] == ["RandomSplit"]


def test_replacing(pipeline: Pipeline) -> None:
    kinds = lambda: [s.kind() for s in pipeline.steps()]  # noqa: E731
    pipeline.add_model_step(A).add_multi_model_step([A, B])
    assert steps(pipeline.replace_with_random_split(1, [(1, B)], "k"))[0] == A_STEP
    assert kinds() == ["ModelInference", "RandomSplit"]
    pipeline.replace_with_key_split(1, A, "k", {"x": B})
    assert kinds() == ["ModelInference", "MetaValueSplit"]
    pipeline.replace_with_audit(1, "1:")
    assert kinds() == ["ModelInference", "AuditResults"]
    pipeline.replace_with_select(1, 0).replace_with_multi_model_step(0, [A, B])
    assert kinds() == ["ModelInference", "Nth"]
    for index in (2, -1, True, "0", 1.0):
        with pytest.raises(exceptions.InvalidRequestError, match="no step"):
            pipeline.replace_with_model_step(index, A)  # type: ignore[arg-type]


def test_what_is_stored_comes_back() -> None:
    made = Pipeline().clear().add_shadow_deploy(A, [B])
    made.add_random_split([(1, A), (2, C)]).add_key_split(A, "k", {"x": B})
    made.add_validations(v=pl.col("out.y").list.get(0) > 1)
    again = Pipeline(*json.loads(json.dumps(steps(made))))
    assert steps(again) == steps(made)
    assert [[m.name() for m in s.models()] for s in again.steps()] == [
        [m.name() for m in s.models()] for s in made.steps()
    ]
    assert first_model_name({"steps": steps(made)[3:]}) == "a"
    assert first_model_name({"steps": [{"Check": {"tree": []}}]}) == ""
    assert first_model_name({}) == ""


def test_validations_join_the_stored_steps_and_models_start_anew() -> None:
    assert len(steps(Pipeline(A_STEP).add_validations(v=pl.col("out.y").max() > 1))) == 2
    assert len(steps(Pipeline(A_STEP).add_audit("1:"))) == 2
    assert steps(Pipeline(A_STEP).add_model_step(A)) == [A_STEP]


@pytest.mark.parametrize(
    "call",
    [
        lambda p: p.add_model_step("a"),
        lambda p: p.add_multi_model_step([]),
        lambda p: p.add_multi_model_step("ab"),
        lambda p: p.add_random_split([]),
        lambda p: p.add_random_split(A),
        lambda p: p.add_random_split(3),
        lambda p: p.add_random_split([A, B]),
        lambda p: p.add_random_split([(A, 1), (B, 1)]),
        lambda p: p.add_random_split([(1, "a")]),
        lambda p: p.add_random_split([(-1, A)]),
        lambda p: p.add_random_split([(float("nan"), A)]),
        lambda p: p.add_random_split([(float("inf"), A)]),
        lambda p: p.add_random_split([(True, A)]),
        lambda p: p.add_random_split([("2", A)]),
        lambda p: p.add_random_split([(0, A), (0, B)]),
        lambda p: p.add_random_split([(1, A)], 0.5),
        lambda p: p.add_random_split([(1, A)], ""),
        lambda p: p.add_key_split(A, "", {"x": B}),
        lambda p: p.add_key_split(A, "k", {}),
        lambda p: p.add_key_split(A, "k", [B]),
        lambda p: p.add_key_split(A, "k", {1: B}),
        lambda p: p.add_key_split("a", "k", {"x": B}),
        lambda p: p.add_shadow_deploy(A, []),
        lambda p: p.add_shadow_deploy(A, [A]),
        lambda p: p.add_shadow_deploy([A], [B]),
        lambda p: p.add_audit("a:b"),
        lambda p: p.add_audit("2:1"),
        lambda p: p.add_audit("-1:"),
        lambda p: p.add_audit(1),
        lambda p: p.add_select(-1),
        lambda p: p.add_select("1"),
    ],
)
def test_refused_steps_say_what_to_do(pipeline: Pipeline, call: Callable[[Any], Any]) -> None:
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        call(pipeline)
    assert caught.value.hint
    assert steps(pipeline) == []


def test_weights_of_numpy(pipeline: Pipeline) -> None:
    import numpy as np

    pipeline.add_random_split([(np.float64(0.25), A), (np.int64(1), B)])
    weights = [w["weight"] for w in steps(pipeline)[0]["RandomSplit"]["weights"]]
    assert [(type(w), w) for w in weights] == [(float, 0.25), (int, 1)]


# Validations with polars


def trees(pipeline: PipelineSteps) -> list[list[str]]:
    return [s["Check"]["tree"] for s in steps(pipeline) if "Check" in s]


def names(pipeline: PipelineSteps) -> list[list[str]]:
    return [[json.loads(text)["Alias"][1] for text in tree] for tree in trees(pipeline)]


def test_validations(pipeline: Pipeline) -> None:
    first = pl.col("out.y").list.get(0)
    pipeline.add_model_step(A)
    assert pipeline.add_validations(fraud=first > 0.9, low=first < 0.05) is pipeline
    pipeline.add_validations(between=(first < 0.9) & (first > 0.001))
    assert [s.kind() for s in pipeline.steps()] == ["ModelInference", "Check", "Check"]
    assert names(pipeline) == [["fraud", "low"], ["between"]]
    tree = json.loads(trees(pipeline)[0][0])
    assert tree["Alias"][0]["BinaryExpr"]["op"] == "Gt"
    assert "'Check': {'tree': ['{\"Alias\"" in str(pipeline.steps())


def test_a_validation_of_the_same_name_takes_its_place(pipeline: Pipeline) -> None:
    column = pl.col("out.y").max()
    pipeline.add_model_step(A).add_validations(a=column > 1, b=column > 2)
    pipeline.add_validations(a=column > 3)
    assert names(pipeline) == [["b"], ["a"]]
    pipeline.add_validations(b=column > 4)
    assert names(pipeline) == [["a"], ["b"]]


def test_count_is_reserved(pipeline: Pipeline) -> None:
    pipeline.add_model_step(A)
    with pytest.warns(UserWarning, match="count") as seen:
        pipeline.add_validations(count=pl.col("out.y") > 1, other=pl.col("out.y") > 2)
    assert seen[0].filename == __file__
    assert names(pipeline) == [["other"]]
    with pytest.warns(UserWarning):
        pipeline.add_validations(count=pl.col("out.y") > 1)
    assert names(pipeline) == [["other"]]


@pytest.mark.parametrize(
    ("validations", "hint"),
    [
        ({}, "add_validations"),
        ({"a": True}, "polars"),
        ({"a": "out.y > 1"}, "polars"),
        ({"a b": pl.col("x")}, "variable"),
        ({"a": (pl.col("out.y") > 1) & (pl.col("y") < 2)}, "'out.y'"),
        ({"a": A.outputs[0][0] < 1}, "add_validation('a'"),
        ({"a": pl.col("out.y").map_elements(str.upper, pl.String)}, "Python"),
    ],
)
def test_refused_validations(pipeline: Pipeline, validations: Any, hint: str) -> None:
    pipeline.add_model_step(A)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(exceptions.InvalidRequestError) as caught:
            pipeline.add_validations(**validations)
    assert hint in caught.value.hint
    assert steps(pipeline) == [A_STEP]


def test_nothing_to_validate(pipeline: Pipeline) -> None:
    with pytest.raises(exceptions.PreconditionError) as caught:
        pipeline.add_validations(a=pl.col("out.y") > 1)
    assert "add_model_step" in caught.value.hint
    with pytest.raises(exceptions.PreconditionError):
        pipeline.add_validation("a", A.outputs[0][0] < 1)


class OldMeta:
    """polars before 0.20.31."""

    def __init__(self, name: str) -> None:
        self.name = name

    def write_json(self) -> str:
        return json.dumps({"Alias": ["old", self.name]})


class MiddleMeta(OldMeta):
    """polars 0.20.31: renamed, text by default."""

    def serialize(self) -> str:
        return json.dumps({"Alias": ["middle", self.name]})


class OpaqueMeta(OldMeta):
    """polars 0.18 on list.min()."""

    def write_json(self) -> str:
        raise ValueError("serialize not supported for this 'opaque' function")


class OtherExpr:
    def __init__(self, meta: type[OldMeta], name: str = "") -> None:
        self._meta = meta
        self.meta = meta(name)

    def alias(self, name: str) -> OtherExpr:
        return OtherExpr(self._meta, name)


def test_other_versions_of_polars(pipeline: Pipeline) -> None:
    pipeline.add_model_step(A)
    pipeline.add_validations(a=OtherExpr(OldMeta), b=OtherExpr(MiddleMeta))
    assert [json.loads(t)["Alias"] for t in trees(pipeline)[0]] == [["old", "a"], ["middle", "b"]]
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        pipeline.add_validations(c=OtherExpr(OpaqueMeta))
    assert "0.19.19" in caught.value.hint


# Validations with expressions of this package


def test_legacy_validation(pipeline: Pipeline) -> None:
    pipeline.add_model_step(A).add_model_step(B)
    assert pipeline.add_validation("price too high", B.outputs[0][0] < 100.0) is pipeline
    (tree,) = trees(pipeline)
    assert [json.loads(text) for text in tree] == [
        {
            "values": {
                "price too high": {
                    "root": {
                        "node": "binop",
                        "op": "<",
                        "left": {
                            "node": "variable",
                            "variant_id": {"name": "b"},
                            "position": "output",
                            "key": [0, 0],
                        },
                        "right": {"node": "literal", "float": 100.0},
                    },
                    "required_data": [{"name": "b"}],
                }
            },
            "gauges": [],
            "validations": ["price too high"],
        }
    ]


def test_legacy_validations_stand_after_the_last_inference(pipeline: Pipeline) -> None:
    pipeline.add_model_step(A).add_multi_model_step([B, C]).add_select(0)
    pipeline.add_validation("one", A.outputs[0][0] < 1).add_validation("two", B.outputs[0][0] < 1)
    kinds = [s.kind() for s in pipeline.steps()]
    assert kinds == ["ModelInference", "ModelInference", "Check", "Check", "Nth"]
    pipeline.add_validation("one", A.outputs[0][0] < 2)
    found = [list(json.loads(t)["values"]) for (t,) in trees(pipeline)]
    assert found == [["two"], ["one"]]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("", A.outputs[0][0] < 1), "Example"),
        ((None, A.outputs[0][0] < 1), "Example"),
        (("v", True), "Example"),
        (("v", pl.col("out.y") > 1), "add_validations"),
        (("v", C.outputs[0][0] < 1), "Its models are: a"),
    ],
)
def test_refused_legacy_validations(pipeline: Pipeline, arguments: Any, hint: str) -> None:
    pipeline.add_model_step(A)
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        pipeline.add_validation(*arguments)
    assert hint in caught.value.hint
    assert steps(pipeline) == [A_STEP]

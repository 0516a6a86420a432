"""Classic documents, printed and read as the guide does it."""

from __future__ import annotations

from typing import Any

import numpy as np

from wallaroo.inference_result import InferenceResult

DOCUMENT: dict[str, Any] = {
    "time": 1667416852255,
    "check_failures": [{"False": {"expr": "anomaly-housing-model.outputs[0][0] < 100"}}],
    "elapsed": 12196540,
    "model_name": "anomaly-housing-model",
    "model_version": "a3b1c29f-c827-4aad-817d-485de464d59b",
    "original_data": {
        "dense_16_input": [[0.02675675, 0.0, 0.02677953, 0.0, 0.0010046, 0.00951931, 2]]
    },
    "outputs": [{"Float": {"data": [350.46990966796875], "dim": [1, 1], "v": 1}}],
    "pipeline_name": "anomaly-housing-pipeline",
    "shadow_data": {},
}

# Guide L7363-7383, with fewer inputs.
PRINTED = """\
[InferenceResult({'check_failures': [{'False': {'expr': 'anomaly-housing-model.outputs[0][0] < '
                                       '100'}}],
 'elapsed': 12196540,
 'model_name': 'anomaly-housing-model',
 'model_version': 'a3b1c29f-c827-4aad-817d-485de464d59b',
 'original_data': {'dense_16_input': [[0.02675675,
                                       0.0,
                                       0.02677953,
                                       0.0,
                                       0.0010046,
                                       0.00951931,
                                       2]]},
 'outputs': [{'Float': {'data': [350.46990966796875], 'dim': [1, 1], 'v': 1}}],
 'pipeline_name': 'anomaly-housing-pipeline',
 'shadow_data': {},
 'time': 1667416852255})]"""


def test_prints_like_the_guide() -> None:
    assert repr([InferenceResult(DOCUMENT)]) == PRINTED


def test_data_prints_like_the_guide() -> None:
    numbers = [0.0015195857267826796, 4.759129660669714e-05]  # L7440
    outputs = [{"Float": {"data": [number], "dim": [1, 1], "v": 1}} for number in numbers]
    printed = "[array([[0.00151959]]), array([[4.75912966e-05]])]"
    assert repr(InferenceResult({"outputs": outputs}).data()) == printed


def test_data_has_the_shape_and_kind_that_was_answered() -> None:
    outputs = [
        {"Int64": {"data": [535], "dim": [1], "v": 1}},
        {"Double": {"data": [1.0, None, 3.0, 4.0], "dim": [1, 2, 2], "v": 1}},
        {"String": {"data": ["a", "b"], "dim": [2, 1], "v": 1}},
        {"Bool": {"data": [True], "dim": [1, 1], "v": 1}},
        {"Json": {"data": [[1, 2], [3]], "dim": [2], "v": 1}},
    ]
    integers, doubles, texts, flags, nested = InferenceResult({"outputs": outputs}).data()
    assert integers.dtype == np.int64 and integers.shape == (1,)
    assert doubles.shape == (1, 2, 2) and np.isnan(doubles[0, 0, 1])
    assert texts.tolist() == [["a"], ["b"]]
    assert flags.dtype == np.bool_
    assert nested.tolist() == [[1, 2], [3]]

"""Dicts and lists as input and the classic document as answer, by an engine and through the gateway."""

import json
import time

import httpx
import models
import numpy as np
import pytest
import wallaroo
from harness import ARROW, RECORDS, Api, Engine, unique

JSON = "application/json"
KEYS = [
    "check_failures",
    "elapsed",
    "model_name",
    "model_version",
    "original_data",
    "outputs",
    "pipeline_name",
    "shadow_data",
    "time",
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("engine"), [models.scale(1.1, 3)], ["tensor"]).start()
    yield engine
    assert engine.stop() == 0, engine.log.read_text()


def post(engine, body, content_type=JSON, accept=JSON, query=""):
    body = body if isinstance(body, (str, bytes)) else json.dumps(body)
    headers = {"Content-Type": content_type} | ({"Accept": accept} if accept else {})
    return httpx.post(engine.url + engine.path + query, content=body, headers=headers, timeout=60)


@pytest.mark.parametrize("accept", [JSON, None, "*/*"])
def test_dict_gets_the_classic_document(engine, accept):
    before = time.time_ns() // 1_000_000
    body = '{"tensor": [[1.50, 2, 3]]}'
    response = post(engine, body, accept=accept)
    assert response.status_code == 200, response.text
    (document,) = response.json()
    assert list(document) == KEYS
    assert document["check_failures"] == [] and document["shadow_data"] == {}
    assert type(document["elapsed"]) is int and document["elapsed"] > 0
    assert document["original_data"] == {"tensor": [[1.5, 2, 3]]}
    # As sent, to the digit, and floats with all digits of their value as a double.
    assert f'"original_data":{body},' in response.text
    expected = (np.float32([[1.5, 2, 3]]) * np.float32(1.1)).astype(float)
    assert document["outputs"] == [{"Float": {"data": expected[0].tolist(), "dim": [1, 3], "v": 1}}]
    (model,) = httpx.get(engine.url + "/models").json()["models"]
    assert (document["model_name"], document["model_version"]) == (model["name"], model["version"])
    assert engine.path.endswith("/" + document["pipeline_name"])
    assert before <= document["time"] <= time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        {"tensor": [[1, 2, 3], [4, 5, 6]]},
        [[1, 2, 3], [4, 5, 6]],
        [{"tensor": [1, 2, 3]}, {"tensor": [4, 5, 6]}],
    ],
)
def test_one_document_for_all_rows(engine, body):
    (document,) = post(engine, body).json()
    assert document["original_data"] == body
    (output,) = document["outputs"]
    assert output["Float"]["dim"] == [2, 3]
    expected = np.float32([1, 2, 3, 4, 5, 6]) * np.float32(1.1)
    assert output["Float"]["data"] == expected.astype(float).tolist()


def test_what_else_can_be_asked_for(engine):
    body = {"tensor": [[1, 2, 3]]}
    flat = post(engine, body, query="?dataset[]=*&dataset.exclude[]=metadata&dataset.separator=.").json()
    assert flat[0]["in.tensor"] == [1, 2, 3] and "metadata.elapsed" not in flat[0]
    nested = post(engine, body, accept=RECORDS).json()
    assert nested[0]["out"]["result"] == [1.1, 2.2, 3.3000002]
    assert post(engine, body, accept=ARROW).content.startswith(b"ARROW1")
    records = [{"tensor": [1, 2, 3]}]
    assert "out" in post(engine, records, RECORDS, JSON).json()[0]
    (edge,) = post(engine, records, RECORDS, "application/json; format=classic").json()
    assert list(edge) == KEYS
    assert edge["original_data"] is None
    assert [type(part) for part in edge["elapsed"]] == [int, int]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "empty"),
        ("{}", "no rows"),
        ({"tensor": [1, 2, 3]}, "shape []"),
        ({"tensor": {"0": [1, 2, 3]}}, "'tensor' is a dict"),
        ({"tensor": [[1, 2, 3], [1, 2]]}, "row 1"),
        ({"x": [[1, 2, 3]]}, "'tensor' is missing"),
        ({"tensor": [[1, 2, 3]], "y": []}, "'y' has 0 rows"),
        ([[1, 2, "a"]], "row 0, column 'tensor'"),
        ("[[1,2,3]", "not inference data"),
    ],
)
def test_wrong_input_is_named(engine, body, words):
    response = post(engine, body)
    assert response.status_code == 400
    (error,) = response.json()
    assert words in error["msg"] and error["hint"], error
    assert post(engine, {"tensor": [[1, 2, 3]]}).status_code == 200


def answer_of(folder, steps, body, count=2):
    """The documents of an engine of `count` models, the first of which doubles, the next triples."""
    engine = Engine(folder, [models.scale(2 + i, 3) for i in range(count)], ["tensor"])
    models_of_steps = [step["ModelInference"]["models"][0] for step in engine.document["steps"]]
    engine.document["steps"] = steps(models_of_steps)
    engine.start()
    try:
        response = post(engine, body)
        assert response.status_code == 200, response.text
        return response.json()
    finally:
        assert engine.stop() == 0, engine.log.read_text()


def test_shadows_in_the_form_of_outputs(tmp_path):
    def steps(given):
        return [
            {"ModelInference": {"models": given}},
            {"AuditResults": {"from": 1, "to": None}},
            {"MultiOut": {}},
        ]

    (document,) = answer_of(tmp_path, steps, {"tensor": [[1, 2, 3]]})
    assert document["outputs"] == [{"Float": {"data": [2, 4, 6], "dim": [1, 3], "v": 1}}]
    assert document["shadow_data"] == {"test-1": [{"Float": {"data": [3, 6, 9], "dim": [1, 3], "v": 1}}]}


def test_rows_of_a_split_by_the_model_they_met(tmp_path):
    def steps(given):
        weights = [{"model": model, "weight": 1} for model in given]
        return [{"RandomSplit": {"hash_key": "key", "weights": weights}}]

    body = {"tensor": [[i, 0, 0] for i in range(1, 31)], "key": [f"user {i}" for i in range(30)]}
    documents = answer_of(tmp_path, steps, body)
    assert {document["model_name"] for document in documents} == {"test-0", "test-1"}
    row = 0
    for document in documents:
        factor = 2 if document["model_name"] == "test-0" else 3
        ((kind, output),) = document["outputs"][0].items()
        assert kind == "Float" and document["original_data"] is None
        for first in output["data"][::3]:
            row += 1
            assert first == factor * row
    assert row == 30


def test_a_legacy_check_names_its_expression(tmp_path):
    def steps(given):
        variable = {
            "node": "variable",
            "variant_id": {"name": given[0]["name"]},
            "position": "output",
            "key": [0, 0],
        }
        limit = {"node": "literal", "float": 3.0}
        root = {"node": "binop", "op": "<", "left": variable, "right": limit}
        value = {"root": root, "required_data": [{"name": given[0]["name"]}]}
        tree = json.dumps({"values": {"low": value}, "gauges": [], "validations": ["low"]})
        return [{"ModelInference": {"models": given}}, {"Check": {"tree": [tree]}}]

    for first, failures in ((1, []), (2, [{"False": {"expr": "test-0.outputs[0][0] < 3"}}])):
        folder = tmp_path / str(first)
        folder.mkdir()
        (document,) = answer_of(folder, steps, {"tensor": [[first, 2, 3]]}, count=1)
        assert document["check_failures"] == failures


def test_sdk(joey_url):
    client = wallaroo.Client(joey_url, interactive=False)
    api = Api(joey_url)
    name = unique("classic")
    deployment = api.deploy(name, models.scale(1.1, 3), tensor_fields=["tensor"])
    try:
        (pipeline,) = client.pipelines_by_name(name)
        data = {"tensor": [[0.1, 0.2, 0.3]]}
        (document,) = pipeline.infer(data)
        assert list(document) == KEYS and document["original_data"] == data
        for sent in (data, data["tensor"]):
            (result,) = pipeline.infer(sent)
            assert result.data()[0].shape == (1, 3)
            assert result.model() == (document["model_name"], document["model_version"])
            assert repr(result).startswith("InferenceResult({'check_failures': [],\n 'elapsed': ")
        assert len(deployment.logs(3)) == 3
    finally:
        deployment.undeploy()
        api.close()

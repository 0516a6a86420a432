"""The Open Inference Protocol with the client that people use for it, tritonclient: an engine by itself and
the gateway of `joey serve`."""

import json

import httpx
import models
import numpy as np
import pytest
import tritonclient.http as triton
from harness import Api, Engine, unique
from oip_tensors import INPUTS, VERSION, datatype, values
from tritonclient.utils import InferenceServerException


class Target:
    """Where a model `name` of all INPUTS answers below the URL `base`."""

    def __init__(self, base, name, version):
        self.base, self.name, self.version = base, name, version
        self.client = triton.InferenceServerClient(url=base.removeprefix("http://"))

    def post(self, body, headers=None, path=None):
        content = body if isinstance(body, (bytes, str)) else json.dumps(body)
        path = path or f"/v2/models/{self.name}/infer"
        return httpx.post(self.base + path, content=content, headers=headers, timeout=60)


def request_input(name, array, dtype, binary=True):
    tensor = triton.InferInput(name, array.shape, datatype(dtype))
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def all_inputs(rows, binary=True):
    arrays = {name: values(dtype, rows, shape) for name, dtype, shape in INPUTS}
    return arrays, [request_input(name, arrays[name], dtype, binary) for name, dtype, _ in INPUTS]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("oip"), [models.multiple(INPUTS)], name="every").start()
    yield Target(engine.url, "every", VERSION)
    assert engine.stop() == 0, engine.log.read_text()


@pytest.fixture(scope="module")
def gateway(joey_url):
    api = Api(joey_url)
    name = unique("oip")
    deployment = api.deploy(name, models.multiple(INPUTS))
    pipeline = api.post("/v1/api/pipelines/get", {"pipeline_id": deployment.pipeline})
    base = f"{joey_url}/v1/api/pipelines/oip/{name}-{deployment.id}"
    target = Target(base, name, pipeline["versions"][0]["version"])
    target.deployment = deployment
    yield target
    deployment.undeploy()
    api.close()


@pytest.fixture(params=["engine", "gateway"])
def target(request):
    return request.getfixturevalue(request.param)


def test_health_and_metadata(target):
    client = target.client
    assert client.is_server_live() and client.is_server_ready()
    server = client.get_server_metadata()
    assert server["name"] == "joey" and server["extensions"] == ["binary_tensor_data"]
    assert client.is_model_ready(target.name) and client.is_model_ready(target.name, target.version)
    for model in (
        client.get_model_metadata(target.name),
        client.get_model_metadata(target.name, target.version),
    ):
        assert model["name"] == target.name and model["versions"] == [target.version]
        inputs = [{"name": n, "datatype": datatype(t), "shape": [-1, *s]} for n, t, s in INPUTS]
        assert model["inputs"] == inputs
        assert model["outputs"] == [tensor | {"name": tensor["name"] + "_out"} for tensor in inputs]


def test_many_requests_without_body_on_one_connection(target):
    """Nothing is left on a kept connection that the next request would stumble over."""
    with httpx.Client(base_url=target.base) as client:
        answers = [client.get("/v2").status_code for _ in range(300)]
    assert set(answers) == {200}


def test_unknown_model_and_version(target):
    client = target.client
    assert not client.is_model_ready("other")
    assert not client.is_model_ready(target.name, "1")
    for name, version in (("other", ""), (target.name, "1")):
        with pytest.raises(InferenceServerException, match=target.name) as raised:
            client.get_model_metadata(name, version)
        assert raised.value.status() == "404"
        with pytest.raises(InferenceServerException, match=target.name):
            client.infer(name, all_inputs(1)[1], model_version=version)


@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("rows", [1, 7])
def test_every_type_comes_back(target, rows, binary_in, binary_out):
    arrays, inputs = all_inputs(rows, binary_in)
    outputs = [triton.InferRequestedOutput(f"{name}_out", binary_out) for name, _, _ in INPUTS]
    answer = target.client.infer(
        target.name, inputs, model_version=target.version, outputs=outputs, request_id="abc-1"
    )
    body = answer.get_response()
    assert body["id"] == "abc-1"
    assert body["model_name"] == target.name and body["model_version"] == target.version
    assert [output["name"] for output in body["outputs"]] == [f"{name}_out" for name, _, _ in INPUTS]
    for name, dtype, _ in INPUTS:
        output = answer.get_output(f"{name}_out")
        assert output["datatype"] == datatype(dtype)
        assert ("data" in output) is not binary_out
        found = answer.as_numpy(f"{name}_out")
        expected = arrays[name]
        if dtype == "string" and not binary_out:
            expected = np.vectorize(lambda text: text.decode(), otypes=[object])(expected)
        assert found.shape == expected.shape and found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, err_msg=name)


def test_nan_and_infinity_travel_as_binary(target):
    arrays, inputs = all_inputs(1)
    special = np.array([[np.nan, -np.inf]], np.float32)
    inputs = [i for i in inputs if i.name() != "x_float32"]
    inputs.append(request_input("x_float32", special, "float32"))
    answer = target.client.infer(target.name, inputs)
    np.testing.assert_array_equal(answer.as_numpy("x_float32_out"), special)


def test_mixed_binary_and_json(target):
    """Each tensor of request and answer in its own form, in an order of its own."""
    arrays = {name: values(dtype, 2, shape) for name, dtype, shape in INPUTS}
    inputs = [
        request_input(name, arrays[name], dtype, i % 2 == 0) for i, (name, dtype, _) in enumerate(INPUTS)
    ]
    outputs = [
        triton.InferRequestedOutput(name, binary)
        for name, binary in (("text_out", True), ("picture_out", False), ("x_float16_out", True))
    ]
    answer = target.client.infer(target.name, inputs[::-1], outputs=outputs)
    assert [o["name"] for o in answer.get_response()["outputs"]] == [
        "text_out",
        "picture_out",
        "x_float16_out",
    ]
    for name in ("text", "picture", "x_float16"):
        np.testing.assert_array_equal(answer.as_numpy(f"{name}_out"), arrays[name])


def test_all_outputs_without_asking(target):
    arrays, inputs = all_inputs(3)
    answer = target.client.infer(target.name, inputs, parameters={"something": "else"})
    assert len(answer.get_response()["outputs"]) == len(INPUTS)
    np.testing.assert_array_equal(answer.as_numpy("picture_out"), arrays["picture"])
    assert "id" not in answer.get_response()


def test_large_tensors(target):
    """Above what is copied, held by the gateway, or answered on a connection's own thread."""
    arrays, inputs = all_inputs(20_000)
    answer = target.client.infer(target.name, inputs)
    for name, _, _ in INPUTS:
        np.testing.assert_array_equal(answer.as_numpy(f"{name}_out"), arrays[name])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": []}, "no inputs"),
        ({"inputs": None}, "no list"),
        ({"outputs": [{"name": "nothing"}]}, "no output 'nothing'"),
        ({"outputs": [{"name": "text_out", "parameters": {"classification": 3}}]}, "classification"),
        ({"id": 7}, "id"),
    ],
)
def test_bad_requests_say_why(target, change, words):
    tensors = []
    for name, dtype, shape in INPUTS:
        kind = datatype(dtype)
        flat = ["a"] * 2 if kind == "BYTES" else [False] * 2 if kind == "BOOL" else [1] * 6
        flat = flat[: int(np.prod(shape))]
        tensors.append({"name": name, "shape": [1, *shape], "datatype": kind, "data": flat})
    good = {"inputs": tensors}
    assert target.post(good).status_code == 200
    response = target.post(good | change)
    assert response.status_code in (400, 501), response.text
    assert list(response.json()) == ["error"]
    assert words in response.json()["error"], response.text


def test_an_unknown_output_is_refused_before_anything_runs(engine):
    def rows():
        text = httpx.get(f"{engine.base}/metrics").text
        return [line for line in text.splitlines() if line.startswith("joey_inference_rows_total")]

    before = rows()
    _, inputs = all_inputs(3)
    with pytest.raises(InferenceServerException, match="no output 'text_ou'.*did you mean 'text_out'"):
        engine.client.infer(engine.name, inputs, outputs=[triton.InferRequestedOutput("text_ou")])
    assert rows() == before


def test_errors_of_the_server_itself_have_the_protocols_form(target):
    for response in (
        target.post("{"),
        target.post(b"{}", {"Inference-Header-Content-Length": "3"}),
        target.post(b"{}", {"Content-Encoding": "gzip"}),
    ):
        assert response.status_code in (400, 415)
        assert list(response.json()) == ["error"]


def test_path_that_is_not_there(engine):
    response = httpx.get(engine.base + "/v2/models/every/config")
    assert response.status_code == 404 and list(response.json()) == ["error"]


def test_wrong_shape_names_the_input(target):
    _, inputs = all_inputs(1)
    inputs = [i for i in inputs if i.name() != "x_int8"]
    with pytest.raises(InferenceServerException, match="x_int8"):
        target.client.infer(target.name, inputs)
    inputs.append(request_input("x_int8", np.zeros((1, 5), np.int8), "int8"))
    with pytest.raises(InferenceServerException, match="x_int8"):
        target.client.infer(target.name, inputs)


@pytest.mark.parametrize("answer", [None, "gzip"])
def test_compressed(target, answer):
    _, inputs = all_inputs(500)
    plain = target.client.infer(target.name, inputs)
    packed = target.client.infer(
        target.name,
        inputs,
        request_compression_algorithm="gzip",
        response_compression_algorithm=answer,
    )
    for output in plain.get_response()["outputs"]:
        name = output["name"]
        np.testing.assert_array_equal(plain.as_numpy(name), packed.as_numpy(name))


def test_no_such_deployment(joey_url):
    response = httpx.get(f"{joey_url}/v1/api/pipelines/oip/nothing-1/v2/health/ready")
    assert response.status_code == 404 and list(response.json()) == ["error"]


def test_inferences_are_logged(gateway):
    before = len(gateway.deployment.logs())
    arrays, inputs = all_inputs(2)
    gateway.client.infer(gateway.name, inputs)
    rows = gateway.deployment.logs(before + 2)[-2:]
    assert [row["in.text"] for row in rows] == [[t.decode() for t in row] for row in arrays["text"]]
    assert [row["out.x_int32_out"] for row in rows] == arrays["x_int32"].tolist()
    assert [row["in.picture"] for row in rows] == arrays["picture"].tolist()


def test_outputs_of_shadow_models_are_given_when_asked_for(tmp_path):
    engine = Engine(tmp_path, [models.scale(2, 2), models.scale(3, 2)], ["tensor"], name="shadow")
    references = [step["ModelInference"]["models"][0] for step in engine.document["steps"]]
    engine.document["steps"] = [
        {"ModelInference": {"models": references}},
        {"AuditResults": {"from": 1, "to": None}},
        {"MultiOut": {}},
    ]
    engine.start()
    target = Target(engine.url, "shadow", VERSION)
    array = np.float32([[1, 2], [3, 4]])
    inputs = [request_input("tensor", array, "float32")]
    described = target.client.get_model_metadata("shadow")["outputs"]
    assert [output["name"] for output in described] == ["result"]
    answer = target.client.infer("shadow", inputs)
    assert [output["name"] for output in answer.get_response()["outputs"]] == ["result"]
    outputs = [triton.InferRequestedOutput(name) for name in ("out_shadow-1.result", "result")]
    answer = target.client.infer("shadow", inputs, outputs=outputs)
    np.testing.assert_array_equal(answer.as_numpy("out_shadow-1.result"), 3 * array)
    np.testing.assert_array_equal(answer.as_numpy("result"), 2 * array)
    assert engine.stop() == 0

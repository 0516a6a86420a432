"""The Open Inference Protocol over gRPC, by tritonclient and by messages that it would not send."""

import socket

import models
import numpy as np
import pytest
import tritonclient.grpc as triton
from harness import Api, Engine, unique
from oip_tensors import INPUTS, VERSION, datatype, values
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

import grpc


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grpc")
    engine = Engine(folder, [models.multiple(INPUTS)], name="every", grpc={"port": 0}).start()
    engine.grpc = (folder / "engine.ready.grpc").read_text()
    yield engine
    assert engine.stop() == 0, engine.log.read_text()


@pytest.fixture(scope="module")
def client(engine):
    with triton.InferenceServerClient(engine.grpc) as client:
        yield client


@pytest.fixture(scope="module")
def stub(engine):
    with grpc.insecure_channel(engine.grpc) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def all_inputs(rows):
    arrays, inputs = {}, []
    for name, dtype, shape in INPUTS:
        arrays[name] = values(dtype, rows, shape)
        tensor = triton.InferInput(name, arrays[name].shape, datatype(dtype))
        tensor.set_data_from_numpy(arrays[name])
        inputs.append(tensor)
    return arrays, inputs


def test_health_and_metadata(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("every") and client.is_model_ready("every", VERSION)
    assert client.get_server_metadata().name == "joey"
    model = client.get_model_metadata("every", VERSION)
    assert (model.name, list(model.versions)) == ("every", [VERSION])
    described = [(t.name, t.datatype, list(t.shape)) for t in model.inputs]
    assert described == [(name, datatype(dtype), [-1, *shape]) for name, dtype, shape in INPUTS]
    assert [t.name for t in model.outputs] == [f"{name}_out" for name, _, _ in INPUTS]


@pytest.mark.parametrize("rows", [1, 7, 20_000])
def test_every_type_comes_back(client, rows):
    arrays, inputs = all_inputs(rows)
    answer = client.infer("every", inputs, request_id="abc-1", model_version=VERSION)
    response = answer.get_response()
    assert (response.id, response.model_name, response.model_version) == ("abc-1", "every", VERSION)
    for name, _, _ in INPUTS:
        found = answer.as_numpy(f"{name}_out")
        assert found.shape == arrays[name].shape and found.dtype == arrays[name].dtype
        np.testing.assert_array_equal(found, arrays[name], err_msg=name)


def test_requested_outputs(client):
    arrays, inputs = all_inputs(2)
    outputs = [triton.InferRequestedOutput("text_out"), triton.InferRequestedOutput("scalar_out")]
    answer = client.infer("every", inputs, outputs=outputs)
    assert [output.name for output in answer.get_response().outputs] == ["text_out", "scalar_out"]
    np.testing.assert_array_equal(answer.as_numpy("text_out"), arrays["text"])


TYPED = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """An engine whose inputs can all be sent as typed contents: there are none for FP16."""
    folder = tmp_path_factory.mktemp("typed")
    inputs = [item for item in INPUTS if item[1] != "float16"]
    engine = Engine(folder, [models.multiple(inputs)], name="every", grpc={"port": 0}).start()
    with grpc.insecure_channel((folder / "engine.ready.grpc").read_text()) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel), inputs
    assert engine.stop() == 0, engine.log.read_text()


def test_typed_contents(typed):
    stub, inputs = typed
    request = service_pb2.ModelInferRequest(model_name="every")
    arrays = {name: values(dtype, 3, shape) for name, dtype, shape in inputs}
    for name, dtype, _ in inputs:
        tensor = request.inputs.add(name=name, datatype=datatype(dtype), shape=arrays[name].shape)
        getattr(tensor.contents, TYPED[datatype(dtype)]).extend(arrays[name].ravel().tolist())
    answer = triton.InferResult(stub.ModelInfer(request))
    for name, _, _ in inputs:
        np.testing.assert_array_equal(answer.as_numpy(f"{name}_out"), arrays[name], err_msg=name)


def scalar(**change):
    """A request of one float, which the model refuses for want of others, once it is well formed."""
    tensor = {"name": "scalar", "datatype": "FP32", "shape": [1]} | change.pop("tensor", {})
    request = service_pb2.ModelInferRequest(model_name="every", **change)
    request.inputs.add(**tensor)
    return request


FLOAT = b"\0\0\0\0"


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (scalar(raw_input_contents=[FLOAT]), "INVALID_ARGUMENT", "x_int8"),
        (service_pb2.ModelInferRequest(model_name="every"), "INVALID_ARGUMENT", "no inputs"),
        (service_pb2.ModelInferRequest(model_name="other"), "NOT_FOUND", "other"),
        (service_pb2.ModelInferRequest(model_name="every", model_version="1"), "NOT_FOUND", VERSION),
        (scalar(), "INVALID_ARGUMENT", "takes 4 bytes, there are 0"),
        (scalar(raw_input_contents=[FLOAT, FLOAT]), "INVALID_ARGUMENT", "2 raw_input_contents for 1"),
        (scalar(raw_input_contents=[FLOAT * 2]), "INVALID_ARGUMENT", "takes 4 bytes, there are 8"),
        (scalar(tensor={"shape": []}, raw_input_contents=[FLOAT]), "INVALID_ARGUMENT", "no dimension"),
        (scalar(tensor={"shape": [-1]}, raw_input_contents=[FLOAT]), "INVALID_ARGUMENT", "negative"),
        (scalar(tensor={"shape": [1 << 62, 4]}, raw_input_contents=[FLOAT]), "INVALID_ARGUMENT", "2^31"),
        (scalar(tensor={"datatype": "FLOAT"}), "INVALID_ARGUMENT", "datatype 'FLOAT'"),
        (scalar(tensor={"datatype": "FP16"}), "INVALID_ARGUMENT", "raw_input_contents"),
        (
            scalar(tensor={"datatype": "INT8", "contents": {"int_contents": [128]}}),
            "INVALID_ARGUMENT",
            "does not fit INT8",
        ),
        (
            scalar(tensor={"contents": {"fp32_contents": [1]}}, raw_input_contents=[FLOAT]),
            "INVALID_ARGUMENT",
            "both",
        ),
        (
            scalar(tensor={"datatype": "BYTES"}, raw_input_contents=[b"\xff\xff\xff\xff"]),
            "INVALID_ARGUMENT",
            "BYTES elements",
        ),
        (
            scalar(tensor={"parameters": {"shared_memory_region": {"string_param": "r"}}}),
            "UNIMPLEMENTED",
            "shared memory",
        ),
    ],
)
def test_bad_requests_say_why(client, stub, request_, code, words):
    with pytest.raises(grpc.RpcError) as raised:
        stub.ModelInfer(request_, timeout=60)
    assert raised.value.code().name == code, raised.value
    assert words in raised.value.details()
    assert client.is_model_ready("every")


def test_errors_reach_the_client(client):
    with pytest.raises(InferenceServerException, match="no output 'nothing'") as raised:
        client.infer("every", all_inputs(1)[1], outputs=[triton.InferRequestedOutput("nothing")])
    assert raised.value.status() == "StatusCode.INVALID_ARGUMENT"
    with pytest.raises(InferenceServerException, match="every"):
        client.get_model_metadata("other")


def test_deployment_with_replicas_logs_and_keeps_its_port(joey_url):
    """Both replicas answer on the one port that was asked for; another deployment cannot have it."""
    api = Api(joey_url)
    name, port = unique("oipgrpc"), free_port()
    model = models.identity("float32", (3,))
    version = api.upload(name, model)
    config = api.configure(version)
    deployment = api.deploy_versions(name, [version], [config], replicas=2, grpc={"port": port})
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")
    array = np.float32([[1, 2, 3]])
    tensor = triton.InferInput("tensor", array.shape, "FP32")
    tensor.set_data_from_numpy(array)
    np.testing.assert_array_equal(client.infer(name, [tensor]).as_numpy("result"), array)
    assert deployment.logs(1)[-1]["in.tensor"] == [1, 2, 3]
    other = unique("oipgrpc")
    created = api.create_pipeline(other, [version])
    document = {
        "deploy_id": other,
        "pipeline_version_pk_id": created["pipeline_variant_pk_id"],
        "pipeline_id": created["pipeline_pk_id"],
        "engine_config": {"engine": {"grpc": {"port": port}}},
        "model_configs": [config],
    }
    refused = api.http.post("/v1/api/pipelines/deploy", json=document)
    assert refused.status_code == 409 and str(port) in refused.json()["msg"]
    document["engine_config"]["engine"]["grpc"]["port"] = 80
    refused = api.http.post("/v1/api/pipelines/deploy", json=document)
    assert refused.status_code == 400 and "engine.grpc.port" in refused.json()["msg"]
    client.close()
    deployment.undeploy()
    api.close()


def test_without_grpc_nothing_of_it_is_loaded(tmp_path):
    engine = Engine(tmp_path, [models.identity("float32", (3,))]).start()
    with open(f"/proc/{engine.process.pid}/maps") as maps:
        loaded = maps.read()
    assert engine.stop() == 0
    assert "libonnxruntime" in loaded
    for library in ("libgrpc", "libprotobuf", "libjoey_grpc", "libabsl"):
        assert library not in loaded

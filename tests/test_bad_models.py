"""Uploads and deploys that must be refused, with what was wrong and what to do; nothing of them stays."""

import os

import models
import pytest
from harness import ApiError, unique

GOOD = models.scale(2, 3)


def refused(call, status, *words):
    with pytest.raises(ApiError) as caught:
        call()
    error = caught.value.document
    assert caught.value.status == status, caught.value
    assert error["msg"] and error["hint"], error
    for word in words:
        assert word in error["msg"] + " " + error["hint"], error


def is_well(api):
    deployment = api.deploy(unique("well"), GOOD, tensor_fields=["tensor"])
    assert deployment.infer([{"tensor": [1, 2, 3]}])[0]["out.result"] == [2, 4, 6]
    deployment.undeploy()


@pytest.mark.parametrize(
    "model",
    [
        b"",
        b"hello",
        b"\0" * 1000,
        os.urandom(1000),
        GOOD[:-20],
        GOOD[: len(GOOD) // 2],
        b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.",
        b"PK\x03\x04" + b"\0" * 100,
        b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        models.huge_initializer(),
        models.huge_initializer(1 << 62),
    ],
)
def test_no_onnx_file(api, model):
    name = unique("bad")
    refused(lambda: api.upload(name, model), 400)
    listed = api.post("/v1/api/models/list", {"workspace_id": api.workspace()})["models"]
    assert name not in [model["name"] for model in listed]


@pytest.mark.parametrize(
    "location",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "weights.bin",
        "",
        ".",
        "a/../../b",
        "/proc/self/environ",
        "\\\\host\\x",
    ],
)
def test_external_data(api, location):
    refused(lambda: api.upload(unique("bad"), models.external_data(location)), 400, "weights")


def test_unknown_opset_and_operator(api):
    refused(lambda: api.upload(unique("bad"), models.unknown_opset()), 400, "opset", "999")
    refused(lambda: api.upload(unique("bad"), models.unknown_operator()), 400, "nowhere.example")


@pytest.mark.parametrize(
    "name",
    ["a.b", "a_b", "a b", "", "-a", "a-", "ä", "a/b", "../x", "%2e%2e", "a" * 64, "a\0b", "a\nb", "‮a", "<b>"],
)
def test_names(api, name):
    refused(lambda: api.upload(name, GOOD), 400)
    refused(lambda: api.create_pipeline(name, []), 400)


def test_a_thousand_uploads_of_one_name(api):
    """Each is a version of its own; the bytes are kept once for each content."""
    name = unique("many")
    ids = [api.upload(name, GOOD) for _ in range(1000)]
    assert len(set(ids)) == 1000
    listed = api.post("/v1/api/models/list", {"workspace_id": api.workspace()})["models"]
    (model,) = [model for model in listed if model["name"] == name]
    versions = api.post("/v1/api/models/get", {"id": model["id"]})["models"]
    assert [version["id"] for version in versions] == sorted(ids, reverse=True)
    assert len({version["model_version"] for version in versions}) == 1000
    assert len({version["sha"] for version in versions}) == 1


def test_more_than_the_machine_has(api):
    for cpus, memory, replicas in ((1000, "1Gi", 1), (1, "100Ti", 1), (1, "1Gi", 1000)):
        with pytest.raises(ApiError) as caught:
            api.deploy(unique("big"), GOOD, cpus=cpus, memory=memory, replicas=replicas)
        assert caught.value.status in (400, 409)
        assert caught.value.document["hint"]
    with pytest.raises(ApiError) as caught:
        api.deploy(unique("big"), GOOD, cpus=1000)
    assert "insufficient resources" in caught.value.document["msg"]
    is_well(api)


@pytest.mark.parametrize("cpus", [-1, 0, float("1e300"), "many"])
def test_nonsense_resources(api, cpus):
    with pytest.raises(ApiError) as caught:
        api.deploy(unique("odd"), GOOD, cpus=cpus)
    assert caught.value.status in (400, 409)


@pytest.mark.parametrize("memory", ["-1Gi", "lots", "", "1e999", "0"])
def test_nonsense_memory(api, memory):
    with pytest.raises(ApiError) as caught:
        api.deploy(unique("odd"), GOOD, memory=memory)
    assert caught.value.status in (400, 409)


def test_infer_on_an_undeployed_pipeline(api):
    deployment = api.deploy(unique("gone"), GOOD, tensor_fields=["tensor"])
    deployment.undeploy()
    response = deployment.post([{"tensor": [1, 2, 3]}])
    assert response.status_code == 404
    (error,) = response.json()
    assert "not deployed" in error["msg"] and "deploy()" in error["hint"]
    is_well(api)

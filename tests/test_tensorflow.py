"""TensorFlow SavedModels, from the upload to the answer."""

import fcntl
import io
import pathlib
import zipfile

import harness
import models
import pyarrow as pa
import pytest
import saved_models

pytestmark = pytest.mark.xdist_group("tensorflow")


def deploy(api, name, model, memory="1Gi", wait=True, **settings):
    version = api.upload(name, model, framework="tensorflow")
    config = api.configure(version, **settings)
    return api.deploy_versions(name, [version], [config], memory=memory, wait=wait)


def refused(api, model, *words):
    with pytest.raises(harness.ApiError) as error:
        api.upload(harness.unique("bad"), model, framework="tensorflow")
    assert error.value.status == 400, error.value
    for word in words:
        assert word in str(error.value), error.value


def test_several_inputs_and_outputs(tensorflow, api):
    deployment = deploy(api, harness.unique("arithmetic"), saved_models.arithmetic())
    records = [{"a": [1, 2, 3], "b": [10, 20, 30]}, {"a": [0.5, 0, 0], "b": [4, 5, 6]}]
    answer = deployment.infer(records)
    assert [row["out.product"] for row in answer] == [[10, 40, 90], [2, 0, 0]]
    assert [row["out.sum"] for row in answer] == [[11, 22, 33], [4.5, 5, 6]]
    floats = pa.list_(pa.float32(), 3)
    table = pa.table({k: pa.array([row[k] for row in records], floats) for k in ("a", "b")})
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    arrow = deployment.post(sink.getvalue(), harness.ARROW, harness.ARROW)
    assert arrow.status_code == 200, arrow.text
    result = pa.ipc.open_file(arrow.content).read_all()
    assert result["out.sum"].to_pylist() == [[11, 22, 33], [4.5, 5, 6]]
    wrong = deployment.post([{"a": [1, 2, 3]}])
    assert wrong.status_code == 400 and "'b'" in wrong.text
    assert [row["out.sum"] for row in deployment.logs(4)][:2] == [[11, 22, 33], [4.5, 5, 6]]
    deployment.undeploy()


def test_strings_and_tensor_fields(tensorflow, api):
    model = saved_models.identity(saved_models.STRING, ())
    deployment = deploy(api, harness.unique("strings"), model, tensor_fields=["text"])
    words = ["", "short", "ä" * 500]
    answer = deployment.infer([{"text": word} for word in words])
    assert [row["out.result"] for row in answer] == words
    deployment.undeploy()


def test_onnx_and_tensorflow_in_one_pipeline(tensorflow, api):
    name = harness.unique("both")
    first = api.upload(f"{name}-tf", saved_models.identity(output="middle"), framework="tensorflow")
    second = api.upload(f"{name}-onnx", models.scale(name="middle"))
    deployment = api.deploy_versions(name, [first, second], [], memory="1Gi")
    assert deployment.infer([{"tensor": [1, 2, 3]}])[0]["out.result"] == [2, 4, 6]
    deployment.undeploy()


def test_threads_and_memory(tensorflow, joey):
    api = harness.Api(joey.url)
    deployment = deploy(api, "small", saved_models.identity(shape=(64,)))
    for _ in range(20):
        deployment.infer([{"tensor": [0.5] * 64}] * 200)
    (engine,) = joey.engines()
    status = pathlib.Path(f"/proc/{engine}/status").read_text()
    values = dict(line.split(":\t", 1) for line in status.splitlines())
    # A quarter of a CPU: one thread for each purpose, whatever the machine has.
    assert int(values["Threads"]) <= 20
    assert int(values["VmRSS"].split()[0]) < 600 << 10
    deployment.undeploy()
    api.close()


def test_models_that_are_none(api):
    refused(api, b"", "empty")
    refused(api, models.identity(), "not a TensorFlow SavedModel")
    refused(api, saved_models.zipped({"model/model.h5": b"x"}), "Keras")
    refused(api, saved_models.zipped({"readme.txt": b"x"}), "no saved_model.pb")
    refused(api, saved_models.zipped({"saved_model.pb": b"\xff\xff\xff"}), "damaged")
    refused(api, saved_models.zipped({"../saved_model.pb": b"x"}), "outside")
    refused(api, saved_models.identity()[:-30], "zip archive")
    refused(api, saved_models.identity(dtype=8), "complex64")
    refused(api, saved_models.reads_files(), "ReadFile")


def test_links_are_refused(api):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("model/saved_model.pb")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    refused(api, out.getvalue(), "link")


def test_a_model_that_tensorflow_does_not_load(tensorflow, api):
    name = harness.unique("teleport")
    deployment = deploy(api, name, saved_models.unknown_operation(), wait=False)
    harness.wait_until(lambda: "Teleport" in str(deployment.status()), what="the reason")
    assert deployment.status()["status"] == "Error"
    deployment.undeploy()


def test_the_plugin_is_waited_for(tensorflow, joey_factory, tmp_path):
    """Somebody downloads: the deployment is Starting and says why; it runs once the library is there."""
    cache = tmp_path / "cache"
    cache.mkdir()
    lock = open(cache / f"{tensorflow.name}.lock", "w")  # noqa: SIM115
    fcntl.flock(lock, fcntl.LOCK_EX)
    joey = joey_factory(environment={"JOEY_CACHE": str(cache)})
    api = harness.Api(joey.url)
    deployment = deploy(api, "patient", saved_models.identity(), wait=False)
    harness.wait_until(lambda: "TensorFlow is being" in str(deployment.status()), what="the reason")
    assert deployment.status()["status"] == "Starting"
    (cache / tensorflow.name).symlink_to(tensorflow)
    lock.close()
    harness.wait_until(lambda: deployment.status()["status"] == "Running", what="the deployment")
    assert "TensorFlow" not in str(deployment.status()["engines"])
    deployment.undeploy()
    api.close()


def test_without_network_the_command_is_named(joey_factory, tmp_path):
    joey = joey_factory(environment={"JOEY_CACHE": str(tmp_path / "cache"), "JOEY_OFFLINE": "1"})
    api = harness.Api(joey.url)
    deployment = deploy(api, "offline", saved_models.identity(), wait=False)
    harness.wait_until(
        lambda: "joey plugin install tensorflow" in str(deployment.status()), what="the reason"
    )
    assert deployment.status()["status"] == "Error"
    deployment.undeploy()
    api.close()


def test_a_server_that_stops_while_it_downloads(joey_factory, tensorflow, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    with open(cache / f"{tensorflow.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        joey = joey_factory(environment={"JOEY_CACHE": str(cache)})
        api = harness.Api(joey.url)
        deploy(api, "stopped", saved_models.identity(), wait=False)
        api.close()
        assert joey.stop(seconds=30) == 0

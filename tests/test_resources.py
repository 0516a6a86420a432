"""What a deployment may use is really limited, and what the machine does not have is refused."""

import json
import os
import pathlib
import threading

import models
import pandas as pd
import pyarrow as pa
import pytest
import wallaroo
from harness import Api, ApiError, unique, wait_until
from onnx import helper
from wallaroo.engine_config import Architecture

DOUBLE = models.scale(2, 3)
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def can_make_groups():
    v1, v2 = CGROUPS / "memory" / "cgroup.procs", CGROUPS / "cgroup.subtree_control"
    return os.access(v1, os.W_OK) or os.access(v2, os.W_OK)


def hungry():
    """A model that needs as many floats of memory as its input says."""
    nodes = [
        helper.make_node("ReduceMax", ["size"], ["most"], axes=[0], keepdims=0),
        helper.make_node("ConstantOfShape", ["most"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["size"], ["float"], to=1),
        helper.make_node("Add", ["float", "sum"], ["result"]),
    ]
    return models.build(nodes, [("size", "int64", (1,))], [("result", "float32", (1,))])


@pytest.mark.skipif(not can_make_groups(), reason="control groups cannot be made here")
def test_an_engine_over_its_memory_is_ended_alone_and_said_so(joey):
    api = Api(joey.url)
    beside = api.deploy(unique("beside"), DOUBLE)
    deployment = api.deploy(unique("hungry"), hungry(), memory="256Mi")
    assert deployment.infer([{"size": [10]}])[0]["out.result"] == [10]
    before = set(joey.engines())

    refused = deployment.post([{"size": [100_000_000]}])  # 400 MB of zeros
    assert refused.status_code in (503, 429), refused.text
    assert beside.infer([{"tensor": [1, 2, 3]}])[0]["out.result"] == [2, 4, 6]

    def said():
        status = deployment.status()
        return "OOMKilled" in json.dumps(status) and status

    status = wait_until(said, what="the reason in the status")
    text = json.dumps(status)
    assert "limit of 256.0 MiB" in text and "memory()" in text
    # It is started again by itself, and the status goes on to say why.
    wait_until(lambda: deployment.status()["status"] == "Running", what="the engine's successor")
    assert deployment.infer([{"size": [10]}])[0]["out.result"] == [10]
    (engine,) = deployment.status()["engines"]
    assert engine["reason"] is None and "started again after: OOMKilled" in engine["details"][0]
    assert len(before & set(joey.engines())) == 1  # the other pipeline's engine never ended
    for one in (beside, deployment):
        one.undeploy()
    api.close()


@pytest.mark.skipif(not can_make_groups(), reason="control groups cannot be made here")
def test_an_engine_that_never_fits_its_memory_shows_why(api):
    deployment = api.deploy(unique("tiny"), DOUBLE, memory="8Mi", wait=False)
    status = wait_until(lambda: (s := deployment.status())["status"] == "Error" and s, what="the error")
    assert "OOMKilled" in json.dumps(status) and "8.0 MiB" in json.dumps(status)
    deployment.undeploy()


@pytest.fixture
def wl(joey_url):
    client = wallaroo.Client(joey_url, interactive=False)
    client.set_current_workspace(client.create_workspace(unique("resources")))
    return client


def test_what_is_not_there_fails_the_deploy(wl, tmp_path):
    file = tmp_path / "double.onnx"
    file.write_bytes(DOUBLE)
    model = wl.upload_model("double", file)
    arm = wl.upload_model("for-arm", file, arch=Architecture.ARM)
    builder = wallaroo.DeploymentConfigBuilder
    for step, config, asked in [
        (model, builder().cpus(4096), "1 replica with 4096 CPUs"),
        (model, builder().replica_count(3).memory("900TiB"), "3 replicas with 900.0 TiB of memory"),
        (model, builder().gpus(1).deployment_label("gpu:true"), "asks for 1 GPU; there is no GPU here"),
        (model, builder().sidekick_gpus(model, 2).deployment_label("gpu:true"), "asks for 2 GPU"),
        (model, builder().arch(Architecture.ARM), "for the architecture 'arm', this machine is 'x86'"),
        (arm, builder(), "for the architecture 'arm', this machine is 'x86'"),
        (arm, builder().arch(Architecture.X86), "is for the architecture 'arm', the deployment for 'x86'"),
    ]:
        pipeline = wl.build_pipeline(unique("refused")).add_model_step(step)
        with pytest.raises(wallaroo.exceptions.JoeyError) as refused:
            pipeline.deploy(deployment_config=config.build())
        assert asked in str(refused.value), str(refused.value)
        assert pipeline.status() == {"status": f"Pipeline {pipeline.name()} is not deployed"}


def test_strict_resources_count_all_deployments(joey_factory):
    api = Api(joey_factory("--strict-resources").url)
    cpus = len(os.sched_getaffinity(0))
    first = api.deploy(unique("first"), DOUBLE, cpus=cpus - 0.25, memory="128Mi")
    with pytest.raises(ApiError) as refused:
        api.deploy(unique("second"), DOUBLE, cpus=0.5, memory="128Mi")
    assert refused.value.status == 409
    assert f"{cpus - 0.25:g} of them promised to other deployments" in refused.value.document["msg"]
    first.undeploy()
    second = api.deploy(unique("third"), DOUBLE, cpus=0.5, memory="128Mi")
    second.undeploy()
    api.close()


def test_undeploying_under_load_disturbs_no_other_pipeline(joey):
    api = Api(joey.url)
    kept = api.deploy(unique("kept"), DOUBLE)
    left = [api.deploy(unique(f"left{i}"), models.scale(3, 3)) for i in range(3)]
    problems, answered = [], [0, 0, 0]
    enough = threading.Event()

    def client(number):
        own = Api(joey.url)
        while not enough.is_set():
            response = own.http.post(
                kept.path,
                json=[{"tensor": [1, 2, 3]}],
                headers={"Content-Type": "application/json; format=pandas-records"},
                params={"dataset.separator": "."},
            )
            if response.status_code != 200 or response.json()[0]["out.result"] != [2, 4, 6]:
                problems.append(response.text)
            answered[number] += 1
        own.close()

    def busy(deployment):
        """Requests to a pipeline that is being undeployed are answered or told that it is gone."""
        own = Api(joey.url)
        while not enough.is_set():
            response = own.http.post(deployment.path, json=[{"tensor": [1, 2, 3]}])
            # What an engine had begun, it answered.
            if response.status_code not in (200, 404) and "no engine" not in response.text:
                problems.append(response.text)
        own.close()

    threads = [threading.Thread(target=client, args=(i,)) for i in range(3)]
    threads += [threading.Thread(target=busy, args=(one,)) for one in left]
    for thread in threads:
        thread.start()
    try:
        for one in left:
            before = list(answered)
            one.undeploy()
            wait_until(lambda b=before: problems or all(a > x for a, x in zip(answered, b)), what="answers")
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert problems == []
    kept.undeploy()
    api.close()


STEP = """
import os
def wallaroo_json(data: pd.DataFrame):
    held = bytearray(int(data["size"][0]))
    return [{"size": float(len(held)), "told": os.environ.get("TOLD", "")}]
"""


def test_a_python_step_gets_its_share_of_memory_or_its_own(wl, tmp_path):
    script = tmp_path / "step.py"
    script.write_text(STEP)
    step = wl.upload_model("step", script, framework=wallaroo.framework.Framework.PYTHON).configure(
        runtime="python",
        input_schema=pa.schema([pa.field("size", pa.float64())]),
        output_schema=pa.schema([pa.field("size", pa.float64()), pa.field("told", pa.string())]),
    )
    pipeline = wl.build_pipeline(unique("step")).add_model_step(step)
    small = wallaroo.DeploymentConfigBuilder().cpus(0.25).memory("320Mi")
    much = pd.DataFrame({"size": [300e6]})
    pipeline.deploy(deployment_config=small.build())
    try:
        with pytest.raises(wallaroo.exceptions.JoeyError, match="out of memory"):
            pipeline.infer(much)
        assert pipeline.infer(much / 100)["out.size"][0] == 3e6
        small.sidekick_memory(step, "700Mi").sidekick_env(step, {"TOLD": "hello"})
        pipeline.deploy(deployment_config=small.build())
        (row,) = pipeline.infer(much).to_dict("records")
        assert row["out.size"] == 300e6 and row["out.told"] == "hello"
    finally:
        pipeline.undeploy()

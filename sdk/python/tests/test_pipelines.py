"""Pipelines over recorded answers: steps, versions, deployments."""

from __future__ import annotations

from typing import Any

import pytest
from recorded_joey import CONFIG, DEPLOYMENT, MODEL_VERSION, STEPS, Joey, pipeline_document
from small_server import Reply, Request

import wallaroo
from wallaroo import exceptions
from wallaroo.deployment import Deployment


def test_steps_are_local_until_deployed(joey: Joey, wl: wallaroo.Client, pipeline: Any) -> None:
    model = wl.get_model("m", "v-uuid")
    joey.server.requests.clear()
    assert pipeline.clear().steps() == []
    assert pipeline.add_model_step(model).add_model_step(model) is pipeline
    assert repr(pipeline) == str(
        {"name": "p", "create_time": pipeline.create_time(), "definition": str(STEPS * 2)}
    )
    pipeline.remove_step(1).replace_with_model_step(0, model)
    assert [s.to_json() for s in pipeline.steps()] == STEPS
    assert joey.calls == []
    for call in (
        lambda: pipeline.remove_step(1),
        lambda: pipeline.replace_with_model_step(-1, model),
        lambda: pipeline.add_model_step("m"),
    ):
        with pytest.raises(exceptions.InvalidRequestError):
            call()


def test_untouched_steps_are_those_of_the_newest_version(joey: Joey, pipeline: Any) -> None:
    assert repr(pipeline).endswith("'definition': '[]'}")
    assert [s.to_json() for s in pipeline.steps()] == STEPS


def test_deploy(
    joey: Joey, wl: wallaroo.Client, pipeline: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    created = {
        "pipeline_pk_id": 3,
        "pipeline_variant_pk_id": 31,
        "pipeline_variant_version": "p-uuid",
    }
    states = iter(["Starting", "Starting", "Running"])
    joey.answers.update(
        {
            "/v1/api/pipelines/create": created,
            "/v1/api/pipelines/deploy": {"id": 5},
            "/v1/api/status/get_deployment": lambda request: {"status": next(states)},
        }
    )
    wl._shows_progress = True
    model = wl.get_model("m", "v-uuid")
    config = wallaroo.DeploymentConfigBuilder().cpus(1).build()
    assert pipeline.clear().add_model_step(model).deploy(deployment_config=config) is pipeline
    bodies = {r.path: r.json() for r in joey.server.requests}
    assert bodies["/v1/api/pipelines/create"] == {
        "pipeline_id": "p",
        "workspace_id": 1,
        "definition": {"id": "p", "steps": STEPS},
    }
    assert bodies["/v1/api/pipelines/deploy"] == {
        "deploy_id": "p",
        "pipeline_version_pk_id": 31,
        "pipeline_id": 3,
        "engine_config": {**config, "workspace_id": 1},
        "model_configs": [21],
    }
    assert bodies["/v1/api/status/get_deployment"] == {"name": "p-5"}
    assert capsys.readouterr().out == ("Waiting for deployment - this will take up to 45s . ok\n")


def test_deploy_without_steps(pipeline: Any) -> None:
    with pytest.raises(exceptions.PreconditionError) as caught:
        pipeline.clear().deploy()
    assert "add_model_step" in caught.value.hint
    with pytest.raises(exceptions.InvalidRequestError):
        pipeline.deploy("small")


def test_failed_deployment_says_why(joey: Joey, wl: wallaroo.Client) -> None:
    deployment = Deployment(wl, DEPLOYMENT)
    status = {
        "status": "Error",
        "engines": [{"status": "Error", "reason": "the model needs opset 99", "details": []}],
    }
    joey.answers["/v1/api/status/get_deployment"] = status
    with pytest.raises(exceptions.WaitForDeployError, match="opset 99") as caught:
        deployment.wait_for_running()
    assert caught.value.status_document == status
    joey.answers["/v1/api/status/get_deployment"] = {
        "status": "Error",
        "engines": [{"status": "Pending", "required_cpu": "64"}],
    }
    with pytest.raises(exceptions.WaitForDeployError, match="insufficient resources.*64"):
        deployment.wait_for_running()
    joey.answers["/v1/api/status/get_deployment"] = {
        "status": "Error",
        "details": ["MAX_PIPELINES_LIMIT_EXCEEDED"],
    }
    with pytest.raises(exceptions.LimitError, match="license limit.*MAX_PIPELINES"):
        deployment.wait_for_running()
    joey.answers["/v1/api/status/get_deployment"] = {"status": "Starting", "details": ["loading"]}
    with pytest.raises(exceptions.WaitForDeployError, match="not running within 1s: loading"):
        deployment.wait_for_running(0.01)


def test_undeploy_waits_for_the_end(joey: Joey, pipeline: Any) -> None:
    replies = iter([Reply(200, b'{"status": "Running"}'), Reply(404, {"msg": "gone"})])
    joey.answers["/v1/api/pipelines/undeploy"] = lambda request: Reply(200, b"null")
    joey.answers["/v1/api/status/get_deployment"] = lambda request: next(replies)
    assert pipeline.undeploy() is pipeline
    assert joey.calls[-3:] == [
        "/v1/api/pipelines/undeploy",
        "/v1/api/status/get_deployment",
        "/v1/api/status/get_deployment",
    ]


def test_status_of_a_pipeline_that_is_not_deployed(joey: Joey, pipeline: Any) -> None:
    assert pipeline.status() == {"status": "Pipeline p is not deployed"}
    joey.answers["/v1/api/pipelines/get"] = pipeline_document()
    assert pipeline.status() == {"status": "Pipeline p is not deployed"}
    with pytest.raises(exceptions.PreconditionError):
        pipeline.url()


def test_url(joey: Joey, wl: wallaroo.Client, pipeline: Any) -> None:
    assert pipeline.url() == wl.api_endpoint + "/v1/api/pipelines/infer/p-5/p"
    assert pipeline._deployment._url() == pipeline.url()


def test_pipeline_table(pipeline: Any, wl: wallaroo.Client) -> None:
    assert wl.list_pipelines().to_pandas().iloc[0].to_dict() == {
        "name": "p",
        "created": "2023-22-Nov 16:24:51",
        "last_updated": "2023-22-Nov 16:24:51",
        "deployed": True,
        "tags": "",
        "versions": "p-uuid",
        "steps": "m",
        "published": False,
    }
    version = pipeline.versions()[0]
    assert version.name() == "p-uuid"
    assert [name for name, _ in version._fields()] == [
        "name",
        "version",
        "creation_time",
        "last_updated_time",
        "deployed",
        "tags",
        "steps",
    ]
    assert [c.id() for c in version.model_configs()] == [21]


def test_display_of_splits_and_validations(joey: Joey, wl: wallaroo.Client, pipeline: Any) -> None:
    model = wl.get_model("m", "v-uuid")
    pipeline.clear().add_random_split([(1, model)])
    assert dict(pipeline._fields())["steps"] == "m"
    pipeline.clear().add_model_step(model)
    pipeline.add_validation("low", model.outputs[0][0] > 0.5)
    tree = pipeline.steps()[1].to_json()["Check"]["tree"]
    assert repr(pipeline).endswith(str({"d": str(STEPS + [{"Check": {"tree": tree}}])})[6:])


def test_splits_are_deployed_with_every_model(joey: Joey, wl: wallaroo.Client) -> None:
    def version(request: Request) -> Any:
        number = 11 if request.json()["name"] == "m" else 12
        document = {**MODEL_VERSION, "id": number, "name": request.json()["name"]}
        config = {**CONFIG, "id": 10 + number}
        return {"model_version": {"model_version": document, "config": config}}

    created = {
        "pipeline_pk_id": 3,
        "pipeline_variant_pk_id": 31,
        "pipeline_variant_version": "p-uuid",
    }
    joey.answers.update(
        {
            "/v1/api/models/find_version": version,
            "/v1/api/pipelines/create": created,
            "/v1/api/pipelines/deploy": {"id": 5},
            "/v1/api/status/get_deployment": {"status": "Running"},
        }
    )
    one, two = wl.get_model("m", "v-uuid"), wl.get_model("n", "v-uuid")
    pipeline = wl.build_pipeline("p").add_random_split([(1, one), (2, two)], "k")
    pipeline.add_model_step(one).deploy()
    steps = [s.to_json() for s in pipeline.steps()]
    bodies = {r.path: r.json() for r in joey.server.requests}
    assert bodies["/v1/api/pipelines/create"]["definition"] == {"id": "p", "steps": steps}
    assert bodies["/v1/api/pipelines/deploy"]["model_configs"] == [21, 22]
    stored = pipeline_document()
    stored["versions"][0]["definition"]["steps"] = steps
    joey.answers["/v1/api/pipelines/get"] = stored
    again = wallaroo.pipeline.Pipeline(wl, stored)
    assert [s.to_json() for s in again.steps()] == steps
    assert [c.id() for c in again.versions()[0].model_configs()] == [21, 22]


def test_displays_do_not_fail_while_the_server_is_away(
    joey: Joey, wl: wallaroo.Client, pipeline: Any
) -> None:
    model = wl.get_model("m", "v-uuid")
    model._document = {**MODEL_VERSION, "status": "converting"}
    workspace = wl.get_current_workspace()
    joey.answers.clear()
    assert "converting" in model._repr_html_()
    assert "p-uuid" in pipeline._repr_html_()
    assert "'models': [7]" in repr(workspace)


def test_containers_get_twice_the_time(joey: Joey, wl: wallaroo.Client, pipeline: Any) -> None:
    from wallaroo.model_config import ModelConfig

    joey.answers["/v1/api/pipelines/deploy"] = {"id": 5}
    joey.answers["/v1/api/status/get_deployment"] = {"status": "Running"}
    waited: list[float] = []
    wait = Deployment.wait_for_running
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Deployment,
            "wait_for_running",
            lambda self, timeout=None: waited.append(timeout) or wait(self, timeout),
        )
        version = pipeline.versions()[0]
        model = wl.get_model("m", "v-uuid")
        for runtime in ("onnx", "flight"):
            version.deploy("p", [ModelConfig(wl, {**CONFIG, "runtime": runtime}, model)])
    assert waited == [45, 90]

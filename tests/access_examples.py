"""One request for every path of the API, naming things of ann (team.py). A path without one fails
tests/test_access.py: whoever adds an endpoint writes how it is called here.

`arguments` gives what httpx sends, `parameters` the values of path parameters.
"""

import base64
import json

import models
from harness import RECORDS, unique


def parameters(things):
    return {
        "{deployment}": things.deployment_name,
        "{pipeline}": things.name,
        "{topic}": things.topic,
        "{state}": "ready",
        "{name}": things.name,
        "{version}": things.version["version"],
        "{id}": things.eve,
    }


def upload(team):
    metadata = {
        "name": unique("m"),
        "visibility": "private",
        "workspace_id": team.workspace,
        "conversion": {"framework": "onnx"},
    }
    return {
        "files": {
            "metadata": (None, json.dumps(metadata), "application/json"),
            "file": ("m.onnx", models.identity(), "application/octet-stream"),
        }
    }


def deploy(things):
    return {
        "deploy_id": things.name,
        "pipeline_id": things.pipeline["id"],
        "pipeline_version_pk_id": things.version["id"],
        "engine_config": things.pipeline["deployment"]["engine_config"],
        "model_configs": [things.config_id],
    }


def own_token(api):
    """A token that the caller may revoke; without a sign-in any number."""
    answer = api.http.post("/v1/api/tokens/create", json={"name": unique("t")})
    return answer.json()["record"]["id"] if answer.status_code == 200 else "x"


def tensor():
    return {"inputs": [{"name": "tensor", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.0]}]}


def document_of(path, team, things, api):
    """The JSON document of a POST, where it is no more than that."""
    model_version = things.model["id"]
    link = {"workspace_id": team.workspace, "connection_id": things.connection_id}
    tag_pipeline = {"tag_id": things.tag_id, "pipeline_id": things.pipeline["id"]}
    tag_model = {"tag_id": things.tag_id, "model_id": model_version}
    definition = {
        "pipeline_id": unique("p"),
        "workspace_id": team.workspace,
        "definition": {},
    }
    return {
        "workspaces/list": dict,
        "workspaces/create": lambda: {"workspace_name": unique("w")},
        "workspaces/current": dict,
        "workspaces/get": lambda: {"workspace_id": team.workspace, "expand": True},
        "workspaces/add_user": lambda: {"workspace_id": team.workspace, "email": team.emails["col"]},
        # The last owner: refused for what it is (409), not for who asks.
        "workspaces/remove_user": lambda: {"workspace_id": team.workspace, "email": team.emails["ann"]},
        "models/list": lambda: {"workspace_id": team.workspace},
        "models/get": lambda: {"id": things.model["models_pk_id"]},
        "models/get_version_by_id": lambda: {"model_version_id": model_version},
        "models/find_version": lambda: {"name": things.model["name"], "version": things.model["version"]},
        "models/get_config_by_id": lambda: {"model_id": model_version},
        "models/get_config": lambda: {"model_config_id": things.config_id},
        "models/insert_model_config": lambda: {"model_version_id": model_version},
        "models/search": dict,
        "tokens/create": lambda: {"name": unique("t")},
        "tokens/list": dict,
        "tokens/revoke": lambda: {"id": own_token(api)},
        "users/query": dict,
        "users/invite": lambda: {"email": f"{unique('new')}@example.com"},
        "users/activate": lambda: {"email": team.emails["eve"]},
        # The last administrator: refused for what it is (409).
        "users/deactivate": lambda: {"email": team.emails["root"]},
        "pipelines/create": lambda: definition,
        "pipelines/list": lambda: {"workspace_id": team.workspace},
        "pipelines/get": lambda: {"pipeline_id": things.pipeline["id"]},
        "pipelines/find": lambda: {"name": things.name, "workspace_id": team.workspace},
        "pipelines/get_version": lambda: {"version": things.version["version"]},
        "pipelines/search": dict,
        "pipelines/deploy": lambda: deploy(things),
        "pipelines/undeploy": lambda: {"deployment_id": things.deployment.id},
        "plateau/get_topic_name": lambda: {"pipeline_pk_id": things.pipeline["id"]},
        "status/get_deployment": lambda: {"name": things.deployment_name},
        "connections/create": lambda: {"name": unique("c"), "type": "T", "details": {}},
        "connections/get": lambda: {"name": things.connection},
        "connections/get_by_id": lambda: {"id": things.connection_id},
        "connections/list": lambda: {"workspace_id": team.workspace},
        "connections/add_to_workspace": lambda: link,
        "connections/remove_from_workspace": lambda: link,
        "connections/delete": lambda: {"name": things.connection},
        "tags/create": lambda: {"tag": unique("t")},
        "tags/list": dict,
        "tags/get": lambda: {"tag_id": things.tag_id},
        "tags/add_to_pipeline": lambda: tag_pipeline,
        "tags/remove_from_pipeline": lambda: tag_pipeline,
        "tags/add_to_model": lambda: tag_model,
        "tags/remove_from_model": lambda: tag_model,
    }[path]()


def arguments(method, path, team, things, api):
    """What httpx sends for this path; KeyError when nobody has written an example."""
    short = path.removeprefix("/v1/api/")
    if method == "GET":
        return {}
    if path.startswith("/auth/admin/"):
        return {"json": {"enabled": True}}
    if short in ("models/upload", "models/upload_and_convert"):
        return upload(team)
    if short.startswith("pipelines/infer/"):
        return {"json": [{"tensor": [1.0, 2.0]}], "headers": {"Content-Type": RECORDS}}
    if short.startswith("pipelines/oip/"):
        return {"json": tensor()}
    if path == "/v1/logs/topic/{topic}/records":
        return {"json": {}}
    if path == "/v1/internal/logs/{topic}":
        return {"content": base64.b64decode("AAAA")}
    return {"json": document_of(short, team, things, api)}

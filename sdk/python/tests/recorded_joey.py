"""A server of recorded answers, and the documents in them."""

from __future__ import annotations

from typing import Any

from small_server import Reply, Request, Server

TIME = "2023-11-22T16:24:51.123456+00:00"
NASTY = '<script>alert("x")</script>'

INFER = "/v1/api/pipelines/infer/p-5/p"

USER = {"id": "u1", "email": "default@ex.co", "user_type": "OWNER"}
WORKSPACE = {
    "id": 1,
    "name": "w",
    "created_at": TIME,
    "created_by": "u1",
    "archived": False,
    "models": [7],
    "pipelines": [3],
    "users": [USER],
}
MODEL_VERSION = {
    "id": 11,
    "model_id": "m",
    "name": "m",
    "model_version": "v-uuid",
    "version": "v-uuid",
    "models_pk_id": 7,
    "sha": "abc",
    "status": "ready",
    "status_text": None,
    "file_name": "m.onnx",
    "image_path": None,
    "arch": None,
    "updated_at": TIME,
    "created_at": TIME,
    "framework": "onnx",
    "inputs": [{"name": "x", "type": "float32", "shape": [None, 2]}],
    "outputs": [{"name": "y", "type": "float32", "shape": [None, 1]}],
}
CONFIG = {"id": 21, "model_version_id": 11, "runtime": "onnx", "tensor_fields": None}
STEPS = [{"ModelInference": {"models": [{"name": "m", "version": "v-uuid", "sha": "abc"}]}}]


def pipeline_document(**changes: Any) -> dict[str, Any]:
    version = {
        "id": 31,
        "version": "p-uuid",
        "pipeline_id": 3,
        "pipeline_name": "p",
        "created_at": TIME,
        "updated_at": TIME,
        "definition": {"id": "p", "steps": STEPS},
        "deployed": False,
        "model_config_ids": [],
    }
    return {
        "id": 3,
        "name": "p",
        "workspace_id": 1,
        "created_at": TIME,
        "updated_at": TIME,
        "tags": [],
        "published": False,
        "versions": [version],
        "deployment": None,
        **changes,
    }


DEPLOYMENT = {
    "id": 5,
    "deploy_id": "p",
    "deployed": True,
    "engine_config": {"engine": {"replicas": 2}},
    "pipeline_name": "p",
}


class Joey:
    """Answers by path; `calls` are the paths that were asked for."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answers: dict[str, Any] = {
            "/v1/api/workspaces/current": WORKSPACE,
            "/v1/api/pipelines/get": pipeline_document(deployment=DEPLOYMENT),
            "/v1/api/models/get_version_by_id": {
                "model_version": {"model_version": MODEL_VERSION, "config": CONFIG}
            },
            "/v1/api/models/find_version": {
                "model_version": {"model_version": MODEL_VERSION, "config": CONFIG}
            },
            "/v1/api/models/upload": {"insert_models": {"returning": [{"models": [{"id": 11}]}]}},
            "/v1/api/plateau/get_topic_name": {"topic_name": "topic-1"},
        }
        server.handler = self.answer

    def answer(self, request: Request) -> Reply:
        found = self.answers.get(request.path.partition("?")[0])
        if callable(found):
            found = found(request)
        if isinstance(found, Reply):
            return found
        return Reply(404, {"msg": request.path}) if found is None else Reply(200, found)

    @property
    def calls(self) -> list[str]:
        return [r.path for r in self.server.requests]

"""The REST API against a running server: stories in tests/api/*.json, hostile uploads, the OpenAPI document.

A story is a list of steps. A step has `post` (a path) with `json` (a document) or `body` (text), or `upload`
(metadata of a model, with `model`: a name in `FILES`), and says what to `expect`: the status and a part of
the answer. "<int>", "<uuid>", "<time>", "<text>" and "<any>" stand for values; a text that begins with "~"
must occur inside the answer's. `save` keeps values of the answer by their path, "${name}" puts them in.
`${unique}` differs in each run, `${workspace}` is a workspace of the story's own.
"""

import datetime
import json
import pathlib
import re
import threading
import uuid

import models
import pytest
from harness import Api, unique

STORIES = sorted((pathlib.Path(__file__).parent / "api").glob("*.json"))
ONNX = models.identity("float32", (3,))
FILES = {
    "good": ("model.onnx", ONNX),
    "two-inputs": ("m.onnx", models.multiple([("a", "float32", (2,)), ("b", "int64", ())])),
    "text": ("model.onnx", b"this is no model"),
    "empty": ("model.onnx", b""),
    "cut": ("model.onnx", ONNX[: len(ONNX) // 2]),
    "zip": ("model.zip", b"PK\x03\x04rest"),
    "pickle": ("model.pkl", b"\x80\x04\x95cos\nsystem\n"),
    "hostile-name": ("../../etc/<script>\r\npasswd", ONNX),
}


def matches(expected, found, where="answer"):
    if isinstance(expected, dict):
        assert isinstance(found, dict), f"{where} is {found!r}"
        for key, value in expected.items():
            assert key in found, f"{where} has no {key}: {found!r}"
            matches(value, found[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected), f"{where} is {found!r}"
        for i, value in enumerate(expected):
            matches(value, found[i], f"{where}[{i}]")
    elif expected == "<int>":
        assert isinstance(found, int) and not isinstance(found, bool), f"{where} is {found!r}"
    elif expected == "<uuid>":
        assert str(uuid.UUID(found)) == found, f"{where} is {found!r}"
    elif expected == "<time>":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", found), f"{where} is {found!r}"
        datetime.datetime.fromisoformat(found)
    elif expected == "<text>":
        assert isinstance(found, str), f"{where} is {found!r}"
    elif isinstance(expected, str) and expected.startswith("~"):
        assert expected[1:] in found, f"{where} is {found!r}"
    elif expected != "<any>":
        assert found == expected and type(found) is type(expected), f"{where} is {found!r}"


def fill(value, variables):
    if isinstance(value, dict):
        return {key: fill(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, variables) for item in value]
    if isinstance(value, str):
        if (whole := re.fullmatch(r"\$\{(\w+)\}", value)) is not None:
            return variables[whole[1]]
        return re.sub(r"\$\{(\w+)\}", lambda match: str(variables[match[1]]), value)
    return value


def at(document, path):
    for part in path.split("."):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def send(api, step):
    if "upload" in step:
        metadata = dict(step["upload"])
        name, content = FILES[metadata.pop("model", "good")]
        files = {
            "metadata": (None, json.dumps(metadata), "application/json"),
            "file": (name, content, "application/octet-stream"),
        }
        return api.http.post(step.get("path", "/v1/api/models/upload"), files=files)
    if "body" in step:
        return api.http.post(step["post"], content=step["body"])
    return api.http.post(step["post"], json=step.get("json", {}))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story(path, api):
    variables = {"unique": uuid.uuid4().hex[:8]}
    created = api.post("/v1/api/workspaces/create", {"workspace_name": unique("story")})
    variables["workspace"] = created["workspace_id"]
    for number, step in enumerate(json.loads(path.read_text())["steps"], 1):
        step = fill(step, variables)
        response = send(api, step)
        expected = step.get("expect", {})
        where = f"step {number} {step.get('post', 'upload')}: {response.text[:500]}"
        assert response.status_code == expected.get("status", 200), where
        answer = response.json()
        if response.status_code >= 400:
            assert answer["code"] == response.status_code, where
            assert set(answer) == {"code", "msg", "error", "hint"}, where
        matches(expected.get("json", {}), answer, f"step {number}")
        for name, value in step.get("save", {}).items():
            variables[name] = at(answer, value)


def test_a_thousand_uploads_of_one_name(joey):
    api = Api(joey.url)
    workspace = api.workspace()
    failures = []

    def upload(count, model):
        client = Api(joey.url)
        try:
            for _ in range(count):
                client.upload("busy", model, workspace_id=workspace)
        except Exception as error:
            failures.append(error)
        finally:
            client.close()

    variants = [models.scale(factor, 2) for factor in range(4)]
    threads = [threading.Thread(target=upload, args=(125, variants[i % 4])) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    (model,) = api.post("/v1/api/models/list", {"workspace_id": workspace})["models"]
    assert model["versions"] == 1000
    versions = api.post("/v1/api/models/get", {"id": model["id"]})["models"]
    assert len({version["version"] for version in versions}) == 1000
    stored = [file for file in (joey.data / "models").rglob("*") if file.is_file()]
    assert len(stored) == 4
    assert list((joey.data / "uploads").iterdir()) == []
    api.close()


def test_kill_during_uploads_keeps_what_was_answered(joey):
    api = Api(joey.url)
    workspace = api.workspace()
    answered = []
    started = threading.Event()

    def upload(worker):
        client = Api(joey.url)
        try:
            for i in range(10000):
                answered.append(
                    client.upload(
                        f"m{worker}-{i}", models.scale(worker * 10000 + i, 2), workspace_id=workspace
                    )
                )
                if len(answered) > 20:
                    started.set()
        except Exception:
            started.set()  # the server is gone
        finally:
            client.close()

    threads = [threading.Thread(target=upload, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    assert started.wait(60)
    joey.kill()
    for thread in threads:
        thread.join()
    api.close()
    joey.start()
    api = Api(joey.url)
    for version_id in answered:
        answer = api.post("/v1/api/models/get_version_by_id", {"model_version_id": version_id})
        version = answer["model_version"]["model_version"]
        assert (joey.data / "models" / "sha256" / version["sha"][:2] / version["sha"]).exists()
    listed = api.post("/v1/api/models/list", {"workspace_id": workspace})["models"]
    # At most one upload of each worker was written and not answered.
    assert len(answered) <= len(listed) <= len(answered) + 4
    assert list((joey.data / "uploads").iterdir()) == []
    assert list((joey.data / "models" / "incoming").iterdir()) == []
    api.close()


@pytest.mark.parametrize(
    "content_type, body, status",
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"", 400),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 400),
        ("multipart/form-data; boundary=b", b"--b\r\n" * 1000, 400),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n',
            400,
        ),
        ("multipart/form-data; boundary=b", b"\x00" * 100000, 400),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
            + b"[" * 100000
            + b"\r\n--b--\r\n",
            400,
        ),
    ],
)
def test_hostile_uploads(api, joey_url, content_type, body, status):
    response = api.http.post("/v1/api/models/upload", content=body, headers={"Content-Type": content_type})
    assert response.status_code == status, response.text
    assert response.json()["hint"]
    assert api.http.get("/healthz").text == "ok"


def test_parts_may_come_in_any_order(api):
    metadata = {"name": unique("order"), "workspace_id": api.workspace(), "conversion": {"framework": "onnx"}}
    files = [
        ("file", ("m.onnx", ONNX, "application/octet-stream")),
        ("metadata", (None, json.dumps(metadata), "application/json")),
    ]
    assert api.http.post("/v1/api/models/upload", files=files).status_code == 200


def test_second_server_on_the_same_data_is_refused(joey):
    import subprocess

    from harness import binary

    command = [binary(), "serve", "--data", joey.data, "--listen", "127.0.0.1:0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert f"(process {joey.pid})" in ended.stderr


def test_listening_elsewhere_is_refused(tmp_path):
    import subprocess

    from harness import binary

    command = [binary(), "serve", "--data", tmp_path / "data", "--listen", "0.0.0.0:0"]
    for auth, reason in (("none", "everybody who reaches it"), ("builtin", "in the clear")):
        ended = subprocess.run([*command, "--auth", auth], capture_output=True, text=True, timeout=60)
        assert ended.returncode != 0
        assert reason in ended.stderr
        assert not (tmp_path / "data").exists()


def resolve(schema, document):
    while "$ref" in schema:
        schema = at(document, schema["$ref"].removeprefix("#/").replace("/", "."))
    return schema


def check_schema(schema, value, document, where):
    """The few kinds of schema that the OpenAPI document uses."""
    schema = resolve(schema, document)
    if "anyOf" in schema:
        if value is not None:
            check_schema(schema["anyOf"][0], value, document, where)
        return
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
    }
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), f"{where} is {value!r}"
    for key in schema.get("required", []):
        assert key in value, f"{where} has no {key}"
    for key, property_schema in schema.get("properties", {}).items():
        if isinstance(value, dict) and key in value:
            check_schema(property_schema, value[key], document, f"{where}.{key}")
    if "items" in schema:
        for i, item in enumerate(value):
            check_schema(schema["items"], item, document, f"{where}[{i}]")


def test_openapi_paths_answer_what_they_say(api):
    document = api.http.get("/v1/api/openapi.json").json()
    name = unique("openapi")
    version = api.upload(name, ONNX)
    found = api.post("/v1/api/models/get_version_by_id", {"model_version_id": version})
    model = found["model_version"]["model_version"]
    created = api.create_pipeline(name, [version])
    connection = api.post("/v1/api/connections/create", {"name": name, "type": "T", "details": {}})
    tag = api.post("/v1/api/tags/create", {"tag": name})
    link = {"workspace_id": api.workspace(), "connection_id": connection["id"]}
    api.post("/v1/api/connections/add_to_workspace", link)
    values = {
        "connection_id": connection["id"],
        "tag_id": tag["id"],
        "workspace_id": api.workspace(),
        "workspace_name": name,
        "expand": True,
        "id": model["models_pk_id"],
        "model_version_id": version,
        "model_id": version,
        "model_config_id": found["model_version"]["config"]["id"],
        "version": model["version"],
        "pipeline_pk_id": created["pipeline_pk_id"],
        "definition": {},
        "tensor_fields": ["tensor"],
        "filter_threshold": None,
        "input_schema": None,
        "output_schema": None,
        "batch_config": "single",
    }
    special = {
        "/v1/api/models/find_version": {"name": name},
        "/v1/api/pipelines/create": {"pipeline_id": name},
        "/v1/api/connections/create": {"name": unique("c"), "type": "T", "details": {}},
        "/v1/api/connections/get": {"name": name},
        "/v1/api/connections/get_by_id": {"id": connection["id"]},
        "/v1/api/tags/create": {"tag": unique("t")},
        "/v1/api/tags/add_to_pipeline": {"pipeline_id": created["pipeline_pk_id"]},
        "/v1/api/tags/remove_from_pipeline": {"pipeline_id": created["pipeline_pk_id"]},
        "/v1/api/models/search": {
            "search_term": name,
            "mine": True,
            "uploaded_time_start": None,
            "uploaded_time_end": None,
        },
        "/v1/api/pipelines/search": {
            "search_term": name,
            "deployed": None,
            "created_start": None,
            "created_end": None,
            "updated_start": None,
            "updated_end": None,
        },
        "/v1/api/users/query": {"user_ids": None},
        "/v1/api/tokens/create": {"name": "openapi", "days": 1},
        "/v1/api/pipelines/find": {"name": name},
        "/v1/api/pipelines/get": {"pipeline_id": created["pipeline_pk_id"]},
        "/v1/api/pipelines/get_version": {"version": created["pipeline_variant_version"]},
    }
    not_called = {  # in flows of their own
        "/v1/api/assays/create",
        "/v1/api/assays/get_assay_results",
        "/v1/api/assays/run_interactive",
        "/v1/api/assays/run_interactive_baseline",
        "/v1/api/assays/set_active",
        "/v1/api/assays/summarize",
        "/v1/api/connections/add_to_workspace",
        "/v1/api/connections/delete",
        "/v1/api/users/activate",
        "/v1/api/users/deactivate",
        "/v1/api/users/invite",
        "/v1/api/workspaces/add_user",
        "/v1/api/workspaces/remove_user",
        "/v1/api/pipelines/deploy",
        "/v1/api/pipelines/undeploy",
        "/v1/api/status/get_deployment",
        "/v1/api/tokens/revoke",
        "/v1/api/models/upload",
        "/v1/api/models/upload_and_convert",
    }
    called = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "{" in path or path in not_called or path.startswith("/auth/"):
                response = api.http.request(
                    method.upper(), path.replace("{", "").replace("}", ""), content=b"{"
                )
                # The path exists: whatever is wrong, it is not the path.
                assert "there is nothing at" not in response.text, path
                fine = (200, 400, 401, 403, 404, 415) if path.startswith("/auth/") else (400, 401, 404, 415)
                assert response.status_code in fine, f"{path} {response.text}"
                continue
            body = None
            if "requestBody" in operation:
                (content,) = operation["requestBody"]["content"].values()
                wanted = {**values, **special.get(path, {})}
                body = {key: wanted[key] for key in content["schema"]["properties"]}
            response = api.http.request(method.upper(), path, json=body)
            status, answer = next((s, a) for s, a in operation["responses"].items() if s != "default")
            assert response.status_code == int(status), f"{path} {response.text}"
            if response.headers.get("content-type", "").startswith("application/json"):
                schema = answer["content"]["application/json"]["schema"]
                check_schema(schema, response.json(), document, path)
            called += 1
    assert called > 15


def test_metrics_count(api):
    api.workspace()
    text = api.http.get("/metrics").text
    assert re.search(
        r'^joey_api_requests_total\{family="workspaces",status="2xx"\} [1-9]', text, re.MULTILINE
    )
    assert re.search(r"^joey_uptime_seconds \d", text, re.MULTILINE)

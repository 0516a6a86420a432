"""The conformance cases of connections, tags and users, judged by the cases' compare.py."""

import harness
import httpx
import pandas as pd
import pytest
import wallaroo
from cases_judge import Case, deploy
from wallaroo.framework import Framework

pytestmark = pytest.mark.xdist_group("cases")


def test_connections_api(check_joey, wl, cases, undeployed, tmp_path):
    case = Case(cases, "connections-api")
    details = {"project_id": "p", "dataset": "d", "table": "t"}
    workspace = wl.get_current_workspace().id()
    with httpx.Client(base_url=f"{check_joey.url}/v1/api/connections/", timeout=60) as http:
        made, links, names = [], [], [harness.unique("bigquery") for _ in range(2)]
        for name in names:
            document = {"name": name, "type": "BIGQUERY", "details": details}
            made.append(http.post("create", json=document).json())
            link = {"workspace_id": workspace, "connection_id": made[-1]["id"]}
            links.append(http.post("add_to_workspace", json=link).json())
        case.observed["create"] = made[0]
        case.observed["add"] = links
        assert http.post("get", json={"name": names[0]}).json()["details"] == details
        assert http.post("create", json=document).status_code == 409
    with pytest.raises(wallaroo.exceptions.EntityNotFoundError):
        wl.get_connection(harness.unique("missing"))
    model = wl.upload_model("rf", case.file("rf_model.onnx"), Framework.ONNX)
    pipeline = deploy(wl, undeployed, "connected", model.configure(tensor_fields=["tensor"]))
    case.frame("infer", pipeline.infer(pd.read_json(case.file("first5.df.json"))))
    case.judge(tmp_path, by_hand=("get", "missing"))


def test_tags_on_models(cases, tmp_path, joey_factory):
    # A server of its own: the recorded lists are those of a server with one tag.
    wl = wallaroo.Client(joey_factory().url, interactive=False)
    case = Case(cases, "tags-on-models")
    model = wl.upload_model("rehqtagtestmodel", case.file("ccfraud.onnx"), Framework.ONNX)
    tag = wl.create_tag("My Great Tag")
    case.observed["list_empty"] = list(wl.list_tags())
    assert tag.add_to_model(model.id()) == {"model_id": model.id(), "tag_id": tag.id()}
    assert list(wl.list_tags()._columns) == case.check("list_model")["columns"]
    tagged = [[model.name(), [model.version()]]]
    row = {"id": tag.id(), "tag": "My Great Tag", "models": tagged, "pipelines": []}
    assert table(wl.list_tags()) == [row]
    found = wl.search_models("My Great Tag")
    case.observed["search_models"] = {"columns": list(found._columns), "rows": table(found)}
    tag.remove_from_model(model.id())
    case.observed["after_remove"] = [list(wl.list_tags()), list(wl.search_models("My Great Tag"))]
    case.judge(tmp_path, by_hand=("add_model", "list_model"))


def test_users_api(joey_factory, cases, tmp_path):
    case = Case(cases, "users-api")
    server = joey_factory(auth="builtin")
    for email, options in (("root@example.com", ["--administrator"]), ("ann@example.com", [])):
        server.command("user", "create", email, "--no-password", *options)
    root, ann = (
        harness.Api(server.url, server.command("token", "create", email, "--name", "t"))
        for email in ("root@example.com", "ann@example.com")
    )
    users = root.post("/v1/api/users/query", {})["users"]
    assert len(users) == 2
    recorded = case.check("query")["value"]
    for id, user in users.items():
        assert user["id"] == id
        assert set(recorded["keys_of_a_user"]) | set(recorded["admin_has"]) <= set(user)
    case.observed["query"] = {key: sorted(users[id]) for key in recorded}
    id = next(id for id, user in users.items() if user["email"] == "ann@example.com")
    assert root.post("/v1/api/users/query", {"user_ids": [id]}) == {"users": {id: users[id]}}
    assert ann.post("/v1/api/users/query", {"user_ids": ["nobody"]}) == {"users": {}}
    case.observed["deactivate"] = root.post("/v1/api/users/deactivate", {"email": "ann@example.com"})
    assert ann.http.post("/v1/api/users/query", json={}).status_code == 401
    assert root.post("/v1/api/users/query", {"user_ids": [id]})["users"][id]["enabled"] is False
    case.observed["activate"] = root.post("/v1/api/users/activate", {"email": "ann@example.com"})
    assert ann.http.post("/v1/api/users/query", json={}).status_code == 200
    for api in (root, ann):
        api.close()
    case.judge(tmp_path, by_hand=("query_some",))


def table(listed):
    """The rows of a list as JSON has them."""

    def plain(value):
        if isinstance(value, (list, tuple)):
            return [plain(v) for v in value]
        return value if isinstance(value, (str, int, type(None))) else str(value)

    return [{k: plain(v) for k, v in zip(listed._columns, row)} for row in listed._rows()]

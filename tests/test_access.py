"""Who may call what: docs/access.md, the server's own table, and each role against every path."""

import contextlib
import re
import threading

import access_examples
import harness
import models
import pytest
from harness import Api, unique, wait_until
from team import ROW, Team, Things

pytestmark = pytest.mark.xdist_group("access")


@contextlib.contextmanager
def a_team(folder):
    server = harness.Joey(folder / "data", auth="builtin").start()
    team = Team(server)
    yield team
    team.close()
    assert server.close() == []


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with a_team(tmp_path_factory.mktemp("access")) as team:
        yield team


@pytest.fixture
def team_to_spoil(tmp_path):
    with a_team(tmp_path) as team:
        yield team


@pytest.fixture(scope="module")
def things(team):
    things = Things(team)
    yield things
    things.deployment.undeploy()


def operations(api):
    document = api.http.get("/v1/api/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


# The table


def test_docs_list_every_path(team):
    wanted = sorted(
        f"| {method} {path} | {operation['x-access']} |" for path, method, operation in operations(team.ann)
    )
    text = (harness.ROOT / "docs" / "access.md").read_text()
    kept = [line for line in text.splitlines() if re.match(r"\| (GET|POST|PUT|DELETE) /", line)]
    assert kept == wanted, "docs/access.md should have:\n" + "\n".join(wanted)


def test_rules_name_keys_of_their_requests(team):
    """A rule with a misspelt key would check nothing."""
    for path, method, operation in operations(team.ann):
        keys = re.findall(r"`(.+?)`", operation["x-access"])
        known = {f"{{{p['name']}}}" for p in operation.get("parameters", [])}
        content = operation.get("requestBody", {}).get("content", {})
        for body in content.values():
            known |= set(body["schema"].get("properties", {}))
        if "multipart/form-data" in content:
            known |= {"workspace_id"}  # inside the part `metadata`
        assert set(keys) <= known, (method, path)


# Every path as every role

# Hidden by what the answer holds, not by a rule: a name may be known and another's.
HIDDEN = {"/v1/api/models/find_version"}
# The last ones: after them the things are gone.
LAST = ["/v1/api/connections/remove_from_workspace", "/v1/api/pipelines/undeploy"]


def expected(rule, role, path):
    """The status of a refusal, None for an answer that is none."""
    if rule == "anybody":
        return None
    if rule == "engines" or role == "nobody":
        return 401
    if rule == "users":
        return 404 if path in HIDDEN and role == "eve" else None
    if rule == "administrators":
        return None if role == "root" else 403
    if role == "eve":
        return 404
    return 403 if rule.startswith("owners of ") and role == "col" else None


def call(api, method, path, team, things):
    url = path
    for name, value in access_examples.parameters(things).items():
        url = url.replace(name, value)
    return api.http.request(method, url, **access_examples.arguments(method, path, team, things, api))


def test_every_path_as_every_role(team_to_spoil):
    team = team_to_spoil  # everybody makes things in it
    things = Things(team)
    found = sorted(operations(team.ann), key=lambda o: LAST.index(o[0]) if o[0] in LAST else -1)
    assert len(found) > 50
    for path, method, operation in found:
        if path.startswith("/auth/") and operation["x-access"] == "anybody":
            continue  # pages and forms: tests/test_sign_in.py
        for role in ("nobody", "eve", "col", "ann", "root"):
            answer = call(getattr(team, role), method, path, team, things)
            wanted = expected(operation["x-access"], role, path)
            where = f"{method} {path} as {role}: {answer.status_code} {answer.text[:300]}"
            if wanted is None:
                # Or it was refused for what it is: a last owner, a connection that is in use.
                assert answer.status_code < 300 or answer.status_code == 409, where
            else:
                assert answer.status_code == wanted, where
                # What was asked for by name may be named.
                named = path in HIDDEN or things.deployment_name in answer.text
                assert named or things.name not in answer.text, where
    team.ann.wait_gone(things.deployment_name)


# Attacks


def blank(text):
    return re.sub(r"[0-9a-f-]{36}|\d+", "#", text)


def test_what_is_hidden_is_as_what_never_was(team, things):
    """RELIABILITY 29: the answer about another's thing is that about a number nobody has."""
    hidden = {
        "workspaces/get": ({"workspace_id": team.workspace}, {"workspace_id": 987654}),
        "models/list": ({"workspace_id": team.workspace}, {"workspace_id": 987654}),
        "models/get": ({"id": things.model["models_pk_id"]}, {"id": 987654}),
        "models/get_version_by_id": (
            {"model_version_id": things.model["id"]},
            {"model_version_id": 987654},
        ),
        "models/get_config": ({"model_config_id": things.config_id}, {"model_config_id": 987654}),
        "pipelines/get": ({"pipeline_id": things.pipeline["id"]}, {"pipeline_id": 987654}),
        "pipelines/get_version": (
            {"version": things.version["version"]},
            {"version": "00000000-0000-4000-8000-000000000000"},
        ),
        "pipelines/undeploy": ({"deployment_id": things.deployment.id}, {"deployment_id": 987654}),
        "connections/get_by_id": (
            {"id": things.connection_id},
            {"id": "00000000-0000-4000-8000-000000000000"},
        ),
        "tags/get": ({"tag_id": things.tag_id}, {"tag_id": 987654}),
    }
    for path, (theirs, nobodys) in hidden.items():
        answers = [team.eve.http.post(f"/v1/api/{path}", json=document) for document in (theirs, nobodys)]
        assert [answer.status_code for answer in answers] == [404, 404], path
        assert blank(answers[0].text) == blank(answers[1].text), path
    for name in (things.deployment_name, f"{things.name}x-987654"):
        answer = team.eve.http.post("/v1/api/status/get_deployment", json={"name": name})
        assert answer.status_code == 404
        assert answer.json()["hint"] == "deploy the pipeline first: pipeline.deploy()"
        inference = team.eve.http.post(f"/v1/api/pipelines/infer/{name}/x", json=ROW)
        assert inference.status_code == 404
        assert inference.json()[0]["msg"] == (
            f"the pipeline is not deployed (there is no deployment '{name}')"
        )


def test_lists_and_suggestions_of_a_stranger(team, things):
    eve = team.eve
    seen = [w["id"] for w in eve.post("/v1/api/workspaces/list", {})["workspaces"]]
    assert team.eves in seen and team.workspace not in seen
    assert eve.post("/v1/api/pipelines/list", {}) == {"pipelines": []}
    assert eve.post("/v1/api/connections/list", {}) == {"connections": []}
    assert eve.post("/v1/api/tags/list", {}) == {"tags": []}
    assert eve.post("/v1/api/models/search", {}) == {"model_versions": []}
    assert eve.post("/v1/api/pipelines/search", {"search_term": things.name}) == {"pipelines": []}
    for path, document in (
        ("pipelines/find", {"name": things.name + "x"}),
        ("models/find_version", {"name": things.model["name"] + "x", "version": "x"}),
        ("connections/get", {"name": things.connection + "x"}),
        ("status/get_deployment", {"name": things.deployment_name + "1"}),
    ):
        answer = eve.http.post(f"/v1/api/{path}", json=document)
        assert answer.status_code == 404
        assert "did you mean" not in answer.text, path
    # To members they are suggested.
    near = team.col.http.post("/v1/api/connections/get", json={"name": things.connection + "x"})
    assert things.connection in near.json()["hint"]


def test_things_of_others_cannot_be_mixed_in(team, things):
    eve = team.eve
    step = {k: things.model[k] for k in ("name", "version", "sha")}
    stolen = {
        "pipeline_id": unique("stolen"),
        "workspace_id": team.eves,
        "definition": {"id": "x", "steps": [{"ModelInference": {"models": [step]}}]},
    }
    made = eve.post("/v1/api/pipelines/create", stolen)
    deploy = {
        "deploy_id": stolen["pipeline_id"],
        "pipeline_id": made["pipeline_pk_id"],
        "pipeline_version_pk_id": made["pipeline_variant_pk_id"],
        "engine_config": {},
        "model_configs": [],
    }
    own = eve.post("/v1/api/tags/create", {"tag": unique("t")})["id"]
    theirs = things.pipeline["id"]
    refused = {
        "pipelines/deploy": [
            deploy,
            deploy | {"model_configs": [things.config_id]},
            deploy | {"pipeline_version_pk_id": things.version["id"]},
            deploy | {"pipeline_id": theirs, "pipeline_version_pk_id": things.version["id"]},
        ],
        "pipelines/create": [stolen | {"workspace_id": team.workspace}],
        "connections/add_to_workspace": [
            {"workspace_id": team.eves, "connection_id": things.connection_id},
            {"workspace_id": team.workspace, "connection_id": things.connection_id},
        ],
        "tags/add_to_pipeline": [
            {"tag_id": own, "pipeline_id": theirs},
            {"tag_id": things.tag_id, "pipeline_id": made["pipeline_pk_id"]},
        ],
        "tags/add_to_model": [{"tag_id": own, "model_id": things.model["id"]}],
    }
    for path, documents in refused.items():
        for document in documents:
            answer = eve.http.post(f"/v1/api/{path}", json=document)
            assert answer.status_code == 404, (path, document, answer.text)
            assert "secret" not in answer.text
    upload = access_examples.upload(team)
    assert eve.http.post("/v1/api/models/upload", **upload).status_code == 404


def test_roles_are_not_taken_by_naming_them(team):
    """RELIABILITY 31."""
    eve, root_email = team.eve, team.emails["root"]
    extra = {"created_by": team.emails["ann"], "administrator": True, "user_type": "OWNER", "id": 1}
    made = eve.post("/v1/api/workspaces/create", {"workspace_name": unique("w"), **extra})
    workspace = eve.post("/v1/api/workspaces/get", {"workspace_id": made["workspace_id"]})
    assert [u["email"] for u in workspace["users"]] == [team.emails["eve"]]
    assert workspace["created_by"] == workspace["users"][0]["id"]
    for path, document in (
        ("users/invite", {"email": "x@example.com", "administrator": True}),
        ("users/activate", {"email": team.emails["eve"], "administrator": True}),
        ("users/deactivate", {"email": root_email}),
    ):
        for api in (eve, team.col, team.ann):
            assert api.http.post(f"/v1/api/{path}", json=document).status_code == 403, path
    invited = f"{unique('new')}@example.com"
    answer = team.root.post("/v1/api/users/invite", {"email": invited, "administrator": True, "id": "x"})
    assert answer["administrator"] is False and len(answer["id"]) == 36
    promote = {"workspace_id": team.workspace, "email": team.emails["col"], "user_type": "owner"}
    assert team.col.http.post("/v1/api/workspaces/add_user", json=promote).status_code == 403
    join = {"workspace_id": team.workspace, "email": team.emails["eve"]}
    assert eve.http.post("/v1/api/workspaces/add_user", json=join).status_code == 404
    assert (
        team.ann.http.post("/v1/api/workspaces/add_user", json=join | {"user_type": "god"}).status_code == 400
    )
    version = eve.upload(unique("m"), models.identity(), owner_id=root_email, status="x")
    document = eve.post("/v1/api/models/get_version_by_id", {"model_version_id": version})
    assert document["model_version"]["model_version"]["owner_id"] == workspace["created_by"]


def test_who_is_removed_is_out_at_once(team, things):
    tom = team.join("tom")
    status = {"name": things.deployment_name}

    def sees():
        asked = tom.http.post("/v1/api/status/get_deployment", json=status).status_code
        inferred = tom.http.post(things.deployment.path, json=ROW).status_code
        logs = tom.http.get(f"/v1/logs/topic/{things.topic}").status_code
        return asked, inferred, logs

    assert sees() == (404, 404, 404)
    for _ in range(2):
        team.add("tom")
        assert sees() == (200, 200, 200)
        team.remove("tom")
        assert sees() == (404, 404, 404)
    tom.close()


def test_who_is_deactivated_is_out_at_once(team, things):
    tim = team.join("tim")
    team.add("tim")
    assert tim.http.post(things.deployment.path, json=ROW).status_code == 200
    team.root.post("/v1/api/users/deactivate", {"email": team.emails["tim"]})
    assert tim.http.post(things.deployment.path, json=ROW).status_code == 401
    assert tim.http.post("/v1/api/workspaces/list", json={}).status_code == 401
    users = team.root.post("/v1/api/users/query", {})["users"].values()
    assert {u["email"]: u["enabled"] for u in users}[team.emails["tim"]] is False
    team.root.post("/v1/api/users/activate", {"email": team.emails["tim"]})
    assert tim.http.post(things.deployment.path, json=ROW).status_code == 200
    tim.close()


NAMES = [
    "../x",
    "%2e%2e",
    "a/b",
    "CON ",
    "x" * 10000,
    "аdmin",  # a Cyrillic letter
    "‮gnp",  # right to left
    "a\u0000b",
    "<b>",
    " ",
    "",
]


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:16] for name in NAMES])
def test_hostile_names(team, name):
    """RELIABILITY 28."""
    pipeline = {"workspace_id": team.workspace, "definition": {}}
    refused = {
        "workspaces/create": {"workspace_name": name},
        "pipelines/create": {"pipeline_id": name, **pipeline},
        "connections/create": {"name": name, "type": "T", "details": {}},
    }
    for path, document in refused.items():
        answer = team.ann.http.post(f"/v1/api/{path}", json=document)
        assert answer.status_code == 400, (path, answer.text)
        assert len(answer.text) < 1000 and answer.json()["hint"]
    with pytest.raises(harness.ApiError) as caught:
        team.ann.upload(name, models.identity())
    assert caught.value.status == 400
    missing = {"connections/get": {"name": name}, "status/get_deployment": {"name": name}}
    for path, document in missing.items():
        answer = team.ann.http.post(f"/v1/api/{path}", json=document)
        assert answer.status_code == 404, (path, answer.text)


def test_two_writers_on_one_name(team):
    """RELIABILITY 41: versions of both, none lost, none twice. (Models: tests/test_api.py.)"""
    name, made, failures = unique("both"), [], []

    def write(api):
        try:
            for _ in range(25):
                document = {"pipeline_id": name, "workspace_id": team.workspace, "definition": {}}
                made.append(api.post("/v1/api/pipelines/create", document))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(api,)) for api in (team.ann, team.col)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len({m["pipeline_pk_id"] for m in made}) == 1
    versions = {m["pipeline_variant_version"] for m in made}
    assert len(versions) == 50
    pipeline = team.ann.post("/v1/api/pipelines/get", {"pipeline_id": made[0]["pipeline_pk_id"]})
    assert {v["version"] for v in pipeline["versions"]} == versions


def test_two_owners_cannot_both_leave(team):
    """Each takes the other out at the same time: one owner must remain."""
    uma, codes = team.join("uma"), []

    def take_out(api, email):
        document = {"workspace_id": team.workspace, "email": email}
        codes.append(api.http.post("/v1/api/workspaces/remove_user", json=document).status_code)

    for _ in range(5):
        team.add("uma", "owner")
        codes.clear()
        threads = [
            threading.Thread(target=take_out, args=(team.root, team.emails[name])) for name in ("ann", "uma")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(codes) == [200, 409]
        workspace = team.root.post("/v1/api/workspaces/get", {"workspace_id": team.workspace})
        owners = [u["email"] for u in workspace["users"] if u["user_type"] == "OWNER"]
        assert len(owners) == 1
        back = {"workspace_id": team.workspace, "email": team.emails["ann"], "user_type": "owner"}
        team.root.post("/v1/api/workspaces/add_user", back)
        if owners != [team.emails["ann"]]:
            team.remove("uma")
    uma.close()


def test_the_key_of_another_pipeline_opens_no_logs(team, things):
    """A topic is a name and a number that belong together."""
    eves = team.eve.create_pipeline(unique("own"), [])["pipeline_pk_id"]
    forged = re.sub(r"\d+$", str(eves), things.topic)
    for topic in (things.topic, forged, things.topic + "-failures", "x", "..%2Fx"):
        assert team.eve.http.get(f"/v1/logs/topic/{topic}").status_code in (400, 404), topic
        assert team.eve.http.post(f"/v1/logs/topic/{topic}/records", json={}).status_code in (400, 404)
    wait_until(lambda: team.col.http.get(f"/v1/logs/topic/{things.topic}").status_code == 200)
    assert Api(team.url).http.get(f"/v1/logs/topic/{things.topic}").status_code == 401

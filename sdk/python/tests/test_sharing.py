"""Connections, tags and users over recorded answers: what they ask for and how they look."""

from __future__ import annotations

import datetime

import pytest
from recorded_joey import MODEL_VERSION, NASTY, TIME, WORKSPACE, Joey, pipeline_document
from small_server import Reply

import wallaroo
from wallaroo import exceptions
from wallaroo.user import User

CONNECTION = {
    "id": "c-uuid",
    "name": NASTY,
    "type": "HTTPFILE",
    "created_at": TIME,
    "created_by": "u1",
    "workspace_names": ["w"],
}


def test_connection_shows_no_details(joey: Joey, wl: wallaroo.Client) -> None:
    joey.answers["/v1/api/connections/get"] = {**CONNECTION, "details": {"password": "secret"}}
    joey.answers["/v1/api/connections/get_by_id"] = joey.answers["/v1/api/connections/get"]
    joey.answers["/v1/api/connections/list"] = {"connections": [CONNECTION]}
    connection = wl.get_connection("x")
    assert connection.details() == {"password": "secret"}
    listed = wl.list_connections()
    assert listed == [connection]
    html = connection._repr_html_() + listed._repr_html_()
    assert f"<td>Created At</td><td>{TIME}</td>" in html
    assert "*****" in html and "<script>" not in html
    assert "secret" not in html + repr(connection) + repr(listed) + str(vars(connection))


def test_deleting_a_connection_in_use(joey: Joey, wl: wallaroo.Client) -> None:
    joey.answers["/v1/api/connections/get"] = CONNECTION
    connection = wl.get_connection("x")
    refusal = {"code": 409, "msg": "it is attached", "error": "failed_precondition", "hint": "w"}
    joey.answers["/v1/api/connections/delete"] = Reply(409, refusal)
    with pytest.raises(exceptions.PreconditionError, match="attached"):
        connection.delete_connection()
    joey.answers["/v1/api/connections/delete"] = Reply(204, None)
    connection.delete_connection()


def test_tags_show_what_they_are_on(joey: Joey, wl: wallaroo.Client) -> None:
    older = {**MODEL_VERSION, "version": "v-old"}
    use = {"id": 4, "tag": NASTY, "model_versions": [MODEL_VERSION, older], "pipelines": []}
    used = {**use, "model_versions": [], "pipelines": [pipeline_document()]}
    joey.answers["/v1/api/tags/list"] = {"tags": [use, used]}
    listed = wl.list_tags()
    assert listed.to_pandas().to_dict("records") == [
        {"id": 4, "tag": NASTY, "models": [("m", ["v-uuid", "v-old"])], "pipelines": []},
        {"id": 4, "tag": NASTY, "models": [], "pipelines": [("p", ["p-uuid"])]},
    ]
    assert "<script>" not in listed._repr_html_() + listed[0]._repr_html_()


def test_found_versions_of_pipelines(joey: Joey, wl: wallaroo.Client) -> None:
    asked = {}

    def answer(request: object) -> object:
        asked["body"] = request.json()  # type: ignore[attr-defined]
        return {
            "pipelines": [pipeline_document(tags=[{"id": 4, "tag": "t"}, {"id": 5, "tag": "u"}])]
        }

    joey.answers["/v1/api/pipelines/search"] = answer
    start = datetime.datetime(2023, 1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    found = wl.search_pipelines("t", deployed=False, created_start=start)
    row = found.to_pandas().to_dict("records")[0]
    assert (row["deployed"], row["tags"], row["steps"]) == ("(unknown)", "t, u", "m")
    assert found[0].deployed() is False
    assert asked["body"]["created_start"] == "2023-01-02T02:00:00+00:00"
    assert asked["body"]["created_end"] is None


def test_users(joey: Joey, wl: wallaroo.Client) -> None:
    ann = {"id": "2", "email": "ann@ex.co", "username": "ann", "enabled": True}
    joey.answers["/v1/api/users/query"] = {
        "users": {"1": {**ann, "id": "1", "email": "bob@ex.co"}, "2": ann}
    }
    assert [user.email() for user in wl.list_users()] == ["ann@ex.co", "bob@ex.co"]
    user = wl.get_user_by_email(" ANN@ex.co")
    assert isinstance(user, User)
    assert repr(user) == 'User({"id": "2", "email": "ann@ex.co", "username": "ann")'
    assert wl.get_user_by_email("x@ex.co") is None


def test_refused_users(joey: Joey, wl: wallaroo.Client) -> None:
    text = "You have reached a license limit …: MAX_USERS_LIMIT_EXCEEDED"
    limit = {"code": 403, "msg": text, "error": "permission_denied", "hint": "deactivate one"}
    for path, call in (
        ("/v1/api/users/invite", wl.invite_user),
        ("/v1/api/users/activate", wl.activate_user),
    ):
        joey.answers[path] = Reply(403, limit)
        with pytest.raises(exceptions.UserLimitError, match="MAX_USERS"):
            call("a@ex.co")
        joey.answers[path] = Reply(403, {**limit, "msg": "only an administrator may do this"})
        with pytest.raises(exceptions.AccessDeniedError, match="administrator"):
            call("a@ex.co")


def test_owners(joey: Joey, wl: wallaroo.Client) -> None:
    col = {"id": "u2", "email": "col@ex.co", "user_type": "COLLABORATOR"}
    joey.answers["/v1/api/workspaces/add_user"] = {**WORKSPACE, "users": [*WORKSPACE["users"], col]}
    workspace = wl.get_current_workspace()
    assert workspace.add_user("col@ex.co") is workspace
    assert workspace.users() == ["default@ex.co", "col@ex.co"]
    assert workspace.owners() == ["default@ex.co"]

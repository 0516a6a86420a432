"""Workspaces and users as notebooks use them (guide L1164-1393, L6509-6579), and the limits of a server."""

import harness
import models
import pytest
import wallaroo
from wallaroo import exceptions
from wallaroo.framework import Framework

LICENCE = (
    "You have reached a license limit in your Wallaroo instance. In order to add additional resources, "
    "you can remove some of your existing resources. If you have any questions contact us at "
    "community@wallaroo.ai: "
)


@pytest.fixture
def wl(joey_url):
    client = wallaroo.Client(joey_url, interactive=False)
    client.set_current_workspace(client.create_workspace(harness.unique("ws")))
    return client


@pytest.fixture
def john(wl):
    email = f"{harness.unique('john')}@ex.co"
    assert wl.invite_user(email).email() == email
    return email


@pytest.mark.xdist_group("shared-joey")
class TestUsersOfAWorkspace:
    def test_add_promote_remove(self, wl, john):
        workspace = wl.get_current_workspace()
        assert workspace.users() == workspace.owners() == ["default@ex.co"]
        shown = workspace.add_user(john)
        assert shown == workspace and shown.name() == workspace.name()
        assert workspace.users() == ["default@ex.co", john]
        assert workspace.owners() == ["default@ex.co"]
        listed = next(w for w in wl.list_workspaces() if w == workspace)
        assert listed.users() == ["default@ex.co", john]
        row = next(
            r for r in wl.list_workspaces().to_pandas().itertuples(index=False) if r.Name == workspace.name()
        )
        assert row.Users == ["default@ex.co", john]
        workspace.add_owner(john)
        assert sorted(workspace.owners()) == sorted(["default@ex.co", john])
        workspace.remove_user(john)
        assert workspace.users() == ["default@ex.co"]

    def test_errors(self, wl, john):
        workspace = wl.get_current_workspace()
        with pytest.raises(exceptions.EntityNotFoundError, match=r"no user with the email 'nobody@ex\.co'"):
            workspace.add_user("nobody@ex.co")
        with pytest.raises(exceptions.EntityNotFoundError, match="not in this workspace"):
            workspace.remove_user(john)
        with pytest.raises(exceptions.PreconditionError, match="last owner"):
            workspace.remove_user("default@ex.co")
        assert workspace.users() == ["default@ex.co"]


@pytest.mark.xdist_group("shared-joey")
class TestUsers:
    def test_list_and_get(self, wl, john):
        users = wl.list_users()
        assert john in [user.email() for user in users]
        user = wl.get_user_by_email(john.upper())
        assert user in users
        assert repr(user) == f'User({{"id": "{user.id()}", "email": "{john}", "username": "{john}")'
        assert wl.get_user_by_email("nobody@ex.co") is None

    def test_deactivate_and_activate(self, wl, john):
        assert wl.deactivate_user(john) is None
        assert not wl.get_user_by_email(john).enabled()
        assert wl.activate_user(john) is None
        assert wl.get_user_by_email(john).enabled()
        with pytest.raises(exceptions.EntityNotFoundError, match="no user"):
            wl.deactivate_user("nobody@ex.co")

    def test_invite_errors(self, wl, john):
        with pytest.raises(exceptions.AlreadyExistsError):
            wl.invite_user(john)
        with pytest.raises(exceptions.InvalidRequestError, match="no email"):
            wl.invite_user("john")
        with pytest.raises(exceptions.InvalidRequestError, match="shorter than"):
            wl.invite_user(f"{harness.unique('x')}@ex.co", password="short")


def test_limit_of_users(joey_factory):
    wl = wallaroo.Client(joey_factory("--max-users", "2").url, interactive=False)
    wl.invite_user("a@ex.co")
    wl.invite_user("b@ex.co")
    with pytest.raises(exceptions.UserLimitError) as caught:
        wl.invite_user("c@ex.co")
    assert str(caught.value).startswith(LICENCE + "MAX_USERS_LIMIT_EXCEEDED")
    assert "--max-users" in caught.value.hint
    wl.deactivate_user("a@ex.co")
    wl.invite_user("c@ex.co")
    with pytest.raises(exceptions.UserLimitError):
        wl.activate_user("a@ex.co")
    wl.activate_user("b@ex.co")  # is active: nothing to do
    wl.deactivate_user("b@ex.co")
    wl.activate_user("a@ex.co")


def test_limit_of_pipelines(joey_factory, tmp_path):
    wl = wallaroo.Client(joey_factory("--max-pipelines", "1").url, interactive=False)
    file = tmp_path / "m.onnx"
    file.write_bytes(models.identity())
    model = wl.upload_model("m", file, Framework.ONNX)
    small = wallaroo.DeploymentConfigBuilder().cpus(0.25).memory("256Mi").build()
    first = wl.build_pipeline("first").add_model_step(model).deploy(deployment_config=small)
    second = wl.build_pipeline("second").add_model_step(model)
    with pytest.raises(exceptions.LimitError) as caught:
        second.deploy(deployment_config=small)
    assert str(caught.value).startswith(LICENCE + "MAX_PIPELINES_LIMIT_EXCEEDED")
    assert second.status() == {"status": "Pipeline second is not deployed"}
    first.deploy(deployment_config=small)  # one that runs may be changed
    first.undeploy()
    assert second.deploy(deployment_config=small).status()["status"] == "Running"
    second.undeploy()

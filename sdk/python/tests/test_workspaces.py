"""Workspaces over recorded answers."""

from __future__ import annotations

import pytest
from recorded_joey import MODEL_VERSION, TIME, WORKSPACE, Joey, pipeline_document

import wallaroo
from wallaroo import exceptions


def test_workspaces(joey: Joey, wl: wallaroo.Client) -> None:
    joey.answers["/v1/api/workspaces/list"] = {
        "workspaces": [WORKSPACE, {**WORKSPACE, "id": 2, "name": "x"}]
    }
    joey.answers["/v1/api/workspaces/get"] = {
        **WORKSPACE,
        "model_versions": [MODEL_VERSION],
        "pipeline_docs": [pipeline_document()],
    }
    workspaces = wl.list_workspaces()
    assert workspaces.to_pandas().iloc[0].to_dict() == {
        "Name": "w",
        "Created At": "2023-11-22 16:24:51",
        "Users": ["default@ex.co"],
        "Models": 1,
        "Pipelines": 1,
    }
    assert wl.get_current_workspace() == workspaces[0]
    assert wl.set_current_workspace(workspaces[1]) is workspaces[1]
    assert wl.get_current_workspace().id() == 2
    assert repr(workspaces[0]).startswith(
        "{'name': 'w', 'id': 1, 'archived': False, 'created_by': 'u1', "
        f"'created_at': '{TIME}', 'models': [{{'name': 'm', "
    )
    assert "'pipelines': [{'name': 'p', 'create_time': datetime.datetime(2023" in repr(
        workspaces[0]
    )
    with pytest.raises(exceptions.InvalidRequestError):
        wl.set_current_workspace("w")  # type: ignore[arg-type]
    with pytest.raises(exceptions.EntityNotFoundError) as caught:
        wl.get_workspace("ww")
    assert caught.value.hint == "Did you mean 'w'?"

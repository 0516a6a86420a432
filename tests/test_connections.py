"""Connections as notebooks use them (guide L1076-1162), and what keeps their details secret."""

import harness
import pytest
import wallaroo
from wallaroo import exceptions

pytestmark = pytest.mark.xdist_group("shared-joey")

DETAILS = {"host": "https://example.com/xtest-1k.arrow?raw=true", "password": "wellington-42"}


@pytest.fixture
def wl(joey_url):
    client = wallaroo.Client(joey_url, interactive=False)
    client.set_current_workspace(client.create_workspace(harness.unique("con")))
    return client


@pytest.fixture
def connection(wl):
    return wl.create_connection(harness.unique("houseprice_arrow_table"), "HTTPFILE", DETAILS)


def test_life_of_a_connection(wl, connection):
    name = connection.name()
    assert connection.connection_type() == "HTTPFILE"
    assert connection.details() == DETAILS
    assert wl.get_connection(name=name) == connection
    assert connection in wl.list_connections()
    workspace = wl.get_current_workspace()
    assert workspace.list_connections() == []
    workspace.add_connection(name)
    workspace.add_connection(name)
    assert workspace.list_connections() == [connection]
    assert wl.get_connection(name).workspace_names() == [workspace.name()]
    with pytest.raises(exceptions.PreconditionError) as caught:
        connection.delete_connection()
    assert "must be removed from all workspaces that it is attached to" in str(caught.value)
    assert workspace.name() in caught.value.hint
    workspace.remove_connection(name)
    assert workspace.list_connections() == []
    assert connection in wl.list_connections()
    connection.delete_connection()
    assert connection not in wl.list_connections()
    with pytest.raises(exceptions.EntityNotFoundError):
        connection.details()
    with pytest.raises(exceptions.EntityNotFoundError):
        workspace.add_connection(name)


def test_displays_mask_the_details(wl, connection):
    html = connection._repr_html_()
    assert "<th>Field</th><th>Value</th>" in html
    assert f"<td>Name</td><td>{connection.name()}</td>" in html
    assert "<td>Connection Type</td><td>HTTPFILE</td>" in html
    assert "<td>Details</td><td>*****</td>" in html
    listed = wl.list_connections()
    frame = listed.to_pandas()
    assert list(frame.columns) == ["name", "connection type", "details", "created at"]
    assert set(frame["details"]) == {"*****"}
    connection.details()
    for text in (html, repr(connection), str(vars(connection)), repr(listed), listed._repr_html_()):
        assert "wellington" not in text


def test_a_name_that_is_taken(wl, connection):
    with pytest.raises(exceptions.AlreadyExistsError) as caught:
        wl.create_connection(connection.name(), "OTHER", {"a": 1})
    assert "This connection already exists.  Please choose a different connection name." in str(caught.value)
    assert connection.details() == DETAILS


@pytest.mark.parametrize("name", ["", "a b", "../x", "а", "x" * 64, "<b>", "a\nb"])
def test_bad_names(wl, name):
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        wl.create_connection(name, "T", {})
    assert caught.value.hint


def test_unknown_and_nearly_known_names(wl, connection):
    with pytest.raises(exceptions.EntityNotFoundError) as caught:
        wl.get_connection(connection.name() + "x")
    assert connection.name() in caught.value.hint
    with pytest.raises(exceptions.InvalidRequestError):
        wl.create_connection(harness.unique("c"), "T", "host=x")


def test_nothing_of_the_details_lies_in_the_data_directory(joey):
    wl = wallaroo.Client(joey.url, interactive=False)
    connection = wl.create_connection("bank", "ODBC", DETAILS)
    assert connection.details() == DETAILS
    joey.stop()
    for file in joey.data.rglob("*"):
        if file.is_file():
            assert b"wellington-42" not in file.read_bytes(), file
    assert b"wellington-42" not in joey.log.read_bytes()
    joey.start()
    assert wl.get_connection("bank").details() == DETAILS


def test_a_lost_key_is_named_at_start(joey):
    wl = wallaroo.Client(joey.url, interactive=False)
    wl.create_connection("bank", "ODBC", DETAILS)
    joey.stop()
    key = joey.data / "secrets" / "metadata.key"
    assert key.stat().st_mode & 0o777 == 0o600
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(RuntimeError, match="metadata.key is missing"):
        joey.start()
    key.write_bytes(b"a" * 64)
    with pytest.raises(RuntimeError, match="not the one that the database was written with"):
        joey.start()
    key.write_bytes(kept)
    joey.start()
    assert wl.get_connection("bank").details() == DETAILS

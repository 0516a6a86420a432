"""`joey backup` beside a running server, `joey restore`, inferences on what was restored; in both stores."""

import os
import subprocess

import models
import pytest
from harness import Api, Deployment, Joey, binary, unique, wait_until


def run(command, *arguments, environment=None, expect=0):
    done = subprocess.run(
        [binary(), command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ, **(environment or {})),
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def servers(tmp_path):
    started = []

    def make(name, environment):
        started.append(Joey(tmp_path / name, environment=environment))
        return started[-1]

    yield make
    left = [line for server in started for line in server.close()]
    assert not left


@pytest.mark.parametrize(("old", "new"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_a_restored_server_infers(tmp_path, servers, postgresql, old, new):
    stores = {
        name: {"JOEY_METADATA": postgresql.create_database(unique(name)) if name == "postgresql" else ""}
        for name in ("sqlite", "postgresql")
    }
    server = servers("old", stores[old]).start()
    api = Api(server.url)
    deployment = api.deploy("kept", models.scale(2, 3))
    deployment.infer([{"tensor": [1, 2, 3]}])
    assert len(deployment.logs(1)) == 1

    backup = tmp_path / "backup"
    run("backup", backup, "--data", server.data, environment=stores[old])
    # What comes later is not in it.
    api.upload("later", models.scale(5, 3))
    deployment.infer([{"tensor": [4, 5, 6]}])
    deployment.logs(2)
    api.close()
    server.stop()

    restored = servers("new", stores[new])
    run("restore", backup, "--data", restored.data, environment=stores[new])
    assert (restored.data / "secrets/ingest.token").stat().st_mode & 0o777 == 0o600
    restored.start()
    api = Api(restored.url)
    again = Deployment(api, deployment.pipeline, deployment.version, deployment.id, "kept")
    wait_until(lambda: again.status()["status"] == "Running", what="the restored deployment")
    assert [row["in.tensor"] for row in again.logs(1)] == [[1, 2, 3]]
    (record,) = again.infer([{"tensor": [1, 2, 3]}])
    assert record["out.result"] == [2, 4, 6]
    assert len(again.logs(2)) == 2
    names = [m["name"] for m in api.post("/v1/api/models/list", {"workspace_id": api.workspace()})["models"]]
    assert names == ["kept"]
    # New things get ids that nothing restored has.
    assert api.deploy("next", models.scale(3, 3)).id > deployment.id
    api.close()


def test_refusals_say_what_to_do(tmp_path, joey):
    Api(joey.url).upload("model", models.scale(2, 3))
    metadata = {"JOEY_METADATA": joey.environment.get("JOEY_METADATA", "")}
    backup = tmp_path / "backup"
    run("backup", backup, "--data", joey.data, environment=metadata)
    assert "is not empty" in run("backup", backup, "--data", joey.data, environment=metadata, expect=1)
    assert "is not empty" in run("restore", backup, "--data", joey.data, environment=metadata, expect=1)
    assert "there is no data" in run("backup", tmp_path / "b", "--data", tmp_path / "none", expect=1)

    (model,) = (backup / "models/sha256").glob("*/*")
    content = bytearray(model.read_bytes())
    content[7] ^= 1
    model.write_bytes(content)
    new = tmp_path / "new"
    said = run("restore", backup, "--data", new, environment={"JOEY_METADATA": ""}, expect=1)
    assert "is damaged" in said and model.name in said
    assert not new.exists()
    assert "no backup" in run("restore", tmp_path / "none", "--data", new, expect=1)

"""Deployments over REST: their documents, redeploys, and what a restart or a kill of `joey serve` leaves."""

import json
import os
import pathlib
import re
import signal
import threading

import models
import pytest
from harness import Api, ApiError, Deployment, processes, unique, wait_until

DOUBLE = models.scale(2, 3)
TRIPLE = models.scale(3, 3)


def first(deployment, column="out.result"):
    (record,) = deployment.infer([{"tensor": [1, 2, 3]}])
    return record[column]


def test_status_and_documents(api):
    name = unique("status")
    deployment = api.deploy(name, DOUBLE, replicas=2)
    status = wait_until(
        lambda: (s := deployment.status()) and all(e["status"] == "Running" for e in s["engines"]) and s,
        what="two running engines",
    )
    assert set(status) == {"status", "details", "engines", "engine_lbs", "sidekicks"}
    assert status["status"] == "Running" and len(status["engines"]) == 2
    assert len({engine["name"] for engine in status["engines"]}) == 2
    for engine in status["engines"]:
        keys = {"ip", "name", "status", "reason", "details", "pipeline_statuses", "model_statuses"}
        assert set(engine) == keys
        assert engine["pipeline_statuses"] == {"pipelines": [{"id": name, "status": "Running"}]}
        (model,) = engine["model_statuses"]["models"]
        assert model["name"] == name and model["status"] == "Running"
    (balancer,) = status["engine_lbs"]
    assert set(balancer) == {"ip", "name", "status", "reason", "details"}

    pipeline = api.post("/v1/api/pipelines/get", {"pipeline_id": deployment.pipeline})
    document = pipeline["deployment"]
    assert document["id"] == deployment.id and document["deployed"]
    assert document["url"] == deployment.path
    assert document["engine_config"]["engine"]["replicas"] == 2
    assert pipeline["versions"][0]["deployed"]
    assert pipeline["versions"][0]["model_config_ids"] == document["model_config_ids"]

    deployment.undeploy()
    pipeline = api.post("/v1/api/pipelines/get", {"pipeline_id": deployment.pipeline})
    assert not pipeline["deployment"]["deployed"]
    assert not pipeline["versions"][0]["deployed"]
    api.post("/v1/api/pipelines/undeploy", {"deployment_id": deployment.id})


def test_redeploy_keeps_the_deployment(api):
    name = unique("again")
    before = api.deploy(name, DOUBLE)
    assert first(before) == [2, 4, 6]
    after = api.deploy(name, TRIPLE, wait=False)
    assert after.id == before.id
    wait_until(lambda: first(after) == [3, 6, 9], what="the second version")
    after.undeploy()
    with pytest.raises(ApiError) as gone:
        after.infer([{"tensor": [1, 2, 3]}])
    assert gone.value.status == 404
    third = api.deploy(name, DOUBLE)
    assert third.id == before.id
    assert first(third) == [2, 4, 6]
    third.undeploy()


def test_replicas_of_zero_serve_nothing(api):
    deployment = api.deploy(unique("none"), DOUBLE, replicas=0, wait=False)
    assert deployment.status()["engines"] == []
    deployment.undeploy()


def test_a_model_that_the_runtime_refuses_shows_why(api):
    # Passes the inspection of the file, but Add has two inputs.
    wrong = models.build(
        [models.helper.make_node("Add", ["tensor"], ["result"])],
        [("tensor", "float32", (3,))],
        [("result", "float32", (3,))],
    )
    deployment = api.deploy(unique("wrong"), wrong, wait=False)
    status = wait_until(
        lambda: (s := deployment.status()) and s["status"] == "Error" and s, what="the error in the status"
    )
    assert "Add" in json.dumps(status)
    deployment.undeploy()


def test_restart_serves_again(joey):
    api = Api(joey.url)
    kept = api.deploy(unique("kept"), DOUBLE)
    ended = api.deploy(unique("ended"), DOUBLE)
    ended.undeploy()
    assert joey.stop() == 0
    assert joey.engines() == []
    joey.start()
    wait_until(lambda: kept.status()["status"] == "Running", what="the deployment after the restart")
    assert first(kept) == [2, 4, 6]
    assert (
        ended.api.http.post(
            "/v1/api/status/get_deployment", json={"name": f"{ended.name}-{ended.id}"}
        ).status_code
        == 404
    )
    api.close()


def test_killed_server_serves_again_and_leaves_no_engine_behind(joey):
    api = Api(joey.url)
    kept = api.deploy(unique("kept"), DOUBLE, replicas=2)
    engines = set(joey.engines())
    joey.kill()
    joey.start()
    wait_until(lambda: kept.status()["status"] == "Running", what="the deployment after the kill")
    assert first(kept) == [2, 4, 6]
    assert set(joey.engines()) == engines  # taken over, not started anew
    kept.undeploy()
    wait_until(lambda: joey.engines() == [], what="the end of all engines")
    api.close()


def test_a_kill_amid_a_redeploy_leaves_no_gap(joey):
    api = Api(joey.url)
    name = unique("swap")
    before = api.deploy(name, DOUBLE)
    old = set(joey.engines())
    api.deploy(name, TRIPLE, wait=False)
    joey.kill()
    joey.start()
    # Whatever of the new version had come up, there was always something that answers.
    answers = []
    wait_until(
        lambda: answers.append(first(before)) or answers[-1] == [3, 6, 9],
        what="the new version",
    )
    assert [a for a in answers if a not in ([2, 4, 6], [3, 6, 9])] == []
    wait_until(lambda: not old & set(joey.engines()), what="the end of the old version")
    assert before.status()["status"] == "Running" and first(before) == [3, 6, 9]
    before.undeploy()
    wait_until(lambda: joey.engines() == [], what="the end of all engines")
    api.close()


def test_an_engine_that_hangs_is_not_taken_over(joey):
    api = Api(joey.url)
    kept = api.deploy(unique("hung"), DOUBLE)
    (engine,) = joey.engines()
    joey.kill()
    os.kill(engine, signal.SIGSTOP)
    joey.start()
    wait_until(lambda: kept.status()["status"] == "Running", what="the deployment after the kill")
    assert first(kept) == [2, 4, 6]
    assert engine not in joey.engines()
    kept.undeploy()
    api.close()


@pytest.mark.parametrize("action", ["deploy", "undeploy"])
def test_kill_amid_deploys_is_consistent(joey, action):
    api = Api(joey.url)
    names = [unique(f"k{i}") for i in range(4)]
    versions = [api.upload(name, DOUBLE) for name in names]
    deployments = {}
    if action == "undeploy":
        deployments = {
            name: api.deploy_versions(name, [v], [], wait=False) for name, v in zip(names, versions)
        }
    answered = threading.Event()
    done = []

    def change():
        client = Api(joey.url)
        try:
            for name, version in zip(names, versions):
                if action == "deploy":
                    client.deploy_versions(name, [version], [], wait=False)
                else:
                    client.post("/v1/api/pipelines/undeploy", {"deployment_id": deployments[name].id})
                done.append(name)
                answered.set()
        except Exception:
            pass  # the server is gone
        finally:
            client.close()

    thread = threading.Thread(target=change)
    thread.start()
    assert answered.wait(60)
    joey.kill()
    thread.join()
    joey.start()
    pipelines = api.post("/v1/api/pipelines/list", {})["pipelines"]
    running = {p["name"] for p in pipelines if p["deployment"] and p["deployment"]["deployed"]}
    if action == "deploy":
        assert set(done) <= running
    else:
        assert running.isdisjoint(done)
    for pipeline in pipelines:
        if pipeline["name"] not in running:
            continue
        key = f"{pipeline['name']}-{pipeline['deployment']['id']}"
        wait_until(
            lambda key=key: api.post("/v1/api/status/get_deployment", {"name": key})["status"] == "Running",
            what=key,
        )
    wait_until(lambda: len(joey.engines()) == len(running), what="an engine for each deployment, no more")
    api.close()


def test_deploying_over_and_over_leaves_nothing(joey):
    api = Api(joey.url)
    version = api.upload("cycle", DOUBLE)

    def cycle():
        deployment = api.deploy_versions("cycle", [version], [])
        assert first(deployment) == [2, 4, 6]
        deployment.undeploy()

    def held():
        folder = pathlib.Path(f"/proc/{joey.pid}")
        files = [file for part in ("run", "uploads") for file in (joey.data / part).rglob("*")]
        return {
            "descriptors": len(list((folder / "fd").iterdir())),
            "threads": len(list((folder / "task").iterdir())),
            "files": len(files),
            "processes": len(processes(joey.data)),
            "memory": int(re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())[1]) << 10,
        }

    for _ in range(25):  # pools and caches fill up
        cycle()
    before = held()
    for _ in range(20):
        cycle()
    assert joey.engines() == []
    # What the last engine left of its log is shipped in the background.
    wait_until(
        lambda: all(held()[kind] <= before[kind] for kind in ("threads", "files")),
        what="the threads and files",
    )
    after = held()
    assert after["processes"] == 1
    # Allocators keep some of what was used; a leak of 100 KB for each deployment would show.
    assert after["memory"] <= before["memory"] + (2 << 20)
    # Kept connections of the test's own client and the gateway come and go.
    assert after["descriptors"] <= before["descriptors"] + 4
    api.close()


def test_a_killed_engine_is_refused_clearly_and_comes_back(joey):
    api = Api(joey.url)
    deployment = api.deploy(unique("crash"), DOUBLE)
    (engine,) = joey.engines()
    os.kill(engine, signal.SIGKILL)
    refused = []

    def serves_again():
        response = deployment.post([{"tensor": [1, 2, 3]}])
        if response.status_code == 200:
            return engine not in joey.engines() and response.json()[0]["out.result"] == [2, 4, 6]
        assert response.status_code == 503
        (document,) = response.json()
        refused.append(document)
        return False

    wait_until(serves_again, what="the successor of the killed engine")
    for document in refused:
        assert document["code"] == 503 and document["msg"] and document["hint"]
    wait_until(lambda: deployment.status()["status"] == "Running", what="the status")
    deployment.undeploy()
    api.close()


def test_a_replacement_under_load_fails_no_request(api):
    name = unique("swap")
    deployment = api.deploy(name, DOUBLE)
    wrong, seen = [], set()
    enough = threading.Event()

    def client():
        own = Api(str(api.http.base_url))
        deployed = Deployment(own, deployment.pipeline, deployment.version, deployment.id, name)
        while not enough.is_set():
            response = deployed.post([{"tensor": [1, 2, 3]}])
            if response.status_code != 200:
                wrong.append(response.text)
                continue
            seen.add(tuple(response.json()[0]["out.result"]))
        own.close()

    threads = [threading.Thread(target=client) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: wrong or (2, 4, 6) in seen, what="the first version")
        api.deploy(name, TRIPLE, wait=False)
        wait_until(lambda: wrong or (3, 6, 9) in seen, what="the second version")
        wait_until(lambda: len(deployment.status()["engines"]) == 1, what="the end of the first version")
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert seen == {(2, 4, 6), (3, 6, 9)}
    deployment.undeploy()

"""Conformance case of an engine that serves on its own, as at an edge (guide L8841-8909)."""

import json
import subprocess

import harness
import httpx
import pytest
from cases_judge import Case

pytestmark = pytest.mark.xdist_group("cases")


@pytest.fixture
def edge(tmp_path):
    """edge(deployment document) → URL of an engine without a joey serve"""
    started = []

    def start(document):
        number = len(started)
        file, ready = tmp_path / f"deployment{number}.json", tmp_path / f"ready{number}"
        file.write_text(json.dumps(document))
        command = [harness.binary(), "engine", "--deployment", file, "--ready-file", ready]
        started.append(subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL))
        harness.wait_until(ready.exists, what="the ready file")
        return f"http://{ready.read_text()}"

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


def post(url, body):
    """As the recording did it: without saying what is accepted."""
    headers = {"Content-Type": harness.RECORDS}
    request = httpx.Request("POST", f"{url}/pipelines/edge-pipeline", content=body, headers=headers)
    assert "accept" not in request.headers
    with httpx.Client(timeout=60) as client:
        answer = client.send(request)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_edge_houseprice_records(edge, cases, tmp_path):
    case = Case(cases, "edge-houseprice-records")
    layout = case.check("layout")["value"]
    last_model = json.loads(layout["metadata"]["last_model"])
    model = {
        "name": last_model["model_name"],
        "version": "3a03dc94-716e-46bb-84c8-91bc99ceb2c3",
        "sha": last_model["model_sha"],
    }
    files = {"path": str(case.file("rf_model.onnx")), "runtime": "onnx", "tensor_fields": ["tensor"]}
    document = {
        "deployment": "edge-1",
        "partition": layout["metadata"]["partition"],
        "pipeline": {"name": "edge-pipeline", "version": "", "topic": "edge"},
        "steps": [{"ModelInference": {"models": [model]}}],
        "models": [{**model, **files}],
        "logs": None,
    }
    body = case.file("xtest-1k.df.json").read_bytes()
    records = post(edge({**document, "check_column": "check_failures"}), body)
    case.observed["values"] = [record["out"]["variable"][0] for record in records]
    recorded = json.loads(case.file("edge_answer.head50.json").read_text())
    for record, other in zip(records, recorded):
        assert list(record) == list(other) == layout["record"]
        assert record["in"] == other["in"]
        assert record["out"] == {"variable": pytest.approx(other["out"]["variable"], rel=1e-6)}
        assert record["metadata"] == other["metadata"] | {"elapsed": record["metadata"]["elapsed"]}
        assert record["check_failures"] == other["check_failures"] == []
    metadata = records[0]["metadata"]
    assert len(metadata["elapsed"]) == 2
    assert list(metadata) == list(layout["metadata"])
    case.observed["layout"] = {
        "record": list(records[0]),
        "metadata": metadata,
        "check_failures": records[0]["check_failures"],
    }
    later = post(edge(document), body)[0]
    case.observed["layout_later"] = {"record": list(later), "anomaly": later["anomaly"]}
    assert later["anomaly"] == {"count": 0}
    case.judge(tmp_path)

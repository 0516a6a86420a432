"""A Python step inside an engine: what one that hangs may hold up, and what not."""

import json
import threading

import httpx
import pytest
from harness import Engine, wait_until

RECORDS = {"Content-Type": "application/json; format=pandas-records"}
HANGS = """
import time

def wallaroo_json(data: pd.DataFrame):
    first = data["x"][0]
    if first < 0:
        print("hangs now", flush=True)
    while first < 0:
        time.sleep(0.1)
    return [{"y": first}]
"""


@pytest.fixture
def engine(tmp_path):
    """With one thread that reads requests."""
    script = tmp_path / "step.py"
    script.write_text(HANGS)
    engine = Engine(tmp_path, [script], cpus=1)
    engine.document["models"][0]["runtime"] = "python"
    engine.start()
    yield engine
    assert engine.stop() == 0, engine.log.read_text()


def test_a_step_that_hangs_holds_up_no_other_connection(engine):
    answers = []

    def infer(value):
        body = json.dumps([{"x": value}])
        answers.append(httpx.post(engine.url + engine.path, content=body, headers=RECORDS, timeout=60))

    # The first request an engine gets: nothing is known yet of how long they take.
    hanging = threading.Thread(target=infer, args=(-1,))
    hanging.start()
    wait_until(lambda: "hangs now" in engine.log.read_text(), what="the step")
    for path in ("healthz", "readyz", "pipelines", "models"):
        assert httpx.get(f"{engine.url}/{path}", timeout=60).status_code == 200
    assert hanging.is_alive() and not answers
    hanging.join()
    assert answers[0].status_code == 504, answers[0].text
    infer(3)
    assert answers[1].json()[0]["out"] == {"y": 3}

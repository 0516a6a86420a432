"""Documents of deployment configurations."""

import json
from typing import Any

import pytest

from wallaroo.deployment_config import DeploymentConfigBuilder
from wallaroo.engine_config import Architecture
from wallaroo.exceptions import InvalidRequestError


class FakeModel:
    def name(self) -> str:
        return "bert"

    def id(self) -> int:
        return 28


MODEL: Any = FakeModel()


def test_empty_builder() -> None:
    assert DeploymentConfigBuilder().build() == {
        "engine": {},
        "enginelb": {},
        "engineAux": {"images": {}},
        "node_selector": {},
    }
    assert DeploymentConfigBuilder(3).build()["workspace_id"] == 3


def test_engine() -> None:
    config = (
        DeploymentConfigBuilder()
        .replica_count(2)
        .cpus(0.25)
        .memory("1GiB")
        .gpus(1)
        .deployment_label("gpu:true")
        .arch(Architecture.ARM)
        .image("engine:1")
        .python_load_timeout_secs(1.5)
        .build()
    )
    amounts = {"cpu": 0.25, "memory": "1GiB", "nvidia.com/gpu": 1}
    assert config["engine"] == {
        "replicas": 2,
        "cpu": 0.25,
        "gpu": 1,
        "resources": {"limits": amounts, "requests": amounts},
        "node_selector": "gpu:true",
        "arch": "arm",
        "image": "engine:1",
        "python": {"load_timeout_millis": 1500},
    }
    json.dumps(config)


def test_autoscale() -> None:
    builder = DeploymentConfigBuilder().replica_count(1)
    builder.replica_autoscale_min_max(minimum=2, maximum=5).autoscale_cpu_utilization(75)
    assert builder.build()["engine"]["autoscale"] == {
        "replica_min": 2,
        "replica_max": 5,
        "type": "cpu",
        "cpu_utilization": 75,
    }
    assert "autoscale" not in builder.disable_autoscale().build()["engine"]


def test_load_balancer_and_sidekick() -> None:
    config = (
        DeploymentConfigBuilder()
        .lb_cpus(0.5)
        .lb_memory("256Mi")
        .sidekick_cpus(MODEL, 2)
        .sidekick_memory(MODEL, "2Gi")
        .sidekick_gpus(MODEL, 1)
        .sidekick_env(MODEL, {"A": "b"})
        .sidekick_arch(MODEL, "x86")
        .build()
    )
    assert config["enginelb"]["resources"]["limits"] == {"cpu": 0.5, "memory": "256Mi"}
    amounts = {"cpu": 2, "memory": "2Gi", "nvidia.com/gpu": 1}
    assert config["engineAux"]["images"] == {
        "bert-28": {
            "resources": {"limits": amounts, "requests": amounts},
            "env": [{"name": "A", "value": "b"}],
            "arch": "x86",
        }
    }


def test_a_built_document_stays_as_it_is() -> None:
    builder = DeploymentConfigBuilder().cpus(1)
    first = builder.build()
    builder.cpus(2)
    assert first["engine"]["cpu"] == 1


def test_environment_seeds_builders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYMENT_CONFIG", '{"engine": {"replicas": 3}}')
    assert DeploymentConfigBuilder().build()["engine"] == {"replicas": 3}
    for wrong in ("{", "[]", "3", '{"engine": []}', '{"engineAux": {"images": 1}}'):
        monkeypatch.setenv("DEPLOYMENT_CONFIG", wrong)
        with pytest.raises(InvalidRequestError, match="DEPLOYMENT_CONFIG"):
            DeploymentConfigBuilder()
    monkeypatch.setenv("DEPLOYMENT_CONFIG", '{"engine": null, "engineAux": {}}')
    assert DeploymentConfigBuilder().cpus(1).build()["engine"]["cpu"] == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b.replica_count(-1),
        lambda b: b.replica_count(1.5),
        lambda b: b.replica_count(True),
        lambda b: b.cpus(0),
        lambda b: b.cpus("1"),
        lambda b: b.cpus(float("nan")),
        lambda b: b.gpus(0.25),
        lambda b: b.memory("1 Gi"),
        lambda b: b.memory("lots"),
        lambda b: b.memory("1GB"),
        lambda b: b.memory(1024),
        lambda b: b.memory("0Gi"),
        lambda b: b.lb_memory("1GB"),
        lambda b: b.lb_cpus(-1),
        lambda b: b.sidekick_cpus("bert", 1),
        lambda b: b.sidekick_memory(MODEL, "much"),
        lambda b: b.sidekick_gpus(MODEL, 0.5),
        lambda b: b.sidekick_env(MODEL, ["A=b"]),
        lambda b: b.sidekick_env(MODEL, {"A=b": "c"}),
        lambda b: b.sidekick_arch(MODEL, "vax"),
        lambda b: b.arch("vax"),
        lambda b: b.replica_autoscale_min_max(maximum=1, minimum=2),
        lambda b: b.autoscale_cpu_utilization(50),
        lambda b: b.replica_autoscale_min_max(2).autoscale_cpu_utilization(0),
        lambda b: b.replica_autoscale_min_max(2).replica_count(3),
    ],
)
def test_bad_values_are_refused(call: Any) -> None:
    with pytest.raises(InvalidRequestError):
        call(DeploymentConfigBuilder())

"""What lists of the control plane cost: 20 workspaces, 200 pipelines with 5 versions each, 100 models.

Prints the median of every list call in milliseconds, as an owner of all and as an administrator, how the
number of pipelines changes it, the CPU time of `joey serve` for one call (which a busy machine does not
change), and the memory of `joey serve` over the rounds.

    .venv/bin/python bench/lists.py [--pipelines 200] [--rounds 5]
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))

import models  # noqa: E402
from harness import Api, Joey  # noqa: E402

WORKSPACES = 20
VERSIONS = 5
CALLS = 40


def memory_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


def cpu_ms(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def fill(api, pipelines):
    """The ids of the workspaces; each has its share of pipelines, with versions, models and tags."""
    workspaces = [
        api.post("/v1/api/workspaces/create", {"workspace_name": f"bench-{i}"})["workspace_id"]
        for i in range(WORKSPACES)
    ]
    tag = api.post("/v1/api/tags/create", {"tag": "bench"})["id"]
    models_of = {}
    for workspace in workspaces:
        ids = [api.upload(f"model-{i}", models.identity(), workspace_id=workspace) for i in range(5)]
        models_of[workspace] = api.post("/v1/api/models/get_version_by_id", {"model_version_id": ids[0]})
        api.post("/v1/api/tags/add_to_model", {"tag_id": tag, "model_id": ids[0]})
    for i in range(pipelines):
        workspace = workspaces[i % len(workspaces)]
        version = models_of[workspace]["model_version"]["model_version"]
        step = {"ModelInference": {"models": [{key: version[key] for key in ("name", "version", "sha")}]}}
        document = {"pipeline_id": f"pipeline-{i}", "workspace_id": workspace}
        definition = {"id": f"pipeline-{i}", "steps": [step]}
        for _ in range(VERSIONS):
            made = api.post("/v1/api/pipelines/create", document | {"definition": definition})
        if i % 10 == 0:
            api.post("/v1/api/tags/add_to_pipeline", {"tag_id": tag, "pipeline_id": made["pipeline_pk_id"]})
    return workspaces


def calls(workspaces):
    return {
        "workspaces/list": {},
        "workspaces/list, expanded": {"expand": True},
        "workspaces/get, expanded": {"workspace_id": workspaces[0], "expand": True},
        "pipelines/list": {},
        "pipelines/list of a workspace": {"workspace_id": workspaces[0]},
        "pipelines/search by tag": {"search_term": "bench"},
        "models/list": {"workspace_id": workspaces[0]},
        "models/search": {},
        "tags/list": {},
        "connections/list": {},
        "users/query": {},
    }


def measure(server, api, workspaces):
    """Median milliseconds, CPU milliseconds of the server and size of the answer by call."""
    out = {}
    for name, document in calls(workspaces).items():
        path = f"/v1/api/{name.partition(',')[0].partition(' ')[0]}"
        times, size, before = [], 0, cpu_ms(server.pid)
        for _ in range(CALLS):
            start = time.perf_counter()
            answer = api.http.post(path, json=document)
            times.append((time.perf_counter() - start) * 1000)
            answer.raise_for_status()
            size = len(answer.content)
        out[name] = statistics.median(times), (cpu_ms(server.pid) - before) / CALLS, size
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pipelines", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Joey(pathlib.Path(folder) / "data", auth="builtin").start()
        try:
            owner, administrator = (
                Api(server.url, server.command("token", "create", email, "--name", "bench"))
                for email in (
                    new_user(server, "owner@example.com"),
                    new_user(server, "administrator@example.com", "--administrator"),
                )
            )
            half = fill(owner, arguments.pipelines // 2)
            before = measure(server, owner, half)
            workspaces = fill(owner, arguments.pipelines - arguments.pipelines // 2)
            half_title = f"ms, {arguments.pipelines // 2} pipelines"
            print(f"| call | {half_title} | ms, all | CPU ms | administrator | KiB |")
            print("|---|---|---|---|---|---|")
            after, as_administrator = (
                measure(server, owner, workspaces),
                measure(server, administrator, workspaces),
            )
            for name, (time_ms, cpu, size) in after.items():
                cells = (before[name][0], time_ms, cpu, as_administrator[name][0], size / 1024)
                print(f"| {name} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |")
            memory = [memory_mib(server.pid)]
            for _ in range(arguments.rounds):
                measure(server, owner, workspaces)
                memory.append(memory_mib(server.pid))
            print("\nMiB of joey serve by round:", ", ".join(f"{value:.1f}" for value in memory))
        finally:
            server.close()


def new_user(server, email, *options):
    server.command("user", "create", email, "--no-password", *options)
    return email


if __name__ == "__main__":
    main()

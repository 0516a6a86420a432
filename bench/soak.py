"""What deployments go through in a long life, with figures: `python bench/soak.py redeploy|scale|cycles`.

redeploy   about --rate requests a second while the pipeline is deployed anew again and again: other models,
           an older version, more and fewer replicas, autoscaling. Every answer is checked: it must be of a
           version that was deployed while its request was under way. Prints what failed and latencies.
scale      --rate requests a second and few of them by turns, to a deployment that follows the load; the same
           checks, and how often the number of engines changed.
cycles     deploy, infer, undeploy --count times: what `joey serve` holds before and after.

Each starts a `joey serve` of its own on a free port and ends it. Exit status 1: a failure or a wrong answer.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import re
import socket
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import models  # noqa: E402
from harness import RECORDS, Api, Joey, processes, wait_until  # noqa: E402

FACTORS = (2.0, 3.0, 5.0)
THREADS = 4  # connections of one client process


class Connection:
    """One kept HTTP/1.1 connection; nothing is sent twice, so no failure can hide."""

    def __init__(self, port, path):
        self.head = f"POST {path}?dataset[]=*&dataset.separator=. HTTP/1.1\r\nHost: localhost\r\n"
        self.head += f"Content-Type: {RECORDS}\r\n"
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def post(self, body):
        self.socket.sendall(f"{self.head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        data = self.left
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        length = int(re.search(rb"(?i)content-length: (\d+)", data[:end])[1])
        while len(data) < end + 4 + length:
            data += self._more()
        self.left = data[end + 4 + length :]
        return int(data[9:12]), data[end + 4 : end + 4 + length]

    def _more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("closed")
        return piece


def client(port, path, shared, results):
    """A process of several threads that send `rate` requests a second together."""
    times, problems, counts = [], [], [0] * THREADS

    def run(number):
        connection = Connection(port, path)
        due = time.perf_counter() + number / shared["rate"].value
        while not shared["stop"].value and len(problems) < 20:
            now = time.perf_counter()
            if now < due:
                time.sleep(due - now)
            # A second may be made up for, no more.
            due = max(due + THREADS / shared["rate"].value, now - 1)
            first = shared["ready"].value
            row = [counts[number] % 1000, 1, number]
            start = time.perf_counter()
            try:
                status, body = connection.post(json.dumps([{"tensor": row}]))
            except OSError as error:
                problems.append(f"failed: {error!r}")
                connection = Connection(port, path)
                continue
            times.append(time.perf_counter() - start)
            counts[number] += 1
            possible = {shared["factors"][i] for i in range(first, shared["begun"].value + 1)}
            if status != 200:
                problems.append(f"failed: {status} {body[:200]!r}")
            elif json.loads(body)[0]["out.result"] not in [[f * x for x in row] for f in possible]:
                problems.append(f"wrong: {row} {body[:200]!r}, versions {sorted(possible)}")

    threads = [threading.Thread(target=run, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((sum(counts), times, problems))


class Redeploys:
    """Changes the deployment of one pipeline; a change is a function of this object."""

    def __init__(self, api, name):
        self.api, self.name = api, name
        self.versions = [api.upload(f"{name}-{i}", models.scale(f, 3)) for i, f in enumerate(FACTORS)]
        self.stored = []  # pipeline versions and the factor of each
        self.deployment = None

    def deploy(self, which, replicas=1, **engine):
        self.deployment = self.api.deploy_versions(
            self.name, [self.versions[which]], [], replicas=replicas, cpus=0.5, wait=False, **engine
        )
        self.stored.append((self.deployment.version, FACTORS[which]))

    def deploy_older(self):
        version, _ = self.stored[-2]
        document = {
            "deploy_id": self.name,
            "pipeline_version_pk_id": version,
            "pipeline_id": self.deployment.pipeline,
            "engine_config": {"engine": {"cpu": 0.5, "resources": {"limits": {"memory": "256Mi"}}}},
            "model_configs": [],
        }
        self.api.post("/v1/api/pipelines/deploy", document)
        self.stored.append(self.stored[-2])

    def finished(self):
        status = self.deployment.status()
        if status["status"] == "Error":
            raise RuntimeError(json.dumps(status))
        return status["status"] == "Running"


def change(redeploys, number):
    """The factor that answers after change `number`, and what to do for it."""
    which = number % len(FACTORS)
    scale = {"replica_min": 1, "replica_max": 3, "type": "cpu", "cpu_utilization": 60}
    kinds = [
        lambda: redeploys.deploy(which),
        lambda: redeploys.deploy(which, replicas=2),
        lambda: redeploys.deploy_older(),
        lambda: redeploys.deploy(which, autoscale=scale),
    ]
    kind = number % len(kinds)
    factor = redeploys.stored[-2][1] if kind == 2 else FACTORS[which]
    return factor, kinds[kind]


class Clients:
    """Client processes, and what they saw."""

    def __init__(self, joey, path, options):
        self.shared = {
            "stop": multiprocessing.Value("b", 0),
            "begun": multiprocessing.Value("i", 0),
            "ready": multiprocessing.Value("i", 0),
            "rate": multiprocessing.Value("d", options.rate / options.clients),
            "factors": multiprocessing.Array("d", 10000),
        }
        self.shared["factors"][0] = FACTORS[0]
        self.results = multiprocessing.Queue()
        self.processes = [
            multiprocessing.Process(target=client, args=(joey.port, path, self.shared, self.results))
            for _ in range(options.clients)
        ]
        self.start = time.monotonic()
        for process in self.processes:
            process.start()

    def passed(self):
        return time.monotonic() - self.start

    def report(self, **figures):
        """Ends them and prints what they saw; whether all was right."""
        self.shared["stop"].value = 1
        took = self.passed()
        answers = [self.results.get(timeout=60) for _ in self.processes]
        for process in self.processes:
            process.join()
        times = sorted(t for _, some, _ in answers for t in some)
        problems = [p for _, _, some in answers for p in some]
        figures |= {
            "requests": len(times),
            "per_second": round(len(times) / took),
            "failed": sum(p.startswith("failed") for p in problems),
            "wrong": sum(p.startswith("wrong") for p in problems),
            "p50_ms": round(times[len(times) // 2] * 1000, 2),
            "p99_ms": round(times[len(times) * 99 // 100] * 1000, 2),
            "max_ms": round(times[-1] * 1000, 1),
        }
        print(json.dumps(figures, indent=1))
        print("\n".join(problems[:10]))
        return not problems


def redeploy(joey, options):
    api = Api(joey.url)
    redeploys = Redeploys(api, "soak")
    for which in (1, 0):
        redeploys.deploy(which)
        wait_until(redeploys.finished, what="the first versions")
    clients = Clients(joey, redeploys.deployment.path, options)
    changes = 0
    while clients.passed() < options.seconds:
        changes += 1
        clients.shared["factors"][changes], act = change(redeploys, changes)
        clients.shared["begun"].value = changes
        act()
        wait_until(redeploys.finished, what=f"change {changes}")
        clients.shared["ready"].value = changes
        time.sleep(options.pause)
    good = clients.report(changes=changes)
    redeploys.deployment.undeploy()
    api.close()
    return good


def scale(joey, options):
    api = Api(joey.url)
    version = api.upload("scale", models.scale(FACTORS[0], 3))
    load = {"replica_min": 1, "replica_max": 4, "type": "cpu", "cpu_utilization": 30}
    deployment = api.deploy_versions("scale", [version], [], cpus=0.1, autoscale=load)
    clients = Clients(joey, deployment.path, options)
    numbers = [1]
    while clients.passed() < options.seconds:
        full = int(clients.passed() / options.phase) % 2 == 0
        clients.shared["rate"].value = (options.rate if full else options.rate / 40) / options.clients
        running = sum(engine["status"] == "Running" for engine in deployment.status()["engines"])
        if running != numbers[-1]:
            numbers.append(running)
        time.sleep(0.1)
    good = clients.report(engines=numbers)
    deployment.undeploy()
    api.close()
    return good


def held(joey):
    folder = pathlib.Path(f"/proc/{joey.pid}")
    files = [f for part in ("run", "uploads", "spool") for f in (joey.data / part).rglob("*") if f.is_file()]
    groups = [
        g
        for root in ("cpu/joey", "cpuacct/joey", "memory/joey", "joey")
        for g in pathlib.Path("/sys/fs/cgroup", root).glob("engine-*")
        if not (g / "cgroup.procs").read_text()
    ]
    return {
        "rss_kib": int(re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())[1]),
        "descriptors": len(os.listdir(folder / "fd")),
        "threads": len(os.listdir(folder / "task")),
        "processes": len(processes(joey.data)),
        "files": len(files),
        "empty_groups": len(groups),
    }


def cycles(joey, options):
    api = Api(joey.url)
    version = api.upload("cycle", models.scale(2, 3))
    states = {}
    for i in range(options.count + 1):
        if i in (0, 10, options.count // 2, options.count):
            # What the last engine left of its log is shipped in the background.
            wait_until(
                lambda: not [f for f in (joey.data / "spool").rglob("*") if f.is_file()], what="the spools"
            )
            states[f"after {i}"] = held(joey)
        if i == options.count:
            break
        deployment = api.deploy_versions("cycle", [version], [])
        if deployment.infer([{"tensor": [1, 2, 3]}])[0]["out.result"] != [2, 4, 6]:
            raise RuntimeError("a wrong answer")
        deployment.undeploy()
    api.close()
    print(json.dumps(states, indent=1))
    first, last = states["after 10"], states[f"after {options.count}"]
    grown = [
        key
        for key in last
        if key != "rss_kib" and last[key] > first[key] + (4 if key == "descriptors" else 0)
    ]
    if last["rss_kib"] > first["rss_kib"] + options.count * 20:
        grown.append("rss_kib")
    if grown:
        print("grown:", ", ".join(grown))
    return not grown


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["redeploy", "scale", "cycles"])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--clients", type=int, default=2, help="client processes")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two changes")
    parser.add_argument("--phase", type=float, default=15, help="seconds of much and of little load")
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="joey-soak-") as folder:
        joey = Joey(pathlib.Path(folder) / "data", ["--scale-up-seconds", "1", "--scale-down-seconds", "4"])
        joey.start()
        try:
            good = {"redeploy": redeploy, "scale": scale, "cycles": cycles}[options.what](joey, options)
        finally:
            left = joey.close()
    if left:
        print("left running:", *left)
    return 0 if good and not left else 1


if __name__ == "__main__":
    sys.exit(main())

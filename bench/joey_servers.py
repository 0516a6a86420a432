"""Joey in the comparison: an engine by itself, the gateway, and the engine behind it."""

import contextlib
import pathlib

import harness
from harness import Api, Joey
from servers import CPUS, Request, Server

# What infer() of the SDK asks for when it is not told otherwise, less the separator.
EVERYTHING = "dataset[]=*&dataset.exclude[]=metadata"


def engine_port(pid):
    """The port on which an engine of `joey serve` listens."""
    arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    ready = pathlib.Path(arguments[arguments.index("--ready-file") + 1])
    return int(ready.read_text().rpartition(":")[2])


LIMITS = ("cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.weight", "cpu.max")


@contextlib.contextmanager
def same_group(pid, like):
    """A process gets a CPU control group like another's, as the scheduler treats groups otherwise than
    processes that are in none."""
    for line in pathlib.Path(f"/proc/{like}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        root = pathlib.Path("/sys/fs/cgroup", controllers and "cpu")
        if controllers not in ("", "cpu") or not (root / path.strip("/") / "cgroup.procs").exists():
            continue
        if not any((root / path.strip("/") / limit).exists() for limit in LIMITS):
            continue
        model = root / path.strip("/")
        group = model.parent / f"bench-{pid}"
        before = pathlib.Path(f"/proc/{pid}/cgroup").read_text()
        group.mkdir()
        for limit in LIMITS:
            if (model / limit).exists():
                (group / limit).write_text((model / limit).read_text())
        (group / "cgroup.procs").write_text(str(pid))
        yield
        home = next(old.split(":", 2)[2] for old in before.splitlines() if old.split(":")[1] == controllers)
        (root / home.strip("/") / "cgroup.procs").write_text(str(pid))
        group.rmdir()
        return
    yield


class Engine(Server):
    """`joey engine` by itself, without logs."""

    name = "joey engine, no logs"
    path = "/pipelines/bench"

    def large(self):
        """As the SDK asks, with everything but the metadata; and for the outputs alone."""
        large = {}
        for kind, request in super().large().items():
            for name, datasets in ((kind, EVERYTHING), (f"{kind}, outputs only", "dataset[]=out")):
                large[name] = Request(f"{request.path}?{datasets}", request.body, request.headers)
        return large

    def start(self):
        folder = self.work.folder
        model = self.work.model
        self.engine = harness.Engine(folder, [model], ["tensor"], float(CPUS), name="bench").start()
        self.process = self.engine.process
        self.port = self.engine.port


class Gateway(Engine):
    """`joey serve`: the whole way, with every row in the log."""

    name = "joey gateway, logs on"

    def start(self):
        self.joey = Joey(self.work.folder / "data").start()
        self.process = self.joey.process
        self.api = Api(self.joey.url)
        model = self.work.model.read_bytes()
        deployment = self.api.deploy("bench", model, cpus=CPUS, memory="2Gi", tensor_fields=["tensor"])
        self.path = deployment.path
        self.port = self.joey.port

    def serving_pids(self):
        return [self.process.pid]

    def serving_engines(self):
        return self.joey.engines()

    def stop(self):
        self.api.close()
        self.joey.close()


class LoggingEngine(Engine):
    """The engine of that deployment, asked directly."""

    name = "joey engine, logs on"

    def __init__(self, work, gateway):
        super().__init__(work)
        self.gateway = gateway

    def start(self):
        (pid,) = self.gateway.serving_engines()
        self.port = engine_port(pid)
        self.process = self.gateway.process

    def serving_pids(self):
        return self.gateway.serving_engines()

    def stop(self):
        """Ended with the gateway."""

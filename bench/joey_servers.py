"""Joey in the comparison: an engine by itself, the gateway, and the engine behind it."""

import pathlib

import harness
from harness import Api, Joey
from servers import CPUS, Request, Server


def engine_port(pid):
    """The port on which an engine of `joey serve` listens."""
    arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    ready = pathlib.Path(arguments[arguments.index("--ready-file") + 1])
    return int(ready.read_text().rpartition(":")[2])


class Engine(Server):
    """`joey engine` by itself, without logs."""

    name = "joey engine, no logs"
    path = "/pipelines/bench"

    def large(self):
        large = super().large()
        for kind in list(large):
            request = large[kind]
            path = f"{request.path}?dataset[]=out"
            large[f"{kind}, outputs only"] = Request(path, request.body, request.headers)
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
        (pid,) = self.gateway.joey.engines()
        self.port = engine_port(pid)
        self.process = self.gateway.process

    def serving_pids(self):
        return self.gateway.joey.engines()

    def stop(self):
        """Ended with the gateway."""

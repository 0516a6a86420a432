"""`make bench`: Joey beside its peers, on the same model and the same rows, in one run.

All servers run at once and are asked in turn, round after round, so that a busy moment of the machine
hits all alike; every figure is the median of the rounds. The table goes to bench/results/latest.md, all
figures to latest.json. docs/TESTING.md says how to read them.
"""

import argparse
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import load  # noqa: E402
import models  # noqa: E402
import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import procs  # noqa: E402
import servers  # noqa: E402

CONNECTIONS = (1, 8, 32)
ROWS = 10_000
WIDTH = 29
RESULTS = ROOT / "bench/results"


def session_of(model, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def make_work(folder, model):
    if model is None:
        model = folder / "mlp.onnx"
        model.write_bytes(models.mlp(WIDTH))
    rows = np.random.default_rng(7).normal(size=(ROWS, WIDTH)).astype(np.float32)
    session = session_of(model)
    name, output = session.get_inputs()[0].name, session.get_outputs()[0].name
    expected = session.run([output], {name: rows})[0]
    return servers.Work(model, name, output, rows, expected, folder)


def runtime_alone(work):
    """ONNX Runtime called from Python, one thread: what no server can go below."""
    session = session_of(work.model)

    def measure(rows, calls):
        times = []
        for _ in range(calls):
            start = time.perf_counter()
            session.run(None, {work.input: rows})
            times.append((time.perf_counter() - start) * 1e6)
        return {"p50_us": statistics.median(times), "p99_us": sorted(times)[int(len(times) * 0.99)]}

    return {"one row": measure(work.rows[:1], 20_000), "many rows": measure(work.rows, 100)}


def check_answers(server):
    """Every server must say what the runtime says, else its speed means nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for kind, request in server.requests.items():
        body, headers = load.post(connection, request)
        answer = server.outputs(kind, body, headers).reshape(server.work.expected.shape)
        np.testing.assert_allclose(answer, server.work.expected, rtol=1e-5, atol=1e-6, err_msg=server.name)
    connection.close()


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    cpu = next(names, platform.machine())
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "commit": commit.stdout.strip(),
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def median_of(rounds):
    return {key: statistics.median(figures[key] for figures in rounds) for key in rounds[0]}


def measure(work, arguments):
    results, spins = {}, []
    with contextlib.ExitStack() as stack:
        gateway = servers.Gateway(work)
        everyone = [
            servers.Engine(work),
            gateway,
            servers.LoggingEngine(work, gateway),
            servers.HandWritten(work),
            servers.Triton(work),
        ]
        everyone = [server for server in everyone if wanted(server, arguments)]
        for server in everyone:
            print(f"starting {server.name}", flush=True)
            stack.callback(server.stop)
            server.start()
            server.prepare()
            own = [server.process.pid]
            if isinstance(server, servers.LoggingEngine):
                own = gateway.joey.engines()
            elif not isinstance(server, servers.Gateway):
                own = server.pids()
            server.own = own
            results[server.name] = {"idle_rss_mb": procs.rss_mb(own), "echoes_inputs": server.echoes_inputs}
            check_answers(server)
            load.one_row(server, 8, 1)
        one_row = {(server.name, c): [] for server in everyone for c in CONNECTIONS}
        many = {(server.name, kind): [] for server in everyone for kind in server.requests}
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", flush=True)
            for connections in CONNECTIONS:
                for server in everyone:
                    spins.append(load.spin())
                    figures = load.one_row(server, connections, arguments.seconds)
                    one_row[server.name, connections].append(figures)
            for server in everyone:
                for kind, request in server.requests.items():
                    many[server.name, kind].append(load.many_rows(server, request, arguments.repeats))
        for server in everyone:
            result = results[server.name]
            result["one_row"] = {c: median_of(one_row[server.name, c]) for c in CONNECTIONS}
            result["many_rows"] = {kind: median_of(many[server.name, kind]) for kind in server.requests}
            result["loaded_rss_mb"] = procs.rss_mb(server.own)
    return results, min(spins) / max(spins)


def wanted(server, arguments):
    needs_serve = isinstance(server, (servers.Gateway, servers.LoggingEngine))
    return not (arguments.no_serve and needs_serve) and not (
        arguments.no_triton and isinstance(server, servers.Triton)
    )


def rate(value):
    return f"{value / 1000:.1f}k"


def table(report):
    facts, runtime = report["machine"], report["runtime"]
    lines = [
        "# Joey beside its peers",
        "",
        f"{facts['cpu']}, {facts['cores']} cores shared with the load generator, {facts['memory_gib']} GiB, "
        f"Linux {facts['kernel']}; {facts['time']}, commit {facts['commit']}.",
        f"Model `{report['model']}`, 29 floats to 1. ONNX Runtime {facts['onnxruntime']} alone, from Python: "
        f"{runtime['one row']['p50_us']:.1f} µs for one row (p99 {runtime['one row']['p99_us']:.1f}), "
        f"{runtime['many rows']['p50_us'] / 1000:.2f} ms for {ROWS:,} rows on one thread.",
        f"Medians of {report['rounds']} rounds in which all servers took turns; slowest spin loop "
        f"{report['quiet']:.0%} of the fastest (below 90 %: the machine was busy with something else).",
        "",
        "## One row as JSON",
        "",
        "| server | "
        + " | ".join(f"{c} conn: req/s, p50, p99 µs" for c in CONNECTIONS)
        + " | CPU µs/req (8 conn) | RSS MB idle → loaded |",
        "|---|" + "---|" * (len(CONNECTIONS) + 2),
    ]
    for name, result in report["servers"].items():
        cells = [
            f"{rate(f['rps'])}, {f['p50_us']:.0f}, {f['p99_us']:.0f}" for f in result["one_row"].values()
        ]
        cells.append(f"{result['one_row'][8]['cpu_us']:.0f}")
        cells.append(f"{result['idle_rss_mb']:.0f} → {result['loaded_rss_mb']:.0f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    kinds = ["json", "json, outputs only", "arrow", "arrow, outputs only"]
    lines += [
        "",
        f"## {ROWS:,} × {WIDTH} rows in one request, median ms (CPU ms of the server)",
        "",
        "| server | " + " | ".join(kinds) + " |",
        "|---|" + "---|" * len(kinds),
    ]
    for name, result in report["servers"].items():
        found = result["many_rows"]
        if not result["echoes_inputs"]:
            found = {f"{kind}, outputs only": figures for kind, figures in found.items()}
        cells = [
            f"{found[kind]['median_ms']:.2f} ({found[kind]['cpu_ms']:.2f})" if kind in found else ""
            for kind in kinds
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Arrow: Arrow IPC file in and out; Triton: its binary tensors. Answers hold the inputs too unless",
        "the column says outputs only; Triton never sends them back. CPU: user and system time of the",
        "server and all its child processes; with logs on that includes shipping and storing every row.",
        "RSS: the serving processes, for the gateway `joey serve` alone.",
        "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each wrk run")
    parser.add_argument("--repeats", type=int, default=12, help="large requests in a round")
    parser.add_argument(
        "--model", type=pathlib.Path, help="an ONNX file of 29 floats to 1 instead of our own"
    )
    parser.add_argument("--no-triton", action="store_true", help="leave Triton out")
    parser.add_argument("--no-serve", action="store_true", help="leave joey serve out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="joey-bench-") as folder:
        work = make_work(pathlib.Path(folder), arguments.model)
        report = {
            "machine": machine(),
            "model": work.model.name,
            "rounds": arguments.rounds,
            "runtime": runtime_alone(work),
        }
        report["servers"], report["quiet"] = measure(work, arguments)
    text = table(report)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.md").write_text(text)
    (RESULTS / "latest.json").write_text(json.dumps(report, indent=1) + "\n")
    print("\n" + text)


if __name__ == "__main__":
    main()

"""The first table: Joey and its peers with one model, asked in turn."""

import contextlib
import http.client
import statistics
import subprocess
import time

import joey_servers
import load
import models
import numpy as np
import peers
import procs
import servers

CONNECTIONS = (1, 8, 32)
ROWS = 10_000
WIDTH = 29


def make_work(folder, model):
    if model is None:
        model = folder / "mlp.onnx"
        model.write_bytes(models.mlp(WIDTH))
    rows = np.random.default_rng(7).normal(size=(ROWS, WIDTH)).astype(np.float32)
    session = servers.session_of(model)
    name, output = session.get_inputs()[0].name, session.get_outputs()[0].name
    expected = session.run([output], {name: rows})[0]
    return servers.Work(model, name, output, rows, expected, folder)


def runtime_alone(work):
    """ONNX Runtime called from Python, one thread: what no server can go below."""
    session = servers.session_of(work.model)

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


def median_of(rounds):
    return {key: statistics.median(figures[key] for figures in rounds) for key in rounds[0]}


def _started(server, stack):
    """Starts a server; a peer that cannot run here is left out, with a word about why."""
    print(f"starting {server.name}", flush=True)
    stack.callback(server.stop)
    try:
        server.start()
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        if not isinstance(server, tuple(peers.ALL.values())):
            raise
        print(f"left out: {error}", flush=True)
        return str(error).splitlines()[0]
    server.prepare()
    server.idle_rss_mb = procs.rss_mb(server.serving_pids())
    check_answers(server)
    return None


def measure(work, arguments):
    """Figures by server name, names of those left out with the reason, and how quiet the machine was."""
    results, left_out, spins = {}, {}, []
    with contextlib.ExitStack() as stack:
        everyone = [joey_servers.Engine(work)]
        if not arguments.no_serve:
            gateway = joey_servers.Gateway(work)
            everyone += [gateway, joey_servers.LoggingEngine(work, gateway)]
        everyone += [peers.ALL[name](work) for name in arguments.peers]
        for server in list(everyone):
            if problem := _started(server, stack):
                left_out[server.name] = problem
                everyone.remove(server)
                continue
            results[server.name] = {
                "idle_rss_mb": server.idle_rss_mb,
                "echoes_inputs": server.echoes_inputs,
            }
            load.one_row(server, 8, 1)
        if not arguments.no_serve:
            (logging,) = gateway.serving_engines()
            stack.enter_context(joey_servers.same_group(everyone[0].process.pid, logging))
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
            result["one_row"] = {str(c): median_of(one_row[server.name, c]) for c in CONNECTIONS}
            result["many_rows"] = {kind: median_of(many[server.name, kind]) for kind in server.requests}
            result["loaded_rss_mb"] = procs.rss_mb(server.serving_pids())
    return results, left_out, min(spins) / max(spins)

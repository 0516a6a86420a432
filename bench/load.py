"""Load on one server: wrk with one row, one connection with ten thousand."""

import http.client
import json
import os
import pathlib
import statistics
import subprocess
import time

import procs

HERE = pathlib.Path(__file__).resolve().parent


def one_row(server, connections, seconds):
    """Requests of one row as JSON over some connections: rate, latencies, CPU time of the server."""
    url = f"http://127.0.0.1:{server.port}{server.path}"
    environment = dict(
        os.environ,
        BENCH_BODY=str(server.one_row_file),
        BENCH_CONTENT_TYPE=server.json_type,
        BENCH_ACCEPT=server.json_accept,
    )
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", HERE / "one_row.lua", url]
    pids = server.pids()
    before = procs.cpu_seconds(pids)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    used = procs.cpu_seconds(pids) - before
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    if figures["errors"] or not figures["requests"]:
        raise RuntimeError(f"{server.name}: {figures['errors']} errors\n{done.stdout}")
    return {
        "rps": figures["requests"] / (figures["duration_us"] / 1e6),
        "p50_us": figures["p50_us"],
        "p99_us": figures["p99_us"],
        "cpu_us": used / figures["requests"] * 1e6,
    }


def post(connection, request):
    connection.request("POST", request.path, request.body, request.headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{request.path}: {answer.status} {body[:300]}")
    return body, answer.headers


# Answers are read into this, so that the client's time is not that of finding memory for them.
BUFFER = memoryview(bytearray(64 << 20))


def drain(connection, request):
    connection.request("POST", request.path, request.body, request.headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{request.path}: {answer.status} {answer.read()[:300]}")
    while answer.readinto(BUFFER):
        pass


def many_rows(server, request, repeats):
    """The same large request several times, one after the other; times in ms."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    pids = server.pids()
    for _ in range(3):
        post(connection, request)
    before = procs.cpu_seconds(pids)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        drain(connection, request)
        times.append((time.perf_counter() - start) * 1e3)
    used = procs.cpu_seconds(pids) - before
    connection.close()
    return {"median_ms": statistics.median(times), "max_ms": max(times), "cpu_ms": used / repeats * 1e3}


def spin(seconds=0.2):
    """How far a busy loop comes: tells whether the machine was busy with something else."""
    end = time.perf_counter() + seconds
    count = 0
    while time.perf_counter() < end:
        count += 1
    return count

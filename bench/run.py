"""`make bench`: Joey beside its peers, and what its pipelines cost above the runtime.

All servers of the first table run at once and are asked in turn, round after round, so that a busy moment
of the machine hits all alike; every figure is the median of the rounds. The tables go to
bench/results/latest.md, all figures to latest.json; a table that is not measured this time is kept from the
last time. docs/TESTING.md says how to read them.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import comparison  # noqa: E402
import onnxruntime  # noqa: E402
import peers  # noqa: E402
import pipelines  # noqa: E402
import report  # noqa: E402

RESULTS = ROOT / "bench/results"


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


def compare_peers(folder, arguments):
    work = comparison.make_work(folder, arguments.model)
    runtime = comparison.runtime_alone(work)
    found, left_out, quiet = comparison.measure(work, arguments)
    return {
        "machine": machine(),
        "model": work.model.name,
        "rounds": arguments.rounds,
        "runtime": runtime,
        "servers": found,
        "left_out": left_out,
        "quiet": quiet,
    }


def cost_of_pipelines(folder, arguments):
    return {"machine": machine(), "rows": pipelines.measure(folder, arguments)}


TABLES = {
    "peers": (compare_peers, report.comparison),
    "pipelines": (cost_of_pipelines, report.pipelines),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--table", choices=TABLES, action="append", help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each wrk run")
    parser.add_argument("--repeats", type=int, default=12, help="large requests in a round")
    parser.add_argument(
        "--model", type=pathlib.Path, help="an ONNX file of 29 floats to 1 instead of our own"
    )
    parser.add_argument("--peers", nargs="*", choices=peers.ALL, default=list(peers.ALL))
    parser.add_argument("--no-serve", action="store_true", help="leave joey serve out of the first table")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / "latest.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    texts = []
    for name, (measure, describe) in TABLES.items():
        if arguments.table is None or name in arguments.table:
            with tempfile.TemporaryDirectory(prefix="joey-bench-") as folder:
                results[name] = measure(pathlib.Path(folder), arguments)
        if name in results:
            texts.append(describe(results[name]))
    text = "\n".join(texts)
    (RESULTS / "latest.md").write_text(text)
    kept.write_text(json.dumps({name: results[name] for name in TABLES if name in results}, indent=1) + "\n")
    print("\n" + text)


if __name__ == "__main__":
    main()

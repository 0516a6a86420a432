"""Where the time of one-row requests goes in a live engine: kernel, libraries, functions (perf; Linux).

Needs the Debian package linux-perf, and the right to use it (kernel.perf_event_paranoid <= 1, or root).
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import comparison  # noqa: E402
import joey_servers  # noqa: E402
import load  # noqa: E402


def shares(data, sort, lines):
    command = [
        "perf",
        "report",
        "-i",
        data,
        "--stdio",
        "--no-children",
        "-g",
        "none",
        "-t",
        ";",
        "--sort",
        sort,
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.strip() for line in found.splitlines() if "%" in line and not line.startswith("#")]
    return rows[:lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--keep", help="where to leave perf's file (for perf report, or a flame graph)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="joey-profile-") as folder:
        work = comparison.make_work(pathlib.Path(folder), None)
        engine = joey_servers.Engine(work)
        engine.start()
        try:
            engine.prepare()
            load.one_row(engine, arguments.connections, 1)
            data = arguments.keep or f"{folder}/perf.data"
            record = ["perf", "record", "-q", "-F", "997", "-g", "-o", data, "-p", str(engine.process.pid)]
            with subprocess.Popen([*record, "--", "sleep", str(arguments.seconds)]):
                figures = load.one_row(engine, arguments.connections, arguments.seconds)
        finally:
            engine.stop()
        print(f"{figures['cpu_us']:.1f} µs CPU a request, {figures['rps']:,.0f} requests/s")
        for sort, lines in (("dso", 10), ("dso,symbol", 30)):
            print("\n" + "\n".join(shares(data, sort, lines)))


if __name__ == "__main__":
    main()

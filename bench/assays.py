"""What an assay over many values costs: one window of 10 million rows out of the log of `joey serve`.

The rows are delivered as engines deliver them. Prints the seconds of a baseline of a tenth of them, of the
window, of numpy's sorting and counting of the same values in memory, and the memory of `joey serve`.

    .venv/bin/python bench/assays.py [--rows 10000000] [--inputs 1]
"""

import argparse
import datetime
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "sdk/python"))

import numpy as np  # noqa: E402
from assay_logs import MODEL, T0, AssayLog  # noqa: E402
from harness import Joey  # noqa: E402
from lists import memory_mib  # noqa: E402


def seconds_of(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def by_numpy(values):
    """Statistics, edges and counts of values in memory."""
    numbers = values.astype("float64")
    numbers.min(), numbers.max(), numbers.mean(), numbers.std(), np.median(numbers)
    edges = np.quantile(numbers, np.linspace(0, 1, 6), method="inverted_cdf")
    return np.bincount(np.searchsorted(edges, numbers), minlength=7)


def measure(log, rows, inputs):
    values = np.random.default_rng(1).normal(100, 15, rows).astype("float32")
    tenth = rows // 10
    window = T0 + datetime.timedelta(milliseconds=tenth)
    took, _ = seconds_of(lambda: log.append(values[:tenth], T0, inputs=inputs))
    took += seconds_of(lambda: log.append(values, window, inputs=inputs))[0]
    print(f"delivered {rows + tenth} rows of {inputs} inputs in {took:.1f} s")
    print(f"joey serve: {memory_mib(log.server.pid):.0f} MiB")
    builder = log.wl.build_assay("a", log.pipeline, MODEL, "output variable 0", T0, window)
    builder.window_builder().add_width(hours=24).add_start(window)
    builder.add_run_until(window + datetime.timedelta(hours=24))
    for _ in range(3):
        took, config = seconds_of(builder.build)
        print(f"baseline of {tenth} values: {took:.2f} s")
        took, runs = seconds_of(config.interactive_run)
        assert runs[0].window_summary["count"] == rows
        print(f"window of {rows} values: {took:.2f} s, score {runs[0].score:.2e}")
    print(f"joey serve: {memory_mib(log.server.pid):.0f} MiB")
    print(f"numpy, in memory: {seconds_of(lambda: by_numpy(values))[0]:.2f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--inputs", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Joey(pathlib.Path(folder) / "data").start()
        log = AssayLog(server)
        try:
            measure(log, options.rows, options.inputs)
        finally:
            log.close()
            server.close()


if __name__ == "__main__":
    main()

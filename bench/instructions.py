"""Instructions, allocations and copies of a request with one row: counted, not timed (docs/performance.md).

`--write` records what was counted in tests/instruction_budget.json, which tests/test_instructions.py holds
later builds to.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import harness  # noqa: E402
import models  # noqa: E402
import numpy as np  # noqa: E402
import pipeline_models  # noqa: E402

BUDGET = ROOT / "tests/instruction_budget.json"
WIDTH = 29
REQUESTS = 200
TOLERANCE = 0.10
LUCK = 1000  # instructions: a part that is short may meet a slow moment of malloc
RUNTIME = "libonnxruntime.so"
# The parts of bench/one_row/path.h by the names its program prints.
PARTS = {
    "head": "ReadHead",
    "body": "TakeBody",
    "parse": "ParseBody",
    "execute": "Execute",
    "log": "Log",
    "answer": "Answer",
    "end": "End",
}


def program(name="joey_one_row"):
    return harness.binary().parent / name


class Work:
    """A deployment of some models in a row, and a request of one row of random numbers for it."""

    def __init__(self, folder, steps, column="tensor", shape=(WIDTH,)):
        self.folder = pathlib.Path(folder)
        row = np.random.default_rng(7).normal(size=shape).astype(np.float32)
        self.body = self.folder / "body.json"
        self.body.write_text(json.dumps([{column: row.tolist()}], separators=(",", ":")))
        engine = harness.Engine(self.folder, steps, [column], name="bench")
        self.deployment = self.folder / "deployment.json"
        self.deployment.write_text(json.dumps(engine.document))

    def command(self, name, requests):
        spool = tempfile.mkdtemp(dir=self.folder)
        return [program(name), self.deployment, self.body, spool, str(requests)]


def network(folder):
    """What `make bench` sends to all servers: 29 floats, a small network."""
    return Work(folder, [models.mlp(WIDTH)])


def trees(folder):
    return Work(folder, [pipeline_models.trees()])


def chain(folder):
    return Work(folder, [models.scale(0.5, WIDTH, output="scaled"), models.mlp(WIDTH, name="scaled")])


def image(folder):
    return Work(folder, [pipeline_models.image_classifier()], "image", (3, 224, 224))


WORKS = {"network": network, "trees": trees, "chain": chain, "image": image}


def _run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def memory(work, requests=REQUESTS):
    """What each part of a request allocates and copies, as joey_one_row_counted prints it."""
    return json.loads(_run(work.command("joey_one_row_counted", requests)))


def profile(work, requests=REQUESTS, out=None):
    """Runs the requests under callgrind; the path of its file. Start and warm-up are left out."""
    out = out or work.folder / "callgrind.out"
    callgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-line=no"]
    callgrind += ["--separate-threads=yes"]  # threads of ONNX Runtime look around for work
    callgrind += ["--compress-strings=no", "--compress-pos=no", f"--callgrind-out-file={out}"]
    _run([*callgrind, *work.command("joey_one_row", requests)])
    return pathlib.Path(f"{out}-01")  # the thread that answers


class Costs:
    """A callgrind file, per request. `parts`: inclusive; `functions`: (object, function) → own cost."""

    def __init__(self, path, requests=REQUESTS):
        self.parts = dict.fromkeys(PARTS, 0.0)
        self.runtime = 0.0  # in and under ONNX Runtime
        self.functions = collections.Counter()
        current = {"ob": "", "fn": "", "cob": None, "cfn": ""}
        called = False
        for line in pathlib.Path(path).read_text().splitlines():
            key, separator, value = line.partition("=")
            if separator and key in ("ob", "fn", "cob", "cfn"):
                current[key] = value
                if key == "ob":
                    current["cob"] = None
            elif key == "calls":
                called = True
            elif line[:1].isdigit():
                cost = int(line.split()[1]) / requests
                if called:
                    self._call(current, cost)
                    called, current["cob"] = False, None
                else:
                    self.functions[os.path.basename(current["ob"]), current["fn"]] += cost
        self.total = sum(self.functions.values())

    def _call(self, current, cost):
        for part, method in PARTS.items():
            if f"one_row::Path::{method}(" in current["cfn"]:
                self.parts[part] += cost
        if RUNTIME in (current["cob"] or "") and RUNTIME not in current["ob"]:
            self.runtime += cost

    def objects(self):
        """Own cost by library, largest first."""
        sums = collections.Counter()
        for (name, _), cost in self.functions.items():
            sums[name] += cost
        return sums.most_common()


def figures(costs, memory_report):
    """What the budget holds: instructions of each part, allocations and copied bytes, per request."""
    instructions = {part: round(cost) for part, cost in costs.parts.items()}
    instructions["execute"] -= round(costs.runtime)
    instructions["runtime"] = round(costs.runtime)
    instructions["total"] = round(sum(costs.parts.values()))
    parts = memory_report["parts"].values()
    return {
        "instructions": instructions,
        "memory": {
            "allocations": round(sum(part["allocations"] for part in parts), 1),
            "copied_bytes": round(sum(part["copied_bytes"] for part in parts)),
        },
    }


def compare(measured, budget, tolerance=TOLERANCE):
    """(what is over the budget, what is so far below that the budget should be lowered), as lines."""
    over, under = [], []
    for group, allowed in budget.items():
        for name, limit in allowed.items():
            found = measured[group][name]
            line = (
                f"{group} of {name}: {found:,} a request, the budget is {limit:,} ({found / limit - 1:+.0%})"
            )
            slack = limit * tolerance
            if group == "instructions" and name != "total":
                slack = max(slack, LUCK)
            if found > limit + slack:
                over.append(line)
            elif found < limit - slack:
                under.append(line)
    return over, under


def tables(costs, memory_report, top):
    measured = figures(costs, memory_report)
    total = measured["instructions"]["total"]
    body = memory_report["body_bytes"]
    lines = [
        f"A body of {body} bytes, an answer of {memory_report['answer_bytes']}.",
        "",
        "| part | instructions | share | allocations | bytes allocated | copies | bytes copied |",
        "|---|---|---|---|---|---|---|",
    ]
    for part, counted in memory_report["parts"].items():
        cost = round(costs.parts[part])
        lines.append(
            f"| {part} | {cost:,} | {cost / total:.0%} | {counted['allocations']:.1f} | "
            f"{counted['allocated_bytes']:,.0f} | {counted['copies']:.1f} | {counted['copied_bytes']:,.0f} |"
        )
        if part == "execute":
            runtime = measured["instructions"]["runtime"]
            lines.append(f"| – of it in ONNX Runtime | {runtime:,} | {runtime / total:.0%} | | | | |")
    sums = measured["memory"]
    lines += [
        f"| **all** | {total:,} | 100% | {sums['allocations']:.1f} | | | {sums['copied_bytes']:,} |",
        "",
        f"Copies: calls of memcpy and memmove, {sums['copied_bytes'] / body:.2f} bytes for each of the body.",
        "",
        "| library | own instructions | share |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {cost:,.0f} | {cost / costs.total:.0%} |" for name, cost in costs.objects()[:8]]
    lines += ["", "| function | library | own instructions |", "|---|---|---|"]
    for (name, function), cost in costs.functions.most_common(top):
        lines.append(f"| `{function[:90]}` | {name} | {cost:,.0f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", choices=WORKS, default="network", help="which pipeline")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--write", action="store_true", help="record the figures as the new budget")
    parser.add_argument("--top", type=int, default=20, help="functions to show")
    parser.add_argument("--keep", type=pathlib.Path, help="leave callgrind's file as KEEP-01")
    arguments = parser.parse_args()
    if arguments.write and (arguments.work != "network" or arguments.requests != REQUESTS):
        parser.error("the budget is that of the small network")
    with tempfile.TemporaryDirectory(prefix="joey-instructions-") as folder:
        work = WORKS[arguments.work](folder)
        costs = Costs(profile(work, arguments.requests, arguments.keep), arguments.requests)
        report = memory(work, arguments.requests)
    print(tables(costs, report, arguments.top))
    if arguments.write:
        BUDGET.write_text(json.dumps(figures(costs, report), indent=1) + "\n")


if __name__ == "__main__":
    main()

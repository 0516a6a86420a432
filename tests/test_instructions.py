"""One request may not cost more instructions, allocations or copies than recorded (docs/performance.md)."""

import json
import sys
import warnings

import pytest
from harness import ROOT, binary

sys.path.insert(0, str(ROOT / "bench"))

import instructions  # noqa: E402


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    cache = binary().parent / "CMakeCache.txt"
    if cache.exists() and "CMAKE_BUILD_TYPE:STRING=Release" not in cache.read_text():
        pytest.skip("instructions are counted in a release build")
    assert instructions.program().exists(), f"{instructions.program()} is missing: run `make build`"
    return instructions.network(tmp_path_factory.mktemp("instructions"))


def test_budget_of_one_row(work):
    report = instructions.memory(work)
    ((record,),) = (json.loads(report["answer"]),)
    assert len(record["in"]["tensor"]) == instructions.WIDTH and 0 < record["out"]["dense_1"][0] < 1
    costs = instructions.Costs(instructions.profile(work))
    measured = instructions.figures(costs, report)
    assert min(measured["instructions"].values()) > 0, measured
    over, under = instructions.compare(measured, json.loads(instructions.BUDGET.read_text()))
    if under:
        advice = "record it with `python bench/instructions.py --write`"
        warnings.warn("cheaper than the budget, " + advice + ":\n" + "\n".join(under), stacklevel=1)
    assert not over, "\n".join(over)


def test_budget_is_compared():
    budget = {
        "instructions": {"head": 2000, "parse": 20000, "total": 50000},
        "memory": {"allocations": 10},
    }
    measured = {
        "instructions": {"head": 2990, "parse": 22010, "total": 54990},
        "memory": {"allocations": 8},
    }
    over, under = instructions.compare(measured, budget)
    assert over == ["instructions of parse: 22,010 a request, the budget is 20,000 (+10%)"]
    assert under == ["memory of allocations: 8 a request, the budget is 10 (-20%)"]


def test_callgrind_file_is_read(tmp_path):
    file = tmp_path / "callgrind.out"
    file.write_text(
        "events: Ir\n"
        "ob=/x/joey_one_row\nfl=main.cc\nfn=Serve\n0 20\n"
        "cfn=joey::one_row::Path::Execute()\ncalls=2 0\n0 300\n"
        "cfn=joey::one_row::Path::Log()\ncalls=2 0\n0 50\n"
        "fn=joey::one_row::Path::Execute()\n0 100\n"
        "cob=/x/libonnxruntime.so.1\ncfn=Run\ncalls=2 0\n0 200\n"
        "fn=joey::one_row::Path::Log()\n0 50\n"
        "ob=/x/libonnxruntime.so.1\nfn=Run\n0 150\n"
        "cfn=inner\ncalls=2 0\n0 50\n"
        "fn=inner\n0 50\n"
    )
    costs = instructions.Costs(file, requests=2)
    assert costs.parts["execute"] == 150 and costs.parts["log"] == 25 and costs.runtime == 100
    assert costs.total == 185
    assert costs.objects()[0] == ("libonnxruntime.so.1", 100)

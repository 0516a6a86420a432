"""Runs the unit tests (ctest) and the flows (pytest) of one preset and sums them up.

The last line is "N passed, N failed, N skipped"; the exit status is 1 when anything failed or nothing ran.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Flows that are about metadata run a second time with PostgreSQL.
ON_POSTGRESQL = ["tests/test_api.py", "tests/test_sdk_flow.py", "tests/test_deployments.py"]

# What the tests of a preset need in their environment; settings of the caller's own win. Of libraries
# that are not ours, and compiled without ThreadSanitizer, it sees only half.
SETTINGS = {
    "asan": {
        "ASAN_OPTIONS": "quarantine_size_mb=32",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "JOEY_TEST_MEMORY": "1Gi",
    },
    "tsan": {"TSAN_OPTIONS": "ignore_noninstrumented_modules=1", "JOEY_TEST_MEMORY": "1Gi"},
}

# What the tests of a preset need in their environment; settings of the caller's own win. Of libraries
# that are not ours, and compiled without ThreadSanitizer, it sees only half.
SETTINGS = {
    "asan": {
        "ASAN_OPTIONS": "quarantine_size_mb=32",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "JOEY_TEST_MEMORY": "1Gi",
    },
    "tsan": {"TSAN_OPTIONS": "ignore_noninstrumented_modules=1", "JOEY_TEST_MEMORY": "1Gi"},
}


def count(report):
    """Passed, failed and skipped tests of a JUnit report."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def run(name, command, report, environment):
    report.unlink(missing_ok=True)
    print(f"-- {name}", flush=True)
    status = subprocess.run(command, cwd=ROOT, env=environment).returncode
    passed, failed, skipped = count(report) if report.exists() else (0, 0, 0)
    if status != 0 and failed == 0:
        print(f"{name} ended with status {status}")
        failed = 1
    return passed, failed, skipped


def flows(name, pytest, report, environment):
    return run(name, [*pytest, f"--junitxml={report}"], report, environment)


def lint():
    print("-- lint", flush=True)
    status = subprocess.run([sys.executable, "scripts/lint.py", "--quick"], cwd=ROOT).returncode
    return (0, 1, 0) if status else (1, 0, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", nargs="?", default="release")
    parser.add_argument(
        "--lint", action="store_true", help="count a lint without clang-tidy as one more test"
    )
    arguments = parser.parse_args()
    build = ROOT / "build" / arguments.preset
    environment = {"JOEY_BIN": str(build / "joey")} | SETTINGS.get(arguments.preset, {}) | os.environ
    reports = build / "test-reports"
    reports.mkdir(exist_ok=True)
    ctest = [
        "ctest",
        "--test-dir",
        str(build),
        "--output-on-failure",
        "--no-tests=error",
        "--progress",
    ]
    ctest += [
        "-j",
        str(os.cpu_count()),
        "--timeout",
        "120" if arguments.preset == "release" else "900",
        "--output-junit",
        str(reports / "ctest.xml"),
    ]
    pytest = [sys.executable, "-m", "pytest", "-q", "-n", "2"]
    totals = [lint()] if arguments.lint else []
    totals += [
        run("unit tests", ctest, reports / "ctest.xml", environment),
        flows("flows", pytest, reports / "pytest.xml", environment),
        flows(
            "flows on PostgreSQL",
            pytest + ON_POSTGRESQL,
            reports / "postgresql.xml",
            dict(environment, JOEY_TEST_METADATA="postgresql"),
        ),
    ]
    passed, failed, skipped = (sum(column) for column in zip(*totals))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())

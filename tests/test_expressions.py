"""Validations against polars itself: random expressions on random tables, release by release.

Each release has an environment in the cache folder, made when first needed. What Joey answers must be what
polars answers; what it refuses is counted, so that the comparison cannot become empty.
"""

import json
import math
import os
import pathlib
import re
import subprocess
import sys
from itertools import repeat

import pytest
from harness import binary

VERSIONS = ["0.18.15", "0.19.19", "0.20.31", "1.0.0", "1.22.0", "1.31.0", "1.44.2", "2.1.0"]
ORACLE = pathlib.Path(__file__).with_name("polars_oracle.py")
SEED = int(os.environ.get("JOEY_SEED", "20"))
TABLES = int(os.environ.get("JOEY_TABLES", "10"))
EXPRESSIONS = 50
# Signs in the text of an expression that polars before 0.20 wrote it.
OLD_SIGNS = re.compile(r'"(?:Int32|Int64|Float64|Utf8|auto_explode)":')
# Errors of polars that are its own defects: a panic, one value beside many in fill_null().
DEFECTS = re.compile("^PanicException|doesn't match the DataFrame height")
# polars adds and divides floats in an order of its own: relative and absolute tolerance.
TOLERANCES = {"f32": (2e-5, 5e-5), "f64": (1e-9, 1e-9)}


def cache():
    folder = os.environ.get("JOEY_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(folder) if folder else pathlib.Path(home, "joey")


def polars_of(version):
    """The Python of an environment with that polars; skips the test when it cannot be had."""
    folder = cache() / f"polars-{version}"
    python = folder / "bin/python"
    if not (folder / "ready").exists():
        system = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"polars=={version}"]
        try:
            for command in ([system, "-m", "venv", folder], install):
                subprocess.run(command, check=True, capture_output=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"polars {version} cannot be installed: {error}")
        (folder / "ready").touch()
    return python


def same(got, wanted, precision):
    if isinstance(wanted, float) and isinstance(got, (int, float)) and not isinstance(got, bool):
        relative, absolute = TOLERANCES[precision]
        return math.isclose(got, wanted, rel_tol=relative, abs_tol=absolute)
    return got == wanted


def comparable(version, check):
    """Whether what polars says is more than a defect of that release, and Joey can know the release."""
    if version.startswith(("0.18", "0.19")) and not OLD_SIGNS.search(check["text"]):
        return False
    if version == "1.31.0" and "error" in check and "when(" in check["shown"]:
        return False  # later releases, whose text has the same form, skip branches that no row takes
    return not DEFECTS.search(check.get("error", ""))


def differences(version, name, checks, answers):
    """What Joey says otherwise than polars."""
    for number, (check, answer) in enumerate(zip(checks, answers, strict=True)):
        if "error" in answer or not comparable(version, check):
            continue
        shown = f"polars {version}, table {name}, expression {number}: {check['shown']}\n  {check['text']}"
        precision = "f32" if "f32" in check["shown"] or "Float32" in check["shown"] else "f64"
        if "error" in check:
            yield f"{shown}\n  polars: {check['error']}\n  Joey: {answer['values']}"
        elif not all(map(same, answer["values"], check["values"], repeat(precision))):
            yield f"{shown}\n  polars: {check['values']}\n  Joey:   {answer['values']}"


@pytest.mark.parametrize("version", VERSIONS)
def test_same_as_polars(version, tmp_path):
    python = polars_of(version)
    evaluate = binary().with_name("joey_expression_eval")
    command = [python, ORACLE, str(SEED), str(TABLES), str(EXPRESSIONS), tmp_path]
    # Panics of polars print backtraces.
    subprocess.run(command, check=True, capture_output=True, timeout=120, env={"RUST_BACKTRACE": "0"})
    wrong, answered, refused = [], 0, 0
    for table in sorted(tmp_path.glob("*.arrow")):
        texts, out = table.with_suffix(".json"), table.with_suffix(".out")
        subprocess.run([evaluate, table, texts, out], check=True, timeout=60)
        checks, answers = json.loads(texts.read_text()), json.loads(out.read_text())
        wrong += differences(version, table.stem, checks, answers)
        answered += sum("values" in a for a in answers)
        refused += sum("error" in a and "values" in c for a, c in zip(answers, checks, strict=True))
    assert not wrong, f"{len(wrong)} differ from polars:\n" + "\n".join(wrong[:10])
    assert answered > 0.4 * TABLES * EXPRESSIONS, f"only {answered} were answered, {refused} refused"

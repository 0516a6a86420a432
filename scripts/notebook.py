"""Writes examples/*.ipynb out of the .py files beside them, whose cells start with `# %%`.

usage: notebook.py [--check]
"""

import json
import re
import sys

from check_tree import ROOT


def cells(text):
    for number, part in enumerate(re.split(r"(?m)^# %%", text)[1:]):
        head, _, body = part.partition("\n")
        body = body.strip("\n")
        markdown = "[markdown]" in head
        if markdown:
            body = re.sub(r"(?m)^# ?", "", body)
        cell = {
            "cell_type": "markdown" if markdown else "code",
            "id": f"cell-{number}",
            "metadata": {},
            "source": re.sub(r"  # noqa: \w+", "", body).splitlines(keepends=True),
        }
        yield cell if markdown else cell | {"execution_count": None, "outputs": []}


def notebook(text):
    document = {
        "cells": list(cells(text)),
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def outdated(write):
    found = []
    for script in sorted((ROOT / "examples").glob("*.py")):
        target = script.with_suffix(".ipynb")
        wanted = notebook(script.read_text())
        if not target.exists() or target.read_text() != wanted:
            found.append(target)
            if write:
                target.write_text(wanted)
    return found


def main():
    check = "--check" in sys.argv[1:]
    for path in outdated(write=not check):
        print(f"{path}: " + ("differs from its .py, run scripts/notebook.py" if check else "written"))
        if check:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

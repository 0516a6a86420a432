"""Habits of the repository that no compiler checks. Each function gives what is wrong, one line each."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Hosts of package registries, written so that this file does not name one itself.
HOSTS = [
    "deb.debian",
    "security.debian",
    "pypi",
    "pythonhosted",
    "crates",
    "npmjs",
    "docker",
    "ghcr",
]
FOREIGN = re.compile(
    r"(?:^|[\s\"'=(:])/(?:work|root)/|\b(?:" + "|".join(map(re.escape, HOSTS)) + r")\.(?:org|io|com)\b",
    re.MULTILINE,
)


def tracked(root):
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [root / name for name in listed.stdout.splitlines() if (root / name).is_file()]


def foreign_names(root):
    """No path of a machine, no registry host."""
    problems = []
    for path in tracked(root):
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for found in FOREIGN.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            problems.append(f"{path}:{line}: names a place of one machine or a registry: {found[0].strip()}")
    return problems


def folder_readmes(root):
    """A README.md of at most 30 lines in each folder of src/."""
    problems = []
    for folder in sorted({path.parent for path in (root / "src").glob("*/*.cc")}):
        readme = folder / "README.md"
        if not readme.is_file():
            problems.append(f"{folder}: has no README.md (purpose, files, threads)")
        elif (lines := len(readme.read_text().splitlines())) > 30:
            problems.append(f"{readme}: {lines} lines, at most 30 are read by anybody")
    return problems


def number(expression):
    """The value of a C++ or of a documented limit: `4 << 20`, `std::size_t{1} << 30`, `32 KiB`."""
    text = re.sub(r"(?:std::)?\w+_t\{(\d+)\}", r"\1", expression.strip().strip("`"))
    text = text.replace("'", "").replace(",", "")
    for unit, factor in {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}.items():
        text = text.replace(unit, f"* {factor}")
    if not re.fullmatch(r"[\d\s*+<().-]+", text):
        raise ValueError(f"{expression!r} is not a number this script reads")
    return eval(text, {"__builtins__": {}})


def limits(root):
    """src/base/limits.h and docs/LIMITS.md hold the same names and values."""
    header = root / "src/base/limits.h"
    page = root / "docs/LIMITS.md"
    pattern = r"(?m)^inline constexpr [\w:]+ (k\w+)\s*=\s*([^;]+);"
    coded = {name: number(value) for name, value in re.findall(pattern, header.read_text())}
    rows = re.findall(r"(?m)^\| `?(k\w+)`? \| ([^|]+) \|", page.read_text())
    described = {name: number(value) for name, value in rows}
    problems = [f"{page}: {name} of {header.name} is missing" for name in coded.keys() - described.keys()]
    problems += [f"{page}: {header.name} has no {name}" for name in described.keys() - coded.keys()]
    problems += [
        f"{page}: {name} is {described[name]} here and {coded[name]} in {header.name}"
        for name in coded.keys() & described.keys()
        if coded[name] != described[name]
    ]
    return sorted(problems)


CHECKS = [foreign_names, folder_readmes, limits]


def main():
    problems = [problem for check in CHECKS for problem in check(ROOT)]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

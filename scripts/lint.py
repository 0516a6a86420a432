"""Everything `make lint` looks at; `--fix` formats instead of complaining.

clang-tidy is slow, so its good results are remembered by the content of a file and all it includes, in a
cache that clones share: a lint costs what was changed since.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import os
import pathlib
import re
import subprocess
import sys

import check_layers
import check_tree

ROOT = check_tree.ROOT
SRC = ROOT / "src"
BENCH = ROOT / "bench"
CLANG_FORMAT = "clang-format-14"
CLANG_TIDY = "clang-tidy-14"
BUILD = ROOT / "build/release"


def sources(*endings, folders=(SRC,)):
    return [
        path
        for path in check_tree.tracked(ROOT)
        if path.suffix in endings and any(folder in path.parents for folder in folders)
    ]


def run(command):
    """What the command printed, if it failed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return [] if done.returncode == 0 else [(done.stdout + done.stderr).strip()]


def clang_format(fix):
    mode = ["-i"] if fix else ["--dry-run", "-Werror", "--ferror-limit=1"]
    return run([CLANG_FORMAT, *mode, *map(str, sources(".h", ".cc", folders=(SRC, BENCH)))])


def ruff(fix):
    ruff = [sys.executable, "-m", "ruff"]
    check = run([*ruff, "check", "-q", *(["--fix"] if fix else []), "."])
    return check + run([*ruff, "format", "-q", *([] if fix else ["--check"]), "."])


@functools.cache
def closure(path):
    """The file and all files of src/ that it includes, directly or not."""
    found, open_ends = {path}, [path]
    while open_ends:
        for _, included in check_layers.includes(open_ends.pop()):
            other = SRC / included
            if other.is_file() and other not in found:
                found.add(other)
                open_ends.append(other)
    return sorted(found)


def tidy_key(path):
    key = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for name in ("scripts/packages.txt", "scripts/requirements.txt", "cmake/JoeyCompiler.cmake"):
        key.update((ROOT / name).read_bytes())
    for part in closure(path):
        key.update(part.relative_to(ROOT).as_posix().encode())
        key.update(part.read_bytes())
    return key.hexdigest()


def tidy_one(path, cache):
    done = cache / tidy_key(path)
    if done.exists():
        return []
    # gcc's warnings are gcc's business; -w leaves only the checks of .clang-tidy.
    tool = ["nice", CLANG_TIDY, "--quiet", "--extra-arg=-w", "-p", str(BUILD), str(path)]
    problems = run(tool)
    if not problems:
        done.touch()
    return [re.sub(r"\d+ warnings.* generated\.\n?", "", text) for text in problems]


def clang_tidy(fix):
    if fix:
        return []
    if not (BUILD / "compile_commands.json").exists():
        problems = run(["cmake", "--preset", "release"])
        if problems:
            return problems
    home = os.environ.get("JOEY_CACHE") or pathlib.Path(
        os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "joey"
    )
    cache = pathlib.Path(home, "clang-tidy")
    cache.mkdir(parents=True, exist_ok=True)
    files = [path for path in sources(".cc") if not path.stem.endswith("_test")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [text for texts in pool.map(lambda path: tidy_one(path, cache), files) for text in texts]


def layers(fix):
    return check_layers.check(SRC)


def tree(fix):
    return [problem for check in check_tree.CHECKS for problem in check(ROOT)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fix", action="store_true")
    parser.add_argument(
        "--quick", action="store_true", help="without clang-tidy, which takes minutes when cold"
    )
    arguments = parser.parse_args()
    fix = arguments.fix
    checks = [clang_format, ruff] if fix else [layers, tree, clang_format, ruff]
    if not fix and not arguments.quick:
        checks.append(clang_tidy)
    failed = False
    for check in checks:
        problems = check(fix)
        failed = failed or bool(problems)
        print(f"{check.__name__}: {'ok' if not problems else 'FAILED'}")
        for problem in problems:
            print(problem)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""The layers of src/ include only downwards.

The order is that of the joey_layer() lines in src/CMakeLists.txt, lowest first; cli and main.cc stand
above all of them. usage: check_layers.py [SRC]
"""

import pathlib
import re
import sys

TOP = "cli"


def order(src):
    """Layers, lowest first."""
    return re.findall(r"(?m)^joey_layer\((\w+)", (src / "CMakeLists.txt").read_text())


def includes(path):
    """(line number, included path) of the file's own includes."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if found := re.match(r'\s*#\s*include\s*"([^"]+)"', line):
            yield number, found[1]


def check(src):
    """What is wrong, one line each."""
    layers = order(src)
    rank = {name: place for place, name in enumerate(layers)} | {TOP: len(layers)}
    problems = []
    for path in sorted([*src.rglob("*.h"), *src.rglob("*.cc")]):
        inside = path.relative_to(src)
        layer = inside.parts[0] if len(inside.parts) > 1 else TOP
        if layer not in rank:
            problems.append(f"{path}: folder {layer} is no layer of {src / 'CMakeLists.txt'}")
            continue
        for number, included in includes(path):
            other = included.split("/")[0]
            if not (src / included).is_file():
                problems.append(f'{path}:{number}: "{included}" is not a path below {src}')
            elif rank.get(other, len(rank)) > rank[layer]:
                problems.append(f"{path}:{number}: {layer} must not include {included}: {other} is above it")
    return problems


def main():
    src = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1] / "src"
    problems = check(src)
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

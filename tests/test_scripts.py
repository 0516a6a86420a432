"""The checks of `make lint` find what they are there for."""

import sys

import pytest
from harness import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import check_layers  # noqa: E402
import check_tree  # noqa: E402
import fetch_onnxruntime_headers as headers  # noqa: E402
import notebook  # noqa: E402


@pytest.fixture
def src(tmp_path):
    src = tmp_path / "src"
    for name in ("base", "data", "api", "cli"):
        (src / name).mkdir(parents=True)
        (src / name / "a.h").write_text("#pragma once\n")
    (src / "CMakeLists.txt").write_text(
        "joey_layer(base)\njoey_layer(data DEPS joey_base)\njoey_layer(api)\n"
    )
    return src


def test_layers_downwards(src):
    (src / "data/b.cc").write_text('#include <vector>\n#include "base/a.h"\n#include "data/a.h"\n')
    (src / "main.cc").write_text('#include "cli/a.h"\n#include "api/a.h"\n')
    assert check_layers.check(src) == []


@pytest.mark.parametrize(("layer", "bad"), [("base", "data/a.h"), ("data", "api/a.h"), ("api", "cli/a.h")])
def test_layers_upwards(src, layer, bad):
    (src / layer / "b.cc").write_text(f'#include "base/a.h"\n  #  include "{bad}"\n')
    (problem,) = check_layers.check(src)
    assert problem.startswith(f"{src}/{layer}/b.cc:2: {layer} must not include {bad}")


def test_layers_unknown(src):
    (src / "misc").mkdir()
    (src / "misc/a.h").write_text("")
    (src / "data/b.cc").write_text('#include "a.h"\n')
    problems = check_layers.check(src)
    assert len(problems) == 2
    assert "misc is no layer" in problems[1]
    assert '"a.h" is not a path below' in problems[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("32 * 1024", 32768),
        ("4 << 20", 4194304),
        ("std::size_t{8} << 30", 8 << 30),
        ("std::int64_t{2} << 30", 2 << 30),
        ("10'000", 10000),
        ("`10,000`", 10000),
        ("8 KiB", 8192),
        ("0.5", 0.5),
    ],
)
def test_numbers(text, value):
    assert check_tree.number(text) == value


def test_limits_page(tmp_path):
    (tmp_path / "src/base").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "src/base/limits.h").write_text(
        "inline constexpr int kSame = 8 * 1024;\ninline constexpr int kOther =\n    2;\n"
        "inline constexpr std::size_t kMissing = 3;\n"
    )
    (tmp_path / "docs/LIMITS.md").write_text(
        "| `kSame` | 8 KiB | x |\n| `kOther` | 1 | x |\n| `kOld` | 1 | x |\n"
    )
    problems = [problem.partition(": ")[2] for problem in check_tree.limits(tmp_path)]
    assert problems == [
        "kMissing of limits.h is missing",
        "kOther is 1 here and 2 in limits.h",
        "limits.h has no kOld",
    ]


def test_private_source_is_made_of_the_machines_own():
    deb822 = (
        "# comment\nTypes: deb deb-src\nURIs: http://mirror.example/debian\n"
        "Suites: bookworm bookworm-updates\n"
        "Components: main contrib\nSigned-By: /keys/a.gpg\n\n"
        "Types: deb\nURIs: http://other.example\nSuites: x\n"
    )
    assert headers.from_deb822(deb822, "bookworm") == (
        "Types: deb\nUris: http://mirror.example/debian\nSuites: trixie\nComponents: main\n"
        "Signed-By: /keys/a.gpg\n"
    )
    assert headers.from_deb822(deb822, "sid") is None
    source = "http://m.example/debian bookworm main"
    lines = f"deb-src {source}\ndeb [arch=amd64 signed-by=/k.gpg] {source}\n"
    assert headers.from_one_line(lines, "bookworm") == (
        "Types: deb\nUris: http://m.example/debian\nSuites: trixie\nComponents: main\nSigned-By: /k.gpg\n"
    )
    assert headers.from_one_line("deb http://m.example/debian bookworm main", "bookworm") == (
        "Types: deb\nUris: http://m.example/debian\nSuites: trixie\nComponents: main\n"
    )


def test_notebooks_are_those_of_the_examples():
    assert notebook.outdated(write=False) == [], "run scripts/notebook.py"

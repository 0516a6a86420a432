"""Importing the package must stay cheap, counted in modules, not in seconds."""

import subprocess
import sys

CHECK = """
import sys
{statement}
heavy = ["pandas", "pyarrow", "numpy", "http.client", "ssl", "asyncio", "dateutil"]
print(",".join(m for m in heavy if m in sys.modules))
print(len([m for m in sys.modules if m.startswith("wallaroo")]))
"""


def run(statement: str) -> list[str]:
    out = subprocess.run(
        [sys.executable, "-c", CHECK.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
    )
    return out.stdout.split("\n")


def test_import_loads_nothing_heavy() -> None:
    heavy, own = run("import wallaroo")[:2]
    assert heavy == ""
    assert int(own) <= 2


def test_client_loads_no_data_library() -> None:
    heavy = run("import wallaroo; wallaroo.Client()")[0].split(",")
    assert not {"pandas", "pyarrow", "numpy"} & set(heavy)


def test_names_of_the_guide_are_there_after_a_plain_import() -> None:
    out = run(
        "import wallaroo; wallaroo.deployment_config.DeploymentConfigBuilder; "
        "wallaroo.DeploymentConfigBuilder; wallaroo.engine_config.Architecture.ARM; "
        "wallaroo.framework.Framework.ONNX; wallaroo.object.EntityNotFoundError; "
        "wallaroo.Client; wallaroo.client.Client"
    )
    assert out[0].find("pandas") < 0


def test_unknown_name_is_an_attribute_error() -> None:
    import pytest

    import wallaroo

    with pytest.raises(AttributeError, match="nothing_like_it"):
        wallaroo.nothing_like_it  # noqa: B018
    assert "Client" in dir(wallaroo)


def test_examples_in_docstrings() -> None:
    import doctest

    from wallaroo import deployment_config, framework

    for module in (deployment_config, framework):
        result = doctest.testmod(module)
        assert result.attempted
        assert not result.failed

"""The public client, wallaroo 2023.4.2, unchanged: signs in at Joey and makes its calls that are REST only.

It is installed into the cache outside of the clone, with the versions it works with; without it the tests
are skipped.
"""

import json
import os
import pathlib
import subprocess
import venv

import pytest
from harness import unique
from identity import PASSWORD, Browser

VERSIONS = [
    "appdirs==1.4.4",
    "attrs==26.1.0",
    "backoff==2.2.1",
    "gql==3.5.3",
    "graphql-core==3.2.6",
    "httpx==0.28.1",
    "ipython==9.18.1",
    "matplotlib==3.11.2",
    "numpy==2.4.6",
    "orjson==3.13.0",
    "pandas==3.1.1",
    "polars==0.19.19",
    "pyarrow==26.0.1",
    "PyJWT==2.15.1",
    "python-dateutil==4.0.0",
    "PyYAML==6.0.3",
    "requests==2.34.2",
    "requests-toolbelt==1.0.0",
    "scipy==1.17.1",
    "seaborn==0.13.2",
    "tenacity==9.2.1",
    "urllib3==2.8.0",
]


@pytest.fixture(scope="session")
def public_python():
    """The Python that has the public client."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    cache = pathlib.Path(os.environ.get("JOEY_CACHE") or pathlib.Path(base) / "joey")
    folder = cache / "wallaroo-2023.4.2"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        if os.environ.get("JOEY_OFFLINE") == "1":
            pytest.skip("the public client is not installed and JOEY_OFFLINE=1")
        venv.create(folder, with_pip=True)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        for packages in (VERSIONS, ["--no-deps", "wallaroo==2023.4.2"]):
            done = subprocess.run([*pip, *packages], capture_output=True, text=True, timeout=280)
            if done.returncode != 0:
                pytest.skip(f"the public client cannot be installed: {done.stderr[-300:]}")
        (folder / "complete").touch()
    return python


@pytest.fixture
def public(public_python, identity, tmp_path):
    """Runs a script with the public client `wl`; what it printed as JSON in its last line."""

    def environment(**more):
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        where = {"WALLAROO_URL": identity.url, "WALLAROO_AUTH_URL": identity.url}
        return {**keep, **where, "XDG_CACHE_HOME": str(tmp_path / "cache"), "MPLBACKEND": "agg", **more}

    def start(auth_type, script, **more):
        text = f"import json, wallaroo\nwl = wallaroo.Client(auth_type={auth_type!r})\n{script}\n"
        return subprocess.Popen(
            [public_python, "-u", "-c", text],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(**more),
        )

    def run(auth_type, script, **more):
        process = start(auth_type, script, **more)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out
        return json.loads(out.splitlines()[-1])

    run.start = start
    return run


def test_password(public, identity):
    ann = identity.user()
    script = "print(json.dumps([wl.auth.user_email(), len(wl.list_workspaces())]))"
    found = public("user_password", script, WALLAROO_USER=ann, WALLAROO_PASSWORD=PASSWORD)
    assert found == [ann, 0]


def test_device_code(public, identity):
    ann = identity.user()
    process = public.start("sso", "print(json.dumps(wl.auth.user_email()))")
    line = process.stdout.readline()
    while line and "user_code=" not in line:
        line = process.stdout.readline()
    browser = Browser(identity.url)
    browser.sign_in(ann, path=line.strip().removeprefix(identity.url))
    browser.submit(decision="allow")
    out, _ = process.communicate(timeout=120)
    assert "Login successful!" in out
    assert json.loads(out.splitlines()[-1]) == ann


def test_calls_that_are_rest_only(public, identity):
    root, bob = identity.user("--administrator"), identity.user()
    name = unique("public")
    script = f"""
found = wl.get_user_by_email({bob!r})
wl.deactivate_user({bob!r})
gone = wl.get_user_by_email({bob!r})
wl.activate_user({bob!r})
back = wl.get_user_by_email({bob!r})
created = wl.create_workspace({name!r})
names = [workspace.id() for workspace in wl.list_workspaces()]
states = [found.enabled(), gone.enabled(), back.enabled()]
print(json.dumps([found.email(), states, wl.get_user_by_email("nobody@example.com"), created.id() in names]))
"""
    found = public("user_password", script, WALLAROO_USER=root, WALLAROO_PASSWORD=PASSWORD)
    assert found == [bob, [True, False, True], None, True]

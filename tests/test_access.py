"""Who may call what: docs/access.md, the server's own table, and each role against every path."""

import re

import harness
import pytest

pytestmark = pytest.mark.xdist_group("shared-joey")


def operations(api):
    document = api.http.get("/v1/api/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def test_docs_list_every_path(api):
    wanted = sorted(
        f"| {method} {path} | {operation['x-access']} |" for path, method, operation in operations(api)
    )
    text = (harness.ROOT / "docs" / "access.md").read_text()
    kept = [line for line in text.splitlines() if re.match(r"\| (GET|POST|PUT|DELETE) /", line)]
    assert kept == wanted, "docs/access.md should have:\n" + "\n".join(wanted)


def test_rules_name_keys_of_their_requests(api):
    """A rule with a misspelt key would check nothing."""
    for path, method, operation in operations(api):
        keys = re.findall(r"`(.+?)`", operation["x-access"])
        known = {f"{{{p['name']}}}" for p in operation.get("parameters", [])}
        content = operation.get("requestBody", {}).get("content", {})
        for body in content.values():
            known |= set(body["schema"].get("properties", {}))
        if "multipart/form-data" in content:
            known |= {"workspace_id"}  # inside the part `metadata`
        assert set(keys) <= known, (method, path)

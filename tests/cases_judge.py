"""A conformance case: what was observed, judged by the cases' own compare.py."""

import html
import json
import re
import subprocess
import sys

import wallaroo


class Case:
    def __init__(self, folder, name):
        self.folder = folder / name
        self.expected = json.loads((self.folder / "expected.json").read_text())
        self.observed = {}

    def file(self, name):
        return self.folder / name

    def check(self, id):
        return next(c for c in self.expected["checks"] if c["id"] == id)

    def frame(self, id, frame, marked=None):
        """Observe a DataFrame for a check of kind infer_rows: the rows that it lists, or those
        for which the column `marked` holds."""
        numbers = [row["index"] for row in self.check(id)["rows"]]
        if marked is not None:
            numbers = [i for i, value in enumerate(frame[marked]) if value]
        rows = []
        for number in numbers:
            cells = frame.iloc[number].items()
            rows.append({"index": number, **{k: plain(v) for k, v in cells}})
        self.observed[id] = {"columns": list(frame.columns), "n_rows": len(frame), "rows": rows}

    def judge(self, tmp_path, by_hand=()):
        """Every check was run by compare.py and none failed; advisory ones may differ.

        compare.py cannot judge checks of kind text and parallel, nor volatile values deep inside an
        answer: the test says by their names that it has done so.
        """
        actual = tmp_path / "actual.json"
        actual.write_text(json.dumps(self.observed))
        done = subprocess.run(
            [sys.executable, self.folder.parent / "compare.py", self.folder, actual],
            capture_output=True,
            text=True,
        )
        said = done.stdout + done.stderr
        verdicts = {}
        for line in done.stdout.splitlines():
            if not line.startswith(" "):
                word, _, id = line.rpartition(" ")
                verdicts[id] = word.strip()
        for check in self.expected["checks"]:
            if check["id"] in by_hand:
                assert check["kind"] in ("text", "parallel") or "volatile" in check, check["id"]
                continue
            allowed = {"ok", "differs (advisory)"} if check.get("advisory") else {"ok"}
            assert verdicts.get(check["id"]) in allowed, said
        assert done.returncode == 0, said
        assert re.search(r"\b0 failed\b", said), said


def plain(value):
    """A cell as JSON has it."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def shown(thing):
    """Names and values of an object's display in a notebook."""
    pairs = re.findall(r"<tr><th>(.*?)</th><td>(.*?)</td></tr>", thing._repr_html_())
    return [[html.unescape(name), html.unescape(value)] for name, value in pairs]


SMALL = wallaroo.DeploymentConfigBuilder().cpus(0.25).memory("512Mi").build()


def deploy(wl, undeployed, name, *steps, config=SMALL):
    pipeline = wl.build_pipeline(name)
    for model in steps:
        pipeline.add_model_step(model)
    undeployed.append(pipeline)
    return pipeline.deploy(deployment_config=config)

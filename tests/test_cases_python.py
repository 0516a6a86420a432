"""Conformance case of a Python step (guide L4844-4942, L6958-7004)."""

import datetime
import textwrap

import harness
import pandas as pd
import pyarrow as pa
import pytest
import wallaroo
from cases_judge import SMALL, Case
from wallaroo.framework import Framework

pytestmark = pytest.mark.xdist_group("cases")

# Gives the value of dense_2 under the name output, one row for each of its input.
STEP = """
    import pandas as pd


    def wallaroo_json(data: pd.DataFrame):
        values = data["dense_2"].tolist()
        return [{"output": [float(v[0] if hasattr(v, "__len__") else v)]} for v in values]
"""


def test_python_step_rename_output(check_joey, cases, undeployed, tmp_path):
    wl = wallaroo.Client(check_joey.url, interactive=False)
    wl.set_current_workspace(wl.create_workspace(harness.unique("case")))
    case = Case(cases, "python-step-rename-output")
    file = tmp_path / "step.py"
    file.write_text(textwrap.dedent(STEP))
    house = wl.upload_model("house-price-prime", case.file("house_price_keras.onnx"), Framework.ONNX)
    house.configure(tensor_fields=["tensor"])
    step = wl.upload_model("python-step", str(file), framework=Framework.PYTHON).configure(
        "python",
        input_schema=pa.schema([pa.field("dense_2", pa.list_(pa.float64()))]),
        output_schema=pa.schema([pa.field("output", pa.list_(pa.float32()))]),
    )
    assert step.config().runtime() == "python"
    assert step.config().output_schema().names == ["output"]
    pipeline = wl.build_pipeline("python-step-demo").add_model_step(house)
    undeployed.append(pipeline)
    data = pd.read_json(case.file("house.df.json"))
    pipeline.deploy(deployment_config=SMALL)
    case.frame("model_only", pipeline.infer(data))
    pipeline.undeploy()
    pipeline.clear()
    pipeline.add_model_step(step).deploy(deployment_config=SMALL)
    case.frame("step_only", pipeline.infer(pd.read_json(case.file("step_input.df.json"))))
    pipeline.clear()
    pipeline.add_model_step(house).add_model_step(step)
    pipeline.undeploy()
    pipeline.deploy(deployment_config=SMALL)
    start = datetime.datetime.now(datetime.timezone.utc)
    case.frame("both", pipeline.infer(data))
    pipeline.infer(data)
    end = datetime.datetime.now(datetime.timezone.utc)
    case.frame("logs_range", pipeline.logs(start_datetime=start, end_datetime=end))
    case.judge(tmp_path, by_hand={"upload"})

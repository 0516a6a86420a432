"""What a notebook does, through the SDK and the real server."""

import contextlib
import datetime
import io
import threading

import harness
import models
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import wallaroo
from joey_fixtures import SMALL
from wallaroo import exceptions
from wallaroo.deployment_config import DeploymentConfigBuilder
from wallaroo.framework import Framework

pytestmark = pytest.mark.xdist_group("shared-joey")


@pytest.fixture
def wl(joey_url):
    client = wallaroo.Client(joey_url, interactive=False)
    client.set_current_workspace(client.create_workspace(harness.unique("flow")))
    return client


@pytest.fixture
def upload(wl, tmp_path):
    """upload(name, model bytes) → model version"""

    def send(name, content, **arguments):
        file = tmp_path / f"{name}.onnx"
        file.write_bytes(content)
        return wl.upload_model(name, file, Framework.ONNX, **arguments)

    return send


@pytest.fixture
def deploy(wl):
    """deploy(*model versions) → running pipeline, undeployed after the test"""
    made = []

    def start(*steps, config=SMALL, name=None):
        pipeline = wl.build_pipeline(name or harness.unique("pipe"))
        for model in steps:
            pipeline.add_model_step(model)
        made.append(pipeline)
        return pipeline.deploy(deployment_config=config)

    yield start
    for pipeline in made:
        pipeline.undeploy()


# Workspaces


def test_default_workspace(joey_url):
    first, second = wallaroo.Client(joey_url), wallaroo.Client(joey_url)
    workspace = first.get_current_workspace()
    assert workspace.name() == "default@ex.co - Default Workspace"
    assert workspace.users() == ["default@ex.co"]
    assert second.get_current_workspace() == workspace


def test_workspaces(wl, upload):
    name = harness.unique("ws")
    one, two = wl.create_workspace(name), wl.create_workspace(name)
    assert one.id() != two.id()
    listed = [w for w in wl.list_workspaces() if w.name() == name]
    assert listed == [one, two]
    assert wl.set_current_workspace(listed[1]) == two
    upload("model-a", models.identity())
    pipeline = wl.build_pipeline("pipe-a")
    assert [m.name() for m in two.models()] == ["model-a"]
    assert [p.id() for p in two.pipelines()] == [pipeline.id()]
    assert two.models()[0].versions()[0].file_name() == "model-a.onnx"
    text = repr(wl.get_current_workspace())
    assert text.startswith(f"{{'name': '{name}', 'id': {two.id()}, 'archived': False")
    assert "'models': [{'name': 'model-a'" in text
    assert "'pipelines': [{'name': 'pipe-a'" in text
    row = next(
        r for r in wl.list_workspaces().to_pandas().itertuples(index=False) if r.Name == name and r.Models
    )
    assert (row.Users, row.Models, row.Pipelines) == (["default@ex.co"], 1, 1)
    assert wl.get_workspace(name) == one


@pytest.mark.parametrize("name", ["", "a.b", "a_b", "ü", "a b", "x" * 64, "<b>"])
def test_bad_workspace_names(wl, name):
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        wl.create_workspace(name)
    assert caught.value.status == 400
    assert caught.value.hint


# Models


def test_upload(wl, upload):
    content = models.multiple([("a", "float32", (3,)), ("b", "int64", (2,))])
    model = upload("two-inputs", content)
    assert (model.name(), model.file_name()) == ("two-inputs", "two-inputs.onnx")
    assert model.status() == "ready"
    assert model.image_path() is None
    assert model.arch() is None
    assert len(model.version()) == 36
    assert len(model.sha()) == 64
    age = datetime.datetime.now(datetime.timezone.utc) - model.last_update_time()
    assert datetime.timedelta(-1) < age < datetime.timedelta(1)
    assert model.config().runtime() == "onnx"
    assert model.config().tensor_fields() is None
    assert str(model.inputs()) == "[a: float32[?, 3], b: int64[?, 2]]"
    assert [f.name for f in model.outputs] == ["a_out", "b_out"]
    again = upload("two-inputs", content, arch="x86")
    assert again.version() != model.version()
    assert again.sha() == model.sha()
    assert again.arch() == "x86"
    (named,) = wl.list_models()
    assert named.versions() == [again, model]
    assert wl.list_models().to_pandas()["# of Versions"].tolist() == [2]
    assert wl.get_model("two-inputs") == again
    assert wl.get_model("two-inputs", model.version()) == model
    assert wl.model_version_by_name("two-inputs", model.version()) == model


def test_configure(upload):
    model = upload("configured", models.add_inputs(3))
    assert model.configure(tensor_fields=["x", "y"]) is model
    assert model.config().tensor_fields() == ["x", "y"]
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        model.configure(tensor_fields=["x"])
    assert "2" in str(caught.value)
    assert model.config().tensor_fields() == ["x", "y"]
    assert model.configure(batch_config="single").config().batch_config() == "single"
    with pytest.raises(exceptions.InvalidRequestError):
        model.configure(batch_config="double")


@pytest.mark.parametrize("name", ["", "a.b", "a_b", "Upper", "-a", "a-", "x" * 64, "../x"])
def test_bad_model_names(wl, tmp_path, name):
    file = tmp_path / "m.onnx"
    file.write_bytes(models.identity())
    with pytest.raises(exceptions.ModelUploadError) as caught:
        wl.upload_model(name, file)
    assert caught.value.status == 400
    assert caught.value.hint


@pytest.mark.parametrize(
    "content",
    [b"", b"no model at all", models.identity()[:-20], models.external_data()],
    ids=["empty", "text", "truncated", "external data"],
)
def test_bad_model_files(wl, upload, content):
    with pytest.raises(exceptions.ModelUploadError) as caught:
        upload("bad", content)
    assert caught.value.status == 400
    assert wl.list_models() == []


def test_unknown_names_suggest(wl, upload):
    model = upload("ccfraud", models.identity())
    with pytest.raises(exceptions.EntityNotFoundError) as caught:
        wl.get_model("ccfruad")
    assert "'ccfraud'" in caught.value.hint
    with pytest.raises(exceptions.EntityNotFoundError):
        wl.get_model("ccfruad", model.version())
    name = harness.unique("pipeline")
    wl.build_pipeline(name)
    with pytest.raises(exceptions.EntityNotFoundError) as caught:
        wl.pipelines_by_name(name + "x")
    assert name in caught.value.hint


# Pipelines


def test_life_of_a_pipeline(wl, upload, deploy):
    model = upload("scale", models.scale(2))
    name = harness.unique("life")
    pipeline = wl.build_pipeline(name)
    assert pipeline.status() == {"status": f"Pipeline {name} is not deployed"}
    assert dict(pipeline._fields())["deployed"] == "(unknown)"
    with pytest.raises(exceptions.InferenceError, match="not deployed"):
        pipeline.infer(pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]}))
    with pytest.raises(exceptions.PreconditionError):
        pipeline.deploy()
    pipeline.add_model_step(model)
    assert repr(pipeline).endswith(
        f"'definition': \"[{{'ModelInference': {{'models': [{{'name': 'scale', "
        f"'version': '{model.version()}', 'sha': '{model.sha()}'}}]}}}}]\"}}"
    )
    assert pipeline.deploy(deployment_config=SMALL) is pipeline
    status = pipeline.status()
    assert status["status"] == "Running"
    (engine,) = status["engines"]
    assert engine["pipeline_statuses"] == {"pipelines": [{"id": name, "status": "Running"}]}
    assert engine["model_statuses"] == {
        "models": [
            {
                "name": "scale",
                "version": model.version(),
                "sha": model.sha(),
                "status": "Running",
            }
        ]
    }
    assert {"details", "engine_lbs", "sidekicks"} <= set(status)
    assert pipeline.url() == pipeline._deployment._url()
    row = wl.list_pipelines().to_pandas().set_index("name").loc[name]
    assert (row["deployed"], row["steps"], row["published"]) == (True, "scale", False)
    assert len(row["versions"].split(", ")) == 2

    result = pipeline.infer(pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]}))
    assert list(result.columns) == ["time", "in.tensor", "out.result", "anomaly.count"]
    assert result["out.result"][0] == [2.0, 4.0, 6.0]
    assert len(pipeline.logs()) == 1

    elsewhere = wallaroo.Client(wl.api_endpoint, interactive=False).pipelines_by_name(name)[0]
    assert elsewhere.infer(pa.table({"tensor": [[1.0, 1.0, 1.0]]})).num_rows == 1

    assert pipeline.undeploy() is pipeline
    assert pipeline.status() == {"status": f"Pipeline {name} is not deployed"}
    for one in (pipeline, elsewhere):
        with pytest.raises(exceptions.InferenceError) as caught:
            one.infer(pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]}))
        assert "deploy()" in caught.value.hint
    assert len(pipeline.logs()) == 2
    assert wl.list_pipelines().to_pandas().set_index("name").loc[name]["deployed"] == False  # noqa: E712
    elsewhere.deploy(deployment_config=SMALL)
    assert pipeline.infer(pd.DataFrame({"tensor": [[3.0, 2.0, 3.0]]}))["out.result"][0][0] == 6
    pipeline.undeploy()


@pytest.mark.parametrize("name", ["", "a.b", "a_b", "Upper", "-a", "x" * 64])
def test_bad_pipeline_names(wl, name):
    with pytest.raises(exceptions.InvalidRequestError) as caught:
        wl.build_pipeline(name)
    assert caught.value.hint


def test_versions(wl, upload, deploy):
    double, triple = upload("double", models.scale(2)), upload("triple", models.scale(3))
    pipeline = deploy(double)
    data = pd.DataFrame({"tensor": [[1.0, 1.0, 1.0]]})
    assert pipeline.infer(data)["out.result"][0][0] == 2
    pipeline.clear().add_model_step(triple)
    assert pipeline.infer(data)["out.result"][0][0] == 2
    stored = pipeline.create_version()
    versions = pipeline.versions()
    assert len(versions) == 3
    assert versions[0].name() == stored.name()
    assert [dict(v._fields())["steps"] for v in versions] == ["triple", "double", ""]
    assert [v.deployed() for v in versions] == [False, True, False]
    assert pipeline.infer(data)["out.result"][0][0] == 2
    stored.deploy(pipeline.name(), stored.model_configs(), SMALL)
    assert pipeline.infer(data)["out.result"][0][0] == 3
    old = pipeline.versions()[1]
    old.deploy(pipeline.name(), old.model_configs(), SMALL)
    assert pipeline.infer(data)["out.result"][0][0] == 2
    models_now = pipeline.status()["engines"][0]["model_statuses"]["models"]
    assert [m["name"] for m in models_now] == ["double"]
    assert [v.deployed() for v in pipeline.versions()] == [False, True, False]
    found = wl.get_pipeline(pipeline.name(), old.name())
    assert [s.to_json() for s in found.steps()] == old.definition()["steps"]
    assert wl.pipeline_version_by_name(old.name()).definition() == old.definition()
    empty = pipeline.versions()[2]
    with pytest.raises(exceptions.PreconditionError):
        empty.deploy(pipeline.name(), empty.model_configs())


def test_swap_under_load(upload, deploy):
    pipeline = deploy(upload("plain", models.scale(1)))
    other = upload("other", models.scale(-1))
    data = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]})
    answers, failures, over = [], [], threading.Event()

    def ask():
        while not over.is_set():
            try:
                answers.append(pipeline.infer(data)["out.result"][0][0])
            except exceptions.JoeyError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    harness.wait_until(lambda: len(answers) > 20)
    pipeline.replace_with_model_step(0, other).deploy(deployment_config=SMALL)
    before = len(answers)
    harness.wait_until(lambda: len(answers) > before + 20)
    over.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(answers) == {1.0, -1.0}
    assert set(answers[-10:]) == {-1.0}


def test_deploy_asks_for_more_than_there_is(wl, upload):
    pipeline = wl.build_pipeline(harness.unique("greedy"))
    pipeline.add_model_step(upload("greedy", models.identity()))
    config = DeploymentConfigBuilder().cpus(4096).memory("1Gi").build()
    with pytest.raises(exceptions.DeploymentError, match="insufficient resources") as caught:
        pipeline.deploy(deployment_config=config)
    assert "4096" in str(caught.value)
    assert pipeline.status() == {"status": f"Pipeline {pipeline.name()} is not deployed"}


def test_progress(joey_url, upload, wl):
    loud = wallaroo.Client(joey_url, interactive=True)
    loud.set_current_workspace(wl.get_current_workspace())
    pipeline = loud.build_pipeline(harness.unique("loud"))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        pipeline.add_model_step(upload("loud", models.identity()))
        pipeline.deploy(deployment_config=SMALL)
        pipeline.undeploy()
    first, second = out.getvalue().splitlines()
    assert first.rstrip("ok").rstrip(" .") == "Waiting for deployment - this will take up to 45s"
    assert second.startswith("Waiting for undeployment - this will take up to 45s .")
    assert first.endswith(" ok") and second.endswith(" ok")


# Inference


def test_data_forms(upload, deploy):
    pipeline = deploy(upload("forms", models.scale(2)))
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    as_lists = pd.DataFrame({"tensor": rows.tolist()})
    as_arrays = pd.DataFrame({"tensor": list(rows)})
    for frame in (as_lists, as_arrays):
        result = pipeline.infer(frame)
        assert result["out.result"].tolist() == (rows * 2).tolist()
        assert result["in.tensor"].tolist() == rows.tolist()
        assert result["time"].dtype == np.dtype("datetime64[ms]")
    table = pa.table({"tensor": pa.array(rows.tolist(), pa.list_(pa.float32()))})
    fixed = pa.table({"tensor": pa.array(rows.tolist(), pa.list_(pa.float32(), 3))})
    for data in (table, fixed, table.to_batches()[0]):
        result = pipeline.infer(data)
        assert isinstance(result, pa.Table)
        assert result.column_names == ["time", "in.tensor", "out.result", "anomaly.count"]
        assert result.schema.field("time").type == pa.timestamp("ms")
        assert result.column("out.result").to_pylist() == (rows * 2).tolist()
    classic = pipeline.infer([{"tensor": rows[0].tolist()}])
    assert isinstance(classic, list)


def test_float32_is_given_exactly(upload, deploy):
    pipeline = deploy(upload("exact", models.identity(shape=(2,))))
    values = np.float32([[0.1, 1 / 3]])
    result = pipeline.infer(pd.DataFrame({"tensor": list(values)}))
    assert (np.float32(result["out.result"][0]) == values[0]).all()
    assert result["out.result"][0] == [0.1, 0.33333334]


def test_images(upload, deploy):
    pipeline = deploy(upload("image", models.image(3, 4, 5)))
    image = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    result = pipeline.infer(pd.DataFrame({"image": [image, image + 1]}))
    expected = image.mean(axis=(1, 2))
    assert np.allclose(result["out.mean"].tolist(), [expected, expected + 1])
    turned = image.transpose(2, 1, 0).copy().transpose(2, 1, 0)
    assert np.allclose(pipeline.infer(pd.DataFrame({"image": [turned]}))["out.mean"][0], expected)


def test_several_inputs(upload, deploy):
    pipeline = deploy(upload("sum", models.add_inputs(2)).configure(tensor_fields=["x", "y"]))
    result = pipeline.infer(pd.DataFrame({"y": [[1.0, 2.0]], "x": [[10.0, 20.0]]}))
    assert list(result.columns) == ["time", "in.x", "in.y", "out.sum", "anomaly.count"]
    assert result["out.sum"][0] == [11.0, 22.0]


def test_datasets(upload, deploy):
    pipeline = deploy(upload("datasets", models.scale(2)))
    data = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]})

    def columns(**arguments):
        return list(pipeline.infer(data, **arguments).columns)

    assert columns(dataset=["*", "metadata.elapsed"]) == [
        "time",
        "in.tensor",
        "out.result",
        "anomaly.count",
        "metadata.elapsed",
    ]
    assert columns(dataset=["out"]) == ["time", "out.result"]
    assert columns(dataset_exclude=["in"]) == ["time", "out.result", "anomaly.count"]
    assert "out.result" not in columns(dataset_exclude=["out.result"])
    result = pipeline.infer(data, dataset=["*", "metadata"])
    assert len(result["metadata.elapsed"][0]) == 2
    assert result["metadata.pipeline_version"][0] == pipeline.versions()[0].name()
    assert '"model_name":"datasets"' in result["metadata.last_model"][0]
    table = pipeline.infer(pa.table({"tensor": [[1.0, 2.0, 3.0]]}), dataset="metadata")
    assert isinstance(table["metadata.elapsed"][0][0], pa.UInt64Scalar)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ({"other": [[1.0, 2.0, 3.0]]}, "tensor"),
        ({"tensor": [[1.0, 2.0]]}, "tensor"),
        ({"tensor": [[1.0, 2.0, 3.0], [1.0]]}, "tensor"),
        ({"tensor": [[1.0, 2.0, "three"]]}, "tensor"),
        ({"tensor": ["text"]}, "tensor"),
        ({"tensor": [None]}, "tensor"),
        ({"tensor": [[1.0, None, 3.0]]}, "tensor"),
    ],
    ids=["missing", "short", "ragged", "mixed", "text", "null", "null inside"],
)
def test_bad_data(upload, deploy, frame, says):
    pipeline = deploy(upload("strict", models.scale(2)))
    with pytest.raises(exceptions.InferenceError) as caught:
        pipeline.infer(pd.DataFrame(frame))
    assert str(caught.value).startswith("Inference failed: ")
    assert says in str(caught.value)
    assert caught.value.status in (400, 422)
    good = pipeline.infer(pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]}))
    assert good["out.result"][0] == [2.0, 4.0, 6.0]


def test_extra_columns_pass_through(upload, deploy):
    pipeline = deploy(upload("extra", models.scale(2)))
    frame = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]], "index": [7]})
    assert pipeline.infer(frame)["in.index"].tolist() == [7]


def test_infer_from_file(upload, deploy, tmp_path):
    pipeline = deploy(upload("files", models.scale(2)))
    frame = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]})
    (tmp_path / "a.df.json").write_text(frame.to_json(orient="records"))
    result = pipeline.infer_from_file(tmp_path / "a.df.json")
    assert result["out.result"].tolist() == [[2.0, 4.0, 6.0], [8.0, 10.0, 12.0]]
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink:
        table = pa.Table.from_pandas(frame)
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    result = pipeline.infer_from_file(str(tmp_path / "a.arrow"), dataset=["out"])
    assert result.column("out.result").to_pylist() == [[2.0, 4.0, 6.0], [8.0, 10.0, 12.0]]


async def test_parallel_infer(upload, deploy):
    config = DeploymentConfigBuilder().replica_count(2).cpus(0.25).memory(harness.MEMORY).build()
    pipeline = deploy(upload("parallel", models.scale(2)), config=config)
    frames = [pd.DataFrame({"tensor": [[float(i), 0.0, 0.0]]}) for i in range(60)]
    frames[17] = pd.DataFrame({"tensor": [[1.0]]})
    results = await pipeline.parallel_infer(frames, timeout=10, num_parallel=8, retries=1)
    assert isinstance(results[17], exceptions.InferenceError)
    for i, result in enumerate(results):
        if i != 17:
            assert result["out.result"][0][0] == i * 2
    assert len(pipeline.logs(limit=1000)) == 59


def test_time_out(upload, deploy):
    pipeline = deploy(upload("slow", models.slow(loops=8000)))
    with pytest.raises(exceptions.InferenceTimeoutError, match=r"within 0\.2s") as caught:
        pipeline.infer(pd.DataFrame({"tensor": [[1.0]]}), timeout=0.2)
    assert isinstance(caught.value, RuntimeError)


# Logs


def test_logs(upload, deploy, capsys):
    pipeline = deploy(upload("logged", models.scale(2)))
    for i in range(3):
        pipeline.infer(pd.DataFrame({"tensor": [[float(i), k, 0.0] for k in range(50)]}))
    logs = pipeline.logs()
    assert list(logs.columns) == ["time", "in.tensor", "out.result", "anomaly.count"]
    assert len(logs) == 100
    assert [list(v)[:2] for v in logs["in.tensor"][:2]] == [[2, 49], [2, 48]]
    assert list(logs["out.result"][0]) == [4, 98, 0]
    assert "There are more logs available" in capsys.readouterr().err
    assert len(pipeline.logs(limit=1000)) == 150
    assert capsys.readouterr().err == ""
    assert [v[1] for v in pipeline.logs(limit=3)["in.tensor"]] == [49, 48, 47]
    table = pipeline.logs(limit=5, arrow=True, dataset=["time", "out", "metadata"])
    assert table.column_names[:2] == ["time", "out.result"]
    assert {
        "metadata.elapsed",
        "metadata.last_model",
        "metadata.pipeline_version",
        "metadata.partition",
    } <= set(table.column_names)
    whole_day = {
        "start_datetime": datetime.datetime.now() - datetime.timedelta(hours=12),
        "end_datetime": datetime.datetime.now() + datetime.timedelta(hours=12),
    }
    dated = pipeline.logs(**whole_day)
    assert [list(v)[:2] for v in dated["in.tensor"][[0, 1, 149]]] == [[0, 0], [0, 1], [2, 49]]
    assert [v[1] for v in pipeline.logs(limit=2, **whole_day)["in.tensor"]] == [0, 1]
    past = datetime.datetime(2001, 1, 1)
    assert len(pipeline.logs(start_datetime=past, end_datetime=past)) == 0
    with pytest.raises(exceptions.InvalidRequestError):
        pipeline.logs(start_datetime=past)


def test_logs_hold_the_last_inference_at_once(upload, deploy):
    pipeline = deploy(upload("prompt", models.scale(2)))
    for i in range(20):
        pipeline.infer(pd.DataFrame({"tensor": [[float(i), 0.0, 0.0]]}))
        assert pipeline.logs(limit=1)["in.tensor"][0][0] == i


def test_logs_of_a_pipeline_without_inferences(wl):
    pipeline = wl.build_pipeline(harness.unique("silent"))
    assert len(pipeline.logs()) == 0
    assert pipeline.logs(arrow=True).num_rows == 0


def test_everything_shown_is_escaped(wl, upload, tmp_path):
    file = tmp_path / "<img src=x onerror=alert(1)>.onnx"
    file.write_bytes(models.identity())
    model = wl.upload_model("nasty", file)
    for shown in (
        model,
        model.config(),
        model.inputs,
        wl.list_models(),
        wl.get_current_workspace(),
    ):
        assert "<img" not in shown._repr_html_()
    assert "&lt;img" in model._repr_html_()


def test_server_is_away():
    wl = wallaroo.Client("http://127.0.0.1:9", interactive=False)
    with pytest.raises(exceptions.CommunicationError) as caught:
        wl.list_models()
    assert "joey serve" in caught.value.hint

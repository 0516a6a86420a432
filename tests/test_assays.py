"""Assays behind a real server: what counts, the numbers, the schedule."""

import datetime

import harness
import models
import numpy as np
import pandas as pd
import pytest
import wallaroo
from assay_logs import MODEL, T0, AssayLog, minutes
from wallaroo.assay_config import Aggregation, BinMode, Metric
from wallaroo.exceptions import AlreadyExistsError, EntityNotFoundError, InvalidRequestError

pytestmark = pytest.mark.xdist_group("shared-joey")

UTC = datetime.timezone.utc


@pytest.fixture
def log(shared_joey):
    log = AssayLog(shared_joey)
    yield log
    log.close()


def normal(count, seed=1, mean=100.0):
    return np.random.default_rng(seed).normal(mean, 15, count).astype("float32")


# The rules in plain numpy


def edges_of(values, bins):
    ordered = np.sort(values)
    ranks = [max(1, int(np.floor(i * len(values) / bins + 0.5))) for i in range(1, bins + 1)]
    return np.array([ordered[0], *(ordered[r - 1] for r in ranks)])


def fractions(values, edges):
    inner = [(values > a) & (values <= b) for a, b in zip(edges, edges[1:])]
    inner[0] |= values == edges[0]
    masks = [values < edges[0], *inner, values > edges[-1]]
    return np.array([m.mean() for m in masks])


def psi(b, w):
    b, w = np.where(b == 0, 0.005, b), np.where(w == 0, 0.005, w)
    return (w - b) * np.log(w / b)


def test_numbers_are_those_of_numpy(log):
    baseline, window = normal(5003), normal(2001, 2, 110.0)
    log.append(baseline, T0)
    log.append(window, T0 + minutes(1))
    for bins in (1, 3, 5, 20):
        builder = log.of_dates()
        builder.summarizer_builder.add_num_bins(bins)
        same, one = builder.build().interactive_run()
        assert same.score == 0.0
        b, w = baseline.astype("float64"), window.astype("float64")
        edges = edges_of(b, bins)
        for summary, values in ((one.baseline_summary, b), (one.window_summary, w)):
            assert summary["count"] == len(values)
            numbers = [values.min(), values.max(), values.mean(), np.median(values), values.std()]
            found = [summary[n] for n in ("min", "max", "mean", "median", "std")]
            np.testing.assert_allclose(found, numbers, rtol=1e-13)
            np.testing.assert_array_equal(summary["edges"][:-1], edges)
            np.testing.assert_allclose(summary["aggregated_values"], fractions(values, edges), rtol=1e-14)
        expected = psi(fractions(b, edges), fractions(w, edges))
        np.testing.assert_allclose(one.scores, expected, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(one.score, expected.sum(), rtol=1e-12)


def test_every_way_to_summarise(log):
    log.append(normal(1000), T0)
    log.append(normal(1000, 2, 130.0), T0 + minutes(1))
    scores = {}
    for mode in BinMode:
        for aggregation in Aggregation:
            for metric in Metric:
                builder = log.of_dates()
                edges = [50.0, 80.0, 100.0, 110.0, 130.0] if mode is BinMode.PROVIDED else None
                builder.summarizer_builder.add_bin_mode(mode, edges)
                builder.summarizer_builder.add_aggregation(aggregation).add_metric(metric)
                refused = (aggregation is Aggregation.EDGES and mode is BinMode.PROVIDED) or (
                    aggregation is not Aggregation.DENSITY and metric is Metric.JENSENSHANNON
                )
                if refused:
                    with pytest.raises(InvalidRequestError):
                        builder.build()
                    continue
                same, moved = builder.build().interactive_run()
                assert same.score == 0 < moved.score
                assert len(moved.scores) == (3 if mode is BinMode.NONE else 7)
                scores[mode, aggregation, metric] = moved.score
    assert scores[BinMode.QUANTILE, Aggregation.DENSITY, Metric.JENSENSHANNON] < 1
    weights = [0, 1, 1, 1, 1, 1, 3]
    builder = log.of_dates()
    builder.summarizer_builder.add_bin_weights(weights).add_metric(Metric.SUMDIFF)
    weighted = builder.build().interactive_run()[1]
    builder.summarizer_builder.add_bin_weights(None)
    plain = builder.build().interactive_run()[1]
    np.testing.assert_allclose(weighted.scores, np.array(plain.scores) * weights / sum(weights))
    assert weighted.summarizer["bin_weights"] == weights


def test_what_counts(log):
    log.append(normal(100), T0)
    log.append(normal(100, 3, 500.0), T0, model="another")
    log.append([np.nan, np.inf, 7.0], T0 + minutes(1), partition="edge-1")
    log.append([8.0, 9.0], T0 + minutes(1))
    log.append([1.0], T0 + minutes(3) - datetime.timedelta(milliseconds=1))
    log.append([2.0, 3.0], T0 + minutes(3), millis=60_000)
    builder = log.of_dates()
    builder.add_run_until(T0 + minutes(4))
    config = builder.build()
    counts = [a.window_summary["count"] for a in config.interactive_run()]
    assert counts == [100, 3, 1, 1]  # the window of [4, 5) is not over at run_until
    assert config.interactive_baseline_run().status == "BaselineRun"
    assert config.interactive_baseline_run().score == 0
    for places, expected in ((["edge-1"], [1]), (["engine-1"], [100, 2, 1, 1]), (["x"], [])):
        builder.window_builder().add_location_filter(places)
        counts = [a.window_summary["count"] for a in builder.build().interactive_run()]
        assert counts == expected


def test_start_defaults_to_the_end_of_the_baseline(log):
    for i in range(4):
        log.append(normal(50), T0 + minutes(i))
    builder = log.wl.build_assay("a", log.pipeline, MODEL, "output variable 0", T0, T0 + minutes(1))
    builder.window_builder().add_width(minutes=1)
    runs = builder.build().interactive_run()
    assert [a.window_start for a in runs] == [
        (T0 + minutes(i)).isoformat(timespec="microseconds") for i in (1, 2, 3)
    ]
    builder.window_builder().add_width(minutes=2).add_interval(minutes=1)
    runs = builder.build().interactive_run()
    assert [a.window_summary["count"] for a in runs] == [100, 100, 50]
    of_array = log.wl.build_assay("a", log.pipeline, MODEL, "input tensor 0", baseline_data=normal(50))
    of_array.window_builder().add_width(minutes=1)
    assert len(of_array.build().interactive_run()) == 4


def test_statuses(log):
    log.append(normal(500), T0)
    log.append(normal(500, 2, 104.0), T0 + minutes(1))
    log.append(normal(500, 3, 200.0), T0 + minutes(2))
    builder = log.of_dates().add_warning_threshold(0.01)
    frame = builder.build().interactive_run().to_dataframe()
    assert frame["status"].tolist() == ["Ok", "Warning", "Alert"]
    assert frame["alert_threshold"].tolist() == [0.25] * 3


@pytest.mark.parametrize(
    "iopath, model, message",
    [
        ("output nothing 0", MODEL, "no row of this time has 'output nothing 0'"),
        ("output variable 1", MODEL, "no row of this time has 'output variable 1'"),
        ("output variable 0", "another", "answered by the model 'another'"),
    ],
)
def test_what_is_not_in_the_log(log, iopath, model, message):
    log.append(normal(10), T0)
    builder = log.wl.build_assay("a", log.pipeline, model, iopath, T0, T0 + minutes(1))
    with pytest.raises(EntityNotFoundError, match=message):
        builder.build()
    with pytest.raises(InvalidRequestError, match="no values"):
        log.of_dates(start=T0 - minutes(9), end=T0 - minutes(8)).build()


def test_refused_documents(log):
    document = {"name": "a", "pipeline_id": log.pipeline.id(), "baseline": {}, "window": {}}
    for path in ("run_interactive", "create", "summarize"):
        for body in (document, {}, {**document, "summarizer": {}, "alert_threshold": 1}):
            answer = log.api.http.post(f"/v1/api/assays/{path}", json=body)
            assert answer.status_code == 400, answer.text
            assert answer.json()["msg"]
    log.append(normal(10), T0)
    config = log.of_dates().build()
    other = log.wl.build_pipeline(harness.unique("other"))
    answer = log.api.http.post("/v1/api/assays/create", json={**config._document, "pipeline_id": other.id()})
    assert answer.status_code == 400


def test_uploaded(log):
    log.append(normal(500), T0)
    log.append(normal(500, 3, 200.0), T0 + minutes(1))
    name = harness.unique("uploaded")
    builder = log.of_dates(name)
    id = builder.upload()
    with pytest.raises(AlreadyExistsError, match=name):
        builder.upload()

    def listed():
        return next(a for a in log.wl.list_assays() if a.id() == id)

    def results():
        found = log.wl.get_assay_results(id, T0, T0 + minutes(10))
        return found if len(found) == 2 else None

    found = harness.wait_until(results, what="two analyses")
    assert [a.status for a in found] == ["Ok", "Alert"]
    assert {(a.assay_id, a.name, a.iopath) for a in found} == {(id, name, "output variable 0")}
    preview = builder.build().interactive_run()
    assert [a.scores for a in found] == [a.scores for a in preview]
    np.testing.assert_allclose([a.score for a in found], [a.score for a in preview], rtol=1e-7)
    assert len(log.wl.get_assay_results(id, T0 + minutes(1), T0 + minutes(1))) == 1
    assert listed()._row()[2].startswith('{"run_at": "')
    assert '"num_ok": 1, "num_warnings": 0, "num_alerts": 1' in listed()._row()[2]
    assay = listed()
    assay.turn_off()
    assert listed().active() is False
    log.append(normal(100), T0 + minutes(5))
    assay.turn_on()
    assert listed().active() is True
    # What was missed while it was off stays so.
    assert datetime.datetime.fromisoformat(listed().next_run()) > datetime.datetime.now(UTC)


def test_windows_missed_while_the_server_was_down(joey_factory):
    """Killed in the middle of many windows: each has one result in the end."""
    server = joey_factory()
    log = AssayLog(server)
    windows = 400
    log.append(normal(windows * 20), T0, millis=3000)
    id = log.of_dates("a").upload()

    def starts():
        found = log.wl.get_assay_results(id, T0, T0 + minutes(windows))
        return [a.window_start for a in found]

    harness.wait_until(starts, what="the first result")
    server.kill()
    server.start()
    harness.wait_until(lambda: len(starts()) == windows, what="all results")
    assert len(set(starts())) == windows
    server.stop()
    server.start()
    assert len(starts()) == windows
    log.close()


def test_a_deployed_pipeline(joey_url, deploy, tmp_path):
    wl = wallaroo.Client(joey_url, interactive=False)
    wl.set_current_workspace(wl.create_workspace(harness.unique("assays")))
    file = tmp_path / "scale.onnx"
    file.write_bytes(models.scale(2.0, 2))
    model = wl.upload_model(harness.unique("scale"), file)
    pipeline = wl.build_pipeline(harness.unique("scaled")).add_model_step(model)
    deploy(pipeline)
    start = datetime.datetime.now()
    values = normal(200)
    frame = pd.DataFrame({"tensor": [[float(v), 1.0] for v in values]})
    outputs = np.array(pipeline.infer(frame)["out.result"].tolist())[:, 0]
    end = datetime.datetime.now()
    builder = wl.build_assay("a", pipeline, model.name(), "output result 0", start, end)
    baseline = builder.baseline_dataframe()
    assert list(baseline.columns) == [
        "time", "metadata", "input_tensor_0", "input_tensor_1", "output_result_0", "output_result_1",
    ]  # fmt: skip
    # infer() reads the shortest text of a float32, the log holds the float32 itself.
    logged = baseline["output_result_0"].to_numpy().astype("float32")
    np.testing.assert_array_equal(logged, outputs.astype("float32"))
    assert model.name() in baseline["metadata"][0]["last_model"]
    builder.window_builder().add_width(minutes=1).add_start(start)
    builder.add_run_until(start + minutes(1))
    one = builder.build().interactive_run()[0]
    assert one.baseline_stats().loc["count", "Baseline"] == 200
    np.testing.assert_allclose(one.baseline_summary["mean"], outputs.mean(), rtol=1e-6)
    assert one.score == 0

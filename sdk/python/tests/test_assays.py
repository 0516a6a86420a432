"""Assays over recorded answers: what is asked for, how analyses look as tables and charts."""

from __future__ import annotations

import copy
import datetime
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from recorded_joey import NASTY, TIME, Joey, pipeline_document

import wallaroo
from wallaroo.assay import AssayAnalysis, AssayAnalysisList
from wallaroo.assay_config import Aggregation, AssayBuilder, BinMode, Metric
from wallaroo.exceptions import InvalidRequestError, UnsupportedError

UTC = datetime.timezone.utc
START = datetime.datetime(2023, 1, 1, tzinfo=UTC)
SUMMARY = {
    "count": 4,
    "min": 1.0,
    "max": 4.0,
    "mean": 2.5,
    "median": 2.5,
    "std": 1.1,
    "edges": [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, None],
    "edge_names": ["left_outlier", "q_20", "q_40", "q_60", "q_80", "q_100", "right_outlier"],
    "aggregated_values": [0.0, 0.25, 0.25, 0.0, 0.25, 0.25, 0.0],
    "aggregation": "Density",
    "start": None,
    "end": None,
}
ANALYSIS: dict[str, Any] = {
    "id": None,
    "assay_id": None,
    "pipeline_id": None,
    "window_start": TIME,
    "analyzed_at": TIME,
    "elapsed_millis": 1,
    "baseline_summary": SUMMARY,
    "window_summary": {**SUMMARY, "count": 8, "mean": 5.0, "min": 0.0, "start": TIME, "end": TIME},
    "warning_threshold": None,
    "alert_threshold": 0.25,
    "score": 0.1,
    "scores": [0.0, 0.05, 0.0, 0.05, 0.0, 0.0, 0.0],
    "bin_index": None,
    "summarizer": {
        "type": "UnivariateContinuous",
        "bin_mode": "Quantile",
        "aggregation": "Density",
        "metric": "PSI",
        "num_bins": 5,
        "bin_weights": None,
        "provided_edges": None,
    },
    "status": "Ok",
    "created_at": None,
}


def analysis(**changes: Any) -> AssayAnalysis:
    return AssayAnalysis({**copy.deepcopy(ANALYSIS), **changes})


@pytest.fixture
def builder(joey: Joey, wl: wallaroo.Client) -> AssayBuilder:
    joey.answers["/v1/api/pipelines/list"] = {"pipelines": [pipeline_document()]}
    joey.answers["/v1/api/assays/summarize"] = SUMMARY
    joey.answers["/v1/api/assays/run_interactive"] = [ANALYSIS]
    joey.answers["/v1/api/assays/create"] = {"assay_id": 7}
    pipeline = wl.list_pipelines()[0]
    return wl.build_assay("a", pipeline, "m", "output y 0", START, START + datetime.timedelta(1))


def test_what_is_built(joey: Joey, builder: AssayBuilder) -> None:
    run_until = START + datetime.timedelta(31)
    builder.add_run_until(run_until).add_warning_threshold(0.1).add_alert_threshold(0.5)
    builder.window_builder().add_width(hours=24).add_interval(hours=12).add_start(START)
    builder.window_builder().add_location_filter(["edge-1"])
    summarizer = builder.summarizer_builder
    summarizer.add_metric(Metric.MAXDIFF).add_aggregation(Aggregation.CUMULATIVE)
    summarizer.add_bin_weights([0, 1, 1, 1, 1, 1, 0])
    config = builder.build()
    assert len(config.interactive_run()) == 1
    assert config.upload() == 7
    asked = {r.path: json.loads(r.body) for r in joey.server.requests if "/assays/" in r.path}
    fixed = asked["/v1/api/assays/summarize"]["baseline"]["fixed_window"]
    assert fixed["width"] == "86400000 ms"
    assert fixed["start"] == "2023-01-01T00:00:00+00:00"
    document = asked["/v1/api/assays/create"]
    assert document == asked["/v1/api/assays/run_interactive"]
    assert document["window"]["width"] == "24 hours"
    assert document["window"]["interval"] == "12 hours"
    assert document["window"]["path"] == "output y 0"
    assert document["window"]["locations"] == ["edge-1"]
    assert document["baseline"]["static"]["start_at"] is None
    assert (document["warning_threshold"], document["alert_threshold"]) == (0.1, 0.5)
    assert document["summarizer"]["metric"] == "MaxDiff"
    assert document["summarizer"]["bin_weights"] == [0, 1, 1, 1, 1, 1, 0]
    shown = json.loads(config.to_json())
    assert shown["iopath"] == "output y 0"
    assert shown["baseline"]["Fixed"]["model"] == "m"


def test_an_array_as_baseline(joey: Joey, builder: AssayBuilder, wl: wallaroo.Client) -> None:
    pipeline = wl.list_pipelines()[0]
    data = np.array([[1.0], [2.0]], dtype="float32")
    of_array = wl.build_assay("a", pipeline, "m", "output y 0", baseline_data=data)
    assert of_array.baseline_dataframe().to_dict("list") == {"output_y_0": [1.0, 2.0]}
    of_array.build()
    body = next(r.body for r in joey.server.requests if r.path.endswith("/summarize"))
    assert json.loads(body)["baseline"] == {"vector": [1.0, 2.0]}


def test_what_is_refused(builder: AssayBuilder, wl: wallaroo.Client) -> None:
    pipeline = wl.list_pipelines()[0]
    day = datetime.timedelta(1)

    def build(*args: Any, iopath: str = "output y 0", **named: Any) -> None:
        wl.build_assay("a", pipeline, "m", iopath, *args, **named)

    summarizer = builder.summarizer_builder
    window = builder.window_builder()
    for bad in (
        lambda: build(),
        lambda: build(START),
        lambda: build(START, START),
        lambda: build(START, START + day, baseline_data=np.ones(3)),
        lambda: build("2023", "2024"),
        lambda: build(baseline_data=np.ones((2, 2))),
        lambda: build(baseline_data=np.array([])),
        lambda: build(baseline_data=np.array([1.0, math.nan])),
        lambda: build(baseline_data=["x"]),
        lambda: build(START, START + day, iopath="y 0"),
        lambda: build(START, START + day, iopath="output y"),
        lambda: window.add_width(),
        lambda: window.add_width(hours=0),
        lambda: window.add_width(hours=1, minutes=1),
        lambda: window.add_interval(fortnights=1),
        lambda: window.add_start("now"),  # type: ignore[arg-type]
        lambda: window.add_location_filter("edge"),
        lambda: summarizer.add_metric("PSY"),  # type: ignore[arg-type]
        lambda: summarizer.add_num_bins(0),
        lambda: summarizer.add_bin_mode(BinMode.PROVIDED),
        lambda: summarizer.add_bin_mode(BinMode.EQUAL, [1.0]),
        lambda: summarizer.add_bin_weights(["a"]),  # type: ignore[list-item]
        lambda: builder.add_alert_threshold(math.nan),
        lambda: AssayAnalysisList().chart_scores(),
    ):
        with pytest.raises(InvalidRequestError):
            bad()
    summarizer.add_bin_mode(BinMode.PROVIDED, [1.0, 2.0])
    with pytest.raises(InvalidRequestError, match="2 edges do not make 5 bins"):
        builder.build()
    summarizer.add_num_bins(2).add_bin_weights([1.0])
    with pytest.raises(InvalidRequestError, match="1 bin weights for 4 bins"):
        builder.build()
    summarizer.add_bin_weights([1.0, 1.0, 1.0, 1.0]).build()


def test_tables() -> None:
    one = analysis()
    assert list(one.baseline_stats().index) == [
        "count", "min", "max", "mean", "median", "std", "start", "end",
    ]  # fmt: skip
    stats = one.compare_basic_stats()
    assert stats.loc["count"].tolist() == [4.0, 8.0, 4.0, 100.0]
    assert stats.loc["mean", "pct_diff"] == 100.0
    assert stats.loc["start", "Window"] == TIME
    zero = analysis(baseline_summary={**SUMMARY, "mean": 0.0}).compare_basic_stats()
    assert math.isnan(zero.loc["mean", "pct_diff"])
    assert one.baseline_bins()["b_edges"].iloc[-1] == math.inf
    bins = one.compare_bins()
    assert math.isnan(bins["w_edges"].iloc[-1])
    assert list(bins.columns) == [
        "b_edges", "b_edge_names", "b_aggregated_values", "b_aggregation",
        "w_edges", "w_edge_names", "w_aggregated_values", "w_aggregation", "diff_in_pcts",
    ]  # fmt: skip
    assert one.score == 0.1
    with pytest.raises(AttributeError):
        _ = one.nothing_like_it


def test_frames_of_a_list() -> None:
    listed = AssayAnalysisList([analysis(), analysis(assay_id=3, name="n", iopath="output y 0")])
    frame = listed.to_dataframe()
    assert list(frame.columns) == [
        "assay_id", "name", "iopath", "score", "start", "min", "max", "mean", "median", "std",
        "warning_threshold", "alert_threshold", "status",
    ]  # fmt: skip
    assert frame["assay_id"].tolist() == [None, 3]
    assert frame["name"].tolist() == ["", "n"]
    full = listed.to_full_dataframe()
    assert len(full.columns) == 86
    assert list(full.columns)[:10] == [
        "window_start", "analyzed_at", "elapsed_millis", "baseline_summary_count",
        "baseline_summary_min", "baseline_summary_max", "baseline_summary_mean",
        "baseline_summary_median", "baseline_summary_std", "baseline_summary_edges_0",
    ]  # fmt: skip
    assert list(full.columns)[-10:] == [
        "summarizer_type", "summarizer_bin_weights", "summarizer_provided_edges", "status", "id",
        "assay_id", "pipeline_id", "warning_threshold", "bin_index", "created_at",
    ]  # fmt: skip
    assert AssayAnalysisList().to_dataframe().empty
    assert AssayAnalysisList().to_full_dataframe().empty


def test_list_of_assays(joey: Joey, wl: wallaroo.Client) -> None:
    joey.answers["/v1/api/assays/list"] = [
        {
            "id": 7,
            "name": NASTY,
            "active": True,
            "status": "created",
            "warning_threshold": None,
            "alert_threshold": 0.5,
            "pipeline_name": "p",
            "next_run": TIME,
        }
    ]
    joey.answers["/v1/api/assays/set_active"] = {"id": 7, "active": False}
    listed = wl.list_assays()
    assert listed[0]._id == 7
    assert listed[0].turn_off().active() is False
    assert "<script>" not in listed._repr_html_() + listed[0]._repr_html_()
    assert list(listed.to_pandas().columns)[-1] == "pipeline_name"


@pytest.fixture
def plt() -> Iterator[Any]:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_chart_prints_what_the_guide_prints(plt: Any, capsys: pytest.CaptureFixture[str]) -> None:
    analysis().chart()
    assert capsys.readouterr().out.splitlines() == [
        "baseline mean = 2.5",
        "window mean = 5.0",
        "baseline median = 2.5",
        "window median = 2.5",
        "bin_mode = Quantile",
        "aggregation = Density",
        "metric = PSI",
        "weighted = False",
        "score = 0.1",
        "scores = [0.0, 0.05, 0.0, 0.05, 0.0, 0.0, 0.0]",
        "index = None",
    ]
    bars = plt.gcf().axes[0].patches
    assert sorted(b.get_height() for b in bars) == sorted(2 * SUMMARY["aggregated_values"])  # type: ignore[operator]


def test_charts_of_a_list(plt: Any) -> None:
    listed = AssayAnalysisList(
        [analysis(), analysis(score=0.2, status="Warning"), analysis(score=9.0, status="Alert")]
    )
    listed.chart_scores(title="T", nth_x_tick=2)
    axes = plt.gcf().axes[0]
    assert axes.get_title(loc="left") == "T"
    assert [len(c.get_offsets()) for c in axes.collections] == [1, 1, 1]
    assert len(axes.get_xticks()) == 2


def test_charts_of_a_baseline(plt: Any, builder: AssayBuilder, wl: wallaroo.Client) -> None:
    pipeline = wl.list_pipelines()[0]
    for data in (np.arange(1.0, 100.0), np.ones(5)):
        one = wl.build_assay("a", pipeline, "m", "output y 0", baseline_data=data)
        for draw in (one.baseline_histogram, one.baseline_kde, one.baseline_ecdf):
            draw()
            draw(log_scale=True)
    assert len(plt.get_fignums()) == 12
    low = wl.build_assay("a", pipeline, "m", "output y 0", baseline_data=np.zeros(3))
    with pytest.raises(UnsupportedError):
        low.baseline_histogram(log_scale=True)


def test_matplotlib_only_for_charts() -> None:
    import subprocess
    import sys

    check = (
        "import sys, wallaroo; wallaroo.assay_config.Metric.PSI; wallaroo.assay; "
        "wallaroo.Client(); print([m for m in ('matplotlib', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

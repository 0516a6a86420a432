"""The conformance cases of assays, judged check by check by the cases' own compare.py.

Where a case keeps its values, they are delivered as log rows. Where it keeps only how many values fell into
each bin, values that do so are made; what then cannot be compared (the mean of a window that nobody kept) is
left out.
"""

import datetime
import importlib.util
import json
import math

import numpy as np
import pytest
from assay_logs import T0, AssayLog, minutes
from cases_judge import Case, plain
from harness import wait_until
from wallaroo.assay_config import Aggregation, BinMode, Metric

UTC = datetime.timezone.utc


@pytest.fixture
def log_of(joey_factory):
    logs = []
    servers = []

    def make(name=None):
        if not servers:
            servers.append(joey_factory())
        logs.append(AssayLog(servers[0], name))
        return logs[-1]

    yield make
    for log in logs:
        log.close()


class Judge:
    def __init__(self, cases, name):
        self.case = Case(cases, name)
        spec = importlib.util.spec_from_file_location("compare", cases / "compare.py")
        self.compare = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.compare)

    def values(self, name):
        return np.array(json.loads(self.case.file(name).read_text()))

    def __call__(self, id, observed):
        check = {"tol": {"rel": 1e-6, "abs": 1e-6}, **self.case.check(id)}
        assert self.compare.check(check, observed, self.case.folder) == [], id

    def score(self, id, analysis):
        """And to the 1e-12 that the numbers have."""
        check = self.case.check(id)
        observed = {"score": analysis.score, "scores": analysis.scores, "index": analysis.bin_index}
        self(id, observed)
        if not check["tol"].get("abs", 0) > 1e-10:
            assert abs(analysis.score - check["score"]) <= 1e-12
            np.testing.assert_allclose(analysis.scores, check["scores"], rtol=0, atol=1e-12)
        if "baseline_mean" in check:
            assert math.isclose(analysis.baseline_summary["mean"], check["baseline_mean"], rel_tol=1e-13)
            assert analysis.baseline_summary["median"] == check["baseline_median"]

    def bins(self, id, frame):
        columns = self.case.check(id)["columns"]
        rows = [{k: as_recorded(v) for k, v in row.items()} for row in frame[columns].to_dict("records")]
        self(id, {"columns": columns, "rows": rows})


def as_recorded(value):
    """A cell as the cases write it: null for NaN, a text for infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf"
    return plain(value)


def configure(builder, settings):
    summarizer = builder.summarizer_builder.add_num_bins(settings["num_bins"])
    summarizer.add_metric(Metric(settings["metric"])).add_aggregation(Aggregation(settings["aggregation"]))
    summarizer.add_bin_mode(BinMode(settings["bin_mode"]), settings["edges"])
    return builder


def with_counts(counts, edges):
    """Values that fall so often into the bins of these edges."""
    bins = [np.linspace(a, b, n + 2)[1:-1] for n, a, b in zip(counts[1:-1], edges, edges[1:])]
    return np.concatenate(bins)


def baseline_with_counts(counts, edges):
    """The same, with edges that the quantiles of these values have."""
    total, before, values = sum(counts), 0, []
    bins = len(edges) - 1
    for i, count in enumerate(counts[1:-1], 1):
        rank = math.floor(i / bins * total + 0.5)
        at_edge = before + count - rank + 1
        inner = np.linspace(edges[i - 1], edges[i], count - at_edge + 2)[1:-1]
        values += [*inner, *[edges[i]] * at_edge]
        before += count
    values[0] = edges[0]
    return np.array(values)


def test_drift_metrics(cases, log_of):
    judge = Judge(cases, "assay-drift-metrics-501")
    log = log_of()
    log.append(judge.values("baseline_values.json"), T0)
    log.append(judge.values("window_big_values.json"), T0 + minutes(1))
    for check in judge.case.expected["checks"]:
        if check["kind"] != "assay_score":
            continue
        same, big = configure(log.of_dates(), check["settings"]).build().interactive_run()
        judge.score(check["id"], big)
        bins = {"chart_cell51": big, "chart_cell53": same, "chart_cell55": big}.get(check["id"])
        if bins:
            judge.bins(check["id"].replace("chart", "bins"), bins.compare_bins())
    runs = log.of_dates().build().interactive_run()
    statistics = runs[0].baseline_stats()["Baseline"]
    judge("stats", {n: statistics[n] for n in ("count", "min", "max", "mean", "median", "std")})
    frame = runs.to_dataframe().loc[:, ["score", "start", "alert_threshold", "status"]]
    judge("frame", {"columns": list(frame.columns), "rows": frame.iloc[1:].to_dict("records")})
    # A value equal to the last edge, in a window that goes on beyond it.
    tied = [1514079.375, *judge.values("window_big_values.json")]
    log.append(tied, T0 + minutes(2))
    runs = log.of_dates().build().interactive_run()
    right = [a.window_summary["aggregated_values"][-1] for a in runs]
    judge("tie_at_last_edge", {"window_beyond": right[2], "window_is_baseline": right[0]})


def test_the_guides_own_run(cases, log_of):
    judge = Judge(cases, "assay-guide-own-run")
    log = log_of("assay-demonstration-tutorial")
    check = judge.case.check("chart_cell44")
    edges = [r["b_edges"] for r in judge.case.check("bins_dates")["rows"][:-1]]
    baseline = baseline_with_counts(check["baseline_bin_counts"], edges)
    log.append(baseline, T0 - minutes(1))
    log.append(with_counts(check["window_bin_counts"], edges), T0)
    log.append([edges[-1]] * 100 + list(np.linspace(1.6e6, 2.1e6, 900)), T0 + minutes(2))

    def builder(name="a"):
        return log.of_dates(name, start=T0 - minutes(1), end=T0)

    for id in ("chart_cell44", "chart_cell54", "chart_cell55", "chart_cell67"):
        config = configure(builder(), judge.case.check(id)["settings"]).build()
        judge.score(id, config.interactive_run()[0])
    runs = builder().build().interactive_run()
    judge.bins("bins_dates", runs[0].baseline_bins())
    judge("tie", runs[1].score)
    assert runs[1].status == "Alert"
    columns = list(runs.to_full_dataframe().columns)
    assert len(columns) == 86
    judge("full_frame", [*columns[:10], "...", *columns[-10:]])
    edges = [r["b_edges"] for r in judge.case.check("bins_numpy")["rows"][:-1]]
    small = baseline_with_counts([0, 102, 98, 100, 100, 100, 0], edges)
    judge.bins("bins_numpy", log.of_array(small).build().interactive_run()[0].baseline_bins())

    check = judge.case.check("chart_cell79")
    uploaded = configure(builder("assays creation example"), check["settings"]).add_alert_threshold(0.5)
    id = uploaded.upload()

    def results():
        found = log.wl.get_assay_results(id, T0, datetime.datetime.now())
        return found if len(found) == 2 else None

    found = wait_until(results, what="the analyses")
    judge.score("chart_cell79", found[0])
    assert found[0].score == 0.067592815  # as printed

    def listed():
        rows = log.wl.list_assays().to_pandas().to_dict("records")
        return {"columns": list(log.wl.list_assays()._columns), "rows": rows}

    judge("list_assays", listed())
    status = json.loads(listed()["rows"][0]["status"])
    assert list(status) == ["run_at", "num_ok", "num_warnings", "num_alerts"]
    assay = log.wl.list_assays()[0]
    assay.turn_off()
    judge("turn_off", listed())
    assay.turn_on()
    judge("turn_on", listed())


def test_dates_and_arrays(cases, log_of):
    judge = Judge(cases, "assay-dates-vs-numpy-500")
    log = log_of()
    log.append(judge.values("stored_float32.json"), T0)
    log.append(judge.values("stored_window_502.json"), T0 + minutes(1))
    log.append(np.linspace(1.6e6, 2.1e6, 1000), T0 + minutes(2))
    runs = log.of_dates().build().interactive_run()
    judge.score("chart_cell32", runs[1])
    expected = judge.case.check("chart_cell32")["window_mean"]
    assert math.isclose(runs[1].window_summary["mean"], expected, rel_tol=1e-13)
    judge.bins("bins_cell31", runs[0].baseline_bins())
    runs = log.of_array(judge.values("baseline_numpy.json")).build().interactive_run()
    judge.score("chart_cell47", runs[0])
    judge.bins("bins_cell46", runs[0].baseline_bins())
    frame = runs.to_dataframe().loc[[0, 2], ["score", "start", "alert_threshold", "status"]]
    judge("frame_cell54", {"columns": list(frame.columns), "rows": frame.to_dict("records")})


def test_a_month_of_days(cases, log_of):
    judge = Judge(cases, "assay-baseline-182-bins")
    start = datetime.datetime(2023, 1, 1, tzinfo=UTC)
    day = datetime.timedelta(days=1)
    values = judge.values("baseline_values.json")

    def builder(log):
        one = log.wl.build_assay(
            "onmyexample assay", log.pipeline, "housepricemodel", "output dense_2 0", start, start + day
        )
        one.add_run_until(datetime.datetime(2023, 2, 1, tzinfo=UTC))
        return one

    log = log_of("housepricepipe")
    log.append(values, start, model="housepricemodel", field="dense_2")
    one = builder(log)
    check = judge.case.check("config_json")
    numbers = {key: check["value"][key] for key in check["volatile"]}
    judge("config_json", json.loads(one.build().to_json()) | numbers)
    edges = one.build()._document["baseline"]["static"]["edges"][:-1]
    counts = judge.case.check("chart_cell37")["window_bin_counts"]
    log.append(with_counts(counts, edges), start + day, model="housepricemodel", field="dense_2")
    for id in ("chart_cell37", "chart_cell73", "chart_cell74", "chart_cell77"):
        first = configure(builder(log), judge.case.check(id)["settings"]).build().interactive_run()[0]
        judge.score(id, first)
    run = builder(log).build().interactive_run()[0]
    statistics = run.baseline_stats()["Baseline"]
    judge("stats", {n: statistics[n] for n in ("count", "min", "max", "mean", "median", "std")})
    judge.bins("bins_quantile", run.baseline_bins())
    one = builder(log)
    one.summarizer_builder.add_bin_mode(BinMode.EQUAL)
    judge.bins("bins_equal", one.build().interactive_run()[0].baseline_bins())
    judge("list_assays", list(log.wl.list_assays()._columns))

    month = log_of()
    hours = 24 * 31
    month.append(np.linspace(12, 15, hours), start, 3600_000, model="housepricemodel", field="dense_2")
    every_12h = builder(month)
    every_12h.window_builder().add_width(hours=24).add_interval(hours=12)
    weekly = builder(month)
    weekly.window_builder().add_width(weeks=1).add_start(datetime.datetime(2022, 1, 3, tzinfo=UTC))
    judge("n_analyses", [len(b.build().interactive_run()) for b in (every_12h, weekly)])


def test_locations(cases, log_of):
    judge = Judge(cases, "assay-edge-locations")
    baseline = judge.values("baseline_numpy.json")
    log = log_of()
    ordinary = np.random.default_rng(1).choice(baseline, 1000)
    log.append(ordinary, T0, partition="engine-1")
    log.append(np.linspace(1.6e6, 2.1e6, 1000), T0 + minutes(1), partition="house-price-edge-jch")

    def runs(*places):
        builder = log.of_array(baseline)
        builder.window_builder().add_location_filter(list(places))
        return builder.build().interactive_run()

    frame = runs().to_dataframe().loc[:, ["score", "start", "alert_threshold", "status"]]
    judge("frame", {"columns": list(frame.columns), "rows": frame.to_dict("records")})
    assert frame["status"].tolist() == ["Ok", "Alert"]
    places = [("engine-1",), ("house-price-edge-jch",), ("engine-1", "house-price-edge-jch")]
    judge("locations", [len(runs(*p)) for p in places])

"""Assays and their analyses (guide L9547-10391)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from . import _display
from .exceptions import InvalidRequestError

if TYPE_CHECKING:
    import pandas as pd

    from .client import Client

_STATISTICS = ("count", "min", "max", "mean", "median", "std")

# The guide's order of the columns of to_full_dataframe(); of lists there is one an element.
_SUMMARY = (
    *_STATISTICS, "edges", "edge_names", "aggregated_values", "aggregation", "start", "end",
)  # fmt: skip
_SUMMARIZER = (
    "aggregation", "bin_mode", "metric", "num_bins", "type", "bin_weights", "provided_edges",
)  # fmt: skip
_FULL: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("window_start", ()),
    ("analyzed_at", ()),
    ("elapsed_millis", ()),
    ("baseline_summary", _SUMMARY),
    ("window_summary", _SUMMARY),
    ("alert_threshold", ()),
    ("score", ()),
    ("scores", ()),
    ("summarizer", _SUMMARIZER),
    ("status", ()),
    ("id", ()),
    ("assay_id", ()),
    ("pipeline_id", ()),
    ("warning_threshold", ()),
    ("bin_index", ()),
    ("created_at", ()),
)
_WHOLE = frozenset({"bin_weights", "provided_edges"})  # lists that stay one column


class Assay:
    """An assay that the server runs.

    Parameters
    ----------
    client : Client
        Where it lives.
    document : dict
        The server's assay.
    """

    def __init__(self, client: Client, document: dict[str, Any]) -> None:
        self._client = client
        self._document = document
        self._id = int(document["id"])

    def id(self) -> int:
        """Its number."""
        return self._id

    def name(self) -> str:
        """Its name, unique on the server."""
        return str(self._document["name"])

    def active(self) -> bool:
        """Whether it runs."""
        return bool(self._document["active"])

    def next_run(self) -> str:
        """When its next window is over."""
        return str(self._document["next_run"])

    def turn_on(self) -> Assay:
        """Run it again, from the present window on (guide L10371-10391)."""
        return self._set_active(True)

    def turn_off(self) -> Assay:
        """Pause it; its results stay (guide L10351-10369)."""
        return self._set_active(False)

    def _set_active(self, active: bool) -> Assay:
        answer = self._client._post("/v1/api/assays/set_active", id=self._id, active=active)
        self._document = {**self._document, "active": answer["active"]}
        return self

    def _row(self) -> Sequence[Any]:
        return [self._document.get(name) for name in Assays._columns]

    def __repr__(self) -> str:
        return str(dict(zip(Assays._columns, self._row())))

    def _repr_html_(self) -> str:
        return _display.html_fields(list(zip(Assays._columns, self._row())))


class Assays(_display.Table[Assay]):
    """Assays, the oldest first."""

    _columns = (
        "name", "active", "status", "warning_threshold", "alert_threshold", "pipeline_name",
    )  # fmt: skip

    @staticmethod
    def _row(item: Assay) -> Sequence[Any]:
        return item._row()


class AssayAnalysis:
    """One window compared with the baseline. Every key of the server's document is an attribute:
    ``score``, ``scores``, ``status``, ``window_start`` …"""

    def __init__(self, document: dict[str, Any]) -> None:
        self._raw = document

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self._raw:
            return self._raw[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def raw(self) -> dict[str, Any]:
        """The server's document."""
        return self._raw

    def baseline_stats(self) -> pd.DataFrame:
        """Statistics of the baseline (guide L9547-9581)."""
        import pandas as pd

        baseline = self._raw["baseline_summary"]
        names = [*_STATISTICS, "start", "end"]
        return pd.DataFrame(
            {"Baseline": pd.Series([baseline[n] for n in names], index=names, dtype=object)}
        )

    def compare_basic_stats(self) -> pd.DataFrame:
        """Statistics of the baseline and of the window side by side (guide L9803-9837)."""
        import pandas as pd

        baseline, window = self._raw["baseline_summary"], self._raw["window_summary"]
        rows: dict[str, list[Any]] = {}
        for name in _STATISTICS:
            b, w = float(baseline[name]), float(window[name])
            rows[name] = [b, w, w - b, (w - b) / b * 100 if b else math.nan]
        for name in ("start", "end"):
            rows[name] = [baseline[name], window[name], math.nan, math.nan]
        frame: pd.DataFrame = pd.DataFrame.from_dict(
            rows, orient="index", columns=["Baseline", "Window", "diff", "pct_diff"]
        )
        return frame.astype({"diff": "float64", "pct_diff": "float64"})

    def baseline_bins(self) -> pd.DataFrame:
        """Edges and contents of the baseline's bins (guide L9583-9605)."""
        return self._bins("baseline_summary", "b_", math.inf)

    def compare_bins(self) -> pd.DataFrame:
        """Edges and contents of the bins of baseline and window, and their differences."""
        import pandas as pd

        baseline = self._bins("baseline_summary", "b_", math.nan)
        window = self._bins("window_summary", "w_", math.nan)
        frame: pd.DataFrame = pd.concat([baseline, window], axis=1)
        frame["diff_in_pcts"] = window["w_aggregated_values"] - baseline["b_aggregated_values"]
        return frame

    def chart(self, show_scores: bool = True) -> None:
        """Print the numbers and draw the bins of baseline and window (guide L9659-9700).

        Parameters
        ----------
        show_scores : bool
            Whether the drawing shows the score of each bin.
        """
        from . import _charts

        baseline, window = self._raw["baseline_summary"], self._raw["window_summary"]
        summarizer = self._raw["summarizer"]
        for name, value in (
            ("baseline mean", baseline["mean"]),
            ("window mean", window["mean"]),
            ("baseline median", baseline["median"]),
            ("window median", window["median"]),
            ("bin_mode", summarizer["bin_mode"]),
            ("aggregation", summarizer["aggregation"]),
            ("metric", summarizer["metric"]),
            ("weighted", summarizer["bin_weights"] is not None),
            ("score", self._raw["score"]),
            ("scores", self._raw["scores"]),
            ("index", self._raw["bin_index"]),
        ):
            print(f"{name} = {value}")
        _charts.analysis(self._raw, show_scores)

    def _bins(self, summary: str, prefix: str, last_edge: float) -> pd.DataFrame:
        import pandas as pd

        document = self._raw[summary]
        return pd.DataFrame(
            {
                f"{prefix}edges": [last_edge if e is None else e for e in document["edges"]],
                f"{prefix}edge_names": document["edge_names"],
                f"{prefix}aggregated_values": document["aggregated_values"],
                f"{prefix}aggregation": document["aggregation"],
            }
        )

    def __repr__(self) -> str:
        return (
            f"AssayAnalysis(window_start={self._raw['window_start']!r}, "
            f"score={self._raw['score']!r}, status={self._raw['status']!r})"
        )


class AssayAnalysisList(list[AssayAnalysis]):
    """Analyses in order of time."""

    def raw(self) -> list[dict[str, Any]]:
        """The server's documents."""
        return [analysis.raw() for analysis in self]

    def to_dataframe(self) -> pd.DataFrame:
        """Score and statistics, one row a window (guide L9702-9754)."""
        import pandas as pd

        columns: list[str] = [
            "assay_id", "name", "iopath", "score", "start", "min", "max", "mean", "median", "std",
            "warning_threshold", "alert_threshold", "status",
        ]  # fmt: skip
        rows = []
        for raw in self.raw():
            window = raw["window_summary"]
            named = [raw.get("assay_id"), raw.get("name") or "", raw.get("iopath") or ""]
            statistics = [window[n] for n in _STATISTICS[1:]]
            thresholds = [raw["warning_threshold"], raw["alert_threshold"]]
            rows.append(
                [*named, raw["score"], raw["window_start"], *statistics, *thresholds, raw["status"]]
            )
        # None and not NaN where there is nothing, as the guide shows it.
        mixed = ("assay_id", "warning_threshold")
        cells = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
        return pd.DataFrame(
            {n: pd.Series(c, dtype=object if n in mixed else None) for n, c in cells.items()}
        )

    def to_full_dataframe(self) -> pd.DataFrame:
        """Everything about each window, a column for each number (guide L9756-9801)."""
        import pandas as pd

        rows = [_flat(raw) for raw in self.raw()]
        columns = max((list(row) for row in rows), key=len, default=[])
        return pd.DataFrame(rows, columns=columns, dtype=object).infer_objects()

    def chart_scores(self, title: Optional[str] = None, nth_x_tick: Optional[int] = None) -> None:
        """Draw the score of each window against the thresholds (guide L9627-9657).

        Parameters
        ----------
        title : str, optional
            Above the chart.
        nth_x_tick : int, optional
            Name only every so many windows on the time axis.
        """
        from . import _charts

        if not self:
            raise InvalidRequestError(
                "There are no analyses to chart",
                "Windows are analysed when they are over and have data: see add_start(), "
                "add_width() and add_run_until()",
            )
        _charts.scores(self.raw(), title, nth_x_tick)


def _flat(raw: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, parts in _FULL:
        pairs = [(f"{name}_{p}", p, raw[name].get(p)) for p in parts] or [
            (name, name, raw.get(name))
        ]
        for column, key, value in pairs:
            if isinstance(value, list) and key not in _WHOLE:
                out.update({f"{column}_{i}": v for i, v in enumerate(value)})
            else:
                out[column] = value
    return out


__all__ = ["Assay", "AssayAnalysis", "AssayAnalysisList", "Assays"]

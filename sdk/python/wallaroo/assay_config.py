"""Building an assay: its baseline, its windows, how they are compared (guide L9430-10290)."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from . import _assay_baseline, _json
from .assay import AssayAnalysis, AssayAnalysisList
from .exceptions import InvalidRequestError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from .client import Client
    from .pipeline import Pipeline

ALERT_THRESHOLD_DEFAULT = 0.25
BINS_DEFAULT = 5


class BinMode(str, enum.Enum):
    """How the edges of the bins are found."""

    NONE = "None"
    """One bin from the smallest to the largest value of the baseline."""
    EQUAL = "Equal"
    """Bins of equal width."""
    QUANTILE = "Quantile"
    """Bins that hold equally many values of the baseline."""
    PROVIDED = "Provided"
    """The edges are given."""


class Aggregation(str, enum.Enum):
    """What is compared of each bin."""

    DENSITY = "Density"
    """The fraction of the values in it."""
    CUMULATIVE = "Cumulative"
    """The fraction of the values in it and in those before it."""
    EDGES = "Edges"
    """Where its upper edge lies in the data of the window, and in that of the baseline."""


class Metric(str, enum.Enum):
    """How the bins make a score; docs/assays.md says what each means."""

    PSI = "PSI"
    """Population stability index."""
    MAXDIFF = "MaxDiff"
    """The largest difference of a bin."""
    SUMDIFF = "SumDiff"
    """Half the sum of the differences of the bins."""
    JENSENSHANNON = "JensenShannon"
    """Jensen-Shannon distance, from 0 to 1. Beyond the guide."""


class WindowBuilder:
    """When analyses are made, and of which time (guide L10191-10277)."""

    def __init__(self) -> None:
        self._width = "24 hours"
        self._interval: Optional[str] = None
        self._start: Optional[datetime.datetime] = None
        self._locations: list[str] = []

    def add_width(self, **kwargs: int) -> WindowBuilder:
        """How much time a window covers; 24 hours by default.

        Parameters
        ----------
        **kwargs : int
            One of ``minutes``, ``hours``, ``days`` and ``weeks``.
        """
        self._width = _span("add_width", kwargs)
        return self

    def add_interval(self, **kwargs: int) -> WindowBuilder:
        """How far the beginnings of two windows lie apart; the width by default.

        Parameters
        ----------
        **kwargs : int
            One of ``minutes``, ``hours``, ``days`` and ``weeks``.
        """
        self._interval = _span("add_interval", kwargs)
        return self

    def add_start(self, start: datetime.datetime) -> WindowBuilder:
        """When the first window begins; at the end of the baseline by default."""
        self._start = _assay_baseline.moment("start", start)
        return self

    def add_location_filter(self, locations: Sequence[str]) -> WindowBuilder:
        """Only inferences that were made there: names as in ``metadata.partition`` of the log."""
        if isinstance(locations, str) or not all(isinstance(name, str) for name in locations):
            raise InvalidRequestError(
                "locations is a list of names", "Take them of the column metadata.partition"
            )
        self._locations = list(locations)
        return self


class UnivariateContinousSummarizerBuilder:
    """How a baseline and a window are summarised and compared (guide L9839-10190)."""

    def __init__(self) -> None:
        self._bin_mode = BinMode.QUANTILE
        self._edges: Optional[list[float]] = None
        self._aggregation = Aggregation.DENSITY
        self._metric = Metric.PSI
        self._num_bins = BINS_DEFAULT
        self._weights: Optional[list[float]] = None

    def add_metric(self, metric: Metric) -> UnivariateContinousSummarizerBuilder:
        """The metric; PSI by default."""
        self._metric = _member(Metric, metric)
        return self

    def add_num_bins(self, num_bins: int) -> UnivariateContinousSummarizerBuilder:
        """How many bins, beside the two for outliers; 5 by default."""
        if isinstance(num_bins, bool) or not isinstance(num_bins, int) or num_bins < 1:
            raise InvalidRequestError(f"num_bins is a whole number from 1 up, not {num_bins!r}")
        self._num_bins = num_bins
        return self

    def add_bin_mode(
        self, bin_mode: BinMode, edges: Optional[Sequence[float]] = None
    ) -> UnivariateContinousSummarizerBuilder:
        """The bin mode; QUANTILE by default.

        Parameters
        ----------
        bin_mode : BinMode
            How the edges are found.
        edges : list of float, optional
            With PROVIDED: the upper edge of each bin, and before them, if wanted, the lower edge
            of the first, which else is the smallest value of the baseline.
        """
        mode = _member(BinMode, bin_mode)
        if (mode is BinMode.PROVIDED) != (edges is not None):
            raise InvalidRequestError(
                "edges belong to BinMode.PROVIDED, and only to it",
                "Example: add_bin_mode(BinMode.PROVIDED, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])",
            )
        self._edges = None if edges is None else _numbers("edges", edges)
        self._bin_mode = mode
        return self

    def add_aggregation(self, aggregation: Aggregation) -> UnivariateContinousSummarizerBuilder:
        """The aggregation; DENSITY by default."""
        self._aggregation = _member(Aggregation, aggregation)
        return self

    def add_bin_weights(
        self, weights: Optional[Sequence[float]]
    ) -> UnivariateContinousSummarizerBuilder:
        """Weight of each bin, those for outliers included; None weighs them equally."""
        self._weights = None if weights is None else _numbers("weights", weights)
        return self

    def build(self) -> dict[str, Any]:
        """The document that the server takes."""
        if self._edges is not None and len(self._edges) - self._num_bins not in (0, 1):
            raise InvalidRequestError(
                f"{len(self._edges)} edges do not make {self._num_bins} bins",
                f"Set the number of bins: add_num_bins({len(self._edges) - 1})",
            )
        bins = 1 if self._bin_mode is BinMode.NONE else self._num_bins
        if self._weights is not None and len(self._weights) != bins + 2:
            raise InvalidRequestError(
                f"There are {len(self._weights)} bin weights for {bins + 2} bins",
                "Give one for each bin, the left and the right outliers included",
            )
        return {
            "type": "UnivariateContinuous",
            "bin_mode": self._bin_mode.value,
            "aggregation": self._aggregation.value,
            "metric": self._metric.value,
            "num_bins": self._num_bins,
            "bin_weights": self._weights,
            "bin_width": None,
            "provided_edges": self._edges,
            "add_outlier_edges": True,
        }


class AssayConfig:
    """An assay as it was built, with its summarised baseline."""

    def __init__(self, client: Client, document: dict[str, Any], shown: dict[str, Any]) -> None:
        self._client = client
        self._document = document
        self._shown = shown

    def to_json(self) -> str:
        """What was configured."""
        return _json.dumps(self._shown).decode()

    def interactive_run(self) -> AssayAnalysisList:
        """Analyse every window that is over and has data. Nothing is kept.

        Returns
        -------
        AssayAnalysisList
            One analysis a window, in order of time; none where no window is over.

        Raises
        ------
        EntityNotFoundError
            There are inferences, but none of this model with this field.
        """
        answer = _assay_baseline.call(
            self._client, "/v1/api/assays/run_interactive", self._document
        )
        return AssayAnalysisList(AssayAnalysis(d) for d in answer)

    def interactive_baseline_run(self) -> AssayAnalysis:
        """Analyse the baseline against itself: its bins and statistics, with scores of 0."""
        return AssayAnalysis(
            _assay_baseline.call(
                self._client, "/v1/api/assays/run_interactive_baseline", self._document
            )
        )

    def upload(self) -> int:
        """Have the server run it from now on.

        Returns
        -------
        int
            The number of the assay.

        Raises
        ------
        AlreadyExistsError
            The name is taken.
        """
        answer = self._client._transport.post(
            "/v1/api/assays/create", self._document, repeatable=False
        )
        return int(answer["assay_id"])


class AssayBuilder:
    """Everything about an assay; made by :meth:`wallaroo.client.Client.build_assay`."""

    def __init__(
        self,
        client: Client,
        name: str,
        pipeline: Pipeline,
        model_name: str,
        iopath: str,
        baseline: _assay_baseline.Baseline,
    ) -> None:
        self._client = client
        self._name = name
        self._pipeline = pipeline
        self._model_name = model_name
        self._iopath = iopath
        self._baseline = baseline
        self._window = WindowBuilder()
        self._warning_threshold: Optional[float] = None
        self._alert_threshold = ALERT_THRESHOLD_DEFAULT
        self._run_until: Optional[datetime.datetime] = None
        self.summarizer_builder = UnivariateContinousSummarizerBuilder()

    def window_builder(self) -> WindowBuilder:
        """The windows of this assay."""
        return self._window

    def add_alert_threshold(self, alert_threshold: float) -> AssayBuilder:
        """Scores above it are alerts; 0.25 by default."""
        self._alert_threshold = _numbers("alert_threshold", [alert_threshold])[0]
        return self

    def add_warning_threshold(self, warning_threshold: Optional[float]) -> AssayBuilder:
        """Scores above it, up to the alert threshold, are warnings; None by default."""
        self._warning_threshold = (
            None
            if warning_threshold is None
            else _numbers("warning_threshold", [warning_threshold])[0]
        )
        return self

    def add_run_until(self, run_until: datetime.datetime) -> AssayBuilder:
        """Interactive runs analyse windows that end by then; now by default.

        An uploaded assay runs until it is turned off.
        """
        self._run_until = _assay_baseline.moment("run_until", run_until)
        return self

    def build(self) -> AssayConfig:
        """Summarise the baseline and return the assay.

        Raises
        ------
        InvalidRequestError
            Something does not fit together, or the baseline has no values.
        EntityNotFoundError
            There are inferences in that time, but none of this model with this field.
        """
        summarizer = self.summarizer_builder.build()
        source = {
            "pipeline_name": self._pipeline.name(),
            "model_name": self._model_name,
            "path": self._iopath,
            "locations": [],
        }
        workspace = self._pipeline._document["workspace_id"]
        _assay_baseline.await_log(self._pipeline)
        summary = _assay_baseline.call(
            self._client,
            "/v1/api/assays/summarize",
            {
                "summarizer": summarizer,
                "baseline": self._baseline.document({**source, "workspace_id": workspace}),
            },
        )
        static = {k: v for k, v in summary.items() if k not in ("start", "end")}
        static |= {"start_at": summary["start"], "end_at": summary["end"]}
        window = self._window
        common = {
            "name": self._name,
            "pipeline_id": self._pipeline.id(),
            "pipeline_name": self._pipeline.name(),
            "active": True,
            "status": "created",
            "summarizer": summarizer,
            "warning_threshold": self._warning_threshold,
            "alert_threshold": self._alert_threshold,
            "run_until": _assay_baseline.text(self._run_until),
            "workspace_id": workspace,
        }
        when = {
            "width": window._width,
            "start": _assay_baseline.text(window._start),
            "interval": window._interval,
        }
        document = {
            **common,
            "baseline": {"static": static},
            "window": {
                **source,
                **when,
                "workspace_id": workspace,
                "locations": window._locations,
            },
            "created_at": _assay_baseline.text(datetime.datetime.now(datetime.timezone.utc)),
        }
        names = {"pipeline": self._pipeline.name(), "model": self._model_name}
        shown = {
            **common,
            "iopath": self._iopath,
            "baseline": self._baseline.shown(names, static),
            "window": {**names, **when, "locations": window._locations},
        }
        return AssayConfig(self._client, document, shown)

    def upload(self) -> int:
        """Build the assay and have the server run it from now on (guide L10279-10320).

        Returns
        -------
        int
            The number of the assay.

        Raises
        ------
        AlreadyExistsError
            The name is taken; names of assays are unique on the server.
        """
        return self.build().upload()

    def baseline_dataframe(self) -> pd.DataFrame:
        """The rows of the baseline (guide L9513-9545): of a time range all of the log, each value
        in a column of its own; of an array its values."""
        return self._baseline.dataframe(self._pipeline, self._iopath)

    def baseline_histogram(self, bins: Optional[int] = None, log_scale: bool = False) -> None:
        """Draw a histogram of the baseline.

        Parameters
        ----------
        bins : int, optional
            Number of bars.
        log_scale : bool
            Whether the axis of the values is logarithmic.
        """
        from . import _charts

        _charts.histogram(self._values(), self._iopath, bins, log_scale)

    def baseline_kde(self, log_scale: bool = False) -> None:
        """Draw the kernel density estimate of the baseline."""
        from . import _charts

        _charts.kde(self._values(), self._iopath, log_scale)

    def baseline_ecdf(self, log_scale: bool = False) -> None:
        """Draw the empirical cumulative distribution of the baseline."""
        from . import _charts

        _charts.ecdf(self._values(), self._iopath, log_scale)

    def _values(self) -> np.ndarray:
        return self._baseline.values(self._pipeline, self._iopath)


_SPANS = ("minutes", "hours", "days", "weeks")


def _span(name: str, given: dict[str, Any]) -> str:
    """ "24 hours" of ``hours=24``."""
    if len(given) == 1:
        unit, count = next(iter(given.items()))
        if unit in _SPANS and isinstance(count, int) and not isinstance(count, bool) and count > 0:
            return f"{count} {unit}"
    raise InvalidRequestError(
        f"{name}() takes one of {', '.join(_SPANS)}, a whole number from 1 up",
        f"Example: {name}(hours=24)",
    )


def _member(kind: Any, value: Any) -> Any:
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(f"{kind.__name__}.{m.name}" for m in kind)
        raise InvalidRequestError(f"{value!r} is none of {names}") from None


def _numbers(name: str, values: Sequence[float]) -> list[float]:
    import math

    try:
        out = [float(v) for v in values]
    except (TypeError, ValueError):
        out = [math.nan]
    if not all(map(math.isfinite, out)):
        raise InvalidRequestError(f"{name}: {values!r} has something that is no finite number")
    return out


__all__ = [
    "Aggregation",
    "AssayBuilder",
    "AssayConfig",
    "BinMode",
    "Metric",
    "UnivariateContinousSummarizerBuilder",
    "WindowBuilder",
]

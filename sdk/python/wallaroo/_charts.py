"""Charts of assays, by matplotlib. Imported only when a chart is asked for.

Every function draws one figure and shows it where there is a window or notebook for it; elsewhere
the figure stays the current one, for ``plt.savefig()``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from . import _display
from .exceptions import UnsupportedError

try:
    import matplotlib
    from matplotlib import pyplot as plt
except ImportError:
    raise UnsupportedError(
        "Charts need matplotlib, which is not installed", "pip install matplotlib"
    ) from None

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BASELINE = "#4C78A8"
_WINDOW = "#F58518"
_GREY = "#6B7280"
_STATUS = {"Ok": "#2E9E5B", "BaselineRun": "#2E9E5B", "Warning": "#E0A100", "Alert": "#D1332E"}
_KDE_POINTS = 400
_KDE_VALUES_MAX = 20_000


def _axes(title: str, width: float = 9.0, height: float = 4.4) -> Axes:
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=12)
    axes.grid(axis="y", color="#E5E7EB", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9CA3AF")
    axes.tick_params(colors="#374151", labelsize=9)
    return axes


def _show() -> None:
    if matplotlib.get_backend().lower() != "agg":
        plt.show()


def _short(value: float) -> str:
    """1514079.375 as "1.51M"."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def _bin_labels(summary: dict[str, Any]) -> list[str]:
    edges = [e for e in summary["edges"] if e is not None]
    inner = [f"{_short(a)} –\n{_short(b)}" for a, b in zip(edges, edges[1:])]
    return [f"below\n{_short(edges[0])}", *inner, f"above\n{_short(edges[-1])}"]


def analysis(raw: dict[str, Any], show_scores: bool) -> None:
    """The bins of baseline and window."""
    baseline, window = raw["baseline_summary"], raw["window_summary"]
    labels = _bin_labels(baseline)
    places = np.arange(len(labels))
    axes = _axes(
        f"{raw['summarizer']['metric']} {raw['score']:.4g} – {raw['status']}",
        width=max(9.0, 0.75 * len(labels)),
    )
    axes.bar(places - 0.2, baseline["aggregated_values"], 0.38, color=_BASELINE, label="baseline")
    axes.bar(places + 0.2, window["aggregated_values"], 0.38, color=_WINDOW, label="window")
    axes.set_xticks(places, labels)
    axes.set_ylabel(baseline["aggregation"].lower())
    axes.margins(y=0.12)
    handles, names = axes.get_legend_handles_labels()
    if show_scores:
        right = axes.twinx()
        color = _STATUS.get(raw["status"], _GREY)
        right.plot(places, raw["scores"], "D", color=color, markersize=6, label="score of the bin")
        right.set_ylabel("score of the bin", color=color)
        right.tick_params(axis="y", colors=color, labelsize=9)
        right.set_ylim(bottom=0)
        right.margins(y=0.12)
        right.spines[["top", "left"]].set_visible(False)
        right.spines["right"].set_color("#9CA3AF")
        handles, names = (
            a + b for a, b in zip((handles, names), right.get_legend_handles_labels())
        )
    _legend(axes, handles, names)
    axes.set_xlabel(f"window of {_when(raw['window_start'])}", color=_GREY, fontsize=9)
    _show()


def scores(raws: list[dict[str, Any]], title: Optional[str], nth_x_tick: Optional[int]) -> None:
    """The score of each window, coloured by its status."""
    axes = _axes(title or f"Scores ({raws[0]['summarizer']['metric']})")
    places = np.arange(len(raws))
    values = np.array([raw["score"] for raw in raws])
    axes.plot(places, values, color="#CBD5E1", linewidth=1.2, zorder=1)
    for status in ("Ok", "Warning", "Alert"):
        which = np.array([raw["status"] == status for raw in raws])
        if which.any():
            axes.scatter(
                places[which], values[which], s=46, color=_STATUS[status], label=status, zorder=3
            )
    for name in ("warning", "alert"):
        threshold = raws[-1].get(f"{name}_threshold")
        if threshold is not None:
            axes.axhline(
                threshold,
                color=_STATUS[name.capitalize()],
                linestyle="--",
                linewidth=1,
                label=f"{name} threshold {threshold:g}",
            )
    step = nth_x_tick or max(1, -(-len(raws) // 10))
    axes.set_xticks(places[::step], [_when(raws[i]["window_start"], "\n") for i in places[::step]])
    axes.set_xlim(-0.5, len(raws) - 0.5)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.12)
    axes.set_ylabel("score")
    axes.set_xlabel("window", color=_GREY, fontsize=9)
    _legend(axes, *axes.get_legend_handles_labels())
    _show()


def histogram(values: np.ndarray, name: str, bins: Optional[int], log_scale: bool) -> None:
    """How many values lie where."""
    axes = _axes(f"Baseline of {name}")
    edges = np.histogram_bin_edges(_scaled(values, log_scale), bins or "auto")
    axes.hist(values, bins=10.0**edges if log_scale else edges, color=_BASELINE, edgecolor="white")
    axes.set_ylabel("values")
    _finish(axes, values, name, log_scale)


def kde(values: np.ndarray, name: str, log_scale: bool) -> None:
    """A Gaussian kernel density estimate, its bandwidth by Scott's rule."""
    axes = _axes(f"Baseline of {name}")
    data = _scaled(values, log_scale)
    if len(data) > _KDE_VALUES_MAX:
        data = np.sort(data)[:: -(-len(data) // _KDE_VALUES_MAX)]
    width = float(np.std(data)) * len(data) ** -0.2
    if width == 0:
        width = max(abs(float(data[0])) * 0.01, 1e-9)
    grid = np.linspace(data.min() - 3 * width, data.max() + 3 * width, _KDE_POINTS)
    density = np.zeros(_KDE_POINTS)
    for part in np.array_split(data, max(1, len(data) // 1000)):
        density += np.exp(-0.5 * ((grid[:, None] - part) / width) ** 2).sum(axis=1)
    density /= len(data) * width * np.sqrt(2 * np.pi)
    places = 10.0**grid if log_scale else grid
    axes.plot(places, density, color=_BASELINE, linewidth=1.8)
    axes.fill_between(places, density, color=_BASELINE, alpha=0.18, linewidth=0)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("density" + (" of the logarithm" if log_scale else ""))
    _finish(axes, values, name, log_scale)


def ecdf(values: np.ndarray, name: str, log_scale: bool) -> None:
    """Which fraction of the values is at most so large."""
    axes = _axes(f"Baseline of {name}")
    _scaled(values, log_scale)
    axes.ecdf(values, color=_BASELINE, linewidth=1.8)
    axes.set_ylabel("fraction at or below")
    _finish(axes, values, name, log_scale)


def _finish(axes: Axes, values: np.ndarray, name: str, log_scale: bool) -> None:
    if log_scale:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.axvline(
        float(np.median(values)), color=_GREY, linestyle=":", linewidth=1.2, label="median"
    )
    axes.set_xlabel(f"{name}, {len(values):,} values", color=_GREY, fontsize=9)
    _legend(axes, *axes.get_legend_handles_labels())
    _show()


def _scaled(values: np.ndarray, log_scale: bool) -> np.ndarray:
    if not log_scale:
        return values
    if values.min() <= 0:
        raise UnsupportedError(
            "A logarithmic axis cannot show values of 0 or below", "Leave log_scale away"
        )
    scaled: np.ndarray = np.log10(values)
    return scaled


def _legend(axes: Any, handles: list[Any], names: list[str]) -> None:
    axes.legend(
        handles,
        names,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(names),
        frameon=False,
        fontsize=9,
    )


def _when(text: str, between: str = " ") -> str:
    moment = _display.parse_time(text)
    return moment.strftime(f"%Y-%m-%d{between}%H:%M:%S") if moment else ""

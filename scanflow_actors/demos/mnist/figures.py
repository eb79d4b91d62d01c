"""Two pictures like the paper's Figures 6 and 7, from the table and the journal."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from scanflow_actors.agents import Entry
    from scanflow_actors.demos.mnist.table import WindowRow

_BLUE, _RED, _GREEN, _GREY = "#2b6cb0", "#c53030", "#2f855a", "#718096"
_LANES = {
    "count_number_of_predictions": ("tracker", _BLUE),
    "check_predictions": ("checker", _RED),
    "retrain_model": ("planner:\nretrain", _GREEN),
    "update_model": ("planner:\nupdate", _GREEN),
    "change_model_transition": ("executor", _GREY),
}


def draw_interval(rows: Sequence[WindowRow], entries: Sequence[Entry], start: datetime, path: Path) -> None:
    """Draw what the team did around the window that made it retrain first (like Fig. 6).

    Args:
        rows: The demo's table.
        entries: The journal.
        start: The agents' time at the first window.
        path: Where the PNG goes.
    """
    first = next((row.window for row in rows if row.labels_used), rows[-1].window)
    begin, end = max(0, first - 1), min(first + 4, rows[-1].window + 2)
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(9, 5.5), sharex=True, height_ratios=[3, 2], layout="constrained"
    )
    shown = [row for row in rows if begin <= row.window < end]
    _draw_counts(top, shown)
    _draw_decisions(bottom, entries, start, begin, end)
    top.set_title("Model debugging by the team of agents in the presence of data drift")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _draw_counts(axes: Axes, rows: Sequence[WindowRow]) -> None:
    groups = (
        ("predictions", _BLUE, [row.predictions for row in rows]),
        ("out of distribution", _RED, [row.detected for row in rows]),
        ("picked as critical", "#dd6b20", [row.picked for row in rows]),
        ("labelled", _GREEN, [row.labels_used for row in rows]),
    )
    for place, (name, colour, heights) in enumerate(groups):
        centres = [row.window + 0.2 + 0.2 * place for row in rows]
        bars = axes.bar(centres, heights, width=0.18, color=colour, label=name)
        axes.bar_label(bars, fontsize=7, color=_GREY)
    axes.set_ylabel("samples in the window")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=4, frameon=False, fontsize=8)
    axes.margins(y=0.12)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_decisions(axes: Axes, entries: Sequence[Entry], start: datetime, begin: int, end: int) -> None:
    lanes = list(_LANES)[::-1]
    for entry in entries:
        hour = _hour(entry, start)
        if entry.kind != "decision" or not begin <= hour <= end:
            continue
        _, colour = _LANES[entry.strategy]
        face = colour if entry.holds else "white"
        axes.scatter(hour, lanes.index(entry.strategy), s=60, color=face, edgecolor=colour, zorder=3)
    for hour in range(begin, end + 1):
        axes.axvline(hour, color=_BLUE, linestyle="--", linewidth=0.8, alpha=0.5)
    axes.set_yticks(range(len(lanes)), [_LANES[name][0] for name in lanes], fontsize=8)
    axes.set_ylim(-0.7, len(lanes) - 0.3)
    axes.set_xlim(begin, end)
    axes.set_xlabel("hours of the agents' time; filled: the constraint held and the agent acted")
    axes.spines[["top", "right"]].set_visible(False)


def draw_roadmap(rows: Sequence[WindowRow], path: Path) -> None:
    """Draw accuracy window by window, and which version was in production (like Fig. 7).

    Args:
        rows: The demo's table.
        path: Where the PNG goes.
    """
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    windows = [row.window for row in rows]
    frozen = [100 * row.accuracy_never_retrained for row in rows]
    managed = [100 * row.accuracy for row in rows]
    axes.plot(windows, frozen, color=_GREY, marker="o", markersize=4, label="never retrained (V1)")
    axes.plot(
        windows, managed, color=_BLUE, marker="o", markersize=4, label="in production, managed by the agents"
    )
    axes.fill_between(windows, frozen, managed, color=_BLUE, alpha=0.1)
    before = 0
    for row, score in zip(rows, managed, strict=True):
        if row.version != before:
            if before:
                axes.axvline(row.window - 0.5, color=_RED, linestyle="--", linewidth=0.8)
            axes.annotate(
                f"V{row.version}",
                (row.window, score),
                xytext=(0, 9),
                textcoords="offset points",
                ha="center",
                color=_RED,
                fontsize=9,
                fontweight="bold",
            )
        before = row.version
    axes.set_xticks(windows)
    axes.set_xlabel("window of the stream (one an hour of the agents' time)")
    axes.set_ylabel("accuracy on the stream, %")
    axes.set_title("Road map of model upgrades in production")
    axes.legend(loc="upper right", frameon=False)
    axes.margins(y=0.15)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _hour(entry: Entry, start: datetime) -> float:
    return (datetime.fromisoformat(entry.at) - start).total_seconds() / 3600

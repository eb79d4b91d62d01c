"""What is left of a run: the table on the terminal, two figures, and a record for programs."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from scanflow_actors.demos.mnist.figures import draw_interval, draw_roadmap

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from scanflow_actors.demos.mnist.lab import Lab
    from scanflow_actors.demos.mnist.run import Result

_RECORDED_PACKAGES = ("scanflow-actors", "ray", "mlflow", "torch", "numpy", "scipy")


def print_table(console: Console, result: Result) -> None:
    """Print the table and what the team gained."""
    table = Table(
        title="The stream, window by window",
        caption=_CAPTION,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    columns = (
        "window",
        "predictions",
        "detected",
        "picked",
        "labels",
        "accuracy",
        "never\nretrained",
        "version",
    )
    for column in columns:
        table.add_column(column, justify="right")
    for row in result.rows:
        table.add_row(
            str(row.window),
            str(row.predictions),
            str(row.detected),
            str(row.picked),
            str(row.labels_used),
            f"{100 * row.accuracy:.1f} %",
            f"{100 * row.accuracy_never_retrained:.1f} %",
            f"V{row.version}",
        )
    console.print(table)
    summary = result.summary
    console.print(
        f"last three windows: {100 * summary.accuracy_last3:.1f} % managed, "
        f"{100 * summary.accuracy_last3_never_retrained:.1f} % never retrained, "
        f"gain {100 * summary.gain_last3:+.1f} points",
        highlight=False,
    )
    console.print(
        f"clean hold-out: {100 * summary.holdout_first:.1f} % with V1, "
        f"{100 * summary.holdout_last:.1f} % with V{summary.last_version}; "
        f"{summary.labels_used} labels used",
        highlight=False,
    )


_COLUMNS = (
    "window",
    "predictions",
    "detected",
    "picked",
    "labels",
    "accuracy",
    "never\nretrained",
    "version",
)
_CAPTION = (
    "accuracy: of the version in production on the stream, over the images\n"
    "of which no version had been labelled before; version: in production"
)


def write_figures(result: Result, folder: Path) -> tuple[Path, Path]:
    """Draw the two figures.

    Returns:
        Where they are.
    """
    interval, roadmap = folder / "fig6-interval.png", folder / "fig7-roadmap.png"
    draw_interval(result.rows, result.entries, result.begun_at, interval)
    draw_roadmap(result.rows, roadmap)
    return interval, roadmap


def write_record(lab: Lab, result: Result, seconds: float, path: Path) -> None:
    """Write the table as JSON, with settings and versions."""
    settings: dict[str, Any] = asdict(lab)
    record = {
        "settings": {name: _text(value) for name, value in settings.items() if name != "knowledge"},
        "versions": {name: importlib.metadata.version(name) for name in _RECORDED_PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "seconds": round(seconds, 1),
        "windows": [asdict(row) for row in result.rows],
        "summary": asdict(result.summary),
        "failures": list(result.failures),
        "journal": str(lab.journal),
    }
    path.write_text(json.dumps(record, indent=2) + "\n")


def _text(value: Any) -> Any:
    return value if isinstance(value, int | float | str | list | tuple) or value is None else str(value)

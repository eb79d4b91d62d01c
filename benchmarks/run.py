"""Runs every benchmark of this folder several times, each in a process of its own, and writes the tables.

``python benchmarks/run.py [--runs N] [--only NAME …]``. A benchmark is any other file here; ``python
benchmarks/NAME.py`` measures once and prints, for each case, one line of JSON: its measures by name, as
numbers, and the name of the ``case`` when there is more than one. ``{"case": …, "skipped": why}`` leaves a
case out. What the measures must reach is in ``gates.toml``.

A whole run writes ``README.md`` and ``results/all.json``; one with ``--only`` writes ``results/NAME.md`` and
``.json``. A benchmark that fails does not end the others; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
GATES = HERE / "gates.toml"
RUNS_WITHOUT_GATE = 3
"""How often a benchmark that has no gate is run at most: there is no bar that its spread could cross."""
LIMIT_S = 300
"""Seconds until a benchmark that hangs counts as failed."""

Values = dict[tuple[str, str, str], list[float]]
"""What was measured, by file, case and measure; one value a run."""

INTRODUCTION = """# Benchmarks, as measured

Written by `make bench` (`python benchmarks/run.py`). Each file of this folder asks one question, over the
public interface only; how to add one is said at the top of `run.py`, and what must be reached is in
`gates.toml`. *Raw* is one Ray call a message between the same two processes; CPU is that of all processes
that take part.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A measure, or the ratio of two, and what it must reach (bar) and should (goal)."""

    what: str
    mine: list[str]
    theirs: list[str] = field(default_factory=list)
    at_least: float | None = None
    at_most: float | None = None
    goal: float | None = None
    note: str = ""
    """Where the time goes; shown when the bar is missed."""

    def value(self, medians: dict[tuple[str, ...], float]) -> float | None:
        """What was measured, or None when it was not."""
        mine = medians.get(tuple(self.mine))
        if mine is None or not self.theirs:
            return mine
        theirs = medians.get(tuple(self.theirs))
        return mine / theirs if theirs else None

    def verdict(self, value: float | None) -> str:
        """What it reaches: goal, bar or nothing."""
        if value is None:
            return "not measured"
        if self.goal is not None and self._holds(value, self.goal):
            return "goal"
        return "bar" if self._holds(value, self.bar) else "**missed**"

    def _holds(self, value: float, limit: float) -> bool:
        return value <= limit if self.at_most is not None else value >= limit

    @property
    def bar(self) -> float:
        """What must be reached."""
        bar = self.at_least if self.at_most is None else self.at_most
        assert bar is not None, f"{self.what}: a gate needs at_least or at_most"
        return bar

    def row(self, medians: dict[tuple[str, ...], float]) -> str:
        """One line of the table."""
        value = self.value(medians)
        sign = "≤" if self.at_most is not None else "≥"
        goal = "" if self.goal is None else f"{sign} {self.goal:,g}"
        measured = "" if value is None else shown(value)
        return f"| {self.what} | {sign} {self.bar:,g} | {goal} | {measured} | {self.verdict(value)} |"


def names() -> list[str]:
    """All benchmarks; a file whose name begins with an underscore is only used by others."""
    return sorted(
        file.stem for file in HERE.glob("*.py") if file.stem != "run" and not file.stem.startswith("_")
    )


def measure(name: str, values: Values) -> bool:
    """Run one benchmark once, and note what it prints; False when it fails."""
    begin = time.monotonic()
    command = [sys.executable, str(HERE / f"{name}.py")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_S)  # noqa: S603 - ours
        note(name, done.stdout, values)
    except subprocess.CalledProcessError as failed:
        say(f"{name} failed with {failed.returncode}:\n{failed.stderr[-2000:]}")
    except (subprocess.TimeoutExpired, ValueError) as error:
        say(f"{name} failed: {error}")
    else:
        say(f"{name}: {time.monotonic() - begin:.0f} s")
        return True
    return False


def note(name: str, output: str, values: Values) -> None:
    """Take up the lines of JSON that a benchmark printed.

    Raises:
        ValueError: There are none, or one holds what is no number.
    """
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise ValueError("it printed no line of JSON")
    for line in lines:
        case = line.pop("case", "")
        if "skipped" in line:
            say(f"  {case}: skipped, {line['skipped']}")
            continue
        for key, value in line.items():
            if not isinstance(value, int | float):
                raise ValueError(f"{key} of {case or name} is no number: {value!r}")  # noqa: TRY004 - of its output
            values[name, case, key].append(float(value))


def say(text: str) -> None:
    """Tell of the progress."""
    print(text, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    text = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line), "?")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load before": round(os.getloadavg()[0], 2),
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def shown(value: float) -> str:
    """A number with three digits that count, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(values: list[float]) -> str:
    """The median, and from where to where."""
    return f"{shown(statistics.median(values))} | {shown(min(values))} to {shown(max(values))}"


def tables(head: dict[str, Any], values: Values, gates: list[Gate]) -> str:
    """Everything, to read."""
    medians: dict[tuple[str, ...], float] = {key: statistics.median(each) for key, each in values.items()}
    lines = [f"- {key}: {value}" for key, value in head.items()]
    lines += ["", "## Gates", "", "| what | bar | goal | measured | reached |", "|---|---:|---:|---:|---|"]
    lines += [gate.row(medians) for gate in gates]
    missed = [gate for gate in gates if "missed" in gate.verdict(gate.value(medians))]
    lines += ["", *(f"- {gate.what}: {gate.note}" for gate in missed if gate.note)]
    name = None
    for (file, case, key), each in values.items():
        if file != name:
            name = file
            lines += [
                "",
                f"## {name}",
                "",
                "| case | measure | median | lowest to highest |",
                "|---|---|---:|---:|",
            ]
        lines.append(f"| {case} | {key} | {spread(each)} |")
    return "\n".join(lines) + "\n"


def write(only: list[str] | None, head: dict[str, Any], values: Values) -> str:
    """Write what was measured, and return what there is to read."""
    rows = tomllib.loads(GATES.read_text())["gate"]
    gates = [Gate(**row) for row in rows if not only or row["mine"][0] in only]
    text = INTRODUCTION + "\n" + tables(head, values, gates)
    stem = "-".join(only) if only else "all"
    RESULTS.mkdir(exist_ok=True)
    measured = [
        {"file": file, "case": case, "measure": key, "values": each}
        for (file, case, key), each in values.items()
    ]
    (RESULTS / f"{stem}.json").write_text(
        json.dumps({"machine": head, "measured": measured}, indent=1) + "\n"
    )
    (RESULTS / f"{stem}.md" if only else HERE / "README.md").write_text(text)
    return text


def main() -> int:
    """Measure all benchmarks in turn, so that a noisy minute hits all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--runs",
        type=int,
        default=5,
        help="of each benchmark that has a gate, others three at most (default 5)",
    )
    parser.add_argument("--only", nargs="+", choices=names(), metavar="NAME", help=", ".join(names()))
    options = parser.parse_args()
    head = machine() | {"runs": options.runs}
    values: Values = defaultdict(list)
    failed = set()
    gated = {row["mine"][0] for row in tomllib.loads(GATES.read_text())["gate"]}
    for number in range(options.runs):
        say(f"run {number + 1} of {options.runs}")
        due = [name for name in options.only or names() if name in gated or number < RUNS_WITHOUT_GATE]
        failed |= {name for name in due if not measure(name, values)}
    if failed:
        head["failed"] = ", ".join(sorted(failed))
    print(write(options.only, head, dict(sorted(values.items(), key=lambda item: item[0][0]))))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

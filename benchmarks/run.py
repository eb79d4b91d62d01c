# ruff: noqa: D101, D102, D103 - the name of a case says what it measures
"""Runs every benchmark in a process of its own, several times, and writes the tables.

``python benchmarks/run.py [--runs 5] [--only local|remote|many]``: results go to ``benchmarks/results/``, as
Markdown to read and as JSON to compare. A peer that is not installed is left out (extra ``bench``).
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"


@dataclass(frozen=True, slots=True)
class Case:
    file: str
    name: str
    needs: str = ""
    flags: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return " ".join((self.name, *self.flags))


CASES = [
    *(
        Case("local", f"{who} {what}", needs, flags)
        for what in ("tell", "ask, one by one", "ask, mailbox", "ask, gathered")
        for who, needs in (("queue", ""), ("ours", ""), ("pykka", "pykka"), ("xoscar", "xoscar"))
        for flags in ((), ("--uvloop",))
        if not (who in {"queue", "pykka", "xoscar"} and what == "ask, mailbox")
        if not (who == "pykka" and (flags or what == "ask, gathered"))
        if not (who == "xoscar" and flags)
    ),
    *(
        Case("remote", f"{who}, {what}")
        for what in ("tell", "ask in flight", "ask alone")
        for who in ("raw", "raw from the driver", "ours on Ray calls", "ours on streams")
    ),
    Case("many", "idle"),
    Case("many", "restart"),
]


@dataclass(frozen=True, slots=True)
class Gate:
    """A bar: the ratio or value of two measures, and what it must reach."""

    what: str
    mine: tuple[str, str]
    theirs: tuple[str, str] | None
    at_least: float | None = None
    at_most: float | None = None

    def value(self, medians: dict[str, dict[str, float]]) -> float | None:
        try:
            mine = medians[self.mine[0]][self.mine[1]]
            return mine if self.theirs is None else mine / medians[self.theirs[0]][self.theirs[1]]
        except KeyError:
            return None

    def holds(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


GATES = [
    Gate("local tell: rate against a queue", ("ours tell", "per_s"), ("queue tell", "per_s"), at_least=0.4),
    Gate("local tell: us of CPU", ("ours tell", "cpu_us"), None, at_most=2.0),
    Gate("local tell: rate against Pykka", ("ours tell", "per_s"), ("pykka tell", "per_s"), at_least=3),
    Gate("local tell: rate against xoscar", ("ours tell", "per_s"), ("xoscar tell", "per_s"), at_least=3),
    Gate(
        "local ask through the mailbox, one by one: rate against queue and future",
        ("ours ask, mailbox", "per_s"),
        ("queue ask, one by one", "per_s"),
        at_least=0.9,
    ),
    Gate(
        "local ask, gathered: rate against queue and future",
        ("ours ask, gathered", "per_s"),
        ("queue ask, gathered", "per_s"),
        at_least=0.65,
    ),
    Gate(
        "local ask to an idle target: rate against queue and future",
        ("ours ask, one by one", "per_s"),
        ("queue ask, one by one", "per_s"),
        at_least=3,
    ),
    Gate(
        "the same on uvloop",
        ("ours ask, one by one --uvloop", "per_s"),
        ("queue ask, one by one --uvloop", "per_s"),
        at_least=2,
    ),
    *(
        Gate(
            f"across hosts, {what}, {carrier}: {measure} against raw Ray",
            (f"ours on {carrier}, {what}", measure),
            (f"raw, {what}", measure),
            at_least=least,
            at_most=most,
        )
        for what, carrier, measure, least, most in (
            ("tell", "Ray calls", "per_s", 100, None),
            ("tell", "streams", "per_s", 200, None),
            ("ask in flight", "Ray calls", "per_s", 20, None),
            ("ask in flight", "streams", "per_s", 60, None),
            ("ask alone", "Ray calls", "p50_ms", None, 1.5),
            ("ask alone", "streams", "p50_ms", None, 0.2),
        )
    ),
    Gate("idle actor: KiB", ("idle", "kib"), None, at_most=3),
    Gate("actors started: per second", ("idle", "starts_per_s"), None, at_least=50_000),
    Gate("restart in its process: us", ("restart", "p50_us"), None, at_most=50),
]


def measure(case: Case) -> dict[str, float] | None:
    command = [sys.executable, str(HERE / f"{case.file}.py"), case.name, *case.flags]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)  # noqa: S603 - ours
    if outcome.returncode:
        print(f"  failed: {outcome.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    result: dict[str, float] = json.loads(outcome.stdout.strip().splitlines()[-1])
    return result


def machine() -> dict[str, Any]:
    text = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line), "?")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def spread(values: list[float]) -> str:
    middle = statistics.median(values)
    digits = 0 if middle >= 100 else 2
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def report(head: dict[str, Any], runs: dict[str, list[dict[str, float]]]) -> str:
    lines = ["# Benchmarks, as measured", ""]
    lines += [f"- {key}: {value}" for key, value in head.items()]
    lines += ["", "Median of the runs (lowest to highest). CPU is that of all processes that take part.", ""]
    lines += ["| case | measure | value |", "|---|---|---:|"]
    for name, results in runs.items():
        for key in results[0]:
            lines.append(f"| {name} | {key} | {spread([result[key] for result in results])} |")
    medians = {
        name: {key: statistics.median(result[key] for result in results) for key in results[0]}
        for name, results in runs.items()
    }
    lines += ["", "| gate | bar | measured | |", "|---|---:|---:|---|"]
    for gate in GATES:
        value = gate.value(medians)
        bar = f"at least {gate.at_least:g}" if gate.at_least is not None else f"at most {gate.at_most:g}"
        verdict = "not measured" if value is None else "reached" if gate.holds(value) else "**missed**"
        lines.append(f"| {gate.what} | {bar} | {'' if value is None else f'{value:,.2f}'} | {verdict} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=["local", "remote", "many"])
    options = parser.parse_args()
    cases = [
        case
        for case in CASES
        if (not options.only or case.file == options.only)
        and (not case.needs or importlib.util.find_spec(case.needs))
        and ("--uvloop" not in case.flags or importlib.util.find_spec("uvloop"))
    ]
    head = machine() | {"runs": options.runs}
    runs: dict[str, list[dict[str, float]]] = {}
    for _ in range(options.runs):  # all cases in turn, so that a noisy minute hits all of them
        for case in cases:
            print(case.file, case.title, file=sys.stderr)
            if (result := measure(case)) is not None:
                runs.setdefault(case.title, []).append(result)
    RESULTS.mkdir(exist_ok=True)
    stem = f"{options.only or 'all'}"
    (RESULTS / f"{stem}.json").write_text(json.dumps({"machine": head, "runs": runs}, indent=1) + "\n")
    text = report(head, runs)
    (RESULTS / f"{stem}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()

"""The house rules that no linter checks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "scanflow_actors"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 400

# Where the wall clock is read, and why that is right. Everything else asks the event loop for the time.
WALL_CLOCK_ALLOWED = {
    "triggers/wall_clock.py": "the one place that turns wall-clock instants of a crontab into loop time",
    "agents/clock.py": "turns loop time into the instants that decisions are stamped with",
    "agents/page.py": "stamps records",
    "artifacts/open_run.py": "stamps records",
    "demos/mnist/command.py": "stamps the record that it writes",
    "infrastructure/actor.py": "stamps facts, unless it is given the team's clock",
    "infrastructure/ledger.py": "stamps records",
    "settings.py": "names the clock of timers that outlive the process; another may be given",
}
SLEEPS = {("time", "sleep")}
WALL_CLOCK = {
    ("time", "time"),
    ("time", "time_ns"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def calls_in(source: str) -> set[tuple[str, str]]:
    """Every ``owner.name`` that is called or handed on, such as ``time.sleep``."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            found.add((name, node.attr))
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found.update(("time", alias.name) for alias in node.names)
    return found


def swallowed_errors_in(source: str) -> list[int]:
    """Lines of handlers that name no error, or do nothing with the one that they caught."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            silent = all(isinstance(step, (ast.Pass, ast.Continue)) for step in node.body)
            wide = node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"}
            if node.type is None or (silent and wide):
                lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_error_is_swallowed(path: Path) -> None:
    assert swallowed_errors_in(path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_sleeps_or_reads_the_wall_clock(path: Path) -> None:
    called = calls_in(path.read_text())
    assert not called & SLEEPS
    if name_of(path) not in WALL_CLOCK_ALLOWED:
        assert not called & WALL_CLOCK


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    pass\nexcept:\n    raise",
        "try:\n    pass\nexcept Exception:\n    pass",
        "for x in y:\n    try:\n        pass\n    except BaseException:\n        continue",
    ],
)
def test_the_check_for_swallowed_errors_bites(source: str) -> None:
    assert swallowed_errors_in(source)


@pytest.mark.parametrize(
    "source",
    ["import time\ntime.sleep(1)", "from time import sleep", "import datetime as d\nd.datetime.now()"],
)
def test_the_check_for_clocks_bites(source: str) -> None:
    assert calls_in(source) & (SLEEPS | WALL_CLOCK)

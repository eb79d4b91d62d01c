"""`scanflow run`, and what all commands have in common: examples, exit codes, JSON, colours."""

from __future__ import annotations

import argparse
import io
import json
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.cli import main
from scanflow_actors.commands import add_commands
from scanflow_actors.commands.paint import GREEN, painted

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = """
kind: batch
name: adding
result: add
executors:
  - {name: load, run: "tests.unit.test_run:load", takes: {count: count}}
  - {name: add, run: "tests.unit.test_run:add", needs: {rows: load}}
"""


def load(count: int) -> list[int]:
    """Give so many ones."""
    if count < 0:
        raise ValueError("a count is 0 or more")
    return [1] * count


def add(rows: list[int]) -> int:
    """Add them up."""
    return sum(rows)


@pytest.fixture
def workflow(tmp_path: Path) -> str:
    path = tmp_path / "workflow.yaml"
    path.write_text(WORKFLOW)
    return str(path)


def test_a_workflow_is_run_and_says_how_far_it_is(workflow: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", workflow, "--set", "count=3"]) == 0
    caught = capsys.readouterr()
    assert caught.out == "3\n"
    assert caught.err == "1/2 load: done\n2/2 add: done\n"
    assert main(["run", workflow, "--set", "count=4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == 4


def test_a_workflow_that_fails_ends_with_1_and_names_the_step(
    workflow: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", workflow, "--set", "count=-1"]) == 1
    caught = capsys.readouterr()
    assert caught.out == ""
    assert "load: failed: ValueError: a count is 0 or more" in caught.err
    assert main(["run", workflow, "--set", "count=-1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["is_success"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "'count' is missing; it takes ['count']"),
        (["--set", "cuont=1", "--set", "count=1"], "'cuont' is unknown"),
    ],
)
def test_wrong_parameters_end_with_2(
    workflow: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", workflow, *words]) == 2
    assert said in capsys.readouterr().err


def test_what_is_no_batch_workflow_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "none.yaml")]) == 2
    assert "No such file or directory; give the workflow's file" in capsys.readouterr().err
    path = tmp_path / "workflow.yaml"
    path.write_text("kind: streaming\nname: x\n")
    assert main(["run", str(path)]) == 2
    assert "must be batch or online" in capsys.readouterr().err


# ---------------------------------------------------------------------- what all commands have in common


def commands() -> dict[str, argparse.ArgumentParser]:
    added = argparse.ArgumentParser(prog="scanflow").add_subparsers()
    add_commands(added)
    return dict(added.choices)


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_shows_examples_and_exit_codes_and_takes_json(name: str) -> None:
    text = commands()[name].format_help()
    assert f":\n  scanflow {name}" in text.partition("example")[2]
    assert "exit codes: 0 fine, 1 the work failed, 2 your error, 130 interrupted" in text
    assert "--json" in text


NOWHERE = ["--url", "http://127.0.0.1:1"]
USERS_ERRORS = {
    "approve": ["--url", "ftp://here"],
    "call": ["a", "M", "{}", "--url", "ftp://here"],
    "check": ["none.yaml"],
    "explain": ["x", "--journal", "none.db"],
    "journal": ["--journal", "none.db"],
    "replay": ["none.db", "--team", "none.yaml"],
    "run": ["none.yaml"],
    "status": ["--url", "ftp://here"],
    "thaw": ["workflow/w", "replicas", "--url", "ftp://here"],
    "up": ["none.yaml"],
}
FAILURES = {
    "approve": NOWHERE,
    "call": ["a", "M", "{}", *NOWHERE],
    "explain": ["x", "--journal", "{text}"],
    "journal": ["--journal", "{text}"],
    "status": NOWHERE,
    "thaw": ["workflow/w", "replicas", *NOWHERE],
}
"""`replay` reads a team first; `check` and `up` fail by what the user gives; `run` is tested above."""


def test_every_command_has_a_users_error() -> None:
    assert USERS_ERRORS.keys() == commands().keys()


@pytest.mark.parametrize("name", sorted(USERS_ERRORS))
def test_the_users_error_ends_with_2_and_says_what_is_wrong(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([name, *USERS_ERRORS[name]]) == 2
    caught = capsys.readouterr()
    assert caught.err.startswith("scanflow: ")
    assert caught.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_work_that_fails_ends_with_1_and_says_why(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.db"
    text.write_text("this is no database, though longer than the header of one is " * 20)
    assert (
        main([name, *(word.format(text=text) if "{text}" in word else word for word in FAILURES[name])]) == 1
    )
    assert capsys.readouterr().err.startswith("scanflow: ")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_and_not_for_those_who_want_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert painted("done", GREEN, Terminal()) == "\x1b[32mdone\x1b[0m"
    assert painted("done", GREEN, io.StringIO()) == "done"
    monkeypatch.setenv("NO_COLOR", "")
    assert painted("done", GREEN, Terminal()) != "done"
    monkeypatch.setenv("NO_COLOR", "1")
    assert painted("done", GREEN, Terminal()) == "done"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert painted("done", GREEN, Terminal()) == "done"

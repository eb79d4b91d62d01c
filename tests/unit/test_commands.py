"""`scanflow check | journal | explain | replay`, as a person types them."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.agents import Decision, Effect, Journal
from scanflow_actors.agents.records import Memory
from scanflow_actors.commands import add_commands
from scanflow_actors.errors import DataNotFoundError, InvalidTeamError, UnknownDecisionError
from scanflow_actors.primitives import Outcome, RunWorkflow
from tests.unit.agents.crew import Check

if TYPE_CHECKING:
    from pathlib import Path

TEAM = """
journal: other.db
messages: ["tests.unit.agents.crew:Check"]
agents:
  counter:
    strategies:
      - name: count
        when: {every: {hours: 1}}
        sense: {new_runs: {kind: predictions, metric: predictions}}
        given: {at_least: {of: total, value: 20}}
        then: {call: {agent: checker, message: Check, with: {first: 0, end: $total}}}
  checker:
    strategies:
      - name: check
        when: {"on": Check}
        then: {perform: {primitive: RunWorkflow, with: {workflow: detect}}}
"""

DONE = (
    '    done      counter/count: [{"type": "Outcome", "is_success": true, "result": null, '
    '"reason": "", "rule": null}]'
)


def decide(journal: Journal, decision: Decision, reason: str = "") -> None:
    journal.commit(decision, Memory())
    if decision.effects:
        results = (Outcome(is_success=not reason, reason=reason),)
        journal.conclude(decision, not reason, reason, results)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A check that was decided on at one o'clock, and one look that came to nothing at two."""
    path = tmp_path / "journal.db"
    opened = Journal(path)
    first = "counter/count/2026-01-01T01:00:00+00:00"
    second = f"checker/check/{first}#0"
    common = {"trace": first, "at": "2026-01-01T01:00:00+00:00", "holds": True}
    call = Effect(target="checker", message=Check(first=0, end=12))
    run = Effect(target=None, message=RunWorkflow(workflow="detect"))
    decide(
        opened,
        Decision(
            id=first,
            agent="counter",
            strategy="count",
            cause=None,
            reason="total 12 >= 10",
            state={"total": 12.0},
            effects=(call,),
            **common,  # type: ignore[arg-type]
        ),
    )
    decide(
        opened,
        Decision(
            id=second,
            agent="checker",
            strategy="check",
            cause=first,
            reason="Check received",
            state=Check(first=0, end=12),
            effects=(run,),
            **common,  # type: ignore[arg-type]
        ),
        reason="the workflow broke",
    )
    later = "2026-01-01T02:00:00+00:00"
    idle = Decision(
        id=f"counter/count/{later}",
        agent="counter",
        strategy="count",
        cause=None,
        trace=f"counter/count/{later}",
        at=later,
        holds=False,
        reason="total 9 < 10",
        state={"total": 9.0},
        effects=(),
    )
    decide(opened, idle)
    opened.close()
    return path


@pytest.fixture
def team(tmp_path: Path) -> Path:
    path = tmp_path / "team.yaml"
    path.write_text(TEAM)
    return path


def scanflow(*words: object) -> int:
    parser = argparse.ArgumentParser(prog="scanflow")
    add_commands(parser.add_subparsers(required=True))
    options = parser.parse_args([str(word) for word in words])
    return int(options.execute(options))


def test_explain_prints_the_chain_from_the_observation_to_the_effect(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scanflow("explain", "checker/check", "--journal", journal) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-01-01T01:00:00+00:00  counter/count acts: total 12 >= 10",
        "    saw       (total=12.0)",
        "    asks      checker: Check(first=0, end=12)",
        DONE,
        "  2026-01-01T01:00:00+00:00  checker/check acts: Check received",
        "      saw       Check(first=0, end=12)",
        '      asks      infrastructure: RunWorkflow(workflow="detect", parameters={})',
        "      failed    checker/check: the workflow broke",
    ]


def test_explain_asks_which_chain_is_meant(journal: Path) -> None:
    with pytest.raises(
        UnknownDecisionError, match="several decisions contain 'counter'; name one: counter/c"
    ):
        scanflow("explain", "counter", "--journal", journal)
    with pytest.raises(
        UnknownDecisionError, match="no decision contains 'nothing'; `scanflow journal` lists"
    ):
        scanflow("explain", "nothing", "--journal", journal)


def test_the_journal_is_listed_by_agent_instant_and_number(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scanflow("journal", "--journal", journal) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert scanflow("journal", "--journal", journal, "--agent", "counter", "--last", "1") == 0
    line = "     5  2026-01-01T02:00:00+00:00  decision   counter/count" + " " * 28 + "no   total 9 < 10\n"
    assert capsys.readouterr().out == line
    assert scanflow("journal", "--journal", journal, "--since", "2026-01-01T03:00+01:00", "--json") == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["agent"], row["holds"], row["body"]["state"]) == ("counter", False, {"total": 9.0})


def test_a_journal_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"no\.db; give the file that the team writes"):
        scanflow("journal", "--journal", tmp_path / "no.db")
    assert not (tmp_path / "no.db").exists()


def test_check_lists_the_strategies_or_names_the_line(team: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scanflow("check", team) == 0
    assert capsys.readouterr().out == "counter: count\nchecker: check\n"
    assert scanflow("check", team, "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0]) == {
        "agent": "counter",
        "strategies": ["count"],
    }
    team.write_text(TEAM.replace("of: total", "of: totl"))
    with pytest.raises(InvalidTeamError, match=r"team\.yaml:\d+, agent 'counter', strategy 'count': judges"):
        scanflow("check", team)


def test_replay_says_what_another_team_would_have_done(
    journal: Path, team: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scanflow("replay", journal, "--team", team) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-01-01T02:00:00+00:00  counter/count  total 21 >= 20",
        "2026-01-01T02:00:00+00:00  checker/check  Check received",
        "",
        f"{'strategy':<44} acted then  would act",
        f"{'checker/check':<44} {1:>10}  {1:>9}",
        f"{'counter/count':<44} {1:>10}  {1:>9}",
    ]
    team.write_text(TEAM.replace("value: 20", "value: 5"))
    assert scanflow("replay", journal, "--team", team, "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["agent"], row["holds"]) for row in rows] == [
        ("counter", True),
        ("checker", True),
        ("counter", True),
        ("checker", True),
    ]


@pytest.mark.parametrize(
    "words",
    [["journal", "--since", "yesterday"], ["journal", "--last", "0"], ["replay", "j.db"], ["explain"]],
)
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        scanflow(*words)
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err


def test_the_parser_costs_neither_mlflow_nor_aiohttp() -> None:
    program = (
        "import argparse, sys; from scanflow_actors.commands import add_commands;"
        "add_commands(argparse.ArgumentParser().add_subparsers());"
        "print([name for name in ('mlflow', 'aiohttp', 'yaml', 'ray') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert ended.stdout == "[]\n"

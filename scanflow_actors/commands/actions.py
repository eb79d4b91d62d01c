"""What the subcommands do: each takes the parsed options and returns the exit code."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.history import explain as worded, line_of, open_existing, story_of
from scanflow_actors.agents.replay import replay as replayed
from scanflow_actors.agents.team_file import load_team

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable


def check(options: argparse.Namespace) -> int:
    """Check a team's file."""
    strategies = load_team(options.team).strategies()
    if options.json:
        _print_json(
            [{"agent": name, "strategies": [one.name for one in s]} for name, s in strategies.items()]
        )
        return 0
    for name, owned in strategies.items():
        _print(f"{name}: {', '.join(strategy.name for strategy in owned) or 'no strategies'}")
    return 0


def journal(options: argparse.Namespace) -> int:
    """List lines of the journal."""
    with closing(open_existing(options.journal)) as opened:
        entries = opened.entries(agent=options.agent, since=options.since, limit=options.last)
    if options.json:
        _print_json(asdict(entry) for entry in entries)
    else:
        _print(*(line_of(entry) for entry in entries))
    return 0


def explain(options: argparse.Namespace) -> int:
    """Print the chain that a decision is a part of."""
    with closing(open_existing(options.journal)) as opened:
        story = story_of(opened, options.decision)
    if options.json:
        _print_json(asdict(entry) for entry in story)
    else:
        _print(worded(story))
    return 0


def replay(options: argparse.Namespace) -> int:
    """Print what another team would have decided."""
    strategies = load_team(options.team).strategies()
    with closing(open_existing(options.journal)) as opened:
        outcome = replayed(opened.entries(since=options.since), strategies)
    if options.json:
        _print_json(asdict(one) for one in outcome.decisions)
        return 0
    for one in outcome.decisions:
        if one.holds:
            _print(f"{one.at}  {one.agent}/{one.strategy}  {one.reason}")
    _print("", f"{'strategy':<44} acted then  would act")
    for name in sorted({*outcome.acted_then, *outcome.acted_now}):
        _print(f"{name:<44} {outcome.acted_then.get(name, 0):>10}  {outcome.acted_now.get(name, 0):>9}")
    for name in outcome.unseen:
        _print(f"{name}: the journal has no observations for it")
    return 0


def _print(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


def _print_json(rows: Iterable[Any]) -> None:
    for row in rows:
        _print(json.dumps(row))

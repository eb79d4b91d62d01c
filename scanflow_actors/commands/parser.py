"""The subcommands' arguments and help; what they do is loaded when they run."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

JOURNAL = "SCANFLOW_JOURNAL"
"""Environment variable that names the journal when the command does not."""


def add_commands(commands: Any) -> None:
    """Add the subcommands to the parser of `scanflow`; each sets ``execute``, which returns the exit code.

    Args:
        commands: What ``add_subparsers`` returned.
    """
    _add_check(commands)
    _add_journal(commands)
    _add_explain(commands)
    _add_replay(commands)


def _add_check(commands: Any) -> None:
    parser = _command(
        commands,
        "check",
        "check a team's file: everything that would be refused at start, with its line",
        "scanflow check team.yaml",
    )
    parser.add_argument("team", type=Path, metavar="TEAM.yaml", help="the team's file")
    _finish(parser, "check")


def _add_journal(commands: Any) -> None:
    parser = _command(
        commands,
        "journal",
        "list what the agents decided, and what came of it",
        "scanflow journal --agent planner --since 2026-01-31T12:00+00:00 --json | jq .reason",
    )
    _add_file(parser)
    parser.add_argument("--since", type=_instant, metavar="INSTANT", help="from this instant on, ISO 8601")
    parser.add_argument("--agent", metavar="NAME", help="only what this agent decided")
    parser.add_argument("--last", type=_count, metavar="N", help="only the last N lines")
    _finish(parser, "journal")


def _add_explain(commands: Any) -> None:
    parser = _command(
        commands,
        "explain",
        "why did it do that? the chain from the first observation to the last effect",
        "scanflow explain executor/change_model_transition --journal journal.db",
    )
    parser.add_argument("decision", metavar="DECISION", help="its name, or a part that only one chain has")
    _add_file(parser)
    _finish(parser, "explain")


def _add_replay(commands: Any) -> None:
    parser = _command(
        commands,
        "replay",
        "what would another team have decided on what this journal's team saw? nothing is done",
        "scanflow replay journal.db --team other.yaml",
    )
    parser.add_argument("journal", type=Path, metavar="JOURNAL", help="the recorded journal")
    parser.add_argument("--team", type=Path, required=True, metavar="TEAM.yaml", help="the other team's file")
    parser.add_argument("--since", type=_instant, metavar="INSTANT", help="from this instant on, ISO 8601")
    _finish(parser, "replay")


def _command(commands: Any, name: str, text: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n  {example}\n\nexit codes: 0 fine, 1 the work failed, 2 your error",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    return parser


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--journal",
        type=Path,
        metavar="FILE",
        default=Path(os.environ.get(JOURNAL, "journal.db")),
        help=f"the journal; ${JOURNAL} if it is set, else journal.db",
    )


def _finish(parser: argparse.ArgumentParser, name: str) -> None:
    parser.set_defaults(execute=_action(name))


def _action(name: str) -> Callable[[argparse.Namespace], int]:
    from scanflow_actors.commands import actions  # noqa: PLC0415 - imports what `scanflow --help` can do without

    found: Callable[[argparse.Namespace], int] = getattr(actions, name)
    return found


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be an instant like 2026-01-31T12:00+00:00; got {text!r}"
        ) from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more; got {text!r}")
    return number

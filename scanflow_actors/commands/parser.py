"""The subcommands' arguments and help; what they do is loaded when they run."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanflow_actors.storage.database import is_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.storage import Address

EXIT_CODES = "exit codes: 0 fine, 1 the work failed, 2 your error, 130 interrupted"
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
    _add_up(commands)
    _add_status(commands)
    _add_call(commands)
    _add_approve(commands)
    _add_thaw(commands)
    _add_run(commands)


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
    parser.add_argument("journal", type=_address, metavar="JOURNAL", help="the recorded journal")
    parser.add_argument("--team", type=Path, required=True, metavar="TEAM.yaml", help="the other team's file")
    parser.add_argument("--since", type=_instant, metavar="INSTANT", help="from this instant on, ISO 8601")
    _finish(parser, "replay")


def _add_up(commands: Any) -> None:
    parser = _command(
        commands,
        "up",
        "run a team until it is told to stop (Ctrl-C, SIGTERM)",
        "scanflow up team.yaml --workflows my_workflows:WORKFLOWS --tokens tokens --port 8080",
        "scanflow up team.yaml --ray               # each agent in a process of its own",
        "scanflow up team.yaml --ray 10.0.0.7:6379 # on that cluster",
    )
    parser.add_argument("file", type=Path, metavar="TEAM.yaml", help="the team's file")
    parser.add_argument("--workflows", metavar="MODULE:NAME", help="the workflows that it may run, a tuple")
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="on Ray: the cluster at this address, or a local one that ends with the team",
    )
    parser.add_argument("--tokens", type=Path, metavar="FILE", help="opens the REST door to these tokens")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address of the door; this machine only if not given"
    )
    parser.add_argument("--port", type=int, default=8080, help="port of the door; 0 takes a free one")
    parser.add_argument("--team", default="team", metavar="NAME", help="name of the team in the door's paths")
    parser.set_defaults(execute=_later("up", "up"))


def _add_status(commands: Any) -> None:
    parser = _command(commands, "status", "how the agents of a running team are", "scanflow status --json")
    parser.add_argument("--tree", action="store_true", help="all living actors instead, with their mailboxes")
    _add_door(parser)
    parser.set_defaults(execute=_later("remote", "status"))


def _add_call(commands: Any) -> None:
    example = """scanflow call scaler AddReplica '{"because_of_ms": 250}'"""
    parser = _command(commands, "call", "call an agent of a running team with a message", example)
    parser.add_argument("agent", metavar="AGENT", help="its name")
    parser.add_argument("message", metavar="MESSAGE", help="name of the message type")
    parser.add_argument("fields", type=_object, metavar="JSON", help="the fields of the message")
    _add_door(parser)
    parser.set_defaults(execute=_later("remote", "call"))


def _add_approve(commands: Any) -> None:
    parser = _command(
        commands,
        "approve",
        "list what waits for a person, or approve or refuse it",
        "scanflow approve 'scaler/add_replica/…#0' --refuse",
    )
    parser.add_argument(
        "key", nargs="?", metavar="KEY", help="what waits; without it, all that waits is listed"
    )
    parser.add_argument("--refuse", action="store_true", help="say no")
    _add_door(parser)
    parser.set_defaults(execute=_later("remote", "settle"))


def _add_thaw(commands: Any) -> None:
    parser = _command(
        commands,
        "thaw",
        "lift what was frozen because strategies changed it back and forth",
        "scanflow thaw workflow/digits replicas",
    )
    parser.add_argument("target", metavar="TARGET", help="what is frozen; `scanflow status` shows it")
    parser.add_argument("aspect", metavar="ASPECT", help="and which aspect of it")
    _add_door(parser)
    parser.set_defaults(execute=_later("remote", "thaw"))


def _add_run(commands: Any) -> None:
    parser = _command(
        commands,
        "run",
        "run a batch workflow once, in this process, and say how it goes",
        "scanflow run training.yaml",
        """scanflow run training.yaml --set day='"2026-01-31"' --set epochs=3 --json | jq .result""",
    )
    parser.add_argument("file", type=Path, metavar="WORKFLOW.yaml", help="the workflow's file")
    parser.add_argument(
        "--set",
        dest="parameters",
        action="append",
        default=[],
        type=_parameter,
        metavar="NAME=JSON",
        help="a parameter of the workflow; a text that is no JSON is taken as it is",
    )
    parser.set_defaults(execute=_later("run", "run"))


def _add_door(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("SCANFLOW_URL", "http://127.0.0.1:8080")
    parser.add_argument("--url", default=default, help="the door; $SCANFLOW_URL if it is set")
    parser.add_argument("--team", default="team", metavar="NAME", help="name of the team")
    parser.epilog = f"{parser.epilog}\n\nthe token is read from $SCANFLOW_TOKEN"


def _parameter(text: str) -> tuple[str, Any]:
    name, is_given, value = text.partition("=")
    if not is_given or not name:
        raise argparse.ArgumentTypeError(f"must be NAME=JSON; got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be JSON: {error}") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"must be a JSON object; got {text!r}")
    return found


def _command(commands: Any, name: str, text: str, *examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="\n  ".join((f"example{'s' * (len(examples) > 1)}:", *examples)) + f"\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    return parser


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--journal",
        type=_address,
        metavar="JOURNAL",
        default=_address(os.environ.get(JOURNAL, "journal.db")),
        help=f"its file, or postgresql://…; ${JOURNAL} if it is set, else journal.db",
    )


def _address(text: str) -> Address:
    return text if is_server(text) else Path(text)


def _finish(parser: argparse.ArgumentParser, name: str) -> None:
    parser.set_defaults(execute=_later("actions", name))


def _later(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    """Import what a command does when it is run: `scanflow --help` can do without."""

    def execute(options: argparse.Namespace) -> int:
        found = importlib.import_module(f"scanflow_actors.commands.{module}")
        return int(getattr(found, name)(options))

    return execute


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

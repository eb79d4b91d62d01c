"""The `scanflow` command.

Exit codes: 0 fine, 1 the work failed, 2 the user's error, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from scanflow_actors import __version__
from scanflow_actors.commands import add_commands
from scanflow_actors.errors import (
    DataNotFoundError,
    InvalidArrayError,
    InvalidTeamError,
    InvalidTriggerError,
    InvalidWorkflowError,
    ScanflowError,
    UnknownDecisionError,
    UnknownWorkflowError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_USERS_ERRORS = (
    DataNotFoundError,
    InvalidArrayError,
    InvalidTeamError,
    InvalidTriggerError,
    InvalidWorkflowError,
    UnknownDecisionError,
    UnknownWorkflowError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: As typed after ``scanflow``; None takes the process's own.

    Returns:
        The exit code.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.execute(options))
    except KeyboardInterrupt:
        _complain("interrupted; what was started has been stopped")
        return 130
    except _USERS_ERRORS as error:
        _complain(str(error))
        return 2
    except ModuleNotFoundError as error:
        return _without_extra(error.name)
    except ScanflowError as error:
        _complain(f"{type(error).__name__}: {error}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scanflow", description="Agents that keep machine-learning workflows good by themselves."
    )
    parser.add_argument("--version", action="version", version=f"scanflow_actors {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="see the whole system at work")
    demos = demo.add_subparsers(required=True, metavar="NAME")
    mnist = demos.add_parser("mnist", help="keep a digit classifier good while its input drifts")
    _add_mnist(mnist)
    add_commands(commands)
    return parser


def _add_mnist(parser: argparse.ArgumentParser) -> None:
    try:
        from scanflow_actors.demos.mnist import command  # noqa: PLC0415 - its extra may be missing
    except ModuleNotFoundError as error:
        missing = error.name
        parser.set_defaults(execute=lambda _options: _without_extra(missing))
        return
    command.add_options(parser)
    parser.set_defaults(execute=command.execute)


def _without_extra(missing: str | None) -> int:
    _complain(f"the demo needs {missing}; install it with: pip install 'scanflow-actors[mnist]'")
    return 2


def _complain(message: str) -> None:
    sys.stderr.write(f"scanflow: {message}\n")

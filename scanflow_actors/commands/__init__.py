"""Subcommands of `scanflow` about teams and what they decided."""

from scanflow_actors.commands.parser import add_commands

__all__ = ["add_commands"]

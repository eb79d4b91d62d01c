"""What is done to a message before it is sent, so that it means the same in one process and across them."""

from __future__ import annotations

import pickle
from typing import TypeVar

from scanflow_actors.actors.freeze import freeze
from scanflow_actors.errors import NotSerialisableError

M = TypeVar("M")


def frozen(message: M) -> M:
    """Make the arrays in a message read-only."""
    freeze(message)
    return message


def copied(message: M) -> M:
    """Send a message through pickle, as between processes.

    Raises:
        NotSerialisableError: It does not pickle, or not back.
    """
    try:
        copy: M = pickle.loads(pickle.dumps(message, protocol=5))
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise NotSerialisableError(what=f"a {type(message).__name__}", problem=problem) from error
    freeze(copy)
    return copy

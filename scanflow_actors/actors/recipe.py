"""All that is needed to make an actor, and to make it again after a failure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import InvalidActorError

if TYPE_CHECKING:
    from scanflow_actors.actors.actor import Actor
    from scanflow_actors.actors.mailbox import MailboxSpec
    from scanflow_actors.actors.supervision import RestartStrategy

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Class, arguments and options of one actor: pickled when the actor lives in another process."""

    actor: type[Actor]
    args: tuple[Any, ...]
    name: str
    mailbox: MailboxSpec
    restart: RestartStrategy

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidActorError(
                f"an actor's name is letters, digits, '_', '.' and '-'; got {self.name!r}"
            )

"""Bearer tokens and their roles."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from scanflow_actors.errors import InvalidTeamError

if TYPE_CHECKING:
    from pathlib import Path

MIN_CHARACTERS = 16
"""A token that can be guessed is none."""


class Role(IntEnum):
    """What a token allows; each role may do what those below it may."""

    READ = 1
    """See the team, the journal and the claims."""
    OPERATE = 2
    """Call agents, pause them, approve and refuse."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens by role. Compared in constant time, so that none can be found out letter by letter."""

    roles: tuple[tuple[str, Role], ...]

    @classmethod
    def parse(cls, text: str, *, place: str) -> Tokens:
        """Read lines of ``read TOKEN`` and ``operate TOKEN``; ``#`` begins a comment.

        Raises:
            InvalidTeamError: A line has no meaning, a token is too short, or there is none; it is named.
        """
        found = []
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            name = words[0].upper()
            if len(words) != 2 or name not in Role.__members__:  # noqa: PLR2004 - a role and a token
                raise InvalidTeamError(
                    place=f"{place}:{number}", problem="write `read TOKEN` or `operate TOKEN`"
                )
            if len(words[1]) < MIN_CHARACTERS:
                problem = f"a token has {MIN_CHARACTERS} characters or more; `openssl rand -hex 24`"
                raise InvalidTeamError(place=f"{place}:{number}", problem=problem)
            found.append((words[1], Role[name]))
        if not found:
            raise InvalidTeamError(place=place, problem="holds no token; write `operate TOKEN`")
        return cls(tuple(found))

    @classmethod
    def from_file(cls, path: Path) -> Tokens:
        """Read a file that only its owner may read.

        Raises:
            InvalidTeamError: It is not there, others may read it, or it says nothing of use.
        """
        try:
            is_open = path.stat().st_mode & 0o077
            text = path.read_text()
        except OSError as error:
            raise InvalidTeamError(place=str(path), problem=f"cannot be read: {error.strerror}") from error
        if is_open:
            raise InvalidTeamError(place=str(path), problem="others may read it; run chmod 600 on it")
        return cls.parse(text, place=str(path))

    def role_of(self, token: str) -> Role | None:
        """The role that a token gives, or None."""
        given, role = token.encode(), None
        for known, its_role in self.roles:
            if hmac.compare_digest(known.encode(), given):
                role = its_role
        return role

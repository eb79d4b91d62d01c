"""`at`: fires once, at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers.instant import to_utc
from scanflow_actors.triggers.timetable import Timetable

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DateTrigger(Timetable):
    """Fires at one instant; made by `at`.

    Attributes:
        when: The instant, in UTC.
    """

    when: datetime

    def nominal_after(self, after: datetime) -> datetime | None:
        """Return the instant if it is after `after`."""
        return self.when if self.when > after else None

    def nominal_until(self, until: datetime) -> datetime | None:
        """Return the instant if it is not after `until`."""
        return self.when if self.when <= until else None

    def to_spec(self) -> dict[str, Any]:
        """Return ``{"at": "2026-01-01T00:00:00+00:00"}``."""
        return {"at": self.when.isoformat()}


def at(when: datetime, *, now: datetime | None = None) -> DateTrigger:
    """Fire once, at one instant.

    Args:
        when: The instant, with a time zone.
        now: The present, to have an instant refused that is not after it; None to accept any.

    Returns:
        The trigger.

    Raises:
        InvalidTriggerError: An instant is naive, or `when` is in the past of `now`.
    """
    instant = to_utc(when, name="when")
    if now is not None and instant <= (present := to_utc(now, name="now")):
        raise InvalidTriggerError(
            f"trigger in the past: it would fire at {instant.isoformat()}, and now is "
            f"{present.isoformat()}; choose a later instant, or run the action at once"
        )
    return DateTrigger(when=instant)

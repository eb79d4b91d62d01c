"""The five fields of a cron expression: their text, and the wall times they name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from scanflow_actors.errors import InvalidTriggerError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>[0-9]{1,4}))?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One of the five fields.

    Attributes:
        name: As crontab(5) calls it.
        low: Least number, inclusive.
        high: Greatest number that ``*`` stands for, inclusive.
        names: Names of the numbers from `low` on, in lower case.
    """

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def parse(self, text: str, expression: str) -> frozenset[int]:
        """Return the numbers that a text names.

        Args:
            text: The field: a list of ``*``, numbers, names and ranges, each with or without a step.
            expression: The whole expression, for the error.

        Returns:
            Numbers from `low` to `high`; a Sunday written as 7 is 0.

        Raises:
            InvalidTriggerError: The text has no meaning; the expression and the field are named.
        """
        try:
            numbers = {number for item in text.split(",") for number in self._item(item)}
        except ValueError as error:
            raise InvalidTriggerError(
                f"cron expression {expression!r}, field {self.name} {text!r}: {error}"
            ) from None
        return frozenset(0 if self.is_weekday and number == 7 else number for number in numbers)  # noqa: PLR2004

    @property
    def is_weekday(self) -> bool:
        """Tell whether 7 stands for 0 here."""
        return self.names is _WEEKDAYS

    def _item(self, item: str) -> range:
        match = _ITEM.fullmatch(item)
        if match is None:
            return self._refuse(f"{item!r} is not of the form *, 5, 1-5, */10 or 1-30/10")
        if match["low"] is None:
            low, high = self.low, self.high
        else:
            low = self._number(match["low"])
            high = low if match["step"] is None else self.high
            if match["high"] is not None:
                high = self._number(match["high"])
                high = 7 if self.is_weekday and high == 0 < low else high
        step = int(match["step"] or 1)
        if step == 0:
            return self._refuse(f"the step of {item!r} must be at least 1")
        if low > high and match["high"] is not None:
            return self._refuse(f"the range {item!r} runs backwards; write two ranges, with a comma")
        return range(low, max(low, high) + 1, step)

    def _number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.low
        greatest = 7 if self.is_weekday else self.high
        if _NUMBER.fullmatch(text) is None or not self.low <= int(text) <= greatest:
            names = f", or {self.names[0]} to {self.names[-1]}" if self.names else ""
            return self._refuse(f"{text!r} is not a number from {self.low} to {greatest}{names}")
        return int(text)

    @staticmethod
    def _refuse(problem: str) -> NoReturn:
        raise ValueError(problem)


FIELDS = (
    Field(name="minute", low=0, high=59),
    Field(name="hour", low=0, high=23),
    Field(name="day-of-month", low=1, high=31),
    Field(name="month", low=1, high=12, names=_MONTHS),
    Field(name="day-of-week", low=0, high=6, names=_WEEKDAYS),
)

"""When a strategy is looked at: pure triggers, their combinations, late and missed firings.

A tour: `trigger.py` says what every trigger can do; `interval.py`, `date.py`, `crontab.py` and
`call_receive.py` are the kinds; `combination.py` joins them; `misfire.py` decides about the instants
that were missed; `spec.py` reads them from JSON and YAML.
"""

from __future__ import annotations

from scanflow_actors.triggers.call_receive import on
from scanflow_actors.triggers.combination import all_of, any_of
from scanflow_actors.triggers.crontab import cron
from scanflow_actors.triggers.date import at
from scanflow_actors.triggers.event import Event, Received, Tick
from scanflow_actors.triggers.interval import every
from scanflow_actors.triggers.misfire import Due, Misfire, due
from scanflow_actors.triggers.spec import from_spec
from scanflow_actors.triggers.trigger import State, Trigger

__all__ = [
    "Due",
    "Event",
    "Misfire",
    "Received",
    "State",
    "Tick",
    "Trigger",
    "all_of",
    "any_of",
    "at",
    "cron",
    "due",
    "every",
    "from_spec",
    "on",
]

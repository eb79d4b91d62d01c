"""What users need to test their own actors and agents."""

from scanflow_actors.testing.clock import virtual_time
from scanflow_actors.testing.faults import (
    Fault,
    Faults,
    delay,
    die,
    drop,
    duplicate,
    fail,
    hang,
    kill_host,
    slow,
    swap,
)
from scanflow_actors.testing.probe import TestProbe

__all__ = [
    "Fault",
    "Faults",
    "TestProbe",
    "delay",
    "die",
    "drop",
    "duplicate",
    "fail",
    "hang",
    "kill_host",
    "slow",
    "swap",
    "virtual_time",
]

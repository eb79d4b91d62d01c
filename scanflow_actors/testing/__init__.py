"""What users need to test their own actors and agents."""

from scanflow_actors.testing.probe import TestProbe

__all__ = ["TestProbe"]

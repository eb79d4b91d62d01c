"""Metrics as a source of observations: Prometheus."""

from scanflow_actors.metrics.prometheus import Prometheus, Sample

__all__ = ["Prometheus", "Sample"]

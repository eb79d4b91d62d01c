"""Metrics as a source of observations, and ours to be observed by: Prometheus."""

from scanflow_actors.metrics.exposition import CONTENT_TYPE, exposition
from scanflow_actors.metrics.prometheus import Prometheus, Sample

__all__ = ["CONTENT_TYPE", "Prometheus", "Sample", "exposition"]

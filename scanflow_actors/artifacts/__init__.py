"""Shared artifacts: small addresses travel in messages, the bytes stay in the knowledge base."""

from scanflow_actors.artifacts.arrays import arrays_from_bytes, arrays_to_bytes
from scanflow_actors.artifacts.knowledge import KnowledgeBase
from scanflow_actors.artifacts.lineage import Lineage, Origin, Tenure, code_version
from scanflow_actors.artifacts.models import ModelRegistry
from scanflow_actors.artifacts.open_run import OpenRun
from scanflow_actors.artifacts.ref import ArtifactRef
from scanflow_actors.artifacts.run import RunRecord, RunsSeen, Watermark
from scanflow_actors.artifacts.run_logger import RunLogger
from scanflow_actors.artifacts.settings import KnowledgeSettings, S3Settings
from scanflow_actors.artifacts.shelf import Library, Shelf

__all__ = [
    "ArtifactRef",
    "KnowledgeBase",
    "KnowledgeSettings",
    "Library",
    "Lineage",
    "ModelRegistry",
    "OpenRun",
    "Origin",
    "RunLogger",
    "RunRecord",
    "RunsSeen",
    "S3Settings",
    "Shelf",
    "Tenure",
    "Watermark",
    "arrays_from_bytes",
    "arrays_to_bytes",
    "code_version",
]

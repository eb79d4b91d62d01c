"""Shared artifacts: small addresses travel in messages, the bytes stay in the knowledge base."""

from scanflow_actors.artifacts.arrays import arrays_from_bytes, arrays_to_bytes
from scanflow_actors.artifacts.knowledge import KnowledgeBase, KnowledgeSettings
from scanflow_actors.artifacts.ref import ArtifactRef
from scanflow_actors.artifacts.run import RunRecord, RunsSeen, Watermark

__all__ = [
    "ArtifactRef",
    "KnowledgeBase",
    "KnowledgeSettings",
    "RunRecord",
    "RunsSeen",
    "Watermark",
    "arrays_from_bytes",
    "arrays_to_bytes",
]

"""A run that is being recorded: sensors see it once it has ended."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from scanflow_actors.artifacts.ref import ArtifactRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scanflow_actors.artifacts.store import Store

Point = tuple[str, float, int, int]
"""A metric's name, value, milliseconds since the Unix epoch, and step."""

_REMEDY = "check that the store can be written"


class OpenRun:
    """Writes into one run. All methods block, and raise `KnowledgeBaseError` when the store refuses."""

    def __init__(self, store: Store, run_id: str, folder: str) -> None:
        self._store = store
        self.id = run_id
        self._folder = folder

    def log(
        self,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> tuple[ArtifactRef, ...]:
        """Write metrics of this moment, settings (kept as text, and never changed) and artifacts.

        Returns:
            The addresses of the artifacts.
        """
        now = now_ms()
        refs = tuple(self._put(name, body) for name, body in (files or {}).items())
        digests = {f"digest.{ref.name}": f"{ref.digest}:{ref.size_bytes}" for ref in refs}
        points = [(name, float(value), now, 0) for name, value in (metrics or {}).items()]
        self.write(points, {**(params or {}), **digests})
        return refs

    def write(self, points: Sequence[Point], params: Mapping[str, Any]) -> None:
        """Write many points and settings, in as few transactions as MLflow allows."""
        with self._store.using(f"run {self.id}", _REMEDY) as client:
            from mlflow.entities import Metric, Param  # noqa: PLC0415 - slow to import

            metrics = [Metric(*point) for point in points]
            texts = [Param(name, str(value)) for name, value in params.items()]
            client.log_batch(self.id, metrics=metrics, params=texts)

    def _put(self, name: str, body: bytes) -> ArtifactRef:
        with self._store.using(f"run {self.id}", _REMEDY) as client:
            self._store.put(client, self._folder, self.id, name, body)
        digest = hashlib.sha256(body).hexdigest()
        return ArtifactRef(run=self.id, name=name, digest=digest, size_bytes=len(body))

    def end(self, *, has_failed: bool = False) -> None:
        """End it: from now on it is seen."""
        with self._store.using(f"run {self.id}", _REMEDY) as client:
            client.set_terminated(self.id, status="FAILED" if has_failed else "FINISHED")


def now_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return int(time.time() * 1000)

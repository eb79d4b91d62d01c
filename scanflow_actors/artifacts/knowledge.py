"""The knowledge base: runs with metrics and artifacts, and versions of models, kept by MLflow.

Nothing here is global: each `KnowledgeBase` has its own store, and two may live in one process. All methods
block (MLflow's client does); call them in a thread or in a workflow's executor: on an event loop they refuse.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from scanflow_actors.artifacts.models import ModelRegistry
from scanflow_actors.artifacts.open_run import OpenRun
from scanflow_actors.artifacts.ref import ArtifactRef
from scanflow_actors.artifacts.run import KEY, KIND, PARENT, RunRecord, RunsSeen, Watermark
from scanflow_actors.artifacts.store import Store
from scanflow_actors.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow.entities import Run

    from scanflow_actors.artifacts.settings import KnowledgeSettings

_PAGE = 500

_WRITE, _READ = "check that the store can be written", "check that the store can be read"


class KnowledgeBase:
    """Records runs, and reads what others have recorded.

    The store is opened at the first use, from any thread; its tables and the experiment are made when they
    are missing. Every method raises `KnowledgeBaseError` when the store cannot be reached.
    """

    def __init__(self, settings: KnowledgeSettings) -> None:
        self.settings = settings
        self._store = Store(settings)
        self.models = ModelRegistry(self._store, self.run)
        """Versions of models."""

    def prepare(self) -> None:
        """Open the store now. Fresh tables take seconds to make: do it once, before many processes need them.

        Raises:
            KnowledgeBaseError: The store cannot be reached.
        """
        with self._store.using("the store", _WRITE):
            return

    def begin(self, kind: str, *, key: str, parent: str | None = None) -> OpenRun:
        """Begin a run, or go on with the one of this kind and key that has not ended.

        Args:
            kind: What sort of run, such as ``training``; sensors read by it.
            key: Names it among its kind.
            parent: Id of the run that it is a part of.

        Raises:
            KnowledgeBaseError: The store cannot be written.
        """
        with self._store.using(f"run {key}", _WRITE):
            known = self._found(kind, "RUNNING", f"tags.`{KEY}` = {self._store.quoted(key)}")
            return self._opened(known[0]) if known else self._create(kind, key, parent)

    def _create(self, kind: str, key: str, parent: str | None = None) -> OpenRun:
        tags = {KIND: kind, KEY: key} | ({} if parent is None else {PARENT: parent})
        with self._store.using(f"run {key}", _WRITE) as client:
            return self._opened(client.create_run(self._store.experiment, tags=tags, run_name=key))

    def _opened(self, run: Run) -> OpenRun:
        return OpenRun(self._store, str(run.info.run_id), str(run.info.artifact_uri))

    def record(
        self,
        kind: str,
        *,
        key: str,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
        parent: str | None = None,
        has_failed: bool = False,
    ) -> RunRecord:
        """Record one run that has ended, once for each key: what is recorded already is returned as it is.

        Args:
            kind: What sort of run, such as ``predictions``; sensors read by it.
            key: Idempotency key. A run with this kind and key that finished is not recorded again.
            metrics: Numbers of the run.
            params: Settings of the run; kept as text.
            files: Artifacts by name.
            parent: Id of the run that it is a part of.
            has_failed: Whether what it records has failed; sensors see finished runs only.

        Returns:
            The run. Until this returns, no sensor sees it.

        Raises:
            KnowledgeBaseError: The store cannot be written.
        """
        with self._store.using(f"run {key}", _WRITE):
            status = "FAILED" if has_failed else "FINISHED"
            known = self._found(kind, status, f"tags.`{KEY}` = {self._store.quoted(key)}")
        if known:
            return _record_of(known[0])
        run = self._create(kind, key, parent)
        run.log(metrics, params, files)
        run.end(has_failed=has_failed)
        return self.run(run.id)

    def run(self, run_id: str) -> RunRecord:
        """Read one run.

        Raises:
            KnowledgeBaseError: It is gone.
        """
        remedy = "it was deleted, or belongs to another store"
        with self._store.using(f"run {run_id}", remedy) as client:
            return _record_of(client.get_run(run_id))

    def runs(self, kind: str, *, has_failed: bool = False, **params: Any) -> tuple[RunRecord, ...]:
        """Read all finished runs of a kind, or all failed ones, perhaps only those with given params.

        Returns:
            The runs, the earliest first.

        Raises:
            KnowledgeBaseError: The store cannot be read.
        """
        status = "FAILED" if has_failed else "FINISHED"
        with self._store.using(f"runs of kind {kind}", _READ):
            clauses = [
                f"params.`{name}` = {self._store.quoted(str(value))}" for name, value in params.items()
            ]
            return tuple(_record_of(run) for run in self._found(kind, status, *clauses))

    def runs_since(self, kind: str, watermark: Watermark | None) -> RunsSeen:
        """Read the finished runs of a kind that no earlier call saw.

        Args:
            kind: What sort of run.
            watermark: From the last call whose decision was committed; None for all.

        Returns:
            The new runs, the earliest first, and the watermark that covers them.

        Raises:
            KnowledgeBaseError: The store cannot be read.
        """
        mark = watermark or Watermark()
        with self._store.using(f"runs of kind {kind}", _READ):
            found = self._found(kind, "FINISHED", f"attributes.end_time >= {mark.since_ms}")
        fresh = tuple(_record_of(run) for run in found if run.info.run_id not in mark.seen)
        return RunsSeen(runs=fresh, watermark=mark.covering(fresh))

    def _found(self, kind: str, status: str, *clauses: str) -> list[Run]:
        found: list[Run] = []
        token = None
        with self._store.using(f"runs of kind {kind}", _READ) as client:
            filters = [
                f"tags.`{KIND}` = {self._store.quoted(kind)}",
                f"attributes.status = '{status}'",
                *clauses,
            ]
            while True:
                page = client.search_runs(
                    [self._store.experiment],
                    " and ".join(filters),
                    order_by=["attributes.end_time ASC"],
                    max_results=_PAGE,
                    page_token=token,
                )
                found.extend(page)
                token = page.token
                if not token:
                    return found

    def open(self, ref: ArtifactRef) -> bytes:
        """Read an artifact.

        Raises:
            ArtifactError: It is gone, or its bytes are not those that were stored.
            KnowledgeBaseError: Its run is gone, or the files cannot be reached.
        """
        remedy = "it was deleted, or belongs to another store"
        with self._store.using(f"run {ref.run}", remedy) as client:
            body = self._store.get(client, ref.run, ref.name)
        if hashlib.sha256(body).hexdigest() != ref.digest:
            raise ArtifactError(uri=ref.uri, problem="its bytes have changed since it was stored")
        return body


def _record_of(run: Run) -> RunRecord:
    params = dict(run.data.params)
    refs = {}
    for name in [name for name in params if name.startswith("digest.")]:
        digest, _, size = params.pop(name).partition(":")
        short = name.removeprefix("digest.")
        refs[short] = ArtifactRef(run=run.info.run_id, name=short, digest=digest, size_bytes=int(size))
    return RunRecord(
        id=run.info.run_id,
        kind=run.data.tags.get(KIND, ""),
        key=run.data.tags.get(KEY, ""),
        ended_ms=int(run.info.end_time or 0),
        metrics=dict(run.data.metrics),
        params=params,
        artifacts=refs,
    )

"""The knowledge base: runs with metrics and artifacts, and versions of models, kept by MLflow.

Nothing here is global: each `KnowledgeBase` has its own store, and two may live in one process. All methods
block (MLflow's client does); call them in a thread or in a workflow's executor, not on an event loop.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from scanflow_actors.artifacts.ref import ArtifactRef
from scanflow_actors.artifacts.run import KEY, KIND, RunRecord, RunsSeen, Watermark
from scanflow_actors.errors import ArtifactError, KnowledgeBaseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow.entities import Run

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeSettings:
    """Where a knowledge base is: travels to every process that opens it."""

    tracking_uri: str
    """MLflow tracking store, such as ``sqlite:////data/mlflow.db`` or ``http://mlflow:5000``."""
    artifact_uri: str | None = None
    """Where artifacts of a new experiment go; None leaves it to the store."""
    experiment: str = "scanflow"

    @classmethod
    def in_folder(cls, folder: Path, experiment: str = "scanflow") -> KnowledgeSettings:
        """The embedded default: SQLite and a local folder."""
        root = folder.resolve()
        return cls(
            tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
            artifact_uri=(root / "artifacts").as_uri(),
            experiment=experiment,
        )


class KnowledgeBase:
    """Records runs, and reads what others have recorded."""

    def __init__(self, settings: KnowledgeSettings) -> None:
        """Open the store; its tables and the experiment are made when they are missing.

        Raises:
            KnowledgeBaseError: The store cannot be reached.
        """
        self.settings = settings
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        with self._translated("the store", "check that it is running and that its address is right"):
            self._client = MlflowClient(settings.tracking_uri, registry_uri=settings.tracking_uri)
            self._experiment = self._experiment_id()

    def _experiment_id(self) -> str:
        name = self.settings.experiment
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        try:
            return str(self._client.create_experiment(name, artifact_location=self.settings.artifact_uri))
        except MlflowException:
            known = self._client.get_experiment_by_name(name)  # another process was faster
            if known is None:
                raise
            return str(known.experiment_id)

    # ------------------------------------------------------------------ runs

    def record(
        self,
        kind: str,
        *,
        key: str,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> RunRecord:
        """Record one finished run, once for each key: what is recorded already is returned as it is.

        Args:
            kind: What sort of run, such as ``predictions``; sensors read by it.
            key: Idempotency key. A run with this kind and key that finished is not recorded again.
            metrics: Numbers of the run.
            params: Settings of the run; kept as text.
            files: Artifacts by name.

        Returns:
            The run. Until this returns, no sensor sees it.

        Raises:
            KnowledgeBaseError: The store cannot be written.
        """
        with self._translated(f"run {key}", "check that the store can be written"):
            known = self._search(kind, f"tags.`{KEY}` = {_quoted(key)}")
            if known:
                return known[0]
            tags = {KIND: kind, KEY: key}
            run = self._client.create_run(self._experiment, tags=tags, run_name=key)
            run_id = str(run.info.run_id)
            refs = [self._store(run_id, name, body) for name, body in (files or {}).items()]
            now_ms = int(time.time() * 1000)
            self._client.log_batch(
                run_id,
                metrics=[Metric(name, float(value), now_ms, 0) for name, value in (metrics or {}).items()],
                params=[Param(name, str(value)) for name, value in (params or {}).items()]
                + [Param(f"digest.{ref.name}", f"{ref.digest}:{ref.size_bytes}") for ref in refs],
            )
            self._client.set_terminated(run_id)
            return self.run(run_id)

    def run(self, run_id: str) -> RunRecord:
        """Read one run.

        Raises:
            KnowledgeBaseError: It is gone.
        """
        with self._translated(f"run {run_id}", "it was deleted, or belongs to another store"):
            return _record_of(self._client.get_run(run_id))

    def runs(self, kind: str, **params: Any) -> tuple[RunRecord, ...]:
        """Read all finished runs of a kind, the earliest first, perhaps only those with given params."""
        clauses = [f"params.`{name}` = {_quoted(str(value))}" for name, value in params.items()]
        with self._translated(f"runs of kind {kind}", "check that the store can be read"):
            return self._search(kind, *clauses)

    def runs_since(self, kind: str, watermark: Watermark | None) -> RunsSeen:
        """Read the finished runs of a kind that no earlier call saw.

        Args:
            kind: What sort of run.
            watermark: From the last call whose decision was committed; None for all.

        Returns:
            The new runs, the earliest first, and the watermark that covers them.
        """
        mark = watermark or Watermark()
        with self._translated(f"runs of kind {kind}", "check that the store can be read"):
            found = self._search(kind, f"attributes.end_time >= {mark.since_ms}")
        fresh = tuple(run for run in found if run.id not in mark.seen)
        return RunsSeen(runs=fresh, watermark=mark.covering(fresh))

    def _search(self, kind: str, *clauses: str) -> tuple[RunRecord, ...]:
        filters = [f"tags.`{KIND}` = {_quoted(kind)}", "attributes.status = 'FINISHED'", *clauses]
        found: list[RunRecord] = []
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                " and ".join(filters),
                order_by=["attributes.end_time ASC"],
                max_results=_PAGE,
                page_token=token,
            )
            found.extend(_record_of(run) for run in page)
            token = page.token
            if not token:
                return tuple(found)

    # ------------------------------------------------------------------ artifacts

    def _store(self, run_id: str, name: str, body: bytes) -> ArtifactRef:
        with tempfile.TemporaryDirectory(prefix="scanflow-") as folder:
            path = Path(folder) / name
            path.write_bytes(body)
            self._client.log_artifact(run_id, str(path))
        digest = hashlib.sha256(body).hexdigest()
        return ArtifactRef(run=run_id, name=name, digest=digest, size_bytes=len(body))

    def open(self, ref: ArtifactRef) -> bytes:
        """Read an artifact.

        Raises:
            ArtifactError: It is gone, or its bytes are not those that were stored.
            KnowledgeBaseError: Its run is gone.
        """
        self.run(ref.run)
        with tempfile.TemporaryDirectory(prefix="scanflow-") as folder:
            try:
                path = Path(self._client.download_artifacts(ref.run, ref.name, folder))
                body = path.read_bytes()
            except (MlflowException, OSError) as error:
                raise ArtifactError(uri=ref.uri, problem="it is gone; record it again") from error
        if hashlib.sha256(body).hexdigest() != ref.digest:
            raise ArtifactError(uri=ref.uri, problem="its bytes have changed since it was stored")
        return body

    # ------------------------------------------------------------------ models

    def register(self, model: str, run: RunRecord, scores: Mapping[str, float] | None = None) -> int:
        """Make a run's artifacts a version of a model, once for each run.

        Args:
            model: Name in the registry.
            run: The run that trained it.
            scores: Kept as tags of the version.

        Returns:
            The number of the version.
        """
        with self._translated(f"model {model}", "check that the store can be written"):
            with contextlib.suppress(MlflowException):  # it exists already
                self._client.create_registered_model(model)
            for version in self._client.search_model_versions(f"name = {_quoted(model)}"):
                if version.run_id == run.id:
                    return int(version.version)
            tags = {name: repr(float(score)) for name, score in (scores or {}).items()}
            source = f"runs:/{run.id}"
            made = self._client.create_model_version(model, source=source, run_id=run.id, tags=tags)
            return int(made.version)

    def promote(self, model: str, version: int, alias: str = "production") -> None:
        """Let an alias name this version from now on; one atomic step."""
        with self._translated(f"version {version} of model {model}", "register it first"):
            self._client.set_registered_model_alias(model, alias, str(version))

    def version(self, model: str, alias: str = "production") -> int:
        """Which version an alias names.

        Raises:
            KnowledgeBaseError: The model or the alias is not there.
        """
        with self._translated(f"model {model}@{alias}", "register a version and promote it first"):
            return int(self._client.get_model_version_by_alias(model, alias).version)

    def run_of(self, model: str, version: int) -> RunRecord:
        """Read the run that trained a version.

        Raises:
            KnowledgeBaseError: The version or its run is gone.
        """
        with self._translated(f"version {version} of model {model}", "it was deleted; promote another"):
            run_id = self._client.get_model_version(model, str(version)).run_id
        return self.run(str(run_id))

    @contextlib.contextmanager
    def _translated(self, what: str, remedy: str) -> Iterator[None]:
        try:
            yield
        except MlflowException as error:
            store = self.settings.tracking_uri
            raise KnowledgeBaseError(what=f"{what} ({error.message})", store=store, remedy=remedy) from error


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


def _quoted(text: str) -> str:
    """Write a text in MLflow's filter language, which has two kinds of quotes and no escape."""
    for quote in "'\"":
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise MlflowException(f"{text!r} cannot be searched for: it holds both kinds of quotes; use one")

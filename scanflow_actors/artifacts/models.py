"""Versions of models in MLflow's registry: what they were made of, and which of them is in use."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from scanflow_actors.artifacts.lineage import LINEAGE, History, Lineage, Origin, Tenure
from scanflow_actors.artifacts.open_run import now_ms
from scanflow_actors.artifacts.ref import ArtifactRef

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlflow import MlflowClient

    from scanflow_actors.artifacts.run import RunRecord
    from scanflow_actors.artifacts.store import Store


class ModelRegistry:
    """Registers versions, promotes them, and takes promotions back. All methods block.

    An alias and the history of who held it are two tags of MLflow, written one after the other: have one
    process of a team change them, as the infrastructure actor does.
    """

    def __init__(self, store: Store, run: Callable[[str], RunRecord]) -> None:
        self._store = store
        self._run = run

    def register(
        self,
        model: str,
        run: RunRecord,
        scores: Mapping[str, float] | None = None,
        *,
        origin: Origin | None = None,
    ) -> int:
        """Make a run's artifacts a version of a model, once for each run.

        Args:
            model: Name in the registry.
            run: The run that trained it.
            scores: Kept as tags of the version.
            origin: What it was made of, for `lineage`.

        Returns:
            The number of the version.

        Raises:
            KnowledgeBaseError: The store cannot be written.
        """
        with self._store.using(f"model {model}", "check that the store can be written") as client:
            _ensure(client, model)
            for version in client.search_model_versions(f"name = {self._store.quoted(model)}"):
                if version.run_id == run.id:
                    return int(version.version)
            tags = {name: repr(float(score)) for name, score in (scores or {}).items()}
            tags[LINEAGE] = json.dumps(asdict(origin or Origin()))
            source = f"runs:/{run.id}"
            made = client.create_model_version(model, source=source, run_id=run.id, tags=tags)
            return int(made.version)

    def version(self, model: str, alias: str = "production") -> int:
        """Which version an alias names.

        Raises:
            KnowledgeBaseError: The model or the alias is not there.
        """
        remedy = "register a version and promote it first"
        with self._store.using(f"model {model}@{alias}", remedy) as client:
            return int(client.get_model_version_by_alias(model, alias).version)

    def run_of(self, model: str, version: int) -> RunRecord:
        """Read the run that trained a version.

        Raises:
            KnowledgeBaseError: The version or its run is gone.
        """
        what, remedy = f"version {version} of model {model}", "it was deleted; promote another"
        with self._store.using(what, remedy) as client:
            run_id = client.get_model_version(model, str(version)).run_id
        return self._run(str(run_id))

    def lineage(self, model: str, version: int) -> Lineage:
        """Read what a version was made of, and by which run.

        Raises:
            KnowledgeBaseError: The version or its run is gone.
        """
        run = self.run_of(model, version)
        what, remedy = f"version {version} of model {model}", "it was deleted; promote another"
        with self._store.using(what, remedy) as client:
            tags = dict(client.get_model_version(model, str(version)).tags)
        origin = json.loads(tags.pop(LINEAGE, "{}"))
        data = tuple(ArtifactRef(**ref) for ref in origin.pop("data", ()))
        return Lineage(
            model=model, version=version, run=run, scores=_scores(tags), origin=Origin(data=data, **origin)
        )

    # ------------------------------------------------------------------ which is in use

    def promote(self, model: str, version: int, alias: str = "production", *, key: str = "") -> None:
        """Let an alias name this version from now on.

        Args:
            model: Name in the registry.
            version: Its number.
            alias: Which alias.
            key: Idempotency key. What was done under it is not done again; empty: it always is.

        Raises:
            KnowledgeBaseError: There is no such version.
        """
        with self._store.using(f"version {version} of model {model}", "register it first") as client:
            client.get_model_version(model, str(version))
            alias_of = _Alias(client, model, alias)
            if alias_of.settled(key) is None:
                alias_of.hand_over(alias_of.seen().given_to(version, key=key, since_ms=now_ms()))

    def roll_back(self, model: str, alias: str = "production", *, key: str = "") -> int:
        """Give an alias back to the version that had it before.

        Rolled back twice, it goes back two versions, not forth and back.

        Args:
            model: Name in the registry.
            alias: Which alias.
            key: Idempotency key. What was done under it is not done again; empty: it always is.

        Returns:
            The version that got the alias.

        Raises:
            KnowledgeBaseError: No version had it before.
        """
        what = f"model {model}@{alias}"
        with self._store.using(what, "register a version and promote it first") as client:
            alias_of = _Alias(client, model, alias)
            done = alias_of.settled(key)
            if done is None:
                seen = alias_of.seen()
                if len(seen.holders) <= 1:
                    raise self._store.error(f"{what}: no version had it before", "promote one")
                done = alias_of.hand_over(seen.rolled_back(key=key, since_ms=now_ms()))
            return done.version

    def tenures(self, model: str, alias: str = "production") -> tuple[Tenure, ...]:
        """Who held an alias, the earliest first; the last holds it now.

        Raises:
            KnowledgeBaseError: The model is not there.
        """
        remedy = "register a version and promote it first"
        with self._store.using(f"model {model}@{alias}", remedy) as client:
            return _Alias(client, model, alias).seen().tenures


class _Alias:
    """One alias and its history, which is a tag of the model."""

    def __init__(self, client: MlflowClient, model: str, alias: str) -> None:
        self._client, self._model, self._alias = client, model, alias
        self._tag = f"scanflow.alias.{alias}"
        registered = client.get_registered_model(model)
        self._history = History.of_text(registered.tags.get(self._tag, "[]"))
        held = registered.aliases.get(alias)
        self._held = None if held is None else int(held)

    def seen(self) -> History:
        """The history, with what somebody gave the alias to by other means than ours."""
        last = self._history.tenures[-1:]
        if self._held is None or (last and last[0].version == self._held):
            return self._history
        return self._history.given_to(self._held, key="", since_ms=now_ms())

    def settled(self, key: str) -> Tenure | None:
        """What was done under a key, done to the end also where its process died half-way."""
        done = self._history.by_key(key)
        if done is not None and done is self._history.tenures[-1] and done.version != self._held:
            self._client.set_registered_model_alias(self._model, self._alias, str(done.version))
        return done

    def hand_over(self, history: History) -> Tenure:
        """Give the alias to the last of a history, which is written first, so that `settled` can mend it."""
        last = history.tenures[-1]
        self._client.set_registered_model_tag(self._model, self._tag, history.to_text())
        self._client.set_registered_model_alias(self._model, self._alias, str(last.version))
        return last


def _ensure(client: MlflowClient, model: str) -> None:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - slow to import

    with contextlib.suppress(MlflowException):  # it exists already
        client.create_registered_model(model)


def _scores(tags: Mapping[str, str]) -> dict[str, float]:
    return {
        name: float(value) for name, value in tags.items() if not name.startswith(("scanflow.", "mlflow."))
    }

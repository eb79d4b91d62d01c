"""A search in the knowledge base: a run for the search, and one for each trial that has ended under it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scanflow_actors.artifacts.lineage import Origin, code_version
from scanflow_actors.artifacts.ref import ArtifactRef
from scanflow_actors.workflows.container import function_of
from scanflow_actors.workflows.search import Found, Score, Search

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scanflow_actors.artifacts.knowledge import KnowledgeBase
    from scanflow_actors.artifacts.run import RunRecord
    from scanflow_actors.workflows.executor import Executor

SEARCH, TRIAL = "search", "trial"
"""Kinds of runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One trial that has ended."""

    number: int
    value: float | None
    """Its score; None when it failed."""
    elapsed_s: float
    """Seconds that the search had taken by then."""
    reason: str
    """Why it failed; empty when it did not."""
    run: str = ""
    """Id of its run."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Of its run: its arguments as text, among others."""


class Notes:
    """Reads and writes the runs of one search. Blocks."""

    def __init__(
        self,
        knowledge: KnowledgeBase,
        key: str,
        executor: Executor,
        search: Search,
        fixed: Mapping[str, Any],
    ) -> None:
        self._knowledge, self._key, self._search = knowledge, key, search
        self._executor, self._fixed = executor, fixed
        finished = knowledge.runs(SEARCH, search=key)
        self._open = None if finished else knowledge.begin(SEARCH, key=key)
        self._parent = finished[0].id if self._open is None else self._open.id

    def stored(self) -> dict[int, Trial]:
        """What earlier starts of this search have tried, by number."""
        runs = (
            *self._knowledge.runs(TRIAL, search=self._key),
            *self._knowledge.runs(TRIAL, has_failed=True, search=self._key),
        )
        return {trial.number: trial for trial in map(_trial_of, runs)}

    def record(
        self, number: int, arguments: Mapping[str, Any], score: Score | None, reason: str, elapsed_s: float
    ) -> Trial:
        """Write a trial down, with its score or why it has none: from now on it is not tried again."""
        metrics = {} if score is None else {**score.metrics, "value": score.value}
        run = self._knowledge.record(
            TRIAL,
            key=f"{self._key}/{number}",
            metrics={**metrics, "elapsed_s": elapsed_s},
            params={**arguments, "search": self._key, "trial": number, "reason": reason[:1000]},
            files={} if score is None else score.files,
            parent=self._parent,
            has_failed=score is None,
        )
        return _trial_of(run)

    def close(self, best: Trial, arguments: Mapping[str, Any], ended: Mapping[int, Trial]) -> Found:
        """Register the best, and end the search's run."""
        run = self._knowledge.run(best.run)
        failures = sum(trial.value is None for trial in ended.values())
        found = Found(
            arguments=arguments,
            value=run.metrics["value"],
            number=best.number,
            run=best.run,
            version=self._register(run),
            successes=len(ended) - failures,
            failures=failures,
        )
        if self._open is not None:
            counts = {"value": found.value, "successes": found.successes, "failures": found.failures}
            self._open.log(counts, {"search": self._key, "best": best.run, "seed": self._search.seed})
            self._open.end()
        return found

    def _register(self, run: RunRecord) -> int | None:
        if not self._search.model:
            return None
        function = function_of("?", f"executor {self._executor.name!r}", self._executor.run)
        origin = Origin(data=tuple(_refs(self._fixed)), code=code_version(function))
        scores = {"value": run.metrics["value"]}
        return self._knowledge.models.register(self._search.model, run, scores, origin=origin)


def _trial_of(run: RunRecord) -> Trial:
    return Trial(
        number=int(run.params["trial"]),
        value=run.metrics.get("value"),
        elapsed_s=run.metrics["elapsed_s"],
        reason=run.params["reason"],
        run=run.id,
        params=run.params,
    )


def _refs(value: Any) -> Iterator[ArtifactRef]:
    """The artifacts among arguments, also within lists and mappings."""
    if isinstance(value, ArtifactRef):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _refs(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _refs(each)

"""Finished runs as read from the knowledge base, and how far a reader has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.artifacts.ref import ArtifactRef

KIND = "scanflow.kind"
KEY = "scanflow.key"
PARENT = "mlflow.parentRunId"
"""MLflow's own tag: its pages show such runs under their parent."""

SLACK_MS = 60_000
"""Milliseconds. A run may become visible this long after its end: clocks of machines differ, and a run
that ended later may be seen earlier. Within it the watermark remembers runs by id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One finished run."""

    id: str
    kind: str
    key: str
    ended_ms: int
    """Milliseconds since the Unix epoch, by the clock of the process that recorded it."""
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    artifacts: Mapping[str, ArtifactRef]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """How far a reader has come: every run is seen once, also those that become visible late."""

    newest_ms: int = 0
    seen: Mapping[str, int] = field(default_factory=dict)
    """End, by id, of the runs that were seen and ended within the slack before the newest."""

    @property
    def since_ms(self) -> int:
        """Runs that ended earlier have all been seen."""
        return max(0, self.newest_ms - SLACK_MS)

    def covering(self, runs: tuple[RunRecord, ...]) -> Watermark:
        """The watermark of a reader that has seen these runs too."""
        newest_ms = max([self.newest_ms, *(run.ended_ms for run in runs)])
        seen = dict(self.seen) | {run.id: run.ended_ms for run in runs}
        kept = {run: ended for run, ended in seen.items() if ended >= newest_ms - SLACK_MS}
        return Watermark(newest_ms=newest_ms, seen=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsSeen:
    """What a reader sees for the first time, and its watermark afterwards."""

    runs: tuple[RunRecord, ...]
    watermark: Watermark

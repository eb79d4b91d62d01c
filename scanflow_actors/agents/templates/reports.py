"""Tracker: predictions that programs report by a call, where no run in the knowledge base records them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import Action, call
from scanflow_actors.agents.condition import at_least
from scanflow_actors.agents.sensor import Observation, Sensor, Sight
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import CheckPredictions, ReportPredictions
from scanflow_actors.triggers import on

if TYPE_CHECKING:
    from scanflow_actors.agents.templates.tracker import Tracking
    from scanflow_actors.artifacts.ref import ArtifactRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Belief: what was reported so far; reports that were acted on are dropped."""

    total: int = 0
    """Predictions since the tracker was first started."""
    reports: tuple[tuple[int, ReportPredictions], ...] = ()
    """Each with the total after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedCount:
    """State: reports since the last that were acted on."""

    total: int
    runs: tuple[str, ...]
    artifacts: tuple[ArtifactRef, ...]
    since: int = field(default=0)
    """The total up to which all was acted on."""


def counting_reports(config: Tracking) -> tuple[Strategy, ...]:
    """Make `take_report` and `count_reported_predictions`."""
    return (
        Strategy(name="take_report", when=on(ReportPredictions), then=Action(), learns=_with_report),
        Strategy(
            name="count_reported_predictions",
            when=config.interval,
            sense=Sensor(read=_read, is_quick=True, gives=ReportedCount),
            given=at_least(config.threshold),
            then=call(
                config.checker,
                CheckPredictions,
                lambda seen: CheckPredictions(runs=seen.runs, newdata=seen.artifacts),
            ),
            learns=_without_old,
        ),
    )


def _with_report(belief: Reported | None, report: ReportPredictions) -> Reported:
    known = belief or Reported()
    total = known.total + report.predictions
    return Reported(total=total, reports=(*known.reports, (total, report)))


def _without_old(belief: Reported, seen: ReportedCount) -> Reported:
    return replace(belief, reports=tuple(each for each in belief.reports if each[0] > seen.since))


def _read(sight: Sight) -> Observation:
    """Its watermark is the total that was acted on."""
    belief: Reported = sight.belief or Reported()
    since: int = sight.watermark or 0
    fresh = [report for total, report in belief.reports if total > since]
    state = ReportedCount(
        total=belief.total - since,
        runs=tuple(run for report in fresh for run in report.runs),
        artifacts=tuple(ref for report in fresh for ref in report.newdata),
        since=since,
    )
    return Observation(state=state, watermark=belief.total, is_nothing=not fresh)
